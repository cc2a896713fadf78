"""The database: a private cluster or somebody else's, its engine, sessions and naming."""
