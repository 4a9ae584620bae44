"""The registry of price sources."""

from pathlib import Path

from tallystick.execution.quotes import SOURCES, EcbAnchored, LeanTicks, LiquidityProvider


def test_every_source_has_its_test_file() -> None:
    """Adding a source is adding two files and a line."""
    here = Path(__file__).parent

    assert {"ecb": EcbAnchored, "provider": LiquidityProvider, "ticks": LeanTicks} == SOURCES
    assert {f"test_{name}.py" for name in SOURCES} <= {path.name for path in here.iterdir()}
