"""The form that applicants fill in: its page and assets, as the site function serves them."""
