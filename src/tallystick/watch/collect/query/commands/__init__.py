"""The commands behind the pipes: one registry, a module for each family."""

from collections.abc import Callable
from typing import Final

from tallystick.watch.collect.query.commands.charting import read_chart, read_timechart
from tallystick.watch.collect.query.commands.command import Body, Command
from tallystick.watch.collect.query.commands.computing import read_bin, read_eval, read_fillnull
from tallystick.watch.collect.query.commands.counting import (
    read_eventstats,
    read_stats,
    read_streamstats,
    read_tstats,
)
from tallystick.watch.collect.query.commands.extracting import (
    read_extract,
    read_makemv,
    read_mvexpand,
    read_parse,
    read_rex,
    read_spath,
)
from tallystick.watch.collect.query.commands.filtering import (
    read_regex_command,
    read_search_command,
    read_where,
)
from tallystick.watch.collect.query.commands.frequency import read_patterns, read_rare, read_top
from tallystick.watch.collect.query.commands.joining import read_lookup
from tallystick.watch.collect.query.commands.ordering import (
    read_dedup,
    read_head,
    read_reverse,
    read_sort,
    read_tail,
)
from tallystick.watch.collect.query.commands.shaping import read_fields, read_rename, read_table
from tallystick.watch.collect.query.commands.transacting import read_transaction
from tallystick.watch.collect.query.wording import bad, unknown

COMMANDS: Final[dict[str, Callable[[Body], Command]]] = {
    "bin": read_bin,
    "bucket": read_bin,
    "chart": read_chart,
    "dedup": read_dedup,
    "display": read_table,
    "eval": read_eval,
    "eventstats": read_eventstats,
    "extract": read_extract,
    "fields": read_fields,
    "fillnull": read_fillnull,
    "filter": read_where,
    "head": read_head,
    "kv": read_extract,
    "limit": read_head,
    "lookup": read_lookup,
    "makemv": read_makemv,
    "mvexpand": read_mvexpand,
    "parse": read_parse,
    "pattern": read_patterns,
    "patterns": read_patterns,
    "rare": read_rare,
    "regex": read_regex_command,
    "rename": read_rename,
    "reverse": read_reverse,
    "rex": read_rex,
    "search": read_search_command,
    "sort": read_sort,
    "spath": read_spath,
    "stats": read_stats,
    "streamstats": read_streamstats,
    "table": read_table,
    "tail": read_tail,
    "timechart": read_timechart,
    "top": read_top,
    "transaction": read_transaction,
    "tstats": read_tstats,
    "where": read_where,
}
"""What stands first behind a pipe, and what reads the rest."""
INSTEAD: Final = {
    "append": "one search reads all of them: (a) OR (b), then stats",
    "appendcols": "put all aggregates into one stats",
    "join": "stats ... by the common field joins lines, and lookup joins tables",
    "union": "one search reads all of them: (a) OR (b), then stats",
}
"""What to write in place of a command that is left out on purpose."""


def read_command(text: str, name: str, at: int, start: int, now_ns: int) -> Command:
    """The command of this name; its arguments begin at `start` and end with the text.

    Raises:
        Refused: `BAD_QUERY`.
    """
    reader = COMMANDS.get(name.lower())
    if reader is not None:
        return reader(Body(text, name.lower(), at, start, now_ns))
    if name.lower() in INSTEAD:
        raise bad(at, f"there is no command {name}; {INSTEAD[name.lower()]}")
    raise unknown(at, "command", name, COMMANDS)


__all__ = ["COMMANDS", "INSTEAD", "Body", "Command", "read_command"]
