"""The kernel of route health."""
