"""What every source becomes before it is an automaton."""
