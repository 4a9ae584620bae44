"""Detection in a process of its own: however much there is to look at, no order waits for it."""
