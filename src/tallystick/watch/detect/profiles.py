"""A detector's profiles and its tail, together: value in, deviation and p-value out, and saved."""

import msgspec

from tallystick.watch.detect.entities import Entities
from tallystick.watch.detect.robust import (
    PRIOR_POINTS,
    PROFILE_POINTS,
    TAIL_POINTS,
    Profile,
    Tail,
    Window,
)
from tallystick.watch.detect.score import ALARM_P_MAX


class _Saved(msgspec.Struct):
    spread_min: float
    tail: bytes
    profiles: list[tuple[str, bytes]]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Saved)


class Profiles:
    """One `Profile` an entity, and one `Tail` that all of them share."""

    __slots__ = ("_entities", "_spread_min", "_tail")

    def __init__(self, spread_min: float, entities_max: int) -> None:
        self._spread_min = spread_min
        self._tail = Tail()
        self._entities = Entities(lambda: Profile(spread_min), entities_max)

    def __len__(self) -> int:
        return len(self._entities)

    def of(self, entity: str) -> Profile:
        """The entity's profile."""
        return self._entities.of(entity)

    def judge(self, profile: Profile, value: float) -> float | None:
        """The p-value of `value` for the profile's entity; None while it warms up.

        The tail learns the point; the caller adds `value` to the profile once it has said what
        was usual before.
        """
        deviation = profile.deviation(value)
        if deviation is None:
            return None
        p_value = self._tail.p_value(deviation)
        self._tail.learn(deviation)
        return p_value if p_value > ALARM_P_MAX else max(p_value, profile.habit(value))

    def snapshot(self) -> bytes:
        """Everything learnt."""
        profiles = [(name, profile.window.to_bytes()) for name, profile in self._entities]
        return _ENCODER.encode(_Saved(self._spread_min, self._tail.window.to_bytes(), profiles))

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot.

        Raises:
            ValueError: the bytes are no snapshot of such profiles.
        """
        saved = _DECODER.decode(data)
        tail = Tail(Window.from_bytes(TAIL_POINTS, saved.tail))
        if saved.spread_min != self._spread_min or len(tail.window) < PRIOR_POINTS:
            raise ValueError("these profiles were learnt by another detector")
        self._entities.replace(
            (name, Profile(self._spread_min, Window.from_bytes(PROFILE_POINTS, points)))
            for name, points in saved.profiles
        )
        self._tail = tail
