"""Whom an alert concerns: the tree of routes, and what keeps an alert quiet. Pure."""

from tallystick.watch.notify.routing.inhibition import Inhibition, Side
from tallystick.watch.notify.routing.matcher import Matcher, all_match, check_matcher, parse_matcher
from tallystick.watch.notify.routing.mute import Mute
from tallystick.watch.notify.routing.tree import Place, Route, Tree

__all__ = [
    "Inhibition",
    "Matcher",
    "Mute",
    "Place",
    "Route",
    "Side",
    "Tree",
    "all_match",
    "check_matcher",
    "parse_matcher",
]
