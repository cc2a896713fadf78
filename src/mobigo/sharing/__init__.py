"""Shared bicycles: what stations and vehicles of GBFS systems hold right now."""
