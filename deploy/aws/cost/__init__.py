"""What a profile costs a month.

Its templates, its usage and a list of prices, and nothing looked up.
"""
