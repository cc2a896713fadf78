"""People and roles: who asks, and what they may."""
