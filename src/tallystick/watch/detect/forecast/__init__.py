"""How much will be traded, and how far prices will move: forecasts with intervals that hold.

Import from the modules: they need NumPy, which a server's process never loads.
"""
