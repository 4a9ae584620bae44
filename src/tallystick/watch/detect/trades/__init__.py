"""The seeded trade simulator and the bench on it: what detection finds of what was planted.

Import from the modules: this one imports nothing.
"""
