"""`python -m tallystick.wiring.detecting FOLDER`: the detection process; the server starts it."""

import os
import sys
from pathlib import Path

from tallystick.wiring.detecting.child import run

if __name__ == "__main__":
    # What the detectors print by accident must not get between the frames.
    told = os.dup(1)
    os.dup2(2, 1)
    sys.exit(run(Path(sys.argv[1]), 0, told))
