"""Random cuts."""
