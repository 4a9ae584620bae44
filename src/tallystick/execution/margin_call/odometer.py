"""How far prices have moved, on one scale for all accounts, and how far one can bear. Pure.

An account whose figures were worked out once needs no look until prices have moved further than it
can bear; so a batch of quotes costs the same however many accounts there are.

The odometer only ever goes up. Each currency has a band: the lowest and the highest worth in US
dollars since the band was begun. The reading is the sum of the widths of all finished bands, each
that of the widest currency, and the width of the widest band now. A worth that moves to and fro
inside its band adds nothing. When a band grows beyond `BAND_PPB` all are begun anew, at the newest
worths.

Why that is safe: between a look at an account and now, the worth of no currency has changed by
more than the factor product(1 + w) <= exp(sum w), over the widths w of the bands since, that of
the look counted whole. So an account counts from `base`, the reading where the band of its look
began, and e^S - 1 bounds what happened to each worth while the reading is below base + S.
"""

from collections.abc import Iterable

from tallystick.execution.margin.requirement import USD, Usd
from tallystick.execution.quotes.quote import Quote

PPB = 1_000_000_000
BAND_PPB = 500_000
"""The widest band: 5 hundredths of a percent. An account nearer to its level than that is looked at
with every batch of quotes."""
UNIT = 10**15
"""Minor units whose worth is asked for: enough digits for any currency."""


class Odometer:
    """The reading, in billionths (see the module)."""

    def __init__(self, usd: Usd) -> None:
        self.base = 0
        """The reading where the bands of now began."""
        self._usd = usd
        self._width = 0
        self._bands: dict[str, tuple[int, int]] = {}

    @property
    def reading(self) -> int:
        """How far prices have moved altogether."""
        return self.base + self._width

    def move(self, quotes: Iterable[Quote]) -> bool:
        """Hear that these quotes are new; whether a currency got its first worth by them."""
        first = False
        for quote in quotes:
            base, quoted = quote.pair[:3], quote.pair[4:]
            if quoted == USD:
                first |= self._moved(base)
            elif base == USD:
                first |= self._moved(quoted)
        if self._width > BAND_PPB:
            self.base += self._width
            self._width = 0
            for code in self._bands:
                worth = self._usd(code, UNIT) or 0
                self._bands[code] = (worth, worth)
        return first

    def _moved(self, code: str) -> bool:
        """One currency's worth is another; whether it had none before."""
        worth = self._usd(code, UNIT)
        if worth is None:
            return False
        band = self._bands.get(code)
        if band is None:
            self._bands[code] = (worth, worth)
            return True
        low, high = band
        if low <= worth <= high:
            return False
        low, high = min(low, worth), max(high, worth)
        self._bands[code] = (low, high)
        # Without a worth there is no width: every account is then due.
        width = -(-(high - low) * PPB // low) if low > 0 else PPB
        self._width = max(self._width, width)
        return False


def bearable(equity: int, level: int, gross: int) -> int:
    """How far the odometer may go on (billionths) before `equity` can be below `level`.

    `level` is the equity that is asked for (used margin by its percent), `gross` what prices can
    move of the equity; all in one unit. Zero or less: it is below already.

    While each worth stays within the factors 1 + x and 1 - x, equity' >= equity - x gross and
    level' <= level (1 + x): nothing can happen while x <= (equity - level) / (gross + level). The
    reading S bounds x by e^S - 1, so ln(1 + x) may be read, and x / (1 + x) is less than that.
    """
    return _share(equity - level, gross + equity)


def recovers(equity: int, level: int, gross: int) -> int:
    """The same, before an `equity` below `level` can be at it again."""
    return _share(level - equity, gross + 2 * level - equity)


def _share(part: int, whole: int) -> int:
    if part <= 0:
        return 0
    return part * PPB // whole
