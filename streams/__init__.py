"""To be described by whoever fills this package."""
