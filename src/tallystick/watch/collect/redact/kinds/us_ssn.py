"""Social security numbers of the United States, as they are written: 3-2-4 digits with dashes.

Nine digits without dashes are mistaken for too much else, and routing numbers (RTN) are public.
"""

import re
from collections.abc import Iterator

from stdnum.us import ssn

from tallystick.watch.collect.redact.finder import ESCAPE, Finder, Hit, Pseudonym

_NUMBER = re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])", re.ASCII)
_LAST = 4
_CANDIDATE = rf"(?:^|[^\w-]|{ESCAPE})\d{{3}}-\d{{2}}-\d{{4}}(?:[^\w-]|$)"


def _find(text: str, _pseudonym: Pseudonym) -> Iterator[Hit]:
    for match in _NUMBER.finditer(text):
        if ssn.is_valid(match[0]):
            yield Hit(*match.span(), "***-**-" + match[0][-_LAST:])


US_SSN = Finder("US_SSN", "critical", _CANDIDATE, _find)
