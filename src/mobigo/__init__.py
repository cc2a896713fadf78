"""mobigo: the mobility system of a region."""

__version__ = "0.8.0"
