"""What the templates are held against: coverage, controls, lens, effects.

Reads JSON, never the CDK.
"""
