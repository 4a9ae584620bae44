"""One command of the command line a file; `wiring/cli.py` lists them."""

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
"""How every command shows its help, also where it is called by itself."""
