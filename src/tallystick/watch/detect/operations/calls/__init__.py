"""Detectors of answered API calls."""
