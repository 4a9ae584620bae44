"""The command that proves an entry works as it is printed."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tallystick.wiring.commands.detect.proof import proof_command


def test_what_is_printed_proves_the_entry(
    serve: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copied into a shell, against a running server: clean, and under its own key alone."""
    folder = tmp_path / "data"
    monkeypatch.setenv("TALLYSTICK_DATA", str(folder))
    server = serve(folder, seed="7")
    with server.client() as client:
        printed = proof_command(str(client.base_url).rstrip("/"), 0)
    program = tmp_path / "bin" / "tallystick"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m tallystick "$@"\n')
    program.chmod(0o755)
    shell = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}

    told = subprocess.run(printed, shell=True, env=shell, capture_output=True, text=True)  # noqa: S602, PLW1510  as printed
    assert (told.returncode, told.stdout[:5]) == (0, "clean"), told.stderr


def test_elsewhere_a_token_and_a_pinned_key_are_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither is known here, and neither is taken from the server itself."""
    monkeypatch.setenv("TALLYSTICK_DATA", str(tmp_path))
    assert proof_command("https://fx.example", 7) == (
        'curl -s -H "Authorization: Bearer $TOKEN" https://fx.example/v1/ledger/entries/7/receipt'
        " | tallystick verify - --vkey @ledger.vkey"
    )
    assert proof_command("http://localhost:8080", 7).startswith("curl -s http://localhost:8080/")
