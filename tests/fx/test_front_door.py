"""The room's front door: what it offers, and that coming in is cheap."""

import subprocess
import sys

from tallystick import fx


def test_names_are_sorted_and_there() -> None:
    """`__all__` lists what can be imported, constants and types before functions."""
    assert list(fx.__all__) == sorted(fx.__all__, key=lambda name: (not name.isupper(), name))
    assert all(hasattr(fx, name) for name in fx.__all__)


def test_import_loads_no_holidays() -> None:
    """The holidays package, half a second's work, is imported with the first date, not before."""
    code = "import sys, tallystick.fx; sys.exit('holidays' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
