"""Papers that people print and keep."""
