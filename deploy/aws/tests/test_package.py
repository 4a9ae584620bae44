"""The functions' zip: for the runtime that the stack names, whole, the same bytes every time."""

import subprocess
import sys
from pathlib import Path

import package
from proof.assembly import Assembly

HERE = Path(package.__file__).resolve().parent
OURS = "tallystick.wiring.aws."


def test_it_is_built_for_the_runtime_that_the_functions_have(small: Assembly) -> None:
    """Compiled for another version or machine they would fail at their first import."""
    found = {
        (own["Runtime"], *own["Architectures"])
        for own in (each.properties for each in small.resources("AWS::Lambda::Function"))
        if str(own.get("Handler")).startswith(OURS)
    }
    assert found == {(f"python{package.PYTHON}", package.MACHINE)}


def test_the_products_data_goes_in_and_tests_stay_out(tmp_path: Path) -> None:
    """SQL and the roots of RDS; neither what compiles nor what describes services nobody asks."""
    wanted = {
        "tallystick/wiring/aws/authorities/rds.pem",
        "tallystick/wiring/aws/sql/role.sql",
        "botocore/data/kms/2014-11-01/service-2.json",
        "botocore/data/endpoints.json",
    }
    unwanted = {
        "tallystick/__pycache__/cli.pyc",
        "numpy/tests/test_all.py",
        "numpy/core.pyi",
        "botocore/data/ec2/2016-11-15/service-2.json",
        "bin/jp.py",
        "x-1.dist-info/RECORD",
    }
    for name in wanted | unwanted:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    assert {path.relative_to(tmp_path).as_posix() for path in package.kept(tmp_path)} == wanted
    product = package.ROOT / "src"
    kept = {path.relative_to(product).as_posix() for path in package.kept(product)}
    assert "tallystick/wiring/aws/authorities/rds.pem" in kept


def test_two_builds_are_one_file(tmp_path: Path) -> None:
    """Whatever the clock says and whoever owns the files."""
    made = []
    for name in ("one", "two"):
        where = tmp_path / name
        where.mkdir()
        files = [where / "a.py", where / "b.so"]
        for path in files:
            path.write_bytes(b"content")
        files[0].chmod(0o600 if name == "one" else 0o777)
        package.pack(where, files, tmp_path / f"{name}.zip")
        made.append((tmp_path / f"{name}.zip").read_bytes())
    assert made[0] == made[1]


def test_a_wheel_that_is_missing_is_said(tmp_path: Path) -> None:
    """With a sentence and 1, and no zip: half a product is none."""
    failing = tmp_path / "uv"
    failing.write_text("#!/bin/sh\necho 'no wheel for cffi' >&2\nexit 1\n")
    failing.chmod(0o755)
    into = tmp_path / "functions.zip"
    ran = subprocess.run(  # noqa: S603  our own
        [sys.executable, package.__file__, "--into", str(into)],
        env={"PATH": str(tmp_path)}, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert ran.returncode == 1
    assert "no wheel for cffi" in ran.stderr
    assert f"cannot be installed for Python {package.PYTHON}, {package.MACHINE}" in ran.stderr
    assert not into.exists()


def test_what_is_for_this_machine_has_a_file_of_its_own() -> None:
    """What was built to try things out is never deployed by mistake."""
    assert package.arguments([]).into == package.PACKAGE == HERE / "build" / "functions.zip"
    assert package.arguments(["--here"]).into == package.PACKAGE_HERE != package.PACKAGE
    assert package.arguments(["--here", "--into", "x"]).into == Path("x")
