"""Labels held against what is wanted of them: exact values, or ones with `*` for anything."""

import re
from collections.abc import Mapping
from functools import lru_cache


def fits(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether every wanted label is there with its value; `5*` wants one that begins with 5."""
    for name, value in wanted.items():
        found = labels.get(name)
        if found is None or not (found == value or ("*" in value and _like(value, found))):
            return False
    return True


def _like(value: str, found: str) -> bool:
    return _compiled(value).fullmatch(found) is not None


@lru_cache(maxsize=256)
def _compiled(value: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, re.split(r"\*+", value))), re.DOTALL)
