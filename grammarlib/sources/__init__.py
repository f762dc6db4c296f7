"""Sources: what a user writes (a schema, a pattern, a grammar), lowered to automata."""
