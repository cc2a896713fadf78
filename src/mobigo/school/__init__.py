"""School transport: the register, circuits on real roads, and plans of them with a proven bound."""
