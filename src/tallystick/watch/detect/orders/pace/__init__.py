"""How many orders came just now."""
