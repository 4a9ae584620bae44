"""Where coordinates are."""
