"""Block 100 of a ledger that QLDB kept, as AWS published it with `aws qldb get-block`.

It is what ties the rules to QLDB itself: nothing in it was computed by us. Source: awscli/examples
of github.com/aws/aws-cli, get-block.rst, get-revision.rst, and get-digest of the same ledger.
"""

import json
from base64 import b64decode, b64encode
from io import BytesIO
from typing import Any

import pytest

from tallystick.errors import Refused
from tallystick.ledger.qldb.block import Block, parse_block
from tallystick.ledger.qldb.check import check_block
from tallystick.ledger.qldb.hashes import dot
from tallystick.ledger.qldb.ion import has_ion, read_ion
from tallystick.ledger.qldb.json_lines import read_json_lines

ADDRESS = {"strandId": "KmA3ZZca7vAIiJAK9S5Iwl", "sequenceNo": 100}
BLOCK: dict[str, Any] = {
    "blockAddress": ADDRESS,
    "transactionId": "FnQeJBAicTX0Ah32ZnVtSX",
    "blockTimestamp": "2019-09-16T19:37:05.360Z",
    "blockHash": "NoChM92yKRuJAb/jeLd1VnYn4DHiWIf071ACfic9uHc=",
    "entriesHash": "l05LOsiKV14SDbuaYnH7uwXzUvqzIwUiRLXGbTyj/nY=",
    "previousBlockHash": "7kewBXhpdbClcZKxhVmpoMHpUGOJtWQD0iY2LPfZkYA=",
    "entriesHashList": [
        "eRSwnmAM7WWANWDd5iGOyK+T4tDXyzUq6HZ/0fgLHos=",
        "mHVex/yjHAWjFPpwhBuH2GKXmKJjK2FBa9faqoUVNtg=",
        "y5cCBr7pOAIUfsVQ1j0TqtE97b4b4oo1R0vnYyE5wWM=",
        "TvTXygML1bMe6NvEZtGkX+KR+W/EJl4qD1mmV77KZQg=",
    ],
    "transactionInfo": {
        "statements": [
            {
                "statement": "FROM VehicleRegistration AS r \nWHERE r.VIN = '1N4AL11D75C109151'\n"
                "INSERT INTO r.Owners.SecondaryOwners\n"
                "    VALUE { 'PersonId' : 'CMVdR77XP8zAglmmFDGTvt' }",
                "startTime": "2019-09-16T19:37:05.302Z",
                "statementDigest": "jcgPX2vsOJ0waum4qmDYtn1pCAT9xKNIzA+2k4R+mxA=",
            }
        ],
        "documents": {
            "JUJgkIcNbhS2goq8RqLuZ4": {
                "tableName": "VehicleRegistration",
                "tableId": "BFJKdXgzt9oF4wjMbuxy4G",
                "statements": [0],
            }
        },
    },
    "revisions": [
        {
            "blockAddress": ADDRESS,
            "hash": "mHVex/yjHAWjFPpwhBuH2GKXmKJjK2FBa9faqoUVNtg=",
            "data": {
                "VIN": "1N4AL11D75C109151",
                "LicensePlateNumber": "LEWISR261LL",
                "State": "WA",
                "PendingPenaltyTicketAmount": 90.25,
                "ValidFromDate": "2017-08-21",
                "ValidToDate": "2020-05-11",
                "Owners": {
                    "PrimaryOwner": {"PersonId": "BFJKdXhnLRT27sXBnojNGW"},
                    "SecondaryOwners": [{"PersonId": "CMVdR77XP8zAglmmFDGTvt"}],
                },
                "City": "Everett",
            },
            "metadata": {
                "id": "JUJgkIcNbhS2goq8RqLuZ4",
                "version": 3,
                "txTime": "2019-09-16T19:37:05.344Z",
                "txId": "FnQeJBAicTX0Ah32ZnVtSX",
            },
        }
    ],
}
PROOF = (
    "l3+EXs69K1+rehlqyWLkt+oHDlw4Zi9pCLW/t/mgTPM=",
    "48CXG3ehPqsxCYd34EEa8Fso0ORpWWAO8010RJKf3Do=",
    "9UnwnKSQT0i3ge1JMVa+tMIqCEDaOPTkWxmyHSn8UPQ=",
    "3nW6Vryghk+7pd6wFCtLufgPM6qXHyTNeCb1sCwcDaI=",
    "Irb5fNhBrNEQ1VPhzlnGT/ZQPadSmgfdtMYcwkNOxoI=",
    "+3CWpYG/ytf/vq9GidpzSx6JJiLXt1hMQWNnqOy3jfY=",
    "NPx6cRhwsiy5m9UEWS5JTJrZoUdO2jBOAAOmyZAT+qE=",
)
"""From block 100 to the digest at block 123: seven steps, as in a tree of 124 block hashes."""
DIGEST = "6m6BMXobbJKpMhahwVthAEsN6awgnHK62Qq5McGP1Gk="


def from_json(block: dict[str, Any]) -> Block:
    """The block as a JSON export would hold it."""
    return parse_block(next(read_json_lines(BytesIO(json.dumps(block).encode()))))


def ion_text() -> str:
    """The block as QLDB wrote it: hashes in double braces, timestamps bare."""
    text = json.dumps(BLOCK)
    hashes = [BLOCK[name] for name in ("blockHash", "entriesHash", "previousBlockHash")]
    info = BLOCK["transactionInfo"]["statements"][0]
    for each in {*hashes, *BLOCK["entriesHashList"], info["statementDigest"]}:
        text = text.replace(f'"{each}"', "{{" + each + "}}")
    revision = BLOCK["revisions"][0]
    dates = [revision["data"]["ValidFromDate"], revision["data"]["ValidToDate"]]
    for each in (
        *dates,
        BLOCK["blockTimestamp"],
        info["startTime"],
        revision["metadata"]["txTime"],
    ):
        text = text.replace(f'"{each}"', each)
    return text


def test_it_holds_in_json() -> None:
    """Every hash of the real block is computed again, its dates found to be timestamps."""
    checked = check_block(from_json(BLOCK), typed=False)

    assert checked.unproved == ()
    assert [each.proved for each in checked.revisions] == [True]


def test_it_holds_in_ion() -> None:
    """The same from Ion text, where the types are known."""
    if not has_ion():
        pytest.skip("amazon.ion is not installed: pip install 'tallystick[qldb]'")
    block = parse_block(next(read_ion(BytesIO(ion_text().encode()))))

    assert check_block(block, typed=True).unproved == ()


def test_its_proof_leads_to_the_digest() -> None:
    """QLDB's own proof from the block's hash, step by step, is the digest that QLDB gave."""
    reached = b64decode(BLOCK["blockHash"])
    for each in PROOF:
        reached = dot(reached, b64decode(each))

    assert b64encode(reached).decode() == DIGEST


def test_a_changed_document_is_not_proved() -> None:
    """One letter of the real document changed: no reading of it hashes to its revision hash."""
    spoiled = json.loads(json.dumps(BLOCK).replace("Everett", "Everitt"))

    checked = check_block(from_json(spoiled), typed=False)

    assert [each.proved for each in checked.revisions] == [False]
    assert "document JUJgkIcNbhS2goq8RqLuZ4" in checked.unproved[0]


def test_a_changed_hash_is_a_contradiction() -> None:
    """The same with the predecessor's hash: the block hash does not follow any more."""
    with pytest.raises(Refused, match="block 100: blockHash does not follow"):
        check_block(from_json(BLOCK | {"previousBlockHash": DIGEST}), typed=False)
