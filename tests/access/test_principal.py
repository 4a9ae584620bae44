"""What a principal may do is what its token says, and no more."""

from typing import get_args

import pytest

from tallystick.access import Principal, Scope
from tallystick.errors import Refused

SCOPES: tuple[Scope, ...] = get_args(Scope)


@pytest.mark.parametrize("held", SCOPES)
@pytest.mark.parametrize("wanted", SCOPES)
def test_one_scope_is_not_another(held: Scope, wanted: Scope) -> None:
    """A token that may do one thing may do nothing else, not even an operator's."""
    principal = Principal("alice", "acme", frozenset({held}))
    if held == wanted:
        principal.require(wanted)
        return
    with pytest.raises(Refused, match=rf"This token may not {wanted}\.") as caught:
        principal.require(wanted)
    assert caught.value.code == "FORBIDDEN"


def test_one_of_several_scopes_is_enough() -> None:
    """Whoever has any of them goes on; whoever has another is told which would do."""
    Principal("alice", "", frozenset({"audit"})).require_any("audit", "operate")
    Principal("bob", "house", frozenset({"operate", "read"})).require_any("audit", "operate")
    with pytest.raises(Refused, match=r"This token may not audit or operate\.") as caught:
        Principal("carol", "acme", frozenset({"read", "trade"})).require_any("audit", "operate")
    assert caught.value.code == "FORBIDDEN"


def test_an_account_is_its_owners() -> None:
    """Another account's orders are out of reach, with whatever scopes of one's own."""
    principal = Principal("alice", "acme", frozenset({"trade", "read"}))
    principal.require_account("acme")
    with pytest.raises(Refused, match="another account than 'demo'") as caught:
        principal.require_account("demo")
    assert caught.value.code == "FORBIDDEN"


def test_an_operator_reaches_every_account() -> None:
    """The scope `operate` goes beyond the token's own account."""
    Principal("bob", "house", frozenset({"operate"})).require_account("acme")


def test_an_index_is_for_those_that_list_it() -> None:
    """A token without a list may use any; an empty list is no index at all."""
    Principal("alice", "", frozenset({"ingest"})).require_index("anything")
    Principal("bob", "", frozenset(), frozenset({"web"})).require_index("web")
    for indexes in (frozenset({"web"}), frozenset[str]()):
        with pytest.raises(Refused, match="may not use the index 'main'") as caught:
            Principal("bob", "", frozenset(), indexes).require_index("main")
        assert caught.value.code == "FORBIDDEN"
