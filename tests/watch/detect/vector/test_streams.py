"""`VectorStreams`: the contract of a detector, what it sees, and how it explains it."""

from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from tallystick.watch.detect.vector import EVENTS, SENSORS, VectorConfig, VectorStreams

ROWS, SLOTS, FEATURES = 6_000, 20, 6
Desk = tuple[NDArray[np.int64], NDArray[np.float64]]


@pytest.fixture(scope="module")
def desk() -> Desk:
    """Rows of twenty slots, each with its own levels; coordinates 0 and 1 go together."""
    chance = np.random.default_rng(11)
    slots = chance.integers(0, SLOTS, ROWS)
    rows = chance.normal(size=(ROWS, FEATURES))
    rows[:, 1] = 0.98 * rows[:, 0] + 0.2 * rows[:, 1]
    rows[:, 5] = chance.random(ROWS) < 0.02
    return slots, rows * (1 + slots % 3)[:, None] + slots[:, None]


def placed(slot: int, row: list[float]) -> list[float]:
    """A row in this slot's own levels."""
    return [value * (1 + slot % 3) + slot for value in row]


def taught(desk: Desk, config: VectorConfig = EVENTS) -> VectorStreams:
    """Streams that have seen the desk; a row's tag is its number."""
    streams = VectorStreams(FEATURES, SLOTS, config)
    streams.observe(*desk, np.arange(ROWS))
    return streams


@pytest.mark.parametrize("config", [EVENTS, SENSORS], ids=["events", "sensors"])
def test_how_rows_are_cut_into_calls_changes_nothing(desk: Desk, config: VectorConfig) -> None:
    """One call, many, and one row at a time: the same numbers, and the same state, bit by bit."""
    slots, rows = desk
    whole = VectorStreams(FEATURES, SLOTS, config)
    said = whole.observe(slots, rows, np.arange(ROWS))
    cut = VectorStreams(FEATURES, SLOTS, config)
    places = [0, 1, 2, 700, 701, 1_500, 5_999, ROWS]
    parts = [
        cut.observe(slots[start:end], rows[start:end], np.arange(start, end))
        for start, end in pairwise(places)
    ]
    for k, column in enumerate(said):
        np.testing.assert_array_equal(column, np.concatenate([part[k] for part in parts]))
    assert whole.snapshot() == cut.snapshot()


def test_a_score_depends_on_earlier_rows_only(desk: Desk) -> None:
    """Another future gives the same p-values of the past."""
    slots, rows = desk
    other = rows.copy()
    other[3_000:] *= -1_000
    one = VectorStreams(FEATURES, SLOTS).observe(slots, rows).p_values[:3_000]
    two = VectorStreams(FEATURES, SLOTS).observe(slots, other).p_values[:3_000]
    np.testing.assert_array_equal(one, two)


def test_a_snapshot_is_everything(desk: Desk) -> None:
    """Whoever goes on from it says what the original says, and snapshots alike."""
    slots, rows = desk
    original = VectorStreams(FEATURES, SLOTS)
    original.observe(slots[:4_000], rows[:4_000])
    copy = VectorStreams(FEATURES, SLOTS)
    copy.observe([3], [[9.0] * FEATURES])
    copy.restore(original.snapshot())
    for one, other in zip(
        original.observe(slots[4_000:], rows[4_000:]),
        copy.observe(slots[4_000:], rows[4_000:]),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)
    assert original.snapshot() == copy.snapshot()


def test_a_snapshot_has_only_slots_that_were_used() -> None:
    """A hundred thousand slots of which one is known take no more than that one."""
    few, many = VectorStreams(FEATURES, 1), VectorStreams(FEATURES, 100_000)
    for streams in (few, many):
        streams.observe([0], [[1.0] * FEATURES])
    assert few.snapshot() == many.snapshot()
    per_slot = sum(array[:1].nbytes for array in many._slots)
    assert per_slot < 2_048


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b'{"form":1}\n', b"\xff\x00"],
    ids=["empty", "object", "short", "bytes"],
)
def test_bytes_that_are_no_snapshot_change_nothing(desk: Desk, data: bytes) -> None:
    """A ValueError, and the streams are as they were."""
    streams = taught(desk)
    before = streams.snapshot()
    with pytest.raises(ValueError, match="snapshot"):
        streams.restore(data)
    assert streams.snapshot() == before


def test_a_snapshot_of_others_is_refused(desk: Desk) -> None:
    """Another configuration, other features, a cut body, more slots than there are."""
    data = taught(desk).snapshot()
    for streams, bad in (
        (VectorStreams(FEATURES, SLOTS, SENSORS), data),
        (VectorStreams(FEATURES + 1, SLOTS), data),
        (VectorStreams(FEATURES, SLOTS), data[:-1]),
        (VectorStreams(FEATURES, SLOTS - 10), data),
    ):
        with pytest.raises(ValueError, match="snapshot"):
            streams.restore(bad)


def test_p_values_are_shares(desk: Desk) -> None:
    """Of ordinary rows about a tenth have p <= 0.1 and a hundredth p <= 0.01."""
    slots, rows = desk
    p = VectorStreams(FEATURES, SLOTS).observe(slots, rows).p_values
    judged = p[np.isfinite(p)]
    assert len(judged) > 0.85 * ROWS
    assert 0.4 < (judged <= 0.5).mean() < 0.6
    assert 0.07 < (judged <= 0.1).mean() < 0.15
    assert 0.002 < (judged <= 0.01).mean() < 0.025


def test_a_slot_is_silent_until_it_is_warm() -> None:
    """So many rows of its own, whatever the others know."""
    streams = VectorStreams(2, 2, VectorConfig(warm_up=30))
    chance = np.random.default_rng(3)
    said = streams.observe(np.zeros(100, int), chance.normal(size=(100, 2))).p_values
    assert np.isnan(said[:30]).all()
    assert np.isfinite(said[30:]).all()
    assert np.isnan(streams.observe([1], [[0.0, 0.0]]).p_values[0])


def test_a_combination_is_odd_where_each_number_by_itself_is_not(desk: Desk) -> None:
    """Two numbers that always go together do not: seen, explained by these two and none other."""
    streams = taught(desk)
    said = streams.observe([4], [placed(4, [2.0, -2.0, 0.0, 0.0, 0.0, 0.0])])
    assert said.p_values[0] < 1e-4
    assert said.surprise[0].sum() == pytest.approx(-np.log10(said.p_values[0]))
    assert set(np.argsort(-said.surprise[0])[:2]) == {0, 1}
    assert said.surprise[0][:2].sum() > 0.8 * said.surprise[0].sum()
    came = placed(4, [2.0, -2.0])
    assert (said.low[0][:2] < came).all()
    assert (came < said.high[0][:2]).all()
    # What the other one lets expect is on the other side of the middle.
    assert said.expected[0][1] > 4 > came[1]
    assert said.expected[0][0] < 4 < came[0]


def test_one_wild_number_is_named(desk: Desk) -> None:
    """Also where a rare flag varies more than it; the usual range leaves it out."""
    streams = taught(desk)
    said = streams.observe([7], [placed(7, [0.0, 0.0, 0.0, 40.0, 0.0, 0.0])])
    assert said.p_values[0] < 1e-5
    assert said.surprise[0].argmax() == 3
    assert said.surprise[0][3] > 0.7 * said.surprise[0].sum()
    assert said.high[0][3] < placed(7, [40.0])[0]


def test_the_same_number_is_ordinary_for_one_and_odd_for_another(desk: Desk) -> None:
    """A slot is judged by its own past: what is slot 18's level is far out for slot 0."""
    streams = taught(desk)
    middle = placed(18, [0.0] * FEATURES)
    assert streams.observe([18], [middle]).p_values[0] > 0.2
    assert streams.observe([0], [middle]).p_values[0] < 1e-6


def test_the_nearest_usual_row_is_one_of_the_slot_s_own(desk: Desk) -> None:
    """It comes with its tag, and is that row."""
    slots, rows = desk
    said = taught(desk).observe([7], [placed(7, [0.0, 0.0, 0.0, 40.0, 0.0, 0.0])])
    tag = said.nearest_tag[0]
    assert slots[tag] == 7
    np.testing.assert_allclose(said.nearest[0], rows[tag], rtol=1e-6)


def test_ordinary_rows_are_not_explained(desk: Desk) -> None:
    """Nothing is worked out that nobody will read."""
    said = taught(desk).observe([1], [placed(1, [0.1] * FEATURES)])
    assert said.p_values[0] > EVENTS.explain_p
    assert np.isnan(said.surprise).all()
    assert said.nearest_tag[0] == -1


POISON = [np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, 1e15, 0.0]


@pytest.mark.parametrize("config", [EVENTS, SENSORS], ids=["events", "sensors"])
def test_poison_breaks_nothing(desk: Desk, config: VectorConfig) -> None:
    """After whatever came, what is odd and what is ordinary is told apart as before."""
    streams = taught(desk, msgspec.structs.replace(config, warm_up=60))
    wild = [[value] * FEATURES for value in POISON]
    wild += [[value if j == 2 else 2.0 for j in range(FEATURES)] for value in POISON]
    for _ in range(3):
        said = streams.observe([2] * len(wild), wild)
        assert (np.isnan(said.p_values) | ((said.p_values >= 0) & (said.p_values <= 1))).all()
    slots, rows = desk
    mine = rows[slots == 2]
    streams.observe(np.full(len(mine), 2), mine)
    again = streams.observe(np.full(len(mine), 2), mine).p_values
    assert np.isfinite(again).all()
    assert np.median(again) > 0.05
    odd = [placed(2, [60.0, 60.0, -60.0, 40.0, 50.0, 0.0])] * 12
    assert streams.observe([2] * 12, odd).p_values.min() < np.quantile(again, 0.01)


def test_a_missing_number_is_left_out_of_its_row(desk: Desk) -> None:
    """It has no part in the surprise, and the rest is judged as ever."""
    row = placed(7, [0.0, 0.0, np.nan, 40.0, 0.0, 0.0])
    said = taught(desk).observe([7], [row])
    assert said.p_values[0] < 1e-5
    assert said.surprise[0][2] == 0
    assert said.surprise[0].argmax() == 3


def test_a_slot_that_is_forgotten_starts_anew(desk: Desk) -> None:
    """It is somebody else's: silent, until it is warm again by what he does."""
    streams = taught(desk)
    streams.forget(18)
    middle = placed(0, [0.0] * FEATURES)
    assert np.isnan(streams.observe([18], [middle]).p_values[0])
    chance = np.random.default_rng(5)
    streams.observe(np.full(200, 18), chance.normal(size=(200, FEATURES)))
    assert streams.observe([18], [middle]).p_values[0] > 0.05


def test_a_lasting_shift_stays_odd_and_a_slow_drift_is_followed() -> None:
    """Sensors: a step is not learnt away while it lasts; what wanders anyway is let wander."""
    chance = np.random.default_rng(8)
    rows = chance.normal(size=(3_000, 3))
    rows[:, 1] += np.cumsum(chance.normal(size=3_000)) * 0.05
    stepped = rows.copy()
    stepped[2_500:2_900, 0] += 6
    still = VectorStreams(3, 1, SENSORS).observe(np.zeros(3_000), rows).p_values
    moved = VectorStreams(3, 1, SENSORS).observe(np.zeros(3_000), stepped).p_values
    assert (moved[2_510:2_900] < 0.01).mean() > 0.9
    assert (still[500:] < 0.01).mean() < 0.12
    assert (moved[2_950:] < 0.01).mean() < 0.3


def test_what_does_not_fit_is_refused(desk: Desk) -> None:
    """Shapes, slots that are not there, tags for some rows only; and nothing is learnt of it."""
    streams = taught(desk)
    before = streams.snapshot()
    for slots, rows, tags in (
        ([0], [[1.0]], None),
        ([SLOTS], [[1.0] * FEATURES], None),
        ([-1], [[1.0] * FEATURES], None),
        ([0, 1], [[1.0] * FEATURES] * 2, [1]),
    ):
        with pytest.raises(ValueError, match=r"rows are|slots are|tag"):
            streams.observe(slots, rows, tags)
    assert len(streams.observe([], np.empty((0, FEATURES))).p_values) == 0
    assert streams.snapshot() == before


def test_rows_given_are_not_changed() -> None:
    """The caller's array stays as it was, also where it holds what is not finite."""
    rows = np.array([[np.inf, 1e300], [1.0, np.nan]])
    kept = rows.copy()
    VectorStreams(2).observe([0, 0], rows)
    np.testing.assert_array_equal(rows, kept)


def test_kernels_name_no_file_of_the_shared_data() -> None:
    """What is shipped knows nobody's benchmark."""
    package = Path(VectorStreams.observe.__code__.co_filename).parent
    for file in package.rglob("*.py"):
        assert "skab" not in file.read_text().lower()
