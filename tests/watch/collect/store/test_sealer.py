"""Sealing: any JSON line comes back with equal values, whatever its columns had to become."""
# ruff: noqa: S608  the fragments are our own

import itertools
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.watch.collect.lines import check_lines
from tallystick.watch.collect.store.columns import columns_of
from tallystick.watch.collect.store.engine import Engine, Searcher
from tallystick.watch.collect.store.parts import Part
from tallystick.watch.collect.store.sealer import Sealer

NAMES = st.one_of(
    st.sampled_from(
        [
            "a",
            "A",
            "ä",
            "Ä",
            "\u017f",
            "s",
            "",
            "seq",
            "_time",
            "rest",
            "RAW",
            "timestamp",
            'a"b',
            "a'b",
        ]
    ),
    st.sampled_from(["com.splunk.index", "a/b~c", "$.x", "*", "a.b"]),
    st.text(max_size=5),
)
NUMBERS = st.one_of(
    st.integers(-5, 5),
    st.integers(),
    st.integers(2**62, 2**66),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(allow_nan=False, allow_infinity=False, places=20),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    NUMBERS,
    st.text(max_size=8),
    st.sampled_from(["1", "1.0", "true", "infinity", "-infinity", "epoch"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=4,
)
STAMPS = st.sampled_from(
    [
        "2026-11-22T04:08:16.123456Z",
        "2026-11-22T05:08:16.123456Z",
        "2026-11-22T04:08:16.123456789Z",
        "1969-12-31T23:59:59.999999999Z",
        "1969-12-31T23:59:59.999999Z",
        "2026-11-22T04:08:16+02:00",
        "0001-01-01T00:00:00.000000Z",
        "9999-01-01T00:00:00.000000Z",
        "2262-04-11T23:47:16.854775Z",
        "2026-11-22T24:00:00.000000Z",
        "2026-11-22 04:08:16.123456Z",
        "",
    ]
)


def written(value: object) -> str:
    """JSON text, with every digit of a Decimal and spaces where JSON allows them."""
    if isinstance(value, dict):
        members = ",".join(f"{written(name)}: {written(inner)}" for name, inner in value.items())
        return f"{{{members}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def doubled(one: str, two: str) -> str:
    """One object with the members of both, perhaps some of them twice."""
    return one if two == "{}" else two if one == "{}" else f"{one[:-1]},{two[1:]}"


MEMBERS = st.dictionaries(NAMES, VALUES, max_size=6)
STAMPED = st.builds(lambda line, stamp: {**line, "timestamp": stamp}, MEMBERS, STAMPS)
OBJECTS = st.one_of(MEMBERS, STAMPED).map(written)
LINES = st.one_of(OBJECTS, st.builds(doubled, OBJECTS, OBJECTS))


def values(line: str | bytes) -> dict[str, object]:
    """What a line says, to the last digit; null is as good as absent."""
    members: dict[str, object] = json.loads(line, parse_float=Decimal)
    return {name: value for name, value in members.items() if value is not None}


def storable(line: str) -> bool:
    """Whether the store would take it in."""
    try:
        check_lines([line.encode()])
    except ValueError:
        return False
    return True


class Bench:
    """Seals lines and reads them back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = Engine(folder / "spill", [folder])
        self.sealer = Sealer(self.engine.sealer(), folder)
        self.names = itertools.count()

    def seal(self, lines: list[str], opened_ns: int = 0) -> list[tuple[Part, Path]]:
        """The parts of these lines."""
        segment = self.folder / f"hot-{next(self.names)}.jsonl"
        segment.write_text("".join(f"{line}\n" for line in lines))
        name = f"part-{next(self.names)}"
        return self.sealer.seal_segment(segment, 1, len(lines), opened_ns, name)

    def read(self, sealed: list[tuple[Part, Path]]) -> dict[int, str]:
        """The lines by their numbers."""
        with self.engine.searching(60) as searcher:
            return {
                seq: line
                for part, file in sealed
                for seq, line in searcher.rows(
                    f"SELECT seq, {columns_of([part]).line().text} FROM read_parquet(?)",
                    [str(file)],
                )
            }

    def fields(self, part: Part, file: Path, member: str, searcher: Searcher) -> list[object]:
        """The text of a member in every line of a part."""
        text = columns_of([part]).text(member).text
        rows = searcher.rows(f"SELECT {text} FROM read_parquet(?) ORDER BY seq", [str(file)])
        return [row[0] for row in rows]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One for all tests."""
    bench = Bench(tmp_path_factory.mktemp("bench"))
    yield bench
    bench.engine.close()


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(LINES.filter(storable), min_size=1, max_size=6), st.integers(1, 12))
def test_any_line_comes_back_with_equal_values(bench: Bench, lines: list[str], times: int) -> None:
    """Big integers, many digits, doubled members, names that differ by case, nested, empty."""
    lines = lines * times
    sealed = bench.seal(lines)
    back = bench.read(sealed)
    assert sorted(back) == list(range(1, len(lines) + 1))
    for number, line in enumerate(lines, start=1):
        assert values(back[number]) == values(line)
    with bench.engine.searching(60) as searcher:
        for part, file in sealed:
            for member in {name for line in lines for name in json.loads(line)}:
                texts = bench.fields(part, file, member, searcher)
                assert columns_of([part]).has(member) or set(texts) == {None}
            for text in columns_of([part]).searched():
                searcher.rows(f"SELECT {text.text} FROM read_parquet(?)", [str(file)])


def test_common_members_become_columns_of_their_own_type(bench: Bench) -> None:
    """And the timestamp needs no column at all."""
    stamp = "2026-11-22T04:08:16.123456Z"
    line = f'{{"timestamp":"{stamp}","a":1,"b":1.5,"c":"x","d":true,"e":{{"f":1}}}}'
    ((part, file),) = bench.seal([line] * 9)
    types = {name: column.type for name, column in part.columns.items()}
    assert types == {"timestamp": "TIME6", "a": "BIGINT", "b": "DOUBLE", "c": "VARCHAR",
                     "d": "BOOLEAN"}  # fmt: skip
    assert all(column.whole for column in part.columns.values())
    assert (part.others, part.rest, part.raw) == (("e",), True, False)
    with bench.engine.searching(60) as searcher:
        described = searcher.rows("DESCRIBE SELECT * FROM read_parquet(?)", [str(file)])
        assert bench.fields(part, file, "timestamp", searcher) == [stamp] * 9
    assert {row[0]: row[1] for row in described} == {
        "seq": "BIGINT", "_time": "TIMESTAMP_NS", "a": "BIGINT", "b": "DOUBLE", "c": "VARCHAR",
        "d": "BOOLEAN", "rest": "VARCHAR",
    }  # fmt: skip


def test_one_odd_line_does_not_spoil_a_column(bench: Bench) -> None:
    """It is kept whole, and its fields are found as those of the others."""
    lines = ['{"a":1,"b":"x"}'] * 199 + ['{"a":"one","b":"y"}']
    ((part, file),) = bench.seal(lines)
    assert part.columns["a"].type == "BIGINT"
    assert not part.columns["a"].whole
    assert part.raw
    with bench.engine.searching(60) as searcher:
        assert bench.fields(part, file, "a", searcher) == ["1"] * 199 + ["one"]
        assert bench.fields(part, file, "b", searcher) == ["x"] * 199 + ["y"]
    assert values(bench.read([(part, file)])[200]) == {"a": "one", "b": "y"}


def test_lines_go_to_their_own_index_and_hour(bench: Bench) -> None:
    """Late ones too; what has no time gets that of the segment's opening."""
    lines = [
        '{"timestamp":"2026-11-22T04:59:59.999999Z"}',
        '{"timestamp":"2026-11-22T05:00:00.000000Z","com.splunk.index":"main"}',
        '{"timestamp":"2026-02-01T05:00:00.000000+01:00"}',
        '{"com.splunk.index":"../../etc"}',
        '{"com.splunk.index":"A b"}',
    ]
    sealed = bench.seal(lines, opened_ns=1_700_000_000 * 10**9)
    paths = {part.first_seq: part.path.rpartition("/")[0] for part, _ in sealed}
    assert paths == {
        1: "index=tallystick/dt=2026-11-22/hh=04",
        2: "index=main/dt=2026-11-22/hh=05",
        3: "index=tallystick/dt=2026-02-01/hh=04",
        4: "index=%2E%2E%2F%2E%2E%2Fetc/dt=2023-11-14/hh=22",
        5: "index=A%20b/dt=2023-11-14/hh=22",
    }


def test_a_backfill_of_many_hours_becomes_days(bench: Bench) -> None:
    """So that a year of late lines does not make nine thousand files."""
    lines = [
        f'{{"timestamp":"2025-{month:02}-{day:02}T{hour:02}:00:00.000000Z"}}'
        for month in (1, 2)
        for day in (3, 4)
        for hour in range(24)
    ]
    parts = [part for part, _ in bench.seal(lines)]
    assert [(part.day, part.hour, part.rows) for part in parts] == [
        ("2025-01-03", None, 24),
        ("2025-01-04", None, 24),
        ("2025-02-03", None, 24),
        ("2025-02-04", None, 24),
    ]


def test_rows_stand_in_the_order_of_time(bench: Bench) -> None:
    """Whatever the order in which they came; equal times in the order of arrival."""
    seconds = [5, 3, 3, 9, 1]
    lines = [f'{{"timestamp":"2026-11-22T04:00:0{second}.000000Z"}}' for second in seconds]
    ((_, file),) = bench.seal(lines)
    with bench.engine.searching(60) as searcher:
        rows = searcher.rows("SELECT seq FROM read_parquet(?)", [str(file)])
    assert [row[0] for row in rows] == [5, 2, 3, 1, 4]
