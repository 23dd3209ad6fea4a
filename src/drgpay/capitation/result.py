"""The result of a year's capitation, and the checks that its books must pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from drgpay.capitation.quarantine import Quarantined
from drgpay.ground.errors import Bilingual, BooksError, both

BEARERS = ("community", "unassigned", "invalid", "unknown_person", "quarantined")


@dataclass(frozen=True)
class Capitation:
    """The result; amounts are int64 fen, `totals` plain integers.

    `communities`: a row each. `cells`: persons and weighted months by community and risk cell, which
    make the budget. `flows`: where each community's people were treated. `unassigned`, `invalid`:
    counts with reasons; `unassigned_persons` one by one. `books`: who bears which visits.
    """

    year: int
    communities: pa.Table
    cells: pa.Table
    flows: pa.Table
    unassigned: pa.Table
    unassigned_persons: pa.Table
    invalid: pa.Table
    books: pa.Table
    quarantined: Quarantined
    inputs: tuple[Path, ...]
    totals: Mapping[str, int]
    notes: tuple[Bilingual, ...]

    def tables(self, lang: str = "zh") -> dict[str, pa.Table]:
        """Return the tables by the names that they have in a run folder."""
        return {
            "capitation_communities": self.communities,
            "capitation_cells": self.cells,
            "capitation_flows": self.flows,
            "capitation_unassigned": self.unassigned,
            "capitation_unassigned_persons": self.unassigned_persons,
            "capitation_invalid": self.invalid,
            "capitation_books": self.books,
            "capitation_quarantine": self.quarantined.table(lang),
        }


def _sum(table: pa.Table, name: str) -> int:
    return int(sum(table[name].to_pylist()))


def persons_add_up(result: Capitation) -> bool:
    """Fail if some person ended nowhere, or twice."""
    ends = ("assigned", "unassigned", "invalid", "quarantined")
    return result.totals["persons"] == sum(result.totals[f"persons_{end}"] for end in ends)


def tables_hold_all_persons(result: Capitation) -> bool:
    """Fail if the tables count other persons than were read."""
    pairs = (
        (result.communities, "assigned"),
        (result.cells, "assigned"),
        (result.unassigned, "unassigned"),
        (result.invalid, "invalid"),
    )
    listed = len(result.unassigned_persons) == result.totals["persons_unassigned"]
    return listed and all(
        _sum(table, "persons") == result.totals[f"persons_{end}"] for table, end in pairs
    )


def visits_add_up(result: Capitation) -> bool:
    """Fail if some visit is borne by nobody, or twice."""
    borne = sum(result.totals[f"visits_{bearer}"] for bearer in BEARERS)
    return result.totals["visits"] == borne == _sum(result.books, "visits")


def fund_adds_up(result: Capitation) -> bool:
    """Fail if communities and the others do not bear the pooled fund of all visits."""
    borne = sum(result.totals[f"fund_{bearer}_fen"] for bearer in BEARERS)
    used = result.totals["used_inside_fen"] + result.totals["used_outside_fen"]
    flows = _sum(result.flows, "pool_fund_fen")
    return (
        borne == _sum(result.books, "pool_fund_fen")
        and used == result.totals["fund_community_fen"] == flows
        and _sum(result.flows, "special_fen") == result.totals["special_fen"]
    )


def budget_adds_up(result: Capitation) -> bool:
    """Fail if the communities' budgets are not the rounded total."""
    return result.totals["budget_fen"] == result.totals["budget_total_fen"]


def payments_add_up(result: Capitation) -> bool:
    """Fail if what the fund pays for a community is not its use, what it keeps and what it bears."""
    return all(
        row["balance_fen"] == row["budget_fen"] - row["used_fen"]
        and row["paid_fen"]
        == min(row["budget_fen"], row["used_fen"]) + row["kept_fen"] + row["borne_by_fund_fen"]
        and row["paid_fen"] == row["own_part_fen"] + row["charged_back_fen"]
        for row in result.communities.to_pylist()
    )


CHECKS: tuple[Callable[[Capitation], bool], ...] = (
    persons_add_up,
    tables_hold_all_persons,
    visits_add_up,
    fund_adds_up,
    budget_adds_up,
    payments_add_up,
)


def check_books(result: Capitation) -> None:
    """Raise BooksError that names every check which does not hold."""
    failed = [check.__name__ for check in CHECKS if not check(result)]
    if failed:
        raise BooksError(
            both(
                f"按人头付费的账不平：{'、'.join(failed)}",
                f"the books of capitation do not tie out: {', '.join(failed)}",
            ),
            remedy=both(
                "这是程序的差错，结果不可用，请报告",
                "this is a fault of the program: do not use the result, report it",
            ),
        )
