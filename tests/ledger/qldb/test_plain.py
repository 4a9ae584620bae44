"""Ion in canonical JSON: nothing is lost, and an entry alone proves the QLDB hash."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.ledger.qldb.ionhash import NULL_TYPES, ion_hash
from tallystick.ledger.qldb.plain import INTEGER_MAX, Plain, from_plain, to_plain
from tallystick.ledger.qldb.values import (
    Annotated,
    Clob,
    IonValue,
    Null,
    Sexp,
    Struct,
    Symbol,
    Timestamp,
)

TEXT = st.text(max_size=8)
NAMES = st.one_of(TEXT, st.sampled_from(["$int", "a", "b"]), st.none())
SCALARS: st.SearchStrategy[IonValue] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.decimals(allow_nan=False, allow_infinity=False),
    TEXT,
    st.binary(max_size=8),
    st.sampled_from(sorted(NULL_TYPES)).map(Null),
    NAMES.map(Symbol),
    st.binary(max_size=8).map(Clob),
    st.datetimes().map(lambda at: Timestamp(f"{at.isoformat(timespec='microseconds')}Z")),
)


def containers(inner: st.SearchStrategy[IonValue]) -> st.SearchStrategy[IonValue]:
    """Lists, S-expressions, structs and annotated values of these."""
    lists = st.lists(inner, max_size=3)
    fields = st.lists(st.tuples(NAMES, inner), max_size=3)
    annotations = st.lists(NAMES, min_size=1, max_size=2)
    return st.one_of(
        lists,
        lists.map(Sexp),
        fields.map(lambda each: Struct(tuple(each))),
        st.tuples(annotations, inner).map(lambda each: Annotated(tuple(each[0]), each[1])),
    )


@given(st.recursive(SCALARS, containers, max_leaves=12))
def test_there_and_back(value: IonValue) -> None:
    """What an entry says is the document: it hashes to what QLDB hashed."""
    assert ion_hash(from_plain(to_plain(value))) == ion_hash(value)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (INTEGER_MAX, INTEGER_MAX),
        (INTEGER_MAX + 1, {"$int": "9007199254740992"}),
        (Decimal("90.250"), {"$decimal": "90.250"}),
        (1.5, {"$float": "1.5"}),
        (float("nan"), {"$float": "nan"}),
        (Struct((("$a", 1),)), {"$struct": [["$a", 1]]}),
        (Struct((("a", 1), ("a", 2))), {"$struct": [["a", 1], ["a", 2]]}),
        (Struct((("a", [b"x"]),)), {"a": [{"$blob": "eA=="}]}),
    ],
)
def test_spellings(value: IonValue, plain: Plain) -> None:
    """The documented spellings, the ones that are easy to get wrong."""
    assert to_plain(value) == plain


@pytest.mark.parametrize(
    "plain",
    [{"$int": "x"}, {"$int": "1"}, {"$int": "9_007_199_254_740_992"}, {"$decimal": "NaN"},
     {"$decimal": "x"}, {"$what": "x"}, {"$blob": "?"}, {"$null": "x"}, {"$float": "1.50"},
     {"$symbol": 1}, {"$int": "1", "a": 2}, {"$struct": [["a"]]}, {"$struct": [[1, 2]]},
     {"$struct": [["a", 1]]}, {"$annotated": [["a"]]}, {"$sexp": "x"}, {"$timestamp": "x"}],
)  # fmt: skip
def test_what_is_spelled_otherwise(plain: Plain) -> None:
    """One value has one spelling; anything else is refused."""
    with pytest.raises(ValueError, match=r".+"):
        from_plain(plain)
