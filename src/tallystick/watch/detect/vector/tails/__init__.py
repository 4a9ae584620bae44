"""How rare a number is."""
