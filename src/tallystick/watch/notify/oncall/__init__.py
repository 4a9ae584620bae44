"""On call: schedules of people in turns, their calendars and overrides, and who has the duty."""

from tallystick.watch.notify.oncall.calendar_writing import CALENDAR_MEDIA_TYPE
from tallystick.watch.notify.oncall.duty import Gap, Shift, gaps, on_call, shifts
from tallystick.watch.notify.oncall.following import CalendarFollower, calendar_urls
from tallystick.watch.notify.oncall.overrides import NewOverride, Override
from tallystick.watch.notify.oncall.roster import OnCall
from tallystick.watch.notify.oncall.schedule import Schedule, ScheduleText, read_schedule

__all__ = [
    "CALENDAR_MEDIA_TYPE",
    "CalendarFollower",
    "Gap",
    "NewOverride",
    "OnCall",
    "Override",
    "Schedule",
    "ScheduleText",
    "Shift",
    "calendar_urls",
    "gaps",
    "on_call",
    "read_schedule",
    "shifts",
]
