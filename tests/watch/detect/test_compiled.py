"""Machine code is kept by what all kernels say: none of another version is ever run."""

import shutil
import subprocess
import sys
from pathlib import Path

from tallystick.watch.detect.compiled import HERE, compiled, digest_of


@compiled
def doubled(number: float) -> float:
    """Twice as much."""
    return 2.0 * number


def test_a_kernel_is_machine_code() -> None:
    """It gives what the Python function gives."""
    assert doubled(21.0) == 42.0
    assert doubled.py_func(21.0) == 42.0  # type: ignore[attr-defined]


def test_any_changed_kernel_names_another_folder(tmp_path: Path) -> None:
    """Also one that is only called by others; what is no kernel does not count."""
    (tmp_path / "deep").mkdir()
    kernel, other = tmp_path / "deep" / "kernels.py", tmp_path / "words.py"
    kernel.write_text("@compiled\ndef f(): return 1\n")
    before = digest_of(tmp_path)
    other.write_text("WORDS = 1\n")
    assert digest_of(tmp_path) == before
    kernel.write_text("@compiled\ndef f(): return 2\n")
    assert digest_of(tmp_path) != before


def test_a_constant_of_a_kernel_names_another_folder(tmp_path: Path) -> None:
    """It is in the machine code, though the module that has it is no kernel."""
    (tmp_path / "deep").mkdir()
    numbers, package = tmp_path / "deep" / "numbers.py", tmp_path / "deep" / "__init__.py"
    package.write_text("SIX = 6\n")
    numbers.write_text("LIMIT = 7\n")
    (tmp_path / "kernels.py").write_text(
        "from tallystick.watch.detect.deep import SIX\n"
        "from tallystick.watch.detect.deep.numbers import LIMIT\n@compiled\ndef f(): return LIMIT\n"
    )
    names = {digest_of(tmp_path)}
    numbers.write_text("LIMIT = 8\n")
    names.add(digest_of(tmp_path))
    package.write_text("SIX = 9\n")
    names.add(digest_of(tmp_path))
    assert len(names) == 3


def test_machine_code_stands_in_the_named_folder(tmp_path: Path) -> None:
    """A copy of the package that may be written keeps it beside the module."""
    copy = tmp_path / "tallystick"
    shutil.copytree(HERE.parents[1], copy, ignore=shutil.ignore_patterns("__pycache__", "static"))
    code = (
        "from numba import config; import tallystick.watch.detect.compiled as c;"
        "print(config.CACHE_DIR)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, text=True, capture_output=True, check=True,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path), "HOME": str(tmp_path)},
    )  # fmt: skip
    place = Path(said.stdout.strip())

    assert place.parent == copy / "watch" / "detect" / "__pycache__"
    assert place.name == f"kernels-{digest_of(HERE)}"
