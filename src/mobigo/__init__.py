"""mobigo: the mobility system of a region."""

__version__ = "0.9.0"
