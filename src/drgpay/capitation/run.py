"""The year's capitation of a region: from the files of its folder to the tables of a run.

Every person ends in exactly one of: assigned, unassigned, invalid head, quarantined; every visit
in one of: a community, unassigned, invalid head, unknown person, quarantined. The books are checked
before anything is returned.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from drgpay.capitation.budget import balance, budgets
from drgpay.capitation.persons import UNASSIGNED, People, Places, read_people
from drgpay.capitation.quarantine import Quarantined
from drgpay.capitation.result import BEARERS, Capitation, check_books
from drgpay.capitation.rules import Rules, rules_of
from drgpay.capitation.setup import Setup, read_setup
from drgpay.capitation.tables import FOLDER
from drgpay.capitation.visits import ACCEPTED, PLAIN, Sums, Tally, tally_visits
from drgpay.ground.errors import InputError, both
from drgpay.ground.money import round_half_away
from drgpay.names.run_tables import tuples_table


def capitate(folder: Path, policy: Mapping[str, Any], year: int) -> Capitation:
    """Return the capitation of a region folder, whose files lie in its folder `capitation`.

    `policy` gives the parameters `capitation.…` by key. Faulty rows of persons and visits are
    quarantined. Raises PolicyError, InputError with every fault of the small tables, BooksError.
    """
    inside = Path(folder) / FOLDER
    if not inside.is_dir():
        raise InputError(
            both("没有按人头付费的文件夹", "there is no folder of capitation"),
            where=inside,
            remedy=both(
                "各表的样式见 docs/capitation.zh-CN.md", "docs/capitation.md shows its tables"
            ),
        )
    rules = rules_of(policy)
    setup = read_setup(inside, rules.method)
    quarantined = Quarantined()
    people = read_people(setup, rules, quarantined)
    persons_quarantined = len(quarantined)
    tally = tally_visits(setup, rules, people, year, quarantined)
    result = _result(setup, rules, people, tally, quarantined, year, persons_quarantined)
    check_books(result)
    return result


@dataclass
class Heads:
    """Persons who are of no community, or no valid ones, their months and their visits."""

    persons: int = 0
    months: int = 0
    sums: Sums = field(default_factory=Sums)

    @property
    def figures(self) -> tuple[int, ...]:
        """Persons, months and visits, as tables have them."""
        return self.persons, self.months, *self.sums.amounts


@dataclass
class _Community:
    """What is summed of one community."""

    persons: int = 0
    months: int = 0
    weighted: Fraction = Fraction(0)
    cost_fen: int = 0
    visits: int = 0
    inside_fen: int = 0
    outside_fen: int = 0
    special_fen: int = 0
    refused_fen: int = 0
    refused_visits: int = 0


def _result(
    setup: Setup,
    rules: Rules,
    people: People,
    tally: Tally,
    quarantined: Quarantined,
    year: int,
    persons_quarantined: int,
) -> Capitation:
    names, places = list(setup.communities), Places(len(setup.communities))
    found = [_Community() for _ in names]
    cells = _cells(setup, people, found)
    unassigned: dict[tuple[str, str], Heads] = {
        (reason, kind): Heads()
        for place in range(places.communities, places.quarantined)
        for reason, kind in [places.unassigned(place)]
    }
    invalid: dict[tuple[int, int], Heads] = {}
    _heads(people, places, unassigned, invalid)
    flows: dict[tuple[int, str], tuple[Sums, Sums]] = defaultdict(lambda: (Sums(), Sums()))
    borne = {bearer: Sums() for bearer in BEARERS}
    borne["quarantined"].plus(tally.quarantined)
    strangers = {"person_unknown": Sums(), "person_quarantined": Sums()}
    for key, sums in tally.counted.items():
        if not sums.visits:
            continue
        if key.invalid:
            invalid[_head(key.place, key.invalid, places)].sums.plus(sums)
        if key.place >= places.quarantined:
            reason = "person_unknown" if key.place == places.unknown else "person_quarantined"
            strangers[reason].plus(sums)
            borne["unknown_person"].plus(sums)
        elif key.invalid and not rules.invalid_charged:
            borne["invalid"].plus(sums)
        elif key.place >= places.communities:
            unassigned[places.unassigned(key.place)].sums.plus(sums)
            borne["unassigned"].plus(sums)
        else:
            borne["community"].plus(sums)
            own = setup.members.get(key.hospital) == names[key.place]
            taken = not own and key.special == ACCEPTED
            all_of, special = flows[key.place, key.hospital]
            all_of.plus(sums)
            if taken:
                special.plus(sums)
            _use(found[key.place], sums, own, taken, key.special != PLAIN)
    budget, exact_total = budgets(
        {name: one.weighted for name, one in zip(names, found, strict=True)},
        rules,
        setup.total_fen,
    )
    communities = _communities(setup, rules, found, budget)
    totals = _totals(people, tally, borne, communities, persons_quarantined)
    totals["budget_total_fen"] = round_half_away(exact_total)
    return Capitation(
        year,
        communities,
        cells,
        _flows(setup, flows),
        _unassigned(unassigned),
        people.unassigned,
        _invalid(setup, people, invalid, rules.invalid_charged),
        _books(communities, unassigned, strangers, borne),
        quarantined,
        setup.files,
        totals,
        setup.notes,
    )


def _use(one: _Community, sums: Sums, own: bool, taken: bool, claimed: bool) -> None:
    """Add visits to a community's use; a special factor that takes nothing off is told."""
    one.visits += sums.visits
    one.cost_fen += sums.cost_fen
    if own:
        one.inside_fen += sums.fund_fen
    else:
        one.outside_fen += sums.fund_fen
    if taken:
        one.special_fen += sums.fund_fen
    elif claimed:
        one.refused_fen += sums.fund_fen
        one.refused_visits += sums.visits


def _grouped(*columns: np.ndarray[Any, Any]) -> Iterable[tuple[list[int], int]]:
    """Yield each combination of values that occurs, with how often."""
    if not len(columns[0]):
        return
    sizes = [int(column.max()) + 1 for column in columns]
    key = columns[0]
    for column, size in zip(columns[1:], sizes[1:], strict=True):
        key = key * size + column
    distinct, counts = np.unique(key, return_counts=True)
    for number, count in zip(distinct.tolist(), counts.tolist(), strict=True):
        values = []
        for size in reversed(sizes[1:]):
            number, value = divmod(number, size)
            values.append(value)
        yield [number, *reversed(values)], count


def _cells(setup: Setup, people: People, found: list[_Community]) -> pa.Table:
    """Sum persons and months of the communities, and return them by risk cell."""
    counted = people.good & (people.invalid == 0) & (people.place < len(found))
    by_cell: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
    columns = (people.place[counted], people.cell[counted], people.months[counted])
    for (place, number, months), count in _grouped(*columns):
        by_cell[place, number][0] += count
        by_cell[place, number][1] += count * months
    names = list(setup.communities)
    rows = []
    for (place, number), (persons, months) in sorted(
        by_cell.items(), key=lambda item: (names[item[0][0]], item[0][1])
    ):
        cell, one = setup.cells[number], found[place]
        one.persons += persons
        one.months += months
        one.weighted += months * cell.weight
        rows.append((names[place], cell.id, persons, months, cell.weight, months * cell.weight))
    return tuples_table("capitation_cells", rows)


def _heads(
    people: People,
    places: Places,
    unassigned: Mapping[tuple[str, str], Heads],
    invalid: dict[tuple[int, int], Heads],
) -> None:
    """Count persons and months of the unassigned and of invalid heads."""
    some = people.good & ((people.place >= places.communities) | (people.invalid > 0))
    columns = (people.place[some], people.invalid[some], people.months[some])
    for (place, reason, months), count in _grouped(*columns):
        if reason:
            row = invalid.setdefault(_head(place, reason, places), Heads())
        else:
            row = unassigned[places.unassigned(place)]
        row.persons += count
        row.months += count * months


def _head(place: int, reason: int, places: Places) -> tuple[int, int]:
    """Return the row of an invalid head: its community, or one for all who have none."""
    return min(place, places.communities), reason


def _communities(
    setup: Setup, rules: Rules, found: list[_Community], budget: Mapping[str, int]
) -> pa.Table:
    rows = []
    for (name, title), one in sorted(zip(setup.communities.items(), found, strict=True), key=_id):
        due = balance(budget[name], one.inside_fen + one.outside_fen, one.special_fen, rules)
        to_others = one.outside_fen - one.special_fen
        rows.append(
            (
                name,
                title,
                one.persons,
                one.months,
                one.weighted,
                budget[name],
                one.visits,
                one.cost_fen,
                one.inside_fen,
                one.outside_fen,
                one.special_fen,
                due.used_fen,
                due.balance_fen,
                due.kept_fen,
                due.borne_by_fund_fen,
                due.paid_fen,
                to_others,
                due.paid_fen - to_others,
                one.refused_visits,
                one.refused_fen,
            )
        )
    return tuples_table("capitation_communities", rows)


def _id(item: tuple[tuple[str, str], _Community]) -> str:
    return item[0][0]


def _flows(setup: Setup, flows: Mapping[tuple[int, str], tuple[Sums, Sums]]) -> pa.Table:
    names = list(setup.communities)
    rows = []
    for (place, hospital), (all_of, special) in flows.items():
        home = setup.members.get(hospital)
        inside = home == names[place]
        figures = (*all_of.amounts, special.fund_fen)
        rows.append((names[place], hospital, home, inside, *figures))
    return tuples_table("capitation_flows", sorted(rows, key=itemgetter(0, 1)))


def _unassigned(unassigned: Mapping[tuple[str, str], Heads]) -> pa.Table:
    rows = [
        (reason, kind, *heads.figures)
        for (reason, kind), heads in sorted(unassigned.items())
        if heads.persons or heads.sums.visits
    ]
    return tuples_table("capitation_unassigned", rows)


def _invalid(
    setup: Setup,
    people: People,
    invalid: Mapping[tuple[int, int], Heads],
    charged: bool,
) -> pa.Table:
    names = [*setup.communities, None]
    rows = [
        (
            names[place],
            people.reasons[reason],
            *heads.figures,
            charged and place < len(setup.communities),
        )
        for (place, reason), heads in invalid.items()
    ]
    rows.sort(key=lambda row: (row[0] is None, row[0] or "", row[1]))
    return tuples_table("capitation_invalid", rows)


def _books(
    communities: pa.Table,
    unassigned: Mapping[tuple[str, str], Heads],
    strangers: Mapping[str, Sums],
    borne: Mapping[str, Sums],
) -> pa.Table:
    """Return who bears which visits, a row each, that add up to all visits."""
    rows: list[tuple[Any, ...]] = [
        (
            "community",
            row["community_id"],
            None,
            row["visits"],
            row["total_cost_fen"],
            row["used_inside_fen"] + row["used_outside_fen"],
        )
        for row in communities.to_pylist()
    ]
    by_reason = {reason: Sums() for reason in UNASSIGNED}
    for (reason, _), row in unassigned.items():
        by_reason[reason].plus(row.sums)
    others: list[tuple[str, str | None, Sums]] = [
        ("unassigned", reason, sums) for reason, sums in by_reason.items()
    ]
    others.append(("invalid", None, borne["invalid"]))
    others += [("unknown_person", reason, sums) for reason, sums in strangers.items()]
    others.append(("quarantined", None, borne["quarantined"]))
    rows += [(bearer, None, why, *sums.amounts) for bearer, why, sums in others]
    return tuples_table("capitation_books", rows)


def _totals(
    people: People,
    tally: Tally,
    borne: Mapping[str, Sums],
    communities: pa.Table,
    persons_quarantined: int,
) -> dict[str, int]:
    valid = people.good & (people.invalid == 0)
    assigned = valid & (people.place < len(communities))
    totals = {
        "persons": people.rows,
        "persons_assigned": int(assigned.sum()),
        "persons_unassigned": int((valid & ~assigned).sum()),
        "persons_invalid": int((people.invalid > 0).sum()),
        "persons_quarantined": persons_quarantined,
        "visits": tally.rows,
    }
    for bearer, sums in borne.items():
        totals[f"visits_{bearer}"] = sums.visits
        totals[f"fund_{bearer}_fen"] = sums.fund_fen
    for name in (name for name in communities.column_names if name.endswith("_fen")):
        totals[name] = sum(communities[name].to_pylist())
    # what leaves the fund for outpatient care in all: borne by nobody's budget, too
    totals["fund_paid_fen"] = (
        totals["paid_fen"]
        + totals["special_fen"]
        + totals["fund_unassigned_fen"]
        + totals["fund_invalid_fen"]
        + totals["fund_unknown_person_fen"]
    )
    return totals
