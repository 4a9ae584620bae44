"""The kinds of values that are looked for; another one is a file here and a line in `FINDERS`."""

from tallystick.watch.collect.redact.finder import Finder
from tallystick.watch.collect.redact.kinds.authorization import AUTHORIZATION
from tallystick.watch.collect.redact.kinds.aws import AWS_KEY_ID, AWS_SECRET
from tallystick.watch.collect.redact.kinds.cards import CARDS
from tallystick.watch.collect.redact.kinds.email import EMAIL
from tallystick.watch.collect.redact.kinds.iban import IBAN
from tallystick.watch.collect.redact.kinds.jwt import JWT
from tallystick.watch.collect.redact.kinds.own_tokens import OWN_TOKENS
from tallystick.watch.collect.redact.kinds.passwords import PASSWORDS
from tallystick.watch.collect.redact.kinds.private_keys import PRIVATE_KEYS
from tallystick.watch.collect.redact.kinds.urls import URLS
from tallystick.watch.collect.redact.kinds.us_ssn import US_SSN

FINDERS: dict[str, Finder] = {
    finder.kind: finder
    for finder in (
        PRIVATE_KEYS, JWT, OWN_TOKENS, AWS_KEY_ID, AWS_SECRET, AUTHORIZATION, URLS, PASSWORDS,
        CARDS, IBAN, US_SSN, EMAIL,
    )
}  # fmt: skip
"""By kind, in the order in which they look: of findings that overlap the first one counts."""

__all__ = ["FINDERS"]
