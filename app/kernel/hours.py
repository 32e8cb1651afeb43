"""Opening hours in Shanghai: days of the week, and from when to when on each of them."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from app.kernel import clock
from app.kernel.errors import Text, gettext_noop

WHOLE_DAY = 24 * 60
WEEKDAYS: Mapping[int, Text] = {
    1: gettext_noop("周一"),
    2: gettext_noop("周二"),
    3: gettext_noop("周三"),
    4: gettext_noop("周四"),
    5: gettext_noop("周五"),
    6: gettext_noop("周六"),
    7: gettext_noop("周日"),
}
EVERY_DAY = frozenset(WEEKDAYS)


def hour(minutes: int) -> str:
    """09:30; the end of a day is 24:00."""
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """Open from `opens` until before `closes`, in minutes since midnight, on these days; Monday is 1."""

    days: Set[int] = field(default=EVERY_DAY)
    opens: int = 0
    closes: int = WHOLE_DAY

    @property
    def always(self) -> bool:
        return self.days == EVERY_DAY and self.opens == 0 and self.closes == WHOLE_DAY

    def has(self, at: datetime) -> bool:
        local = at.astimezone(clock.BUSINESS_ZONE)
        return local.isoweekday() in self.days and self.opens <= local.hour * 60 + local.minute < self.closes

    def next_opening(self, at: datetime) -> datetime:
        """The first moment from `at` on at which it is open."""
        if self.has(at):
            return at
        assert self.days, "open on no day"
        today = at.astimezone(clock.BUSINESS_ZONE).date()
        days = (today + timedelta(days=ahead) for ahead in range(8))
        starts = (
            datetime.combine(day, time(*divmod(self.opens, 60)), clock.BUSINESS_ZONE)
            for day in days
            if day.isoweekday() in self.days
        )
        return next(start for start in starts if start >= at).astimezone(at.tzinfo)
