"""Working days of China: the files, what they are made from, and deadlines counted in them."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path

import pytest

from drgpay.ground.errors import InputError, PolicyError, in_language
from drgpay.ledger.calendar import ONE_DAY, Calendar, load_calendar
from reference import working_days

CALENDAR = load_calendar()
# as the notices say it, copied out of their texts: first and last day of each holiday, days worked
NOTICES = {
    2019: (
        "01-01:01-01 02-04:02-10 04-05:04-05 05-01:05-04 06-07:06-07 09-13:09-13 10-01:10-07",
        "02-02 02-03 04-28 05-05 09-29 10-12",
    ),
    2020: (  # the day worked on 1 February fell away as the holiday was lengthened to the 2nd
        "01-01:01-01 01-24:02-02 04-04:04-06 05-01:05-05 06-25:06-27 10-01:10-08",
        "01-19 04-26 05-09 06-28 09-27 10-10",
    ),
    2021: (
        "01-01:01-03 02-11:02-17 04-03:04-05 05-01:05-05 06-12:06-14 09-19:09-21 10-01:10-07",
        "02-07 02-20 04-25 05-08 09-18 09-26 10-09",
    ),
    2022: (
        "01-01:01-03 01-31:02-06 04-03:04-05 04-30:05-04 06-03:06-05 09-10:09-12 10-01:10-07",
        "01-29 01-30 04-02 04-24 05-07 10-08 10-09",
    ),
    2023: (
        "01-01:01-02 01-21:01-27 04-05:04-05 04-29:05-03 06-22:06-24 09-29:10-06",
        "01-28 01-29 04-23 05-06 06-25 10-07 10-08",
    ),
    2024: (
        "01-01:01-01 02-10:02-17 04-04:04-06 05-01:05-05 06-10:06-10 09-15:09-17 10-01:10-07",
        "02-04 02-18 04-07 04-28 05-11 09-14 09-29 10-12",
    ),
    2025: (
        "01-01:01-01 01-28:02-04 04-04:04-06 05-01:05-05 05-31:06-02 10-01:10-08",
        "01-26 02-08 04-27 09-28 10-11",
    ),
    2026: (
        "01-01:01-03 02-15:02-23 04-04:04-06 05-01:05-05 06-19:06-21 09-25:09-27 10-01:10-07",
        "01-04 02-14 02-28 05-09 09-20 10-10",
    ),
}


def _days(first: dt.date, last: dt.date) -> list[dt.date]:
    return [first + n * ONE_DAY for n in range((last - first).days + 1)]


def test_files__are_what_the_package_gives() -> None:
    written = {int(path.stem): path for path in working_days.FOLDER.glob("*.toml")}
    assert sorted(written) == [*working_days.NOTICES, *working_days.LATER]
    for year, path in written.items():
        assert path.read_text(encoding="utf-8") == working_days.text(year)


def test_files__are_verified_by_notice() -> None:
    assert set(NOTICES) == {year for year, days in CALENDAR.years.items() if days.verified}
    assert {2027} == {year for year, days in CALENDAR.years.items() if not days.verified}


@pytest.mark.parametrize("year", NOTICES)
def test_days__are_those_of_the_notice(year: int) -> None:
    holidays, exchanged = NOTICES[year]
    off, worked = set(), set()
    for span in holidays.split():
        first, last = (dt.date.fromisoformat(f"{year}-{day}") for day in span.split(":"))
        off |= set(_days(first, last))
    worked = {dt.date.fromisoformat(f"{year}-{day}") for day in exchanged.split()}
    for day in _days(dt.date(year, 1, 1), dt.date(year, 12, 31)):
        wanted = day in worked or (day.weekday() < 5 and day not in off)
        assert CALENDAR.working_day(day) is wanted, day


def test_counting__agrees_with_going_day_by_day() -> None:
    drawn = random.Random(12)
    for _ in range(300):
        day = dt.date(2019, 1, 1) + drawn.randrange(2800) * ONE_DAY
        count = drawn.randrange(1, 40)
        left, on = count, day
        while left:
            on += ONE_DAY
            left -= CALENDAR.working_day(on)
        assert CALENDAR.add_working_days(day, count) == on
        assert CALENDAR.between(day, on) == count
        assert CALENDAR.between(on, day) == -count


def test_counting__of_no_days() -> None:
    monday, saturday = dt.date(2025, 9, 1), dt.date(2025, 9, 6)
    assert CALENDAR.add_working_days(monday, 0) == monday
    assert CALENDAR.add_working_days(saturday, 0) == dt.date(2025, 9, 8)


@pytest.mark.parametrize("count", [-1, 401])
def test_counting__refuses_what_is_a_slip(count: int) -> None:
    with pytest.raises(InputError, match="0 to 400"):
        CALENDAR.add_working_days(dt.date(2025, 1, 2), count)


@pytest.mark.parametrize(
    "rule, nominal, last",
    [
        ("same_day", "2026-01-31", "2026-01-31"),  # a Saturday
        ("next_working_day", "2026-01-31", "2026-02-02"),
        ("previous_working_day", "2026-01-31", "2026-01-30"),
        ("next_working_day", "2026-02-16", "2026-02-24"),  # over the spring festival
        ("previous_working_day", "2026-02-23", "2026-02-14"),  # a Saturday that is worked
        ("next_working_day", "2026-01-15", "2026-01-15"),
        ("next_working_day", "2021-12-31", "2021-12-31"),
        ("next_working_day", "2022-01-01", "2022-01-04"),
    ],
)
def test_deadline__on_a_day_off(rule: str, nominal: str, last: str) -> None:
    found = CALENDAR.deadline(dt.date.fromisoformat(nominal), rule)
    assert found.day.isoformat() == last
    assert found.nominal.isoformat() == nominal
    assert not found.notes


def test_deadline__by_an_unknown_rule_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"deadline\.weekend"):
        CALENDAR.deadline(dt.date(2026, 1, 31), "after")


def test_deadline__of_an_unverified_year_is_told() -> None:
    assert CALENDAR.deadline(dt.date(2027, 1, 31), "next_working_day").unverified == (2027,)
    assert CALENDAR.counted(dt.date(2026, 12, 20), 30).unverified == (2027,)
    assert not CALENDAR.counted(dt.date(2026, 12, 1), 20).notes
    # the date of a text stands whatever days are worked
    assert not CALENDAR.deadline(dt.date(2027, 1, 31), "same_day").notes
    (note,) = CALENDAR.deadline(dt.date(2027, 1, 31), "next_working_day").notes
    assert "2027" in note and "未经核实" in in_language(note, "zh")


@pytest.mark.parametrize("day", [dt.date(2018, 12, 31), dt.date(2028, 1, 1)])
def test_day__outside_the_files_is_refused_with_a_remedy(day: dt.date) -> None:
    with pytest.raises(InputError) as caught:
        CALENDAR.working_day(day)
    assert f"{day.year}.toml" in caught.value.text("zh")
    assert "2019, 2020" in caught.value.text("en")


OWN = """\
year = 2028
source = "某办发〔2027〕1号"
verified = true
days_off = [2028-01-03]
days_worked = [2028-01-08]
"""


def _own(folder: Path, text: str, name: str = "2028.toml") -> Calendar:
    (folder / name).write_text(text, encoding="utf-8")
    return load_calendar(folder)


def test_own_folder__adds_a_year_and_replaces_one(tmp_path: Path) -> None:
    calendar = _own(tmp_path, OWN)
    assert not calendar.working_day(dt.date(2028, 1, 3))
    assert calendar.working_day(dt.date(2028, 1, 8))
    assert calendar.years[2026] == CALENDAR.years[2026]
    assert 2028 not in CALENDAR.years
    calendar = _own(tmp_path, OWN.replace("2028", "2027").replace("01-08", "01-09"), "2027.toml")
    assert calendar.years[2027].verified
    assert calendar.working_day(dt.date(2027, 2, 8))


@pytest.mark.parametrize(
    "old, new, told",
    [
        ("year = 2028", "year = '2028'", "'year' must be a year"),
        ("verified = true\n", "", "'verified' must be true or false"),
        ("verified = true", "verified = 1", "'verified' must be true or false"),
        ("verified = true", "verified = false", "verified and source do not agree"),
        ('"某办发〔2027〕1号"', '"assumed: by law"', "verified and source do not agree"),
        ('"某办发〔2027〕1号"', '""', "'source' must be the notice's number"),
        ("days_off = [2028-01-03]", "days_off = ['2028-01-03']", "'days_off' must be a list"),
        ("2028-01-03", "2028-01-03T00:00:00", "'days_off' must be a list of dates"),
        ("2028-01-03", "2027-12-31", "days_off: 2027-12-31 is not in 2028"),
        ("2028-01-08", "2028-01-07", "days_worked: 2028-01-07 is no Saturday"),
        ("2028-01-03", "2028-01-08", "days_worked: 2028-01-08 is a day off as well"),
        ("2028-01-03", "2028-01-03, 2028-01-03", "days_off: 2028-01-03 stands twice"),
        ("days_off", "dayz = 1\ndays_off", "unknown key 'dayz'"),
        ("year = 2028", "year = 2029", "must be called 2029.toml"),
        ("year = 2028", "year = ", "not TOML"),
    ],
)
def test_own_file__that_is_faulty_is_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in OWN
    with pytest.raises(InputError) as caught:
        _own(tmp_path, OWN.replace(old, new, 1))
    assert told in str(caught.value)
    assert "2028.toml" in caught.value.text("zh")
