"""Files from elsewhere: guarded, resumable, checksummed."""
