"""The query language: a search, then commands behind pipes, compiled to one SQL statement."""

from tallystick.watch.collect.query.aggregates import AGGREGATES
from tallystick.watch.collect.query.commands import COMMANDS
from tallystick.watch.collect.query.fields import ALIASES, reading, value_in
from tallystick.watch.collect.query.functions import FUNCTIONS
from tallystick.watch.collect.query.json_columns import JsonColumns
from tallystick.watch.collect.query.lookups import CsvLookups, Lookups, LookupTable, NoLookups
from tallystick.watch.collect.query.members import places, pointer
from tallystick.watch.collect.query.normalising import normalised
from tallystick.watch.collect.query.pipeline import Pipeline, parse
from tallystick.watch.collect.query.plan import Plan, compile_query
from tallystick.watch.collect.query.predicate import predicate
from tallystick.watch.collect.query.search import Search
from tallystick.watch.collect.query.shown import event_line, plain, table_rows
from tallystick.watch.collect.query.sql import compile_sql
from tallystick.watch.collect.query.times import parse_time

__all__ = [
    "AGGREGATES",
    "ALIASES",
    "COMMANDS",
    "FUNCTIONS",
    "CsvLookups",
    "JsonColumns",
    "LookupTable",
    "Lookups",
    "NoLookups",
    "Pipeline",
    "Plan",
    "Search",
    "compile_query",
    "compile_sql",
    "event_line",
    "normalised",
    "parse",
    "parse_time",
    "places",
    "plain",
    "pointer",
    "predicate",
    "reading",
    "table_rows",
    "value_in",
]
