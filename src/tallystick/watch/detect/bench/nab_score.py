"""The score of the Numenta Anomaly Benchmark: alerts against labelled windows, as NAB counts them.

Source: numenta/NAB v1.1, "Evaluating Real-time Anomaly Detection Algorithms" (arXiv 1510.03336).
Every row has a weight, fixed by the labels alone: inside a window up to 1, most at its left edge;
outside down to -1, least just behind a window. A window earns the largest weight of its alerts,
or costs a miss; false alarms add up, one by one. One threshold holds for the whole corpus, and the
score is scaled so that 0 is silence and 100 the left edge of every window.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

PROBATION_SHARE = 0.15
"""This share of a file's rows, from its first, is for learning: alerts there count for nothing."""
PROBATION_ROWS_MAX = 750
FAR_BEHIND_WIDTHS = 3.0
"""An alert that stands further behind the last window, in window widths, is wholly false."""

Floats = NDArray[np.float64]
Number = TypeVar("Number", float, Floats)


class Profile(msgspec.Struct, frozen=True):
    """What a window hit, a window missed and a false alarm are worth."""

    name: str
    hit: float
    miss: float
    false_alarm: float


PROFILES = (
    Profile("standard", 1.0, 1.0, 0.11),
    Profile("low_fp", 1.0, 1.0, 0.22),
    Profile("low_fn", 1.0, 2.0, 0.11),
)
"""NAB's own: `standard`, `reward_low_FP_rate` and `reward_low_FN_rate`."""


class Labelled(msgspec.Struct, frozen=True):
    """One file's name, its number of rows, and its windows: first and last row, both inside.

    Windows are in order and do not overlap.
    """

    name: str
    rows: int
    windows: tuple[tuple[int, int], ...]

    @property
    def probation(self) -> int:
        """So many rows at the start count for nothing."""
        return min(int(PROBATION_SHARE * self.rows), PROBATION_ROWS_MAX)


class FileScore(msgspec.Struct, frozen=True):
    """What one file's alerts amount to at one threshold.

    `earned` is the sum of the hit windows' weights, `penalty` that of the false alarms' (negative).
    `delays` has for every window the rows from its left edge to its first alert, None if missed.
    """

    name: str
    rows: int
    windows: int
    hits: int
    earned: float
    false_alarms: int
    penalty: float
    delays: tuple[int | None, ...]


class ProfileScore(msgspec.Struct, frozen=True):
    """A corpus' score in one profile, and the threshold that gave it (inf: no alert at all)."""

    score: float
    raw: float
    threshold: float
    hits: int
    windows: int
    false_alarms: int


class Corpus:
    """Labelled files, ready to score what a detector says about them, as often as one likes.

    `scores` is, everywhere here, one array a file in the order of `files`, with a number a row: an
    alert where it is at or above the threshold. NaN never alerts.
    """

    def __init__(self, files: Sequence[Labelled]) -> None:
        self.files = tuple(files)
        self._weights = [_weights(file) for file in self.files]
        self.windows = sum(len(_counted(file)) for file in self.files)

    def best(
        self, scores: Sequence[Floats], profiles: Sequence[Profile] = PROFILES
    ) -> dict[str, ProfileScore]:
        """Each profile at the threshold that is best for it on these very files: NAB's protocol.

        Every distinct score is tried as threshold, and none at all; of equals the highest wins.
        """
        events = [
            _events(*each)
            for each in zip(self.files, self._weights, self._checked(scores), strict=True)
        ]
        says = np.concatenate([part[0] for part in events]) if events else np.empty(0)
        order = np.argsort(-says, kind="stable")
        # Totals change with every event; a threshold lets in all events with the same score.
        ends = np.flatnonzero(np.append(np.diff(says[order]) != 0, True))[: len(order)]
        thresholds = np.append(np.inf, says[order][ends])
        earned, hits, penalty, alarms = (
            np.append(0.0, np.cumsum(np.concatenate([part[k] for part in events])[order])[ends])
            if events
            else np.zeros(1)
            for k in range(1, 5)
        )
        windows = np.full(len(hits), float(self.windows))
        found = {}
        for profile in profiles:
            raw = raw_total(profile, windows, hits, earned, penalty)
            at = int(np.argmax(raw))
            found[profile.name] = _profile_score(
                profile, self.windows, float(raw[at]), thresholds[at], hits[at], alarms[at]
            )
        return found

    def at(
        self,
        scores: Sequence[Floats],
        thresholds: Mapping[str, float],
        profiles: Sequence[Profile] = PROFILES,
    ) -> dict[str, ProfileScore]:
        """Each profile at the threshold that is given for its name."""
        return {
            profile.name: total(
                self.by_file(scores, thresholds[profile.name]), profile, thresholds[profile.name]
            )
            for profile in profiles
        }

    def by_file(self, scores: Sequence[Floats], threshold: float) -> list[FileScore]:
        """What every file's alerts amount to."""
        return [
            _file_score(*each, threshold)
            for each in zip(self.files, self._weights, self._checked(scores), strict=True)
        ]

    def _checked(self, scores: Sequence[Floats]) -> list[Floats]:
        if [len(part) for part in scores] != [file.rows for file in self.files]:
            raise ValueError("every file needs as many scores as it has rows")
        return [np.asarray(part, dtype=np.float64) for part in scores]


def total(files: Sequence[FileScore], profile: Profile, threshold: float) -> ProfileScore:
    """The score of these files together; a file may come more than once."""
    windows = sum(file.windows for file in files)
    hits = sum(file.hits for file in files)
    earned = math.fsum(file.earned for file in files)
    penalty = math.fsum(file.penalty for file in files)
    alarms = sum(file.false_alarms for file in files)
    raw = raw_total(profile, windows, hits, earned, penalty)
    return _profile_score(profile, windows, raw, threshold, hits, alarms)


def _profile_score(
    profile: Profile, windows: int, raw: float, threshold: float, hits: float, alarms: float
) -> ProfileScore:
    score = points(raw, windows, profile) if windows else 0.0
    return ProfileScore(score, raw, float(threshold), int(hits), windows, int(alarms))


def points(raw: Number, windows: Number, profile: Profile) -> Number:
    """A raw total on the scale where 0 is silence and 100 the left edge of every window.

    `windows` is at least 1.
    """
    silent = -windows * profile.miss
    return 100 * (raw - silent) / (windows * profile.hit - silent)


def raw_total(
    profile: Profile, windows: Number, hits: Number, earned: Number, penalty: Number
) -> Number:
    """What hits earned, less misses and false alarms (`penalty` is negative)."""
    missed = windows - hits
    return profile.hit * earned - profile.miss * missed + profile.false_alarm * penalty


def _sigmoid(x: Floats) -> Floats:
    return np.where(x > FAR_BEHIND_WIDTHS, -1.0, 2 / (1 + np.exp(5 * np.minimum(x, 4.0))) - 1)


def _weights(file: Labelled) -> Floats:
    """Every row's weight: above 0 inside windows, else down to -1."""
    rows = np.arange(file.rows, dtype=np.float64)
    weights = np.full(file.rows, -1.0)
    left_edge = float(_sigmoid(np.array(-1.0)))
    for left, right in file.windows:
        width = right - left + 1
        behind = rows[right + 1 :] - right
        weights[right + 1 :] = _sigmoid(behind / (width - 1)) if width > 1 else -1.0
        weights[left : right + 1] = _sigmoid((rows[left : right + 1] - right - 1) / width)
        weights[left : right + 1] /= left_edge
    return weights


def _counted(file: Labelled) -> list[tuple[int, int]]:
    """The windows of which something stands behind the probation, from there on."""
    start = file.probation
    return [(max(left, start), right) for left, right in file.windows if right >= start]


def _events(file: Labelled, weights: Floats, scores: Floats) -> tuple[Floats, ...]:
    """What can change a total, each with the score that lets it happen.

    Returns:
        Scores, and what happens there: weight earned, windows hit, penalty, false alarms.
    """
    outside = np.ones(file.rows, dtype=bool)
    outside[: file.probation] = False
    for left, right in file.windows:
        outside[left : right + 1] = False
    outside &= scores > -np.inf
    count = int(outside.sum())
    zeros, ones = np.zeros(count), np.ones(count)
    parts = [(scores[outside], zeros, zeros, weights[outside], ones)]
    for left, right in _counted(file):
        said = scores[left : right + 1]
        order = np.argsort(-said, kind="stable")
        order = order[said[order] > -np.inf]
        if len(order) == 0:
            continue
        earned = np.maximum.accumulate(weights[left : right + 1][order])
        hit = np.zeros(len(order))
        hit[0] = 1.0
        nothing = np.zeros(len(order))
        parts.append((said[order], np.diff(earned, prepend=0.0), hit, nothing, nothing))
    return tuple(np.concatenate([part[k] for part in parts]) for k in range(5))


def _file_score(file: Labelled, weights: Floats, scores: Floats, threshold: float) -> FileScore:
    alerts = scores >= threshold
    alerts[: file.probation] = False
    earned, delays = [], []
    windows = _counted(file)
    for left, right in windows:
        inside = left + np.flatnonzero(alerts[left : right + 1])
        alerts[left : right + 1] = False
        earned.append(float(weights[inside].max()) if len(inside) else 0.0)
        delays.append(int(inside[0]) - left if len(inside) else None)
    hits = sum(delay is not None for delay in delays)
    return FileScore(
        file.name,
        file.rows,
        len(windows),
        hits,
        math.fsum(earned),
        int(alerts.sum()),
        float(weights[alerts].sum()),
        tuple(delays),
    )
