"""Model Context Protocol: what a person's assistant may ask of the planner, and nothing that books or pays."""
