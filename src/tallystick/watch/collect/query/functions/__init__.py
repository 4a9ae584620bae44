"""The functions of eval, where and stats: one registry, a module for each family."""

from typing import Final

from tallystick.watch.collect.query.functions.function import Arguments, Function
from tallystick.watch.collect.query.functions.lists import LISTS
from tallystick.watch.collect.query.functions.logic import LOGIC
from tallystick.watch.collect.query.functions.numbers import NUMBERS
from tallystick.watch.collect.query.functions.texts import TEXTS
from tallystick.watch.collect.query.functions.times import TIMES

FUNCTIONS: Final[dict[str, Function]] = {**LISTS, **LOGIC, **NUMBERS, **TEXTS, **TIMES}

__all__ = ["FUNCTIONS", "Arguments", "Function"]
