"""IAM, enforced: who acts, what a request needs, and what was asked and refused."""
