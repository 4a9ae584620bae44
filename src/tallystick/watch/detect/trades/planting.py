"""Who gets which anomaly, and when: chosen by the dice, before anything happens."""

import random
from typing import Final

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.detect.trades.client import Client
from tallystick.watch.detect.trades.hours import HOUR_NS, local_hour, open_at
from tallystick.watch.detect.trades.kinds import KINDS, Deed, Kind, Stage
from tallystick.watch.detect.trades.plan import Plan
from tallystick.watch.detect.trades.planted import Planted
from tallystick.watch.detect.trades.simulator import Simulator

APART_SECONDS: Final = 900
"""Between two plants of the same route, pair or service, end to beginning."""
NIGHT_BEGINS: Final = 22
NIGHT_ENDS: Final = 6
"""Local hours."""
TRIES_MAX: Final = 2_000
"""Moments looked at before a plant is given up as impossible in this plan."""


def staged(plan: Plan, source: random.Random) -> Simulator:
    """The plan's simulator with everything planted that the plan asks for."""
    simulator = Simulator(plan, source)
    plant(simulator)
    return simulator


def plant(simulator: Simulator) -> None:
    """Plant what the plan asks for, and declare it in `simulator.planted`."""
    plan = simulator.plan
    wanted = [
        KINDS[name] for name in plan.kinds if KINDS[name].scale == plan.scale
    ]  # fmt: skip
    # Those that few accounts suit choose first.
    wanted.sort(key=lambda kind: sum(_suits(kind, one) for one in simulator.clients))
    for number in range(plan.each):
        for place, kind in enumerate(wanted):
            _plant_one(simulator, kind, number, place)
    simulator.planted.sort(key=lambda one: one.start_ns)


def _plant_one(simulator: Simulator, kind: Kind, number: int, place: int) -> None:
    dice, plan = simulator.dice, simulator.plan
    first_ns = simulator.start_ns + plan.warm_up_hours * HOUR_NS
    client = simulator.clients[0]
    if kind.characters:
        found = [one for one in simulator.clients if _suits(kind, one) and not one.taken]
        if not found:
            return
        client = dice.one_of(found)
        client.taken = True
        at_ns = _moment(simulator, kind, client, first_ns)
    else:
        slots = max(1, plan.each)
        slot = (simulator.end_ns - first_ns) / slots
        at_ns = first_ns + int(slot * (number + 0.12 + 0.08 * place + 0.1 * dice.uniform()))
        at_ns -= at_ns % NS_PER_SECOND
    if at_ns is None:
        return
    others = [one for one in simulator.clients if _suits(kind, one) and not one.taken]
    stage = Stage(
        simulator.desk, simulator.services, dice, plan.level, at_ns, simulator.end_ns, client,
        tuple(others), number + 7 * place,
    )  # fmt: skip
    deed = kind.play(stage)
    if deed is not None:
        simulator.planted.append(_declared(kind, stage, deed))


def _declared(kind: Kind, stage: Stage, deed: Deed) -> Planted:
    accounts = deed.accounts or ((stage.client.name,) if kind.characters else ())
    for one in stage.others:
        one.taken = one.taken or one.name in accounts
    return Planted(
        kind=kind.name,
        family=kind.family,
        level=stage.level,
        start_ns=stage.at_ns,
        end_ns=stage.then(deed.seconds),
        grace_seconds=kind.grace_seconds,
        detectors=kind.detectors,
        note=deed.note,
        accounts=accounts,
        pairs=deed.pairs,
        routes=deed.routes,
        services=deed.services,
    )


def _suits(kind: Kind, client: Client) -> bool:
    return client.character in kind.characters and kind.suits(client)


def _moment(simulator: Simulator, kind: Kind, client: Client, first_ns: int) -> int | None:
    """A moment on a working day, in the account's business hours or in its night."""
    dice = simulator.dice
    if kind.at == "early":
        return first_ns - 7 * 24 * HOUR_NS
    last_ns = simulator.end_ns - int(kind.room_seconds * NS_PER_SECOND)
    busiest = max(client.hours)
    for _ in range(TRIES_MAX):
        at_ns = first_ns + int(dice.uniform() * (last_ns - first_ns))
        day, hour = local_hour(at_ns - at_ns % HOUR_NS, client.zone)
        # Not on a Friday evening: what takes hours has to end before the market does.
        if not open_at(day, client.currency) or (day.weekday() == 4 and hour > 12):
            continue
        if kind.at == "night":
            if is_night(client, hour):
                return at_ns - at_ns % NS_PER_SECOND
        elif client.hours[hour] > 0.4 * busiest and client.hours[(hour + 1) % 24] > 0.2 * busiest:
            return at_ns - at_ns % NS_PER_SECOND
    return None


def is_night(client: Client, hour: int) -> bool:
    """Whether it is night there, and the account trades neither then nor in the hours beside it."""
    asleep = hour >= NIGHT_BEGINS or hour < NIGHT_ENDS
    return asleep and not any(client.hours[(hour + shift) % 24] for shift in (-1, 0, 1))
