"""The pages of docs/ that are read off files say what the files say."""

from __future__ import annotations

from pathlib import Path

import pytest

from proof import tables

HERE = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("name", sorted(tables.PAGES))
def test_page_is_fresh(name: str) -> None:
    """A page is what its generator writes today."""
    assert (HERE / "docs" / name).read_text() == tables.PAGES[name](), "run `make aws-docs`"
