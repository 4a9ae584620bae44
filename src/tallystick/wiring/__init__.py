"""The hands: the only place that knows every room."""
