"""Incidents: what is wrong, who knows, who has taken it, and everything that happened since."""
