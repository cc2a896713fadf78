"""Measurements, seeded, beside their peers: ``./mobigo bench NAME`` runs the module of that name."""
