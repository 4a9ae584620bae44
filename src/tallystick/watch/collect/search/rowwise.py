"""Which queries look at each line by itself, so that lines can be given out as they are found."""

from tallystick.watch.collect.query import Pipeline
from tallystick.watch.collect.query.commands.computing import Bin, Eval, FillNull
from tallystick.watch.collect.query.commands.extracting import Extract, MakeMv, Rex, Sed, Spath
from tallystick.watch.collect.query.commands.filtering import Regex, SearchAgain, Where
from tallystick.watch.collect.query.commands.joining import Lookup
from tallystick.watch.collect.query.commands.shaping import Drop, Keep, Rename

ROWWISE = (
    Drop, Eval, Extract, FillNull, Keep, Lookup, MakeMv, Regex, Rename, Rex, SearchAgain, Sed,
    Spath, Where,
)  # fmt: skip
"""Commands that make one line, or none, of one line."""


def is_rowwise(pipeline: Pipeline) -> bool:
    """Whether what becomes of a line depends on no other line."""
    return all(
        isinstance(command, ROWWISE)
        or (isinstance(command, Bin) and (command.span or command.width) is not None)
        for command in pipeline.commands
    )
