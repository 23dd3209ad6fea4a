"""Rules of the region's small tables that their columns cannot say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from drgpay.ground.errors import Bilingual, both, fault_at
from drgpay.ground.money import yuan_text
from drgpay.names.table_headers import shown
from drgpay.region.later import Sources, source_key
from drgpay.region.provenance import CARRIED_ORIGIN, PREPAID_ORIGIN, SIMULATED, rows_digest
from drgpay.tables.declared import Row, Rule


def period_in_order(row: Row) -> Bilingual | None:
    """Fail if a period ends before it begins."""
    first, last = row.of("from_date", "to_date")
    if first <= last:
        return None
    return both(
        f"{shown('to_date')}“{last}”早于{shown('from_date')}“{first}”",
        f"to_date {last} is before from_date {first}",
    )


def once_a_day(*names: str) -> Rule:
    """Return the rule that rows of the same values have no day in common."""

    def rule(file: str, rows: Sequence[Row]) -> Iterator[Bilingual]:
        """Fail if two rows of the same values have a day in common."""
        before: dict[tuple[Any, ...], list[Row]] = {}
        for row in rows:
            if not row.sound:
                continue
            own = before.setdefault(row.of(*names), [])
            for other in own:
                if row["from_date"] <= other["to_date"] and other["from_date"] <= row["to_date"]:
                    chinese = "、".join(f"{shown(name)}“{row[name]}”" for name in names)
                    english = ", ".join(f"{name} {row[name]!r}" for name in names)
                    yield fault_at(
                        row.where,
                        f"{chinese}在同一期间重复，第{other.number}行已有",
                        f"{english} stands twice in a period: row {other.number} has it",
                    )
                    break
            own.append(row)

    return rule


def twelve_shares(file: str, rows: Sequence[Row]) -> Iterator[Bilingual]:
    """Fail if the shares are not those of twelve months that add up to 1."""
    if not rows or not all(row.sound for row in rows):
        return
    months, total = len({row["month"] for row in rows}), sum(row["share"] for row in rows)
    if months != 12 or total != 1:
        yield fault_at(
            file,
            f"须有十二个月，比重合计为1，现为 {months} 个月，合计 {total}",
            f"needs twelve months with shares that add up to 1, not {total}",
        )


def from_day_one(file: str, rows: Sequence[Row]) -> Iterator[Bilingual]:
    """Fail if a bed-day class, or a level of it, has no rate from the first day on."""
    found = {row.of("bed_day_class", "level", "from_day") for row in rows}
    for name, level in sorted({key[:2] for key in found if None not in key}):
        if (name, level, 1) not in found and (name, level, None) not in found:
            yield fault_at(
                file,
                f"床日类别“{name}”{f'（等级{level}）' if level else ''}没有从第1天起的标准",
                f"class {name!r} {level!r} has no rate from day 1",
            )


def carried_once(file: str, rows: Sequence[Row]) -> Iterator[Bilingual]:
    """Fail if an amount is carried twice: by two rows, or by two files of one run."""
    sources, seen = Sources(), dict[tuple[str, str, str], int]()
    for row in rows:
        if None not in row.of("hospital_id", "pool"):
            key = (row["hospital_id"], row["pool"], source_key(row["from"]))
            first = seen.setdefault(key, row.number)
            if first != row.number:
                yield fault_at(
                    row.where,
                    f"同一机构、险种、来源出现两次：第 {first} 行和第 {row.number} 行；"
                    f"重复的删去一行，确是两笔的在{shown('from')}中分别写明",
                    f"the same hospital, pool and from stand twice, in rows {first} and "
                    f"{row.number}: remove one; if they are two amounts, tell them apart in "
                    "from",
                )
        twice = sources.add(row["from"])
        if twice is not None:
            run, whole, other = twice
            yield fault_at(
                row.where,
                f"{run} 第 {whole} 版的 carried.csv 是全部，已含第 {other} 版的：两者同在会重复结转，"
                "只留一个（docs/reopening.md）",
                f"carried.csv of version {whole} of {run} is the whole and includes version "
                f"{other}: both would carry it twice, leave one of them (docs/reopening.md)",
            )
            return
    for run, whole, missing, later in sources.gaps():
        yield fault_at(
            file,
            f"{run}：有第 {whole} 版的全部和第 {later} 版的差额，缺少第 {missing} 版的差额；"
            "补上它，或只用最新一版的 carried.csv（docs/reopening.md）",
            f"{run}: the whole of version {whole} and the difference of version {later} are "
            f"there, the difference of version {missing} is missing: add it, or use carried.csv "
            "of the newest version alone (docs/reopening.md)",
        )


def carried_as_written(rows: Sequence[Row], region: str) -> Iterator[Bilingual]:
    """Fail if rows that name a run are not those that it wrote for this region.

    Each run's rows stand in this table whole: what it wrote for the next payment is one amount.
    """
    runs: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        of, run, told = row.of(*CARRIED_ORIGIN)
        if of or run or told:
            runs.setdefault((of, run, told), []).append(row)
    for (of, run, told), own in runs.items():
        if of != region:
            yield fault_at(
                own[0].where,
                f"{shown('region')}为“{of}”，本文件夹是“{region}”：别的统筹区的结转不能用在这里",
                f"region is {of!r}, the folder's is {region!r}: what another region carries "
                "does not belong here",
            )
            continue
        if not all(row.sound for row in own):
            continue
        amounts = [row.of("hospital_id", "pool", "amount_yuan", "from") for row in own]
        if rows_digest((of, run), amounts) != told:
            total = yuan_text(sum(fen for _, _, fen, _ in amounts))
            yield fault_at(
                own[0].where,
                f"清算 {run[:12]} 的 {len(own)} 行（合计 {total} 元）与它写出的不符："
                "金额、来源被改动，或缺行；请放回该次清算写出的 carried.csv，"
                "另行确定的金额写作没有摘要码的行",
                f"the {len(own)} rows of run {run[:12]} ({total} yuan together) are not those "
                "that it wrote: an amount or from was changed, or rows are missing; put back "
                "its carried.csv, and write amounts decided otherwise as rows without digests",
            )


def really_prepaid(file: str, rows: Sequence[Row]) -> Iterator[Bilingual]:
    """Fail if a table is a simulation of twelve months, by which nobody was paid."""
    if any(row[SIMULATED] for row in rows):
        yield fault_at(
            file,
            "是 --all 一次模拟的十二个月，不是各月实付：放入逐月办理（--earlier）到十二月写出的 "
            "prepaid.csv；没有逐月办理的，按实际付款手工制表",
            "is a simulation of twelve months at once (--all), not what the months paid: take "
            "the one that December's run with --earlier wrote, or make the table by hand from "
            "what was paid",
        )


def prepaid_as_written(
    file: str, rows: Sequence[Row], region: str, year: str
) -> Iterator[Bilingual]:
    """Fail if a table that names months is of another region or year, or not what they wrote."""
    origins = {row.of(*PREPAID_ORIGIN) for row in rows}
    if not any(any(origin) for origin in origins) or any(row[SIMULATED] for row in rows):
        return
    if len(origins) > 1:
        yield fault_at(
            file,
            "各行的来历（统筹区、年度、摘要码）不一致：只放一次月度结算写出的 prepaid.csv",
            "rows name different regions, years or months: take the prepaid.csv of one run of "
            "months",
        )
        return
    ((own_region, own_year, months, told),) = origins
    if (own_region, own_year) != (region, year):
        yield fault_at(
            file,
            f"属于 {own_region} {own_year} 年，本文件夹是 {region} {year} 年",
            f"is of {own_region} {own_year}, the folder of {region} {year}",
        )
        return
    if not all(row.sound for row in rows):
        return
    amounts = [row.of("hospital_id", "pool", "prepaid_yuan", "deposit_yuan") for row in rows]
    if rows_digest((region, year, months), amounts) != told:
        prepaid = yuan_text(sum(paid for _, _, paid, _ in amounts))
        deposit = yuan_text(sum(kept or 0 for _, _, _, kept in amounts))
        yield fault_at(
            file,
            f"与月度结算（{months[:12]}）写出的不符：现合计预付 {prepaid} 元、保证金 {deposit} 元；"
            "请放回十二月份结果文件夹中的 prepaid.csv；手工编制的，删去"
            f"{'、'.join(map(shown, PREPAID_ORIGIN))}各列",
            f"is not what the months ({months[:12]}) wrote: it now prepays {prepaid} yuan and "
            f"keeps {deposit}; put back prepaid.csv of December's folder; in a table made by "
            f"hand leave out the columns {', '.join(PREPAID_ORIGIN)}",
        )
