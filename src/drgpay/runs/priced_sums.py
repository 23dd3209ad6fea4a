"""What previewed cases come to: groups, classes, departments, and how they stand to the region.

Sums are those of DuckDB over whole fen and points of 1/10,000: exact. Indicators are ratios of such
sums, and say what they are compared with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pyarrow as pa

from drgpay.ground.errors import Bilingual, both
from drgpay.ground.money import decimal_text
from drgpay.runs.pricing import Pricer

MOST_GROUPS = 2_000
PLACES = 4
# what each indicator is, beside its figure
INDICATORS: Mapping[str, tuple[Bilingual, Bilingual]] = {
    "cmi": (
        both("CMI（病例组合指数）", "CMI (case-mix index)"),
        both(
            "Σ(病组权重×例数)÷Σ例数；权重=病组例均费用÷全部病例次均费用，取自已发布的清算",
            "Σ weight x cases / Σ cases; weight: mean cost of the group / mean of all cases, of the "
            "published settlement",
        ),
    ),
    "time_index": (
        both("时间消耗指数", "time index"),
        both(
            "Σ(本批该组平均住院日÷全区该组平均住院日×例数)÷Σ例数；全区为已发布年度的病例，1为全区水平",
            "Σ mean days of the group here / in the region x cases / Σ cases; the region: cases of the "
            "published year; 1 is the region's level",
        ),
    ),
    "cost_index": (
        both("费用消耗指数", "cost index"),
        both(
            "Σ(本批该组次均费用÷全区该组次均费用×例数)÷Σ例数；全区为已发布年度的病例，1为全区水平",
            "Σ mean cost of the group here / in the region x cases / Σ cases; the region: cases of the "
            "published year; 1 is the region's level",
        ),
    ),
}


@dataclass(frozen=True)
class Norms:
    """By group: weight, and the published year's sums of days and cost over its cases."""

    table: pa.Table  # drg, weight_top, weight_bottom, cases, days, cost

    @classmethod
    def of(cls, pricer: Pricer, least_hospitals: int) -> Norms:
        """Return what a published year says; groups of fewer hospitals than given are left out."""
        import duckdb

        all_mean = int(pricer.manifest["base_points"]["all_drg_mean_fen"])
        columns = ("drg", "status", "hospital_id", "days", "total_cost_fen")
        cases = pricer.table("cases", columns)
        groups = pricer.table("drgs", ("drg", "group_mean_fen"))
        with duckdb.connect() as db:
            db.register("cases", cases)
            db.register("groups", groups)
            made: pa.Table = db.sql(
                """select g.drg, g.group_mean_fen as mean, c.cases, c.days, c.cost
                from groups g left join (
                    select drg, count(*) as cases, sum(days)::bigint as days,
                        sum(total_cost_fen)::bigint as cost
                    from cases where status = 'grouped' group by drg
                    having count(distinct hospital_id) >= ?) c on c.drg = g.drg
                where g.group_mean_fen is not null order by g.drg""",
                params=[least_hospitals],
            ).to_arrow_table()
        return cls(made.append_column("all_mean", pa.array([all_mean] * len(made), pa.int64())))


def sums_of(table: pa.Table, norms: Norms | None) -> dict[str, Any]:
    """Return the sums of previewed cases: by status, class, department, group, and indicators.

    Amounts are whole fen, points decimal texts. `norms` None: there is nothing to compare with.
    """
    import duckdb

    with duckdb.connect() as db:
        db.register("given", table)
        db.execute(
            """create temp table cases as select * replace (
                drg::varchar as drg, drg_name::varchar as drg_name, status::varchar as status,
                case_class::varchar as case_class, paid_by::varchar as paid_by, department::varchar as department,
                unpriced::varchar as unpriced, reason::varchar as reason,
                hospital_id::varchar as hospital_id) from given"""
        )
        made: dict[str, Any] = {
            "total": _rows(db, f"select {_SUMS} from cases")[0],
            "statuses": _rows(
                db, "select status, count(*) as cases from cases group by 1 order by 1"
            ),
            "quarantined": _rows(
                db,
                "select reason, count(*) as cases from cases where status = 'quarantined' "
                "group by 1 order by 2 desc, 1",
            ),
            "unpriced": _rows(
                db,
                "select unpriced as reason, count(*) as cases from cases "
                "where coalesce(unpriced, '') <> '' group by 1 order by 2 desc, 1",
            ),
            "classes": _by(db, "case_class"),
            "departments": _by(db, "department"),
            "groups": _by(db, "drg, drg_name"),
        }
        if norms is not None:
            made["indicators"] = _indicators(db, norms)
    return made


_SUMS = """count(*) as cases,
    count(expected_fen) as priced,
    coalesce(sum(points), 0)::varchar as points,
    coalesce(sum(expected_fen), 0)::bigint as expected_fen,
    coalesce(sum(total_cost_fen) filter (expected_fen is not null), 0)::bigint as cost_fen,
    coalesce(sum(over_cost_fen), 0)::bigint as over_cost_fen,
    count(*) filter (paid_by = 'held') as held,
    coalesce(sum(total_cost_fen) filter (paid_by = 'held'), 0)::bigint as held_cost_fen,
    count(*) filter (over_cost_fen >= 0) as gaining,
    count(*) filter (over_cost_fen < 0) as losing,
    coalesce(sum(days), 0)::bigint as days"""


def _by(db: Any, keys: str) -> list[dict[str, Any]]:
    """Return the sums of priced and other good cases by some columns, largest losses first."""
    return _rows(
        db,
        f"""select {keys}, {_SUMS} from cases where status <> 'quarantined'
        group by {keys} order by over_cost_fen, {keys} limit {MOST_GROUPS}""",
    )


def _rows(db: Any, question: str) -> list[dict[str, Any]]:
    found = db.execute(question)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _indicators(db: Any, norms: Norms) -> list[dict[str, Any]]:
    db.register("norms", norms.table)
    rows = db.execute(
        """select n.mean, n.all_mean, n.cases, n.days, n.cost, count(*) as own,
            sum(c.days)::bigint as own_days, count(c.days) as with_days,
            sum(c.total_cost_fen)::bigint as own_cost, count(c.total_cost_fen) as with_cost
        from cases c join norms n on n.drg = c.drg where c.status = 'grouped' group by all"""
    ).fetchall()
    weight, time, cost = Fraction(0), Fraction(0), Fraction(0)
    of_weight = of_time = of_cost = 0
    for mean, all_mean, cases, days, money, own, own_days, with_days, own_cost, with_cost in rows:
        weight += Fraction(mean * own, all_mean)
        of_weight += own
        # mean here / mean there x cases = sum here x cases there / sum there
        if cases and days and with_days:
            time += Fraction(own_days * cases, days)
            of_time += with_days
        if cases and money and with_cost:
            cost += Fraction(own_cost * cases, money)
            of_cost += with_cost
    made = []
    for name, top, bottom in (
        ("cmi", weight, of_weight), ("time_index", time, of_time), ("cost_index", cost, of_cost),
    ):  # fmt: skip
        value = decimal_text(top / bottom, PLACES) if bottom else None
        made.append({"indicator": name, "value": value, "cases": bottom})
    return made
