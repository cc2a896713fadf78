"""What the network is used for: counts of `mobigo.trace`, answers for the people who plan, drafts tried out."""
