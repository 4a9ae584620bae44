"""What becomes of orders: rejected, cancelled, layered."""
