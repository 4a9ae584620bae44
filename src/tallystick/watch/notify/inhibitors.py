"""Inhibition in the store: which alerts that fire can keep others quiet."""

from collections.abc import Iterable, Mapping

from tallystick.sqlite_file import SqliteFile
from tallystick.watch.notify.alert import Alert, matched_labels
from tallystick.watch.notify.routing import Inhibition


class Inhibitors:
    """Of one file; each method is called inside its `reading` or `writing`."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def add(self, alert: Alert, rules: Iterable[Inhibition]) -> bool:
        """It fires; whether it can keep others quiet."""
        labels = matched_labels(alert)
        found = False
        for rule in rules:
            side = rule.as_source(labels)
            if side is not None:
                found = True
                self._file.run(
                    "add_inhibitor",
                    shared=side.shared,
                    fingerprint=alert.fingerprint,
                    alert=alert.id,
                    both=int(side.both),
                )
        return found

    def remove(self, fingerprint: str) -> bool:
        """It no longer fires; whether it could keep others quiet."""
        return self._file.one("forget_inhibitor", fingerprint=fingerprint) is not None

    def clear(self) -> None:
        """Forget all: the rules may be others now."""
        self._file.run("forget_inhibitors")

    def of(
        self, fingerprint: str, labels: Mapping[str, str], rules: Iterable[Inhibition]
    ) -> str | None:
        """The id of an alert that keeps one with these labels quiet."""
        for rule in rules:
            side = rule.as_target(labels)
            if side is None:
                continue
            row = self._file.one(
                "find_inhibitor",
                shared=side.shared,
                fingerprint=fingerprint,
                both_max=0 if side.both else 1,
            )
            if row is not None:
                return str(row[0])
        return None
