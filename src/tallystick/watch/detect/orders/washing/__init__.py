"""Deals that cancel each other out."""
