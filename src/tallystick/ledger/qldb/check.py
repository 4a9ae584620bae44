"""Checks a journal, block by block, the way AWS's own sample does, and says what was proved.

The rules are those of `JournalBlock.verifyBlockHash` and `ValidateQldbHashChain` in
aws-samples/amazon-qldb-dmv-sample-java:

1. the Ion hash of transactionInfo is one of entriesHashList;
2. a revision's hash is dot(Ion hash of its metadata, Ion hash of its data, or dataHash);
3. the Merkle root of all revision hashes is one of entriesHashList;
4. the Merkle root of entriesHashList is entriesHash;
5. dot(entriesHash, previousBlockHash) is blockHash, and the next block names it.

What contradicts is refused. What cannot be told, because JSON lost the types, is counted.
"""

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from tallystick.errors import Refused
from tallystick.ledger.qldb.block import Block, Revision
from tallystick.ledger.qldb.hashes import JournalTree, dot, merkle_root
from tallystick.ledger.qldb.ionhash import ion_hash
from tallystick.ledger.qldb.json_lines import readings
from tallystick.ledger.qldb.values import IonValue

EXAMPLES_MAX = 20
"""How many unproved parts are named; all are counted."""


@dataclass(frozen=True)
class Checked:
    """What was proved of one revision.

    `data` is what the revision hash was found to cover; `data_hash` its Ion hash. When `proved` is
    False, `data` is as JSON spelled it and nothing covers it.
    """

    revision: Revision
    data: IonValue
    data_hash: bytes | None
    proved: bool


@dataclass(frozen=True)
class CheckedBlock:
    """A block whose hashes hold, and a sentence for each part of it that nothing proves."""

    block: Block
    revisions: tuple[Checked, ...]
    unproved: tuple[str, ...]


def check_block(block: Block, *, typed: bool) -> CheckedBlock:
    """The block, when nothing in it contradicts; `typed` is False for exports in JSON.

    Raises:
        Refused: `QLDB_CONTRADICTION`, naming the block and the rule.
    """
    if merkle_root(block.entries_hashes) != block.entries_hash:
        raise _contradiction(block, "entriesHash is not the root of entriesHashList")
    if dot(block.entries_hash, block.previous_block_hash) != block.block_hash:
        raise _contradiction(block, "blockHash does not follow from its entries and predecessor")
    if block.revision_hashes and merkle_root(block.revision_hashes) not in block.entries_hashes:
        raise _contradiction(block, "its revisions are not those that entriesHashList covers")
    addresses = {(each.document_id, each.version) for each in block.revisions}
    if len(addresses) != len(block.revisions):
        raise _contradiction(block, "it has one version of a document twice")
    statements = (
        block.transaction_info is not None
        and ion_hash(block.transaction_info) in block.entries_hashes
    )
    if typed and not statements:
        raise _contradiction(block, "transactionInfo is not what entriesHashList covers")
    revisions = tuple(_check_revision(block, each, typed=typed) for each in block.revisions)
    return CheckedBlock(block, revisions, tuple(_unproved(block, revisions, statements=statements)))


def _unproved(block: Block, revisions: tuple[Checked, ...], *, statements: bool) -> Iterator[str]:
    """What a reader should not believe without asking.

    That each document which the transaction lists has a revision is said nowhere; but a block
    whose whole list of revisions was cut off would pass the rules without it.
    """
    if not statements:
        yield f"{block.name}: no hash covers transactionInfo as it stands"
    for each in revisions:
        if not each.proved:
            yield (
                f"{block.name}: no hash covers the data of document {each.revision.document_id}"
                " as they stand"
            )
    there = {each.revision.document_id for each in revisions}
    for document in block.documents:
        if document not in there:
            yield f"{block.name}: document {document} was written, and its revision is missing"


def _check_revision(block: Block, revision: Revision, *, typed: bool) -> Checked:
    metadata = ion_hash(revision.metadata)
    if revision.data is None:
        return _check_without_data(block, revision, metadata)
    for data in [revision.data] if typed else readings(revision.data):
        data_hash = ion_hash(data)
        if dot(metadata, data_hash) == revision.hash:
            return Checked(revision, data, data_hash, proved=True)
    if typed:
        raise _contradiction(
            block, f"document {revision.document_id} is not what its revision hash covers"
        )
    return Checked(revision, revision.data, None, proved=False)


def _check_without_data(block: Block, revision: Revision, metadata: bytes) -> Checked:
    """A redacted revision has a data hash; how one of a deleted document is hashed is not said.

    So for the latter both ways are tried that dot and Ion Hash know: no data, and a null.
    """
    data_hash = revision.data_hash
    if data_hash is not None:
        if dot(metadata, data_hash) != revision.hash:
            raise _contradiction(
                block, f"document {revision.document_id} is not what its revision hash covers"
            )
        return Checked(revision, None, data_hash, proved=True)
    proved = revision.hash in (metadata, dot(metadata, ion_hash(None)))
    return Checked(revision, None, None, proved=proved)


def _contradiction(block: Block, what: str) -> Refused:
    return Refused("QLDB_CONTRADICTION", f"The export contradicts itself at {block.name}: {what}.")


@dataclass
class Journal:
    """A run of blocks, checked one after the other; holds one hash a level of its tree."""

    typed: bool
    first: int | None = None
    last: Block | None = None
    blocks: int = 0
    revisions: int = 0
    redacted: int = 0
    deleted: int = 0
    internal: int = 0
    """Revisions of QLDB's own metadata: only their hashes are exported."""
    unproved: int = 0
    """Parts that nothing proves; `examples` names the first of them."""
    examples: list[str] = field(default_factory=list)
    _tree: JournalTree = field(default_factory=JournalTree)

    def add(self, block: Block) -> CheckedBlock:
        """Check the next block by itself and against the one before it.

        Raises:
            Refused: `QLDB_CONTRADICTION`; `QLDB_INCOMPLETE`, blocks between are missing.
        """
        self._check_order(block)
        checked = check_block(block, typed=self.typed)
        self.first = block.sequence_no if self.first is None else self.first
        self.last = block
        self._tree.add(block.block_hash)
        self._count(checked)
        return checked

    @property
    def digest(self) -> bytes | None:
        """QLDB's digest at the last block: the Merkle root over all block hashes.

        None when the run does not begin with the journal's first block.
        """
        return self._tree.root() if self.first == 0 else None

    def require_digest(self, digest: bytes) -> None:
        """Hold the journal as far as it was checked to a digest that somebody kept.

        Raises:
            Refused: `QLDB_DIGEST`, it is another one, or cannot be computed.
        """
        found, last = self.digest, self.last
        if found is None or last is None:
            sentence = "A digest covers the journal from block 0; this export begins later."
            raise Refused("QLDB_DIGEST", sentence)
        if found != digest:
            raise Refused(
                "QLDB_DIGEST",
                f"The digest of the journal up to {last.name} is {b64encode(found).decode()},"
                " not the one that was given.",
            )

    def _check_order(self, block: Block) -> None:
        last = self.last
        if last is None:
            return
        if block.strand_id != last.strand_id:
            raise _contradiction(block, f"its strand {block.strand_id} is not {last.strand_id}")
        if block.sequence_no != last.sequence_no + 1:
            raise Refused(
                "QLDB_INCOMPLETE",
                f"After block {last.sequence_no} comes block {block.sequence_no}:"
                " blocks are missing or out of order.",
            )
        if block.previous_block_hash != last.block_hash:
            raise _contradiction(block, f"it does not follow block {last.sequence_no}")

    def _count(self, checked: CheckedBlock) -> None:
        revisions = checked.revisions
        self.blocks += 1
        self.revisions += len(revisions)
        self.internal += len(checked.block.revision_hashes) - len(revisions)
        self.redacted += sum(each.revision.data_hash is not None for each in revisions)
        self.deleted += sum(
            each.revision.data is None and each.revision.data_hash is None for each in revisions
        )
        self.unproved += len(checked.unproved)
        self.examples += checked.unproved[: EXAMPLES_MAX - len(self.examples)]


def check_journal(
    blocks: Iterable[Block],
    *,
    typed: bool,
    digest: bytes | None = None,
    tip: int | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> Journal:
    """Check all blocks; when a `digest` is given, also against it at block `tip` (or the last).

    `advance(1)` is called after each block.

    Raises:
        Refused: `QLDB_CONTRADICTION`, `QLDB_INCOMPLETE` or `QLDB_DIGEST`, and what reading raises.
    """
    journal = Journal(typed)
    covered = False
    for block in blocks:
        journal.add(block)
        if digest is not None and block.sequence_no == tip:
            journal.require_digest(digest)
            covered = True
        advance(1)
    if digest is not None and tip is None:
        journal.require_digest(digest)
    elif digest is not None and not covered:
        raise Refused("QLDB_DIGEST", f"Block {tip}, the digest's tip, is not in this export.")
    return journal
