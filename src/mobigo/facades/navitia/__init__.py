"""Navitia v1: what its clients ask, answered by our planner, boards, places and live data."""
