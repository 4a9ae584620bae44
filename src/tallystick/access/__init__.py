"""Who may: bearer tokens and their scopes."""

from tallystick.access.principal import Principal, Scope
from tallystick.access.tokens import TOKEN_PREFIX, Tokens

__all__ = ["TOKEN_PREFIX", "Principal", "Scope", "Tokens"]
