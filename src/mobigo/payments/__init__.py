"""Payment providers behind one interface, and the embedded one that misbehaves like the real."""
