"""QLDB's pair hash and trees, against the same rules spelled out in other lines."""

from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.ledger.qldb.hashes import JournalTree, dot, merkle_root

Root = Callable[[list[bytes]], bytes]
Dot = Callable[[bytes, bytes], bytes]
HASHES = st.binary(min_size=32, max_size=32)
FIXTURE_IS_CONSTANT = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@FIXTURE_IS_CONSTANT
@given(one=HASHES, two=HASHES)
def test_dot_is_the_documented_pair(slow_dot: Dot, one: bytes, two: bytes) -> None:
    """Signed, from the last byte to the first, the smaller before the larger; in either order."""
    assert dot(one, two) == dot(two, one) == slow_dot(one, two)


def test_an_empty_hash_leaves_the_other() -> None:
    """Before the first block, and for a document without data, there is nothing to combine."""
    assert dot(b"", b"x" * 32) == dot(b"x" * 32, b"") == b"x" * 32
    assert dot(b"", b"") == merkle_root([]) == b""


@FIXTURE_IS_CONSTANT
@given(hashes=st.lists(HASHES, min_size=1, max_size=40))
def test_a_tree_that_grows_is_the_tree(recursive_root: Root, hashes: list[bytes]) -> None:
    """Hash by hash, the root is at every size the recursive one."""
    tree = JournalTree()
    for size, each in enumerate(hashes, start=1):
        tree.add(each)
        assert tree.root() == recursive_root(hashes[:size])
    assert merkle_root(hashes) == tree.root()
