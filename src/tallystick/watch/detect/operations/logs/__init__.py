"""Detectors of log lines."""
