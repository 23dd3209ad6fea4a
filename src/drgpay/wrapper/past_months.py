"""Cost of past years by month: the pattern by which an index is shared by its months (S0 28)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from drgpay.budget.index_formulas import MONTHS
from drgpay.budget.index_months import index_shares
from drgpay.ground.errors import Bilingual, InputError, both, fault_at
from drgpay.ledger.postings import Place
from drgpay.policy import YearPolicy
from drgpay.tables import kinds
from drgpay.tables.declared import Column, Row, Table
from drgpay.wrapper.filled import WHO

PAST_MONTHS = Table(
    "past_months",
    (
        *WHO,
        Column("year", kinds.whole(2000, 2100)),
        Column("month", kinds.month),
        Column("cost_yuan", kinds.amount),
    ),
    unique=("hospital_id", "pool", "year", "month"),
)


def months_faults(
    rows: Sequence[Row], places: Collection[Place], index_year: int
) -> Iterator[Bilingual]:
    """Yield what is wrong with past months: of no index, of no past year, of less than a year."""
    months: dict[tuple[str, str, int], int] = {}
    for row in rows:
        hospital, pool, year = row.of("hospital_id", "pool", "year")
        if (hospital, pool) not in places:
            yield fault_at(
                row.where,
                f"机构 {hospital}、险种 {pool} 不在 past_years 表中",
                f"{hospital}, pool {pool}, is not in past_years",
            )
        elif year >= index_year:
            yield fault_at(
                row.where,
                f"{year}年不早于指标年度 {index_year}年",
                f"{year} is no year before {index_year}",
            )
        months[hospital, pool, year] = months.get((hospital, pool, year), 0) + 1
    for (hospital, pool, year), count in months.items():
        if count != MONTHS:
            yield both(
                f"past_months：机构 {hospital}、险种 {pool} {year}年有 {count} 个月，应为十二个月",
                f"past_months: {hospital}, pool {pool}, has {count} months of {year}, not twelve",
            )


def past_by_place(rows: Sequence[Row]) -> dict[Place, list[dict[str, Any]]]:
    """Return each institution's past years in a pool, each with the cost of its months in fen."""
    found: dict[Place, dict[int, list[int]]] = {}
    for row in sorted(rows, key=lambda row: row.of("year", "month")):
        years = found.setdefault((row["hospital_id"], row["pool"]), {})
        years.setdefault(row["year"], []).append(row["cost_yuan"])
    return {
        place: [{"year": year, "months_fen": months} for year, months in years.items()]
        for place, years in found.items()
    }


def past_month(index: Mapping[str, Any], year: int, month: int) -> int | None:
    """Return the cost of a month of a past year in fen, as an index's entry keeps it; else None."""
    for own in index.get("past_months", ()):
        if own["year"] == year:
            return int(own["months_fen"][month - 1])
    return None


def shares_of(
    indices: Mapping[Place, Mapping[str, Any]], policy: YearPolicy, where: Path
) -> dict[Place, tuple[Fraction, ...]]:
    """Return the months' shares of indices, as the policy chooses, by what their entries keep.

    Raises InputError that names each institution whose past months do not serve the choice.
    """
    shares: dict[Place, tuple[Fraction, ...]] = {}
    faults = []
    for place, own in indices.items():
        try:
            # indices of books that are older than the table keep none
            past = [one["months_fen"] for one in own.get("past_months", ())]
            shares[place] = index_shares(policy, past)
        except InputError as error:
            faults.append(fault_at("、".join(place), error.what.chinese, str(error.what)))
    if faults:
        raise InputError(
            both("指标不能分到各月", "the indices cannot be shared by months"),
            where=where,
            faults=faults,
            remedy=both(
                "拟定指标时在 past_months 表中填这些机构往年各月费用，"
                "或将 month_index.pattern 设为 equal",
                "give these institutions' past years by month in the table past_months when the "
                "indices are proposed, or set month_index.pattern to equal",
            ),
        )
    return shares
