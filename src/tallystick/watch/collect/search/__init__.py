"""Searching the log store: everything that people and programs ask of it goes through here."""

from tallystick.watch.collect.search.answers import (
    Around,
    Diff,
    Facets,
    Histogram,
    LogAnswer,
    Patterns,
    SkippedPart,
)
from tallystick.watch.collect.search.around import around
from tallystick.watch.collect.search.export import MEDIA_TYPES, Export, Format
from tallystick.watch.collect.search.found import Found
from tallystick.watch.collect.search.jobs import Asked, Job, Jobs
from tallystick.watch.collect.search.log_search import LogSearch, Question
from tallystick.watch.collect.search.patterns import diff, patterns
from tallystick.watch.collect.search.places import Places
from tallystick.watch.collect.search.saved import SavedSearch, SavedSearches
from tallystick.watch.collect.search.stopping import Stopper
from tallystick.watch.collect.search.tail import LogTail, LogTails
from tallystick.watch.collect.search.views import facets, histogram

__all__ = [
    "MEDIA_TYPES",
    "Around",
    "Asked",
    "Diff",
    "Export",
    "Facets",
    "Format",
    "Found",
    "Histogram",
    "Job",
    "Jobs",
    "LogAnswer",
    "LogSearch",
    "LogTail",
    "LogTails",
    "Patterns",
    "Places",
    "Question",
    "SavedSearch",
    "SavedSearches",
    "SkippedPart",
    "Stopper",
    "around",
    "diff",
    "facets",
    "histogram",
    "patterns",
]
