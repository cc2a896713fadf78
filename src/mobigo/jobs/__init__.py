"""What runs later: the queue and its worker."""
