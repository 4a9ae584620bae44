"""Bearer tokens: only hashes are kept, and whoever shows none that is known is nobody."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tallystick.access import TOKEN_PREFIX, Principal, Tokens
from tallystick.access.tokens import token_id
from tallystick.clock import ManualClock
from tallystick.errors import Misconfigured, Refused


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the tokens are kept."""
    return tmp_path / "tokens.json"


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    """One token is known."""
    tokens = Tokens(tmp_path_factory.mktemp("tokens") / "tokens.json")
    tokens.issue("alice", "acme", ("trade", "read"))
    return tokens


def id_of(token: str) -> str:
    """What logs and lists call a token."""
    return sha256(token.encode()).hexdigest()[:12]


def refusal(tokens: Tokens, header: str | None) -> Refused:
    """How the header is refused."""
    with pytest.raises(Refused) as caught:
        tokens.principal(header)
    assert caught.value.code == "UNAUTHENTICATED"
    return caught.value


def test_a_token_says_who_is_asking(path: Path) -> None:
    """Each belongs to its account and has its scopes."""
    tokens = Tokens(path)
    trader = tokens.issue("alice", "acme", ("trade", "read"))
    operator = tokens.issue("bob", "house", ("operate",))
    assert tokens.principal(f"Bearer {trader}") == Principal(
        "alice", "acme", frozenset({"trade", "read"}), key=id_of(trader)
    )
    assert tokens.principal(f"Bearer {operator}").scopes == {"operate"}


def test_tokens_are_long_recognisable_and_never_the_same(path: Path) -> None:
    """192 random bits behind a prefix that a leak scanner finds."""
    tokens = Tokens(path)
    issued = {tokens.issue("a", "a", ()) for _ in range(20)}
    assert len(issued) == 20
    assert all(token.startswith(f"{TOKEN_PREFIX}_") and len(token) == 38 for token in issued)


def test_no_token_stands_on_disk(path: Path) -> None:
    """Its SHA-256 does; the file is its owner's alone, and nothing is left beside it."""
    tokens = Tokens(path)
    issued = [tokens.issue("alice", "acme", ("trade",)) for _ in range(3)]
    text = path.read_text()
    assert not any(token in text or token.partition("_")[2] in text for token in issued)
    hashes = [sha256(token.encode()).hexdigest() for token in issued]
    assert [record["sha256"] for record in json.loads(text)] == hashes
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_hash_is_no_token(path: Path) -> None:
    """Whoever reads the file cannot act by it."""
    tokens = Tokens(path)
    tokens.issue("alice", "acme", ("trade",))
    refusal(tokens, f"Bearer {json.loads(path.read_text())[0]['sha256']}")


def test_tokens_outlive_the_process(path: Path) -> None:
    """Loaded again they are known, and new ones join them."""
    first = Tokens(path).issue("alice", "acme", ("trade",))
    again = Tokens(path)
    second = again.issue("bob", "house", ("operate",))
    loaded = Tokens(path)
    assert loaded.principal(f"Bearer {first}") == Principal(
        "alice", "acme", frozenset({"trade"}), key=id_of(first)
    )
    assert loaded.principal(f"Bearer {second}").name == "bob"
    assert (loaded.knows(first), loaded.knows(second), loaded.knows("tally_x")) == (
        True,
        True,
        False,
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"\xff",
        b'[{"sha256": 1}]',
        b'[{"sha256":"","name":"","account":"","scopes":["all"]}]',
    ],
)
def test_a_damaged_file_is_refused_at_start(path: Path, content: bytes) -> None:
    """It is named, and left as it is."""
    path.write_bytes(content)
    with pytest.raises(Misconfigured, match=r"tokens\.json does not hold tokens"):
        Tokens(path)
    assert path.read_bytes() == content


def test_the_scheme_is_written_in_any_case(path: Path) -> None:
    """RFC 9110 section 11.1; spaces around the token do no harm."""
    tokens = Tokens(path)
    token = tokens.issue("alice", "acme", ())
    for header in (f"Bearer {token}", f"bearer {token}", f"BEARER   {token} "):
        assert tokens.principal(header).name == "alice"


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer\ttally_x", "tally_x"]
)
def test_without_a_token_it_is_said_how(tokens: Tokens, header: str | None) -> None:
    """The sentence shows the form of the header."""
    assert str(refusal(tokens, header)) == "Send your token: Authorization: Bearer <token>."


def test_an_unknown_token_is_not_repeated(tokens: Tokens) -> None:
    """It may be a secret of somewhere else."""
    assert "tally_of_yesterday" not in str(refusal(tokens, "Bearer tally_of_yesterday"))


@given(header=st.text() | st.text().map(lambda text: f"Bearer {text}"))
@example(header="Bearer \ud800")  # a lone surrogate: no UTF-8 spells it
def test_whatever_the_header_holds_it_is_unauthenticated(tokens: Tokens, header: str) -> None:
    """Nothing that is no known token gets past, and nothing else is raised."""
    refusal(tokens, header)


@given(length=st.integers(1, 100_000))
def test_an_endless_token_is_not_even_hashed(tokens: Tokens, length: int) -> None:
    """Long or short, an unknown token is refused."""
    refusal(tokens, "Bearer " + "a" * length)


def test_a_revoked_token_is_nobodys(path: Path) -> None:
    """By its id, or by itself; the others stay, and the file forgets it."""
    tokens = Tokens(path)
    first, second, third = (tokens.issue(name, "a", ("read",)) for name in "xyz")
    assert tokens.principal(f"Bearer {first}").name == "x"

    assert tokens.revoke(token_id(first)).name == "x"
    assert tokens.revoke(second).name == "y"
    for gone in (first, second):
        refusal(tokens, f"Bearer {gone}")
    assert [record.name for record in Tokens(path).records()] == ["z"]
    assert tokens.principal(f"Bearer {third}").name == "z"


@pytest.mark.parametrize("named", ["", "x", "0" * 12, "tally_unknown"])
def test_only_a_known_token_can_be_revoked(path: Path, named: str) -> None:
    """Whatever else is named is refused, and nothing changes."""
    tokens = Tokens(path)
    token = tokens.issue("alice", "a", ())
    with pytest.raises(Refused) as caught:
        tokens.revoke(named)
    assert caught.value.code == "UNKNOWN_TOKEN"
    assert tokens.knows(token)


def test_a_running_server_notices_the_changed_file(path: Path) -> None:
    """What another process issues is known at once, what it revokes is not, even if used before."""
    server = Tokens(path)
    other = Tokens(path)
    token = other.issue("alice", "acme", ("audit",))
    header = f"Bearer {token}"
    assert server.principal(header).scopes == {"audit"}
    other.revoke(token)
    refusal(server, header)
    assert server.records() == []


def test_with_a_clock_the_file_is_looked_at_now_and_then(path: Path) -> None:
    """A new token is known at once; a revoked one, used a moment ago, a tenth of a second later."""
    clock = ManualClock()
    server, other = Tokens(path, clock), Tokens(path)
    token = other.issue("alice", "acme", ())
    header = f"Bearer {token}"
    assert server.principal(header).name == "alice"
    assert server.principal(header).name == "alice"
    other.revoke(token)
    clock.advance(0.05)
    assert server.principal(header).name == "alice"
    clock.advance(0.06)
    refusal(server, header)


def test_a_removed_file_leaves_nobody(path: Path) -> None:
    """As after a start without it."""
    tokens = Tokens(path)
    header = f"Bearer {tokens.issue('alice', 'acme', ())}"
    path.unlink()
    refusal(tokens, header)


def test_a_file_damaged_later_lets_nobody_in_until_it_is_mended(path: Path) -> None:
    """Somebody may have meant to revoke: what was known before does not count."""
    tokens = Tokens(path)
    header = f"Bearer {tokens.issue('alice', 'acme', ())}"
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    for _ in range(2):
        with pytest.raises(Misconfigured, match="does not hold tokens"):
            tokens.principal(header)
    path.write_bytes(whole)
    assert tokens.principal(header).name == "alice"


def test_nobody_loses_a_token_to_another_process(path: Path) -> None:
    """Two that issue at once, each from a file it read before, keep both."""
    with ThreadPoolExecutor(4) as threads:
        many = [Tokens(path) for _ in range(4)]
        issued = list(threads.map(lambda n: many[n % 4].issue(str(n), "a", ()), range(40)))
    loaded = Tokens(path)
    assert all(loaded.knows(token) for token in issued)
    assert len(loaded.records()) == len(issued)


def test_a_file_of_before_stays_readable(path: Path) -> None:
    """Without the members that came later; and a token without them is written as before."""
    hashed = sha256(b"tally_x").hexdigest()
    old = f'[{{"sha256":"{hashed}","name":"alice","account":"acme","scopes":["trade"]}}]'
    path.write_text(old)
    tokens = Tokens(path)
    assert tokens.principal("Bearer tally_x") == Principal(
        "alice", "acme", frozenset({"trade"}), key=id_of("tally_x")
    )
    tokens.issue("bob", "", ("audit",))
    assert json.loads(path.read_text())[0] == json.loads(old)[0]


def test_a_token_may_be_for_some_indexes_alone(path: Path) -> None:
    """In the order in which they were named: the first is that of lines that name none."""
    tokens = Tokens(path)
    token = tokens.issue("web", "", ("ingest",), ("web", "main"))
    record = Tokens(path).find(token)
    assert record is not None
    assert record.indexes == ("web", "main")
    assert tokens.principal(f"Bearer {token}").indexes == frozenset({"web", "main"})


def test_a_disabled_token_is_nobodys_until_it_is_enabled(path: Path) -> None:
    """It stays in the list, and is told why; by its id or by itself."""
    clock = ManualClock()
    tokens, server = Tokens(path), Tokens(path, clock)
    token = tokens.issue("web", "", ("ingest",))
    assert server.principal(f"Bearer {token}").name == "web"
    assert tokens.switch(token_id(token), disabled=True).disabled
    clock.advance(0.2)
    assert str(refusal(server, f"Bearer {token}")) == "This token is disabled."
    assert (server.knows(token), [record.disabled for record in server.records()]) == (
        False,
        [True],
    )
    found = server.find(token)
    assert found is not None
    assert found.disabled
    assert not tokens.switch(token, disabled=False).disabled
    assert server.principal(f"Bearer {token}").name == "web"
    with pytest.raises(Refused, match="no such token"):
        tokens.switch("tally_other", disabled=True)


def test_what_is_kept_of_a_token_is_found_by_the_token_alone(path: Path) -> None:
    """Issued a moment ago by another process, or revoked: as the file says it."""
    clock = ManualClock()
    other, server = Tokens(path), Tokens(path, clock)
    token = other.issue("web", "", ("ingest",))
    found = server.find(token)
    assert found is not None
    assert found.principal == Principal("web", "", frozenset({"ingest"}), key=found.id)
    assert (server.find(found.sha256), server.find(found.id), server.find("")) == (None, None, None)
    other.revoke(token)
    clock.advance(0.2)
    assert server.find(token) is None
    assert Tokens(path).find(token) is None
