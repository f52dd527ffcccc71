"""What a lender's staff does with logged decisions: replay, letters, data subject requests."""
