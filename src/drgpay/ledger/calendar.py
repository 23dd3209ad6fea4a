"""Working days in China, by dated files of one year each, and deadlines counted in them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from drgpay.ground.errors import Bilingual, InputError, both, fault_at, unknown_choice
from drgpay.ground.inputs import read_toml
from drgpay.ground.reference import reference_dir

ONE_DAY = dt.timedelta(days=1)
SATURDAY = 5
KEYS = ("year", "source", "source_zh", "verified", "days_off", "days_worked")
OPTIONAL = ("source_zh",)
ASSUMED = "assumed:"
# the farthest that days are counted in one go: a figure beyond it is a slip
MOST_DAYS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class YearDays:
    """The days of a year on which people work otherwise than by the week.

    `days_off` are not worked though they may be Monday to Friday, `days_worked` are Saturdays and
    Sundays that are. `source` is the notice's number; a year without one seen is not `verified`.
    """

    year: int
    source: Bilingual
    verified: bool
    days_off: frozenset[dt.date]
    days_worked: frozenset[dt.date]
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """A last day: `day` after what a day off does to it, `nominal` as the text counts it.

    `unverified`: the years, of those that were looked at, whose notice was not seen.
    """

    day: dt.date
    nominal: dt.date
    unverified: tuple[int, ...] = ()

    @property
    def notes(self) -> tuple[Bilingual, ...]:
        """What the reader of the date must know."""
        return tuple(_told(year) for year in self.unverified)


@dataclass(frozen=True)
class Calendar:
    """The working days of some years."""

    years: Mapping[int, YearDays]

    def working_day(self, day: dt.date) -> bool:
        """Return whether a day is worked; InputError outside the years that there are files of.

        >>> calendar = load_calendar()
        >>> calendar.working_day(dt.date(2025, 1, 26)), calendar.working_day(dt.date(2025, 10, 8))
        (True, False)
        """
        year = self._of(day)
        if day in year.days_worked:
            return True
        return day.weekday() < SATURDAY and day not in year.days_off

    def add_working_days(self, day: dt.date, count: int) -> dt.date:
        """Return the working day that is `count` (0 to 400) working days after a day.

        The day itself is not counted, whether it is worked or not; 0 gives the day, or the first
        worked one after it.

        >>> load_calendar().add_working_days(dt.date(2025, 9, 30), 3)
        datetime.date(2025, 10, 11)
        """
        if not 0 <= count <= MOST_DAYS:
            raise InputError(
                both(
                    f"工作日天数应为 0 至 {MOST_DAYS}，而不是 {count}",
                    f"working days must be 0 to {MOST_DAYS}, not {count}",
                ),
                remedy=both("核对天数", "check the number of days"),
            )
        found = day
        for _ in range(count):
            found = self._next(found, ONE_DAY)
        return found if self.working_day(found) else self._next(found, ONE_DAY)

    def deadline(self, nominal: dt.date, rule: str) -> Deadline:
        """Return the last day for a date of a text, by what a day off does to it.

        `rule` is a choice of the parameter deadline.weekend: `same_day`, `next_working_day` or
        `previous_working_day`. Raises PolicyError for another one.

        >>> load_calendar().deadline(dt.date(2026, 1, 31), "previous_working_day").day
        datetime.date(2026, 1, 30)
        """
        if rule == "same_day":
            return Deadline(day=nominal, nominal=nominal)
        if rule not in ("next_working_day", "previous_working_day"):
            raise unknown_choice("deadline.weekend", rule)
        day = nominal
        if not self.working_day(day):
            day = self._next(day, ONE_DAY if rule == "next_working_day" else -ONE_DAY)
        return Deadline(day=day, nominal=nominal, unverified=self.unverified(nominal, day))

    def counted(self, day: dt.date, count: int) -> Deadline:
        """Return the last day of a time of `count` working days after a day."""
        last = self.add_working_days(day, count)
        return Deadline(day=last, nominal=last, unverified=self.unverified(day, last))

    def between(self, first: dt.date, last: dt.date) -> int:
        """Return how many working days come after `first` up to `last`, negative where it is past.

        >>> load_calendar().between(dt.date(2025, 9, 30), dt.date(2025, 10, 11))
        3
        """
        early, late = sorted((first, last))
        days = (early + n * ONE_DAY for n in range(1, (late - early).days + 1))
        count = sum(map(self.working_day, days))
        return count if first <= last else -count

    def unverified(self, first: dt.date, last: dt.date) -> tuple[int, ...]:
        """Return the years from one day to another whose notice was not seen."""
        low, high = sorted((first.year, last.year))
        known = (self.years.get(year) for year in range(low, high + 1))
        return tuple(year.year for year in known if year and not year.verified)

    def _next(self, day: dt.date, step: dt.timedelta) -> dt.date:
        day += step
        while not self.working_day(day):
            day += step
        return day

    def _of(self, day: dt.date) -> YearDays:
        found = self.years.get(day.year)
        if found is None:
            known = ", ".join(map(str, sorted(self.years)))
            raise InputError(
                both(
                    f"没有 {day.year} 年的日历，不知 {day} 是否工作日",
                    f"there is no calendar of {day.year}: whether {day} is a working day is unknown",
                ),
                remedy=both(
                    f"已有的年份：{known}；按当年放假安排的通知写一个 {day.year}.toml 放入日历文件夹"
                    "（格式见 docs/formats.md），或核对日期",
                    f"years at hand: {known}; write {day.year}.toml by the notice of that year into a "
                    "folder of calendars (docs/formats.md), or check the date",
                ),
            )
        return found


def _told(year: int) -> Bilingual:
    """Return that a year's days are not those of a notice."""
    return both(
        f"{year} 年的放假安排未经核实（未见通知），按工作日算出的日期可能有变",
        f"the days off of {year} are not verified (its notice was not seen): dates counted in "
        "working days may change",
    )


def load_calendar(*folders: Path) -> Calendar:
    """Return the bundled years, those of further folders over them, the last folder first.

    Raises InputError with all faults of a file.
    """
    years = dict(_bundled())
    for folder in folders:
        years |= _years(folder)
    return Calendar(MappingProxyType(years))


@cache
def _bundled() -> Mapping[int, YearDays]:
    return _years(reference_dir() / "calendars")


def _years(folder: Path) -> Mapping[int, YearDays]:
    read = map(_read, sorted(folder.glob("*.toml")))
    return {year.year: year for year in read}


def _read(path: Path) -> YearDays:
    """Return a file of a year; InputError says all that is wrong with it."""
    data = read_toml(path)
    faults = list(_shape_faults(path, data))
    if not faults:
        faults = list(_day_faults(path, data))
    if faults:
        raise InputError(
            both("日历文件不能使用", "the calendar cannot be used"),
            where=path,
            faults=faults,
            remedy=both("格式见 docs/formats.md", "docs/formats.md has the format"),
        )
    return YearDays(
        year=data["year"],
        source=both(data.get("source_zh", data["source"]), data["source"]),
        verified=data["verified"],
        days_off=frozenset(data["days_off"]),
        days_worked=frozenset(data["days_worked"]),
        path=path,
    )


def _shape_faults(path: Path, data: Mapping[str, Any]) -> Sequence[Bilingual]:
    """Return what is wrong with the keys of a file and the kinds of their values."""
    faults = [
        fault_at(path, f"不认识的键“{key}”", f"unknown key {key!r}")
        for key in data.keys() - {*KEYS}
    ]
    wanted: dict[str, tuple[type, str, str]] = {
        "year": (int, "整数的年份", "a year"),
        "source": (str, "通知的文号", "the notice's number"),
        "source_zh": (str, "文字", "a text"),
        "verified": (bool, "true 或 false", "true or false"),
        "days_off": (list, "日期的列表", "a list of dates"),
        "days_worked": (list, "日期的列表", "a list of dates"),
    }
    for key, (kind, chinese, english) in wanted.items():
        value = data.get(key)
        if value is None and key in OPTIONAL:
            continue
        wrong = type(value) is not kind or value == ""
        if kind is list and not wrong:
            wrong = not all(type(day) is dt.date for day in data[key])
        if wrong:
            faults.append(
                fault_at(path, f"“{key}”应是{chinese}", f"{key!r} must be {english}"),
            )
    return faults


def _day_faults(path: Path, data: Mapping[str, Any]) -> Sequence[Bilingual]:
    """Return what is wrong with the days of a file, and with what it says of its source."""
    year, off, worked = data["year"], data["days_off"], data["days_worked"]
    faults = []
    if path.stem != str(year):
        faults.append(
            fault_at(
                path, f"文件名应为 {year}.toml", f"the file of {year} must be called {year}.toml"
            )
        )
    if data["verified"] == data["source"].startswith(ASSUMED):
        faults.append(
            fault_at(
                path,
                f"verified 与 source 不符：核实过的写文号，没有核实的以“{ASSUMED}”开头",
                f"verified and source do not agree: a source begins with {ASSUMED!r} where it is not "
                "verified, and there alone",
            )
        )
    for key, days in (("days_off", off), ("days_worked", worked)):
        for day in days:
            if day.year != year:
                faults.append(_day_fault(path, key, day, f"不在 {year} 年", f"is not in {year}"))
            if days.count(day) > 1:
                faults.append(_day_fault(path, key, day, "重复", "stands twice"))
    for day in worked:
        if day.weekday() < SATURDAY:
            what = (
                "不是星期六、星期日，本来就上班",
                "is no Saturday or Sunday: it is worked anyway",
            )
            faults.append(_day_fault(path, "days_worked", day, *what))
        if day in off:
            what = ("同时是放假日", "is a day off as well")
            faults.append(_day_fault(path, "days_worked", day, *what))
    return list(dict.fromkeys(faults))


def _day_fault(path: Path, key: str, day: dt.date, chinese: str, english: str) -> Bilingual:
    return fault_at(path, f"{key} 中的 {day} {chinese}", f"{key}: {day} {english}")
