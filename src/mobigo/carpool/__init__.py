"""Carpooling on subsidised lines: what drivers are paid, and why."""
