"""`python -m tallystick` is the command line."""

from tallystick.wiring.cli import main

if __name__ == "__main__":
    main(prog_name="tallystick")
