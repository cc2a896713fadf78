"""What happened, as it is needed to plan supply: nameless from the first moment, and forgotten within days."""
