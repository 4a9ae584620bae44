"""The kernel of client access."""
