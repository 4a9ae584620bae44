"""How a channel reads its options, and where secrets may stand."""

import msgspec
import pytest

from tallystick.errors import Misconfigured
from tallystick.watch.notify.channel import Secret, options_of, text_of


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An example."""

    url: str | Secret
    key: Secret
    size: int = 1


def known(name: str) -> str:
    """Two secrets, one of them empty."""
    return {"env:KEY": "value\n", "file:/run/key": "other", "env:EMPTY": " "}[name]


def test_a_secret_is_named_not_written() -> None:
    """Of the environment or of a file, without the line break at its end."""
    options = options_of({"type": "x", "url": "u", "key": {"env": "KEY"}}, Options)

    assert options.key.read(known) == "value"
    assert Secret(file="/run/key").read(known) == "other"
    assert text_of(options.url, known) == "u"
    assert text_of(Secret(env="KEY"), known) == "value"
    assert "value" not in repr(options)


@pytest.mark.parametrize("secret", [Secret(), Secret(env="KEY", file="/run/key")])
def test_a_secret_has_one_place(secret: Secret) -> None:
    """Neither none nor two."""
    with pytest.raises(Misconfigured, match="either"):
        secret.read(known)


def test_an_empty_secret_is_said() -> None:
    """By its name."""
    with pytest.raises(Misconfigured, match="The secret env:EMPTY is empty"):
        Secret(env="EMPTY").read(known)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"url": "u"}, "key"),
        ({"url": "u", "key": {"env": "KEY"}, "seize": 2}, "seize"),
        ({"url": "u", "key": {"env": "KEY"}, "size": "2"}, r"size"),
        ({"url": "u", "key": {"vault": "KEY"}}, "vault"),
        ({"url": "u", "key": "plain"}, "key is a secret and does not stand in the file"),
    ],
)
def test_wrong_options_are_said(options: dict[str, object], sentence: str) -> None:
    """Which one, and in a sentence."""
    with pytest.raises(Misconfigured, match=rf"{sentence}.*\.$") as caught:
        options_of(options, Options)
    assert "plain" not in str(caught.value)
