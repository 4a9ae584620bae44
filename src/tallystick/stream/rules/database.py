"""The file of the event rules, `rules.db`; SQL stands in sql/queries.sql."""

from importlib import resources
from pathlib import Path

from tallystick.sqlite_file import SqliteFile, named_queries

_SQL = resources.files(__package__) / "sql"
_SCHEMAS = (_SQL / "0001_rules.sql",)
_QUERIES = named_queries(_SQL / "queries.sql")


class Database(SqliteFile):
    """Open at `path`, and shared by all that keeps something of the rules."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "The file of the event rules", _SCHEMAS, _QUERIES)
