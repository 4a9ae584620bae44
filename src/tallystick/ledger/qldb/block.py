"""A journal block and its document revisions, read out of an Ion struct.

Source: the developer guide, journal-contents.html.
"""

import re
from dataclasses import dataclass
from typing import TypeVar, cast

from tallystick.errors import Refused
from tallystick.ledger.qldb.hashes import HASH_BYTES
from tallystick.ledger.qldb.values import IonValue, Null, Struct, Timestamp

_Value = TypeVar("_Value")
_ID = re.compile(r"[0-9A-Za-z]{1,64}")
"""QLDB's ids are 22 characters of base 62."""
_TEXT_CHARACTERS_MAX = 128
"""Longest table name that QLDB allowed; and more than any of its timestamps."""


@dataclass(frozen=True)
class Revision:
    """One version of one document.

    `data` is None where the document was deleted, and where it was redacted: then `data_hash` is
    the Ion hash of what stood there.
    """

    hash: bytes
    metadata: Struct
    document_id: str
    version: int
    tx_time: str
    data: IonValue
    data_hash: bytes | None
    table_id: str | None
    table_name: str | None


@dataclass(frozen=True)
class Block:
    """What one transaction wrote; `revision_hashes` are all, also those of QLDB's own metadata."""

    strand_id: str
    sequence_no: int
    transaction_id: str
    timestamp: str
    block_hash: bytes
    entries_hash: bytes
    previous_block_hash: bytes
    entries_hashes: tuple[bytes, ...]
    transaction_info: IonValue
    revision_hashes: tuple[bytes, ...]
    revisions: tuple[Revision, ...]

    @property
    def documents(self) -> tuple[str, ...]:
        """Ids of the documents that the transaction says it wrote."""
        info = self.transaction_info
        documents = info.get("documents") if isinstance(info, Struct) else None
        fields = documents.fields if isinstance(documents, Struct) else ()
        return tuple(name for name, _ in fields if name is not None)

    @property
    def name(self) -> str:
        """How sentences name it."""
        return f"block {self.sequence_no}"


def parse_block(value: IonValue) -> Block:
    """The block in this struct.

    Raises:
        Refused: `QLDB_UNREADABLE`, a member is missing or of another type.
    """
    if not isinstance(value, Struct):
        raise Refused("QLDB_UNREADABLE", "An export is a row of structs, one a block.")
    address = _member(value, "blockAddress", Struct, "the block")
    number = _sequence_no(address, "the block")
    name = f"block {number}"
    transaction_id = _id(value, "transactionId", name)
    entries = [each for each in _list(value, "revisions", name) if isinstance(each, Struct)]
    if len(entries) != len(_list(value, "revisions", name)):
        raise Refused("QLDB_UNREADABLE", f"A revision of {name} is no struct.")
    info = value.get("transactionInfo")
    revisions = [_revision(each, address, transaction_id, info, name) for each in entries]
    return Block(
        strand_id=_id(address, "strandId", name),
        sequence_no=number,
        transaction_id=transaction_id,
        timestamp=_timestamp(value, "blockTimestamp", name),
        block_hash=_hash(value, "blockHash", name),
        entries_hash=_hash(value, "entriesHash", name),
        previous_block_hash=_hash(value, "previousBlockHash", name, first=number == 0),
        entries_hashes=tuple(
            _hash_of(each, "entriesHashList", name)
            for each in _member(value, "entriesHashList", list, name)
        ),
        transaction_info=info,
        revision_hashes=tuple(_hash(each, "hash", name) for each in entries),
        revisions=tuple(each for each in revisions if each is not None),
    )


def _revision(
    value: Struct, address: Struct, transaction_id: str, info: IonValue, block: str
) -> Revision | None:
    """The revision; None for one of QLDB's own, of which an export shows only the hash."""
    metadata = value.get("metadata")
    if not isinstance(metadata, Struct):
        if any(_present(value.get(name)) for name in ("data", "dataHash", "metadata")):
            raise Refused("QLDB_UNREADABLE", f"A revision of {block} has no metadata.")
        return None
    if value.get("blockAddress") != address:
        raise Refused("QLDB_CONTRADICTION", f"A revision of {block} names another block.")
    if metadata.get("txId") != transaction_id:
        raise Refused("QLDB_CONTRADICTION", f"A revision of {block} names another transaction.")
    document_id = _id(metadata, "id", block)
    data = value.get("data")
    table_id, table_name = _table(info, document_id)
    return Revision(
        hash=_hash(value, "hash", block),
        metadata=metadata,
        document_id=document_id,
        version=_count(metadata, "version", block),
        tx_time=_timestamp(metadata, "txTime", block),
        data=data if _present(data) else None,
        data_hash=_hash(value, "dataHash", block) if _present(value.get("dataHash")) else None,
        table_id=table_id,
        table_name=table_name,
    )


def _table(info: IonValue, document_id: str) -> tuple[str | None, str | None]:
    """(id, name) of the document's table, as far as the transaction says."""
    documents = info.get("documents") if isinstance(info, Struct) else None
    document = documents.get(document_id) if isinstance(documents, Struct) else None
    if not isinstance(document, Struct):
        return None, None
    found = (document.get("tableId"), document.get("tableName"))
    if any(isinstance(each, str) and len(each) > _TEXT_CHARACTERS_MAX for each in found):
        raise Refused("QLDB_UNREADABLE", f"The name of document {document_id}'s table is too long.")
    table_id, table_name = (each if isinstance(each, str) else None for each in found)
    return table_id, table_name


def _timestamp(struct: Struct, name: str, where: str) -> str:
    text = _member(struct, name, Timestamp, where).text
    if len(text) > _TEXT_CHARACTERS_MAX:
        raise Refused("QLDB_UNREADABLE", f"{name} of {where} has too many digits.")
    return text


def _present(value: IonValue) -> bool:
    return value is not None and not isinstance(value, Null)


def _sequence_no(address: Struct, where: str) -> int:
    return _count(address, "sequenceNo", where)


def _count(struct: Struct, name: str, where: str) -> int:
    value = struct.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise Refused("QLDB_UNREADABLE", f"{name} of {where} is not a number from 0.")
    return value


def _id(struct: Struct, name: str, where: str) -> str:
    value = struct.get(name)
    if not isinstance(value, str) or _ID.fullmatch(value) is None:
        raise Refused("QLDB_UNREADABLE", f"{name} of {where} is not an id of letters and digits.")
    return value


def _member(struct: Struct, name: str, kind: type[_Value], where: str) -> _Value:
    value = struct.get(name)
    if not isinstance(value, kind):
        raise Refused("QLDB_UNREADABLE", f"{name} of {where} is missing or of another type.")
    return value


def _list(struct: Struct, name: str, where: str) -> list[IonValue]:
    """The list; none where there is no such member."""
    if not _present(struct.get(name)):
        return []
    return cast("list[IonValue]", _member(struct, name, list, where))


def _hash(struct: Struct, name: str, where: str, *, first: bool = False) -> bytes:
    """32 bytes; before the first block there may be none."""
    value = struct.get(name)
    if first and (value == b"" or not _present(value)):
        return b""
    return _hash_of(value, name, where)


def _hash_of(value: IonValue, name: str, where: str) -> bytes:
    if not isinstance(value, bytes) or len(value) != HASH_BYTES:
        raise Refused("QLDB_UNREADABLE", f"{name} of {where} is not a hash of 32 bytes.")
    return value
