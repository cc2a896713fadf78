"""Door to door over all modes; holds the immutable network."""
