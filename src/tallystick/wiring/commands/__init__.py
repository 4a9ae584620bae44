"""One command of the command line a file; `wiring/cli.py` lists them."""
