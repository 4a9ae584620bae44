"""Where prices come from and when they are traded on, as the settings say."""

import random
from collections.abc import Callable
from pathlib import Path

import msgspec

from tallystick.clock import Clock
from tallystick.errors import Misconfigured, Refused
from tallystick.execution import EcbAnchored, LeanTicks
from tallystick.execution.financing import SHIPPED, Rates, parse_rates
from tallystick.execution.quotes import LiquidityProvider, LiveSource, Provider, Source
from tallystick.execution.quotes.ecb import reference_rates
from tallystick.fx import Session, parse_pair, session, use_overrides
from tallystick.wiring.commands.fx import read_overrides
from tallystick.wiring.settings import Settings


class _Providers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file of liquidity providers."""

    provider: tuple[Provider, ...]


def sources_of(settings: Settings, clock: Clock) -> list[Source | LiveSource]:
    """The price sources: providers, else recorded ticks, else the simulator.

    Raises:
        Misconfigured: the providers' file cannot be used, or no ticks are there.
    """
    if settings.providers:
        found = _providers(Path(settings.providers).expanduser())
        return [LiquidityProvider(each, clock, random.Random()) for each in found]  # noqa: S311  jitter
    if settings.ticks:
        return [LeanTicks(Path(settings.ticks), speed=settings.ticks_speed)]
    chance = random.Random(settings.seed)  # noqa: S311  prices, not secrets
    return [EcbAnchored([reference_rates(1)[0][1]], chance, settings.market)]


def session_by(settings: Settings) -> Callable[[int], Session]:
    """Whether orders are taken at a moment (ns): in the FX week, or always."""
    keeps_hours = settings.session == "market" or (
        settings.session == "auto" and settings.providers is not None
    )
    return session if keeps_hours else _always


def use_calendars(settings: Settings) -> None:
    """Put the operator's holiday overrides in force.

    Raises:
        Misconfigured: the folder or one of its files cannot be used.
    """
    if settings.calendars is None:
        return
    use_overrides(read_overrides(Path(settings.calendars).expanduser()))


def rates_of(settings: Settings) -> Rates:
    """The yearly interest rates by which positions are rolled and forwards are priced.

    Raises:
        Misconfigured: the operator's file cannot be used.
    """
    if settings.financing is None:
        return SHIPPED
    path = Path(settings.financing).expanduser()
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"TALLYSTICK_FINANCING cannot be read: {error}.") from error
    return parse_rates(text, SHIPPED)


_ALWAYS = Session(open=True, changes_ns=2**62)


def _always(_at_ns: int) -> Session:
    return _ALWAYS


def _providers(path: Path) -> list[Provider]:
    try:
        read = msgspec.toml.decode(path.read_bytes(), type=_Providers)
        found = [_spelled(each) for each in read.provider]
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, Refused) as error:
        raise Misconfigured(f"TALLYSTICK_PROVIDERS: {path} cannot be used ({error}).") from error
    names = [each.name for each in found]
    if not found or len(set(names)) != len(names):
        raise Misconfigured(f"TALLYSTICK_PROVIDERS: {path} must name providers, each once.")
    return found


def _spelled(provider: Provider) -> Provider:
    """The provider with its pairs as we write them."""
    pairs = tuple(parse_pair(each).symbol for each in provider.pairs)
    return msgspec.structs.replace(provider, pairs=pairs)
