"""What the API withstands: broken bodies, and faults of what stands behind it."""
