"""A model of what orders do, written from the documented rules, and the real desk beside it."""
