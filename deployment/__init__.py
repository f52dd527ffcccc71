"""From this repository to a running stack: packages, and the deployment of the templates."""
