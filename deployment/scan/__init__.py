"""What security engines say about templates and policies, and what was accepted, and why."""
