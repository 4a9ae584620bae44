"""Prices against the market."""
