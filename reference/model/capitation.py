"""Capitation of outpatient cost, one person and one visit at a time (docs/capitation.md).

Reads the CSV files of a folder `capitation`, which must be clean, and gives plain numbers: fen as
integers, months and weights as fractions.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from reference.model.exact import decimal, fen, round_fen
from reference.model.policy import says

AREA_OF_KIND = {"student": "school_area", "employee": "employer_area"}


@dataclass
class Community:
    """A community's people, budget, use and payment; see the columns of docs/capitation.md."""

    community_id: str
    persons: int = 0
    person_months: int = 0
    weighted_months: Fraction = Fraction(0)
    budget_fen: int = 0
    visits: int = 0
    total_cost_fen: int = 0
    used_inside_fen: int = 0
    used_outside_fen: int = 0
    special_fen: int = 0
    used_fen: int = 0
    balance_fen: int = 0
    kept_fen: int = 0
    borne_by_fund_fen: int = 0
    paid_fen: int = 0
    special_refused_visits: int = 0
    special_refused_fen: int = 0


@dataclass
class Bucket:
    """People who belong to no community's budget, or visits that none bears."""

    persons: int = 0
    person_months: int = 0
    visits: int = 0
    total_cost_fen: int = 0
    pool_fund_fen: int = 0


@dataclass
class Capitation:
    """The result. `unassigned` by reason and kind, `invalid` by community (or "") and reason."""

    communities: dict[str, Community] = field(default_factory=dict)
    unassigned: dict[tuple[str, str], Bucket] = field(default_factory=dict)
    invalid: dict[tuple[str, str], Bucket] = field(default_factory=dict)
    invalid_not_charged: Bucket = field(default_factory=Bucket)
    unknown: Bucket = field(default_factory=Bucket)


def capitate_region(region_dir: str | Path, policy: Mapping[str, Any]) -> Capitation:
    """Return the capitation of a region folder; `policy` as texts, "none" for nothing."""
    folder = Path(region_dir) / "capitation"
    result = Capitation()
    for row in rows(folder, "communities"):
        result.communities[row["community_id"]] = Community(row["community_id"])
    areas = {row["area"]: row["community_id"] for row in rows(folder, "areas")}
    member_of = {r["hospital_id"]: r["community_id"] for r in rows(folder, "community_members")}
    cells = rows(folder, "risk_cells")
    people: dict[str, tuple[dict[str, str], str, str]] = {}
    for person in rows(folder, "persons"):
        if person["person_id"] in people:
            raise ValueError(f"person {person['person_id']} stands twice")
        community, why_none = community_of(person, areas, policy)
        people[person["person_id"]] = person, community, why_none
        months = int(person["months"])
        weight = weight_of(person, cells)
        if person.get("invalid") == "yes":
            head = result.invalid.setdefault((community, invalid_reason(person)), Bucket())
        elif not community:
            head = result.unassigned.setdefault((why_none, person["kind"]), Bucket())
        else:
            own = result.communities[community]
            own.persons += 1
            own.person_months += months
            own.weighted_months += months * weight
            continue
        head.persons += 1
        head.person_months += months
    for visit in rows(folder, "visits"):
        bear(visit, people, member_of, result, policy)
    set_budgets(folder, result, policy)
    for one in result.communities.values():
        settle(one, policy)
    return result


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    """The rows of a table, none where there is no such file."""
    path = folder / f"{name}.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def community_of(
    person: dict[str, str], areas: dict[str, str], policy: Mapping[str, Any]
) -> tuple[str, str]:
    """The community of a person, or empty and why: by signature, else by area (S2 3, H1)."""
    if person.get("signed_community"):
        return person["signed_community"], ""
    if person["kind"] in AREA_OF_KIND:
        asked = [AREA_OF_KIND[person["kind"]]]
    else:
        asked = {
            "registered": ["registered_area"],
            "usual": ["usual_area"],
            "usual_then_registered": ["usual_area", "registered_area"],
        }[policy["capitation.area_of_resident"]]
    given = [person[column] for column in asked if person.get(column)]
    for area in given:
        if areas.get(area):
            return areas[area], ""
    return "", "area_without_community" if given else "no_area"


def weight_of(person: dict[str, str], cells: list[dict[str, str]]) -> Fraction:
    """The weight of the one risk cell that fits a person; 1 where there are no cells."""
    if not cells:
        return Fraction(1)
    fitting = [cell for cell in cells if fits(person, cell)]
    if len(fitting) != 1:
        raise ValueError(f"person {person['person_id']}: {len(fitting)} risk cells fit")
    return decimal(fitting[0]["weight"], "weight")


def fits(person: dict[str, str], cell: dict[str, str]) -> bool:
    """Whether a cell is that of a person; an empty entry of the cell asks nothing."""
    for column, unsaid in (
        ("kind", ""),
        ("sex", ""),
        ("chronic", "none"),
        ("inpatient_last_year", "no"),
    ):
        wanted = cell.get(column, "")
        if wanted and wanted != (person.get(column, "") or unsaid):
            return False
    first, last = cell.get("age_from", ""), cell.get("age_to", "")
    if not first and not last:
        return True
    age = person.get("age", "")
    return bool(age) and int(first or 0) <= int(age) and (not last or int(age) <= int(last))


def invalid_reason(person: dict[str, str]) -> str:
    return person.get("invalid_reason", "") or "-"


def bear(
    visit: dict[str, str],
    people: dict[str, tuple[dict[str, str], str, str]],
    member_of: dict[str, str],
    result: Capitation,
    policy: Mapping[str, Any],
) -> None:
    """Add a visit to what bears it (H2, H3)."""
    fund = fen(visit["pool_fund"], "pool_fund")
    cost = fen(visit["total_cost"], "total_cost")
    person, community, why_none = people.get(visit["person_id"], ({}, "", ""))
    bearers: list[Bucket] = []
    if person.get("invalid") == "yes":
        bearers.append(result.invalid[community, invalid_reason(person)])
    if not person:
        bearers.append(result.unknown)
    elif person.get("invalid") == "yes" and says(
        policy, "capitation.invalid_cost", "excluded", "charged"
    ):
        bearers.append(result.invalid_not_charged)
    elif not community:
        key = why_none, person["kind"]
        bearers.append(result.unassigned.setdefault(key, Bucket()))
    else:
        charge(result.communities[community], visit, member_of, policy, cost, fund)
    for one in bearers:
        one.visits += 1
        one.total_cost_fen += cost
        one.pool_fund_fen += fund


def charge(
    own: Community,
    visit: dict[str, str],
    member_of: dict[str, str],
    policy: Mapping[str, Any],
    cost: int,
    fund: int,
) -> None:
    """Charge a visit to its community: wherever it was, unless a special factor takes it off."""
    own.visits += 1
    own.total_cost_fen += cost
    inside = member_of.get(visit["hospital_id"]) == own.community_id
    if inside:
        own.used_inside_fen += fund
    else:
        own.used_outside_fen += fund
    word = visit.get("special_factor", "")
    accepted = word in policy["capitation.special_factors"] and visit.get("document", "")
    if word and accepted and not inside:
        own.special_fen += fund
    elif word:
        own.special_refused_visits += 1
        own.special_refused_fen += fund


def set_budgets(folder: Path, result: Capitation, policy: Mapping[str, Any]) -> None:
    """Whole fen for each community, adding up to the rounded total: largest remainder."""
    everyone = sum((c.weighted_months for c in result.communities.values()), Fraction(0))
    exact: dict[str, Fraction] = {}
    for name, one in result.communities.items():
        if says(policy, "capitation.method", "rate", "share_of_budget"):
            rate = 100 * decimal(policy["capitation.rate_yuan"], "rate")
            exact[name] = rate * one.weighted_months / 12
        else:
            total = fen(rows(folder, "budget")[0]["pool_total_yuan"], "pool_total_yuan")
            exact[name] = total * one.weighted_months / everyone if everyone else Fraction(0)
    left = round_fen(sum(exact.values(), Fraction(0)))
    for name, amount in exact.items():
        result.communities[name].budget_fen = int(amount // 1)
        left -= int(amount // 1)
    by_remainder = sorted(exact, key=lambda name: (-(exact[name] % 1), name))
    for name in by_remainder[:left]:
        result.communities[name].budget_fen += 1


def settle(one: Community, policy: Mapping[str, Any]) -> None:
    """What is used, left and paid: a surplus is kept in part, a deficit borne in part."""
    one.used_fen = one.used_inside_fen + one.used_outside_fen - one.special_fen
    one.balance_fen = one.budget_fen - one.used_fen
    if one.balance_fen >= 0:
        share = decimal(policy["capitation.keep_ratio"], "keep_ratio")
        one.kept_fen = round_fen(share * one.balance_fen)
        one.paid_fen = one.used_fen + one.kept_fen
    else:
        share = decimal(policy["capitation.deficit_share"], "deficit_share")
        one.borne_by_fund_fen = round_fen(share * -one.balance_fen)
        one.paid_fen = one.budget_fen + one.borne_by_fund_fen
