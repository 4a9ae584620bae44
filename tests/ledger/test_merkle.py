"""The tree's arithmetic against published vectors, adversarial probes and its own definition."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.errors import Corrupt
from tallystick.ledger.merkle import (
    EMPTY_ROOT,
    CompactRange,
    ProofError,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    perfect_root,
    tree_root,
    verify_consistency,
    verify_inclusion,
)

PROOFS = Path(__file__).resolve().parents[2] / "../shared/data/tlog/proofs"
PROBES = sorted(PROOFS.glob("inclusion/**/*.json")), sorted(PROOFS.glob("consistency/**/*.json"))

# transparency-dev/merkle testonly/constants.go: the RFC 6962 reference tree.
REFERENCE_ENTRIES = [
    bytes.fromhex(text)
    for text in (
        *("", "00", "10", "2021", "3031", "40414243", "5051525354555657"),
        "606162636465666768696a6b6c6d6e6f",
    )
]
REFERENCE_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

needs_probes = pytest.mark.skipif(not all(PROBES), reason="../shared/data/tlog is not here")
sizes = st.integers(min_value=1, max_value=300)


def leaves(size: int) -> list[bytes]:
    """Leaf hashes of a tree with `size` different entries."""
    return [leaf_hash(str(number).encode()) for number in range(size)]


def flipped(data: bytes, bit: int) -> bytes:
    """The same bytes with one bit turned."""
    number = int.from_bytes(data, "big") ^ (1 << bit % (8 * len(data)))
    return number.to_bytes(len(data), "big")


def proof_with_flip(proof: Sequence[bytes], number: int, bit: int) -> list[bytes]:
    """The same proof with one bit of one hash turned."""
    return [flipped(item, bit) if at == number else item for at, item in enumerate(proof)]


def refuses_inclusion(**arguments: Any) -> bool:
    """Whether the inclusion is refused."""
    try:
        verify_inclusion(**arguments)
    except ProofError:
        return True
    return False


def refuses_consistency(**arguments: Any) -> bool:
    """Whether the consistency is refused."""
    try:
        verify_consistency(**arguments)
    except ProofError:
        return True
    return False


def test_empty_root_is_the_hash_of_nothing() -> None:
    """The tree without entries has SHA-256 of no bytes as its root."""
    assert EMPTY_ROOT.hex() == REFERENCE_ROOTS[0]
    assert CompactRange().root() == EMPTY_ROOT


@pytest.mark.parametrize("size", range(len(REFERENCE_ROOTS)))
def test_reference_tree(size: int) -> None:
    """Every prefix of the RFC 6962 reference tree has its published root (vector B)."""
    hashes = [leaf_hash(entry) for entry in REFERENCE_ENTRIES[:size]]
    assert tree_root(hashes).hex() == REFERENCE_ROOTS[size]


def test_leaf_and_node_are_hashed_apart() -> None:
    """A node cannot be passed off as an entry of 64 bytes: the prefixes differ."""
    left, right = leaves(2)
    assert leaf_hash(left + right) != node_hash(left, right)


@needs_probes
@pytest.mark.parametrize("path", PROBES[0], ids=lambda path: str(path.relative_to(PROOFS)))
def test_inclusion_probe(path: Path) -> None:
    """Each published, mostly adversarial inclusion probe gets the wanted verdict (vector C)."""
    probe = json.loads(path.read_text())
    refused = refuses_inclusion(
        index=probe["leafIdx"],
        size=probe["treeSize"],
        leaf=base64.b64decode(probe["leafHash"] or ""),
        proof=[base64.b64decode(item or "") for item in probe["proof"] or ()],
        root=base64.b64decode(probe["root"] or ""),
    )
    assert refused == probe["wantErr"], probe["desc"]


@needs_probes
@pytest.mark.parametrize("path", PROBES[1], ids=lambda path: str(path.relative_to(PROOFS)))
def test_consistency_probe(path: Path) -> None:
    """Each published, mostly adversarial consistency probe gets the wanted verdict (vector C)."""
    probe = json.loads(path.read_text())
    refused = refuses_consistency(
        size1=probe["size1"],
        size2=probe["size2"],
        proof=[base64.b64decode(item or "") for item in probe["proof"] or ()],
        root1=base64.b64decode(probe["root1"] or ""),
        root2=base64.b64decode(probe["root2"] or ""),
    )
    assert refused == probe["wantErr"], probe["desc"]


@needs_probes
def test_all_probes_are_here() -> None:
    """None of the 196 published probes was lost on the way."""
    assert sum(map(len, PROBES)) == 196


@given(size=sizes, data=st.data())
def test_every_inclusion_proof_verifies_and_no_change_does(size: int, data: st.DataObject) -> None:
    """The definition's proof of any leaf is accepted; one bit turned in any argument is not.

    The size is left out: a root does not say how many leaves it covers, the checkpoint does.
    """
    tree = leaves(size)
    index = data.draw(st.integers(min_value=0, max_value=size - 1))
    bit = data.draw(st.integers(min_value=0, max_value=255))
    true = {
        "index": index,
        "size": size,
        "leaf": tree[index],
        "proof": inclusion_proof(tree, index),
        "root": tree_root(tree),
    }
    verify_inclusion(**true)
    assert refuses_inclusion(**{**true, "leaf": flipped(true["leaf"], bit)})
    assert refuses_inclusion(**{**true, "root": flipped(true["root"], bit)})
    assert refuses_inclusion(**{**true, "index": index ^ (1 << bit % 12)})
    assert refuses_inclusion(**{**true, "index": -1 - index})
    for number in range(len(true["proof"])):
        changed = proof_with_flip(true["proof"], number, bit)
        assert refuses_inclusion(**{**true, "proof": changed})
        assert refuses_inclusion(**{**true, "proof": true["proof"][:number]})
    assert refuses_inclusion(**{**true, "proof": [*true["proof"], tree[0]]})


@given(size2=sizes, data=st.data())
def test_every_consistency_proof_verifies_and_no_change_does(
    size2: int, data: st.DataObject
) -> None:
    """The definition's proof between any sizes is accepted; one bit turned is not."""
    tree = leaves(size2)
    size1 = data.draw(st.integers(min_value=1, max_value=size2))
    bit = data.draw(st.integers(min_value=0, max_value=255))
    true = {
        "size1": size1,
        "size2": size2,
        "proof": consistency_proof(tree, size1),
        "root1": tree_root(tree[:size1]),
        "root2": tree_root(tree),
    }
    verify_consistency(**true)
    assert refuses_consistency(**{**true, "root1": flipped(true["root1"], bit)})
    assert refuses_consistency(**{**true, "root2": flipped(true["root2"], bit)})
    for number in range(len(true["proof"])):
        changed = proof_with_flip(true["proof"], number, bit)
        assert refuses_consistency(**{**true, "proof": changed})
        assert refuses_consistency(**{**true, "proof": true["proof"][:number]})
    assert refuses_consistency(**{**true, "proof": [*true["proof"], tree[0]]})


def test_a_proof_of_another_length_is_called_so() -> None:
    """A proof too long or too short is refused for that, before any root is compared."""
    tree = leaves(7)
    root, old = tree_root(tree), tree_root(tree[:3])
    inclusion, consistency = inclusion_proof(tree, 2), consistency_proof(tree, 3)
    for proof, reason in ((inclusion[:-1], "too short"), ([*inclusion, root], "too long")):
        with pytest.raises(ProofError, match=reason):
            verify_inclusion(index=2, size=7, leaf=tree[2], proof=proof, root=root)
    for proof, reason in ((consistency[:-1], "too short"), ([*consistency, root], "too long")):
        with pytest.raises(ProofError, match=reason):
            verify_consistency(size1=3, size2=7, proof=proof, root1=old, root2=root)


@given(size=st.integers(min_value=0, max_value=600), cut=st.integers(min_value=0, max_value=600))
def test_compact_range_can_be_resumed_and_copied(size: int, cut: int) -> None:
    """A tree put down at any size and taken up again ends at the same root."""
    tree = leaves(size)
    first = CompactRange()
    for leaf in tree[:cut]:
        first.append(leaf)
    second = CompactRange(first.size, first.nodes)
    third = first.copy()
    for leaf in tree[cut:]:
        second.append(leaf)
        third.append(leaf)
    assert second.root() == third.root() == tree_root(tree)
    assert second.size == size
    assert first.root() == tree_root(tree[:cut])


@given(
    height=st.integers(min_value=0, max_value=6), before=st.integers(0, 5), after=st.integers(0, 9)
)
def test_a_whole_subtree_counts_as_its_leaves(height: int, before: int, after: int) -> None:
    """Appending the root of an aligned perfect subtree is the same as appending its leaves."""
    width = 1 << height
    tree = leaves(width * (before + 1) + after)
    grown = CompactRange()
    for leaf in tree[: width * before]:
        grown.append(leaf)
    grown.append_subtree(perfect_root(tree[width * before : width * (before + 1)]), height)
    for leaf in tree[width * (before + 1) :]:
        grown.append(leaf)
    assert grown.root() == tree_root(tree)
    assert grown.size == len(tree)


def test_a_range_of_the_wrong_shape_is_corrupt() -> None:
    """Nodes that cannot belong to a size are refused instead of giving some root."""
    with pytest.raises(Corrupt, match="A tree of 3 entries does not have 1 subtrees"):
        CompactRange(3, leaves(1))
    with pytest.raises(Corrupt, match="not 32 bytes"):
        CompactRange(1, [b"short"])
