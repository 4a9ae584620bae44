"""One resource on its way to lines of the bill, and how figures of a template are read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

from cost.lines import Line, Usage

if TYPE_CHECKING:
    from proof.assembly import Json, Resource

Lines: TypeAlias = Iterator[Line]
Properties: TypeAlias = "dict[str, Json]"
RECOVERY = "eu-central-1"


class Bill:
    """Makes the lines of one resource."""

    def __init__(
        self,
        resource: Resource,
        properties: Properties,
        usage: Usage,
        beside: Mapping[str, int] | None = None,
    ) -> None:
        self.resource = resource
        self.own = properties
        self.usage = usage
        self.beside = beside or {}
        """How many there are of each type in the same stack."""

    @property
    def standing_by(self) -> bool:
        """Say whether the resource waits in the recovery region.

        It costs its hours, not the load.
        """
        return self.resource.region == RECOVERY

    def fixed(
        self,
        key: str,
        quantity: float = 1.0,
        *,
        low: float | None = None,
        high: float | None = None,
    ) -> Line:
        """Return a line that does not ask how much is traded."""
        where = self.resource
        return Line(key, quantity, where.path, where.type, where.region, low=low, high=high)

    def load(self, key: str, quantity: float) -> Line:
        """Return a line that follows the load; nothing comes to a region that stands by."""
        where = self.resource
        return Line(
            key,
            0.0 if self.standing_by else quantity,
            where.path,
            where.type,
            where.region,
            follows_load=True,
        )


def number(value: Json, default: float) -> float:
    """Return a figure of a template; `default` where it says none."""
    return (
        float(str(value))
        if isinstance(value, (int, float, str)) and re.fullmatch(r"[\d.]+", str(value))
        else default
    )


def members(value: Json) -> dict[str, Json]:
    """Return a mapping of a template; an empty one where there is none."""
    return value if isinstance(value, dict) else {}


def items(value: Json) -> list[Json]:
    """Return a list of a template; an empty one where there is none."""
    return value if isinstance(value, list) else []
