"""Limits and margin: how far in, and how it got there."""
