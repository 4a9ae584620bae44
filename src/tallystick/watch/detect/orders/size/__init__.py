"""Sizes of orders."""
