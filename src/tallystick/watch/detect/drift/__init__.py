"""Drift: the world moves on, the calibration wears out, or somebody trains the models slowly.

`guard.DriftGuard` is the detector that sees the slow attacker, `monitor.DriftMonitor` holds what
the detectors look at against what it was. Nothing is imported here: who only shows their `state`
does without compiled kernels.
"""
