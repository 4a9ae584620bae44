"""An incident with what only the engine needs to know of it."""

from tallystick.watch.notify.alert import Severity
from tallystick.watch.notify.incidents.incident import Incident


class Standing(Incident, frozen=True):
    """As it stands in the store, where its members have a table of their own.

    Of the alerts `fires` fire now, `audible` of them may be told (no silence, no inhibition);
    `total` came in all. `held` says why nobody is told at present (empty: they are). `spoke` is the
    alert that people were told of last, at `told_ns`, when it was `told_severity`. Further alerts
    are told at `news_ns` (0: there are none). What holds it is looked at again at `look_ns`.
    `failed` targets gave up. `changes_ns` are openings and resolutions of late, `flaps` that they
    are too many: then it ends at `quiet_ns`. `storm` is the number of the incident that speaks for
    this one (0: none); `sums` marks one that speaks for others, `fires` of which are open.
    `resolved_by` is the person who did (empty: its alerts ended).
    """

    fires: int = 0
    audible: int = 0
    total: int = 0
    held: str = ""
    spoke: str = ""
    told_ns: int = 0
    told_severity: Severity = "info"
    news_ns: int = 0
    look_ns: int = 0
    failed: tuple[str, ...] = ()
    changes_ns: tuple[int, ...] = ()
    flaps: bool = False
    quiet_ns: int = 0
    storm: int = 0
    sums: bool = False
    resolved_by: str = ""

    @property
    def due_ns(self) -> int:
        """When it must be looked at again, as far as it is known here; 0: never."""
        if self.state == "resolved":
            return 0
        times = [self.quiet_ns]
        if self.state == "acknowledged":
            times.append(self.acknowledged_until_ns)
        elif self.held:
            times.append(self.look_ns)
        elif self.fires:
            times += [self.step_ns, self.news_ns, self.repeat_ns]
            times.append(self.look_ns if self.audible < self.fires else 0)
        return min((each for each in times if each), default=0)
