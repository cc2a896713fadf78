"""Units, clock, geometry, errors and packed arrays: the words every room speaks; imports nothing of ours."""
