"""The archive's SQLite file: what was asked of it survives a kill at any moment."""

from importlib import resources
from pathlib import Path

from tallystick.sqlite_file import Row, SqliteFile, Value

_SCHEMAS = (resources.files(__package__) / "sql" / "archive.sql",)


class Database(SqliteFile):
    """Rows in, rows out; statements stand beside their use."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        super().__init__(path, "The archive's database", _SCHEMAS, {})

    def do(self, statement: str, **values: Value) -> int:
        """Run one statement, inside `writing` or by itself; how many rows it changed."""
        with self.reading():
            self._connection.execute(statement, values)
            return self._connection.changes()

    def rows(self, query: str, **values: Value) -> list[Row]:
        """The rows of a query."""
        with self.reading():
            return list(self._connection.execute(query, values))

    def fact(self, name: str) -> bytes | None:
        """What was kept under a name."""
        found = self.rows("SELECT value FROM facts WHERE name = :name", name=name)
        return bytes(found[0][0]) if found and isinstance(found[0][0], bytes) else None

    def keep(self, name: str, value: bytes) -> None:
        """Keep a value under a name."""
        self.do("INSERT OR REPLACE INTO facts VALUES (:name, :value)", name=name, value=value)
