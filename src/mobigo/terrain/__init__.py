"""The lie of the land: height models as their publishers give them, and how high a place lies."""
