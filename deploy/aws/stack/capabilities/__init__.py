"""One construct a file, named for what it is for."""
