"""Series of numbers made of everything, and the detector of their shifts."""
