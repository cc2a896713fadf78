"""What the system knows as files and feeds for everybody: made, checked, and only then put in place."""
