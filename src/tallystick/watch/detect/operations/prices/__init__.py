"""Detectors of price quotes."""
