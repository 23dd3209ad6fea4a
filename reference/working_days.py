"""Makes calendars/YEAR.toml: the days of a year on which people in China work otherwise than by week.

    python -m reference.working_days

Days are those of the package holidays, needed here alone: what is installed reads the files. A year
is verified when its days were held against the text of its notice (tests/ledger/test_calendar.py
has each as the notice says it).
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

FOLDER = Path(__file__).parent / "calendars"
# the notices of the State Council's general office, by year
NOTICES = {
    2019: "国办发明电〔2018〕15号；劳动节：国办发明电〔2019〕3号",
    2020: "国办发明电〔2019〕16号；春节延长：国办发明电〔2020〕1号",
    2021: "国办发明电〔2020〕27号",
    2022: "国办发明电〔2021〕11号",
    2023: "国办发明电〔2022〕16号",
    2024: "国办发明电〔2023〕7号",
    2025: "国办发明电〔2024〕12号",
    2026: "国办发明电〔2025〕7号",
}
# years whose notice was not seen: holidays by law alone
LATER = (2027,)
ASSUMED = (
    "assumed: holidays by law and their days in lieu alone; the notice of the year was not seen, so "
    "that days off and worked in exchange are missing"
)
ASSUMED_ZH = "假定：只有法定节假日及其补休；未见当年的通知，缺调休的放假日和上班日"
SATURDAY = 5
EXCHANGED = "调休"


def days(year: int) -> tuple[dict[dt.date, str], list[dt.date]]:
    """Return days off from Monday to Friday with why, and Saturdays and Sundays that are worked."""
    import holidays

    found = holidays.country_holidays("CN", years=year, language="zh_CN")
    off = {
        day: EXCHANGED if any(c.isdigit() for c in name) else name
        for day, name in sorted(found.items())
        if day.year == year and day.weekday() < SATURDAY
    }
    return off, sorted(day for day in found.weekend_workdays if day.year == year)


def text(year: int) -> str:
    """Return the file of a year."""
    off, worked = days(year)
    verified = year in NOTICES
    lines = [
        f"# {year}年的工作日，与“周一至周五”不同的日子；由 reference/working_days.py 写出，格式见 docs/formats.md",
        f"year = {year}",
        f'source = "{NOTICES[year] if verified else ASSUMED}"',
        *([] if verified else [f'source_zh = "{ASSUMED_ZH}"']),
        f"verified = {str(verified).lower()}",
        "days_off = [",
        *(f"    {day}, # {name}" for day, name in off.items()),
        "]",
        "days_worked = [",
        *(f"    {day}," for day in worked),
        "]",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the files."""
    for year in (*NOTICES, *LATER):
        (FOLDER / f"{year}.toml").write_text(text(year), encoding="utf-8")


if __name__ == "__main__":
    main()
