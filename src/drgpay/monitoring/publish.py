"""What the public is told of a year (S0 9), made from the book: no person, no small number.

Each figure names the entry that it comes from and its clause.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from drgpay.ground.money import round_half_away
from drgpay.ledger.book import Reading
from drgpay.ledger.entries import Entry
from drgpay.monitoring.indicators import Indicator, indicators
from drgpay.monitoring.published import (
    Earlier,
    changed_little,
    counts_shown,
    earlier_publications,
)
from drgpay.policy import YearPolicy
from drgpay.wrapper.index_year import held_indices

PRINCIPLES = ("target.", "coverage.", "index.", "volume.", "negotiation.", "month_index.",
              "month_pay.", "clearing.", "patients.", "deposit", "out_of_area", "budget_growth_cap")  # fmt: skip
OTHERS = "others"  # institutions told together
MONEY = ("index_fen", "paid_fen")
SETTLED = ("index_fen", "actual_fen", "kept_fen", "borne_fen", "due_fen")
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Public:
    """The tables of a publication by name, and the entries that they rest on.

    `together`: the institutions that stand in one row of the tables of money. `told_persons`: whether
    it is known how many persons each institution had.
    """

    year: int
    tables: Mapping[str, Sequence[Record]]
    entries: Sequence[Entry]
    together: Sequence[str]
    told_persons: bool
    head: tuple[int, str]


def public(reading: Reading, policy: YearPolicy) -> Public:
    """Return what is published of the policy's year."""
    year, least = policy.year, policy["publish.min_cell"]
    kinds = ("target", "indices", "adjustment", "month", "clearing", "assessment", "reserves")
    entries = reading.entries(kinds, year=year)
    by_kind: dict[str, list[Entry]] = {kind: [] for kind in kinds}
    for entry in entries:
        by_kind[entry.kind].append(entry)
    assessed = by_kind["assessment"][-1:]
    measures: Mapping[str, Mapping[str, int]] = assessed[0].body["measures"] if assessed else {}
    persons = {name: own["persons"] for name, own in measures.items() if "persons" in own}
    held = held_indices(reading, year)
    money = list(_execution(by_kind, held))
    settled = list(_settlement(by_kind["clearing"]))
    before = earlier_publications(reading, year, least)
    hospitals = {row["hospital_id"] for row in [*money, *settled]}
    once = {name for own in before for name in own.together} & hospitals
    together = sorted({*small_together(persons, hospitals, least), *once})
    counts, hidden = counts_shown(measures, least, before)
    tables = {
        "targets": list(_targets(by_kind["target"])),
        "principles": list(_principles(policy)),
        "months": list(_months(by_kind["month"])),
        "execution": joined_rows(money, together, MONEY),
        "settlement": joined_rows(settled, together, SETTLED),
        "assessment": list(_assessment(assessed)),
        "rates": list(_rates(assessed, hidden, measures, least, before)),
        "counts": [{**row, "entry": assessed[0].number} for row in counts] if assessed else [],
    }
    named = {row["entry"] for rows in tables.values() for row in rows if row.get("entry")}
    return Public(
        year, tables, [e for e in entries if e.number in named], together, bool(persons),
        reading.head(),
    )  # fmt: skip


def _targets(entries: Sequence[Entry]) -> Iterator[Record]:
    last = {own["pool"]: (own, entry) for entry in entries for own in entry.body.get("targets", [])}
    for pool, (own, entry) in sorted(last.items()):
        where = {"pool": pool, "entry": entry.number, "clause": entry.clause}
        yield {**where, "item": "revenue", "amount_fen": own["revenue_fen"]}
        yield {**where, "item": "budget", "amount_fen": own["budget_fen"]}
        for code, fen in own["deducted"]:
            yield {**where, "item": f"deducted.{code}", "amount_fen": fen}
        yield {**where, "item": "target", "amount_fen": own["target_fen"]}
        for code, _, fen in own["reserves"]:
            yield {**where, "item": f"reserve.{code}", "amount_fen": fen}
        yield {**where, "item": "free", "amount_fen": own["free_fen"]}


def _principles(policy: YearPolicy) -> Iterator[Record]:
    for key, own in policy.parameters.items():
        if key.startswith(PRINCIPLES):
            yield {"entry": 0, **own.as_dict()}


def _months(entries: Sequence[Entry]) -> Iterator[Record]:
    for entry in entries:
        sums: dict[str, list[int]] = {}
        for own in entry.body["figures"]:
            of = sums.setdefault(own["pool"], [0, 0])
            of[0] += own["paid_fen"]
            of[1] += own["month"]["deferred_fen"] if "month" in own else own["deferred_fen"]
        for pool, (paid, deferred) in sorted(sums.items()):
            yield {
                "month": entry.body["month"], "method": entry.body["method"], "pool": pool,
                "paid_fen": paid, "deferred_fen": deferred, "entry": entry.number,
                "clause": entry.clause,
            }  # fmt: skip


def _execution(
    by_kind: Mapping[str, Sequence[Entry]], held: Mapping[tuple[str, str], Mapping[str, Any]]
) -> Iterator[Record]:
    """Yield what each institution has of index and payments in each pool."""
    paid: dict[tuple[str, str], int] = {}
    last = 0
    for entry in by_kind["month"]:
        last = entry.number
        for own in entry.body["figures"]:
            place = own["hospital_id"], own["pool"]
            paid[place] = paid.get(place, 0) + own["paid_fen"]
    set_by = {
        (own["hospital_id"], own["pool"]): entry
        for kind in ("indices", "adjustment")
        for entry in by_kind[kind]
        for own in entry.body.get("indices", [])
    }
    for place in sorted({*paid, *held}):
        source = set_by.get(place)
        yield {
            "hospital_id": place[0], "pool": place[1],
            "index_fen": held[place]["index_fen"] if place in held else None,
            "paid_fen": paid.get(place, 0), "entry": source.number if source else last,
            "clause": source.clause if source else "S0 28-29",
        }  # fmt: skip


def _settlement(entries: Sequence[Entry]) -> Iterator[Record]:
    for entry in entries:
        for own in entry.body["figures"]:
            given = own.get("given", {})
            yield {
                "hospital_id": own["hospital_id"], "pool": own["pool"],
                "method": entry.body["method"], "index_fen": given.get("index_fen"),
                "actual_fen": given.get("actual_fen"),
                "kept_fen": own.get("kept_fen", 0) + own.get("reward_fen", 0),
                "borne_fen": own.get("borne_fen", 0), "due_fen": own["due_fen"],
                "entry": entry.number, "clause": entry.clause,
            }  # fmt: skip


def small_together(persons: Mapping[str, int], hospitals: set[str], least: int) -> list[str]:
    """Return the institutions that are told together, so that none of them has few persons alone.

    >>> small_together({"A": 2, "B": 40, "C": 9}, {"A", "B", "C"}, 5)
    ['A', 'C']
    """
    known = sorted((persons[name], name) for name in hospitals if persons.get(name, 0) > 0)
    chosen = [(count, name) for count, name in known if count < least]
    for pair in known[len(chosen) :]:
        if not chosen or (len(chosen) > 1 and sum(c for c, _ in chosen) >= least):
            break
        chosen.append(pair)
    return sorted(name for _, name in chosen)


def joined_rows(
    rows: Sequence[Record], together: Sequence[str], amounts: Sequence[str]
) -> list[Record]:
    """Return rows of money with the institutions told together in one row of each pool and method."""
    alone = [row for row in rows if row["hospital_id"] not in together]
    joined: dict[tuple[str, str], Record] = {}
    for row in rows:
        if row["hospital_id"] in together:
            place = row["pool"], row.get("method", "")
            own = joined.setdefault(place, {**row, "hospital_id": OTHERS, **dict.fromkeys(amounts)})
            for name in amounts:
                if row[name] is not None:
                    own[name] = (own[name] or 0) + row[name]
            own["entry"] = max(own["entry"], row["entry"])
    return [*alone, *(joined[place] for place in sorted(joined))]


def _assessment(assessed: Sequence[Entry]) -> Iterator[Record]:
    for entry in assessed:
        for own in entry.body["scores"]:
            yield {
                "hospital_id": own["hospital_id"], "score": own["score"],
                "grade": own.get("grade", ""), "met": own["met"],
                "gates": len(own["gates"]), "entry": entry.number, "clause": entry.clause,
            }  # fmt: skip


def shown_value(indicator: Indicator, value: str | None) -> str | None:
    """Return a figure as it is published, rounded: an exact fraction would tell its counts.

    >>> shown_value(indicators()["surgery_rate"], "37/1043"), shown_value(indicators()["mean_stay"], "7")
    ('0.0355', '7.00')
    """
    if value is None:
        return None
    places = {"ratio": 4, "number": 2, "count": 0, "fen": 0}[indicator.unit]
    scaled = round_half_away(Fraction(value) * 10**places)
    return str(Decimal(scaled).scaleb(-places))


COUNTS = frozenset(
    "visits persons outpatient_visits repeat_visits admissions readmissions surgeries elective "
    "costly_stays referrals".split()
)


def _rates(
    assessed: Sequence[Entry], hidden: Mapping[str, set[str]],
    measures: Mapping[str, Mapping[str, int]], least: int, before: Sequence[Earlier],
) -> Iterator[Record]:  # fmt: skip
    for entry in assessed:
        for own in entry.body["scores"]:
            hospital = own["hospital_id"]
            for row in own["indicators"]:
                indicator = indicators()[row["indicator"]]
                told = rate_told(
                    indicator, row, hidden.get(hospital, set()), measures.get(hospital, {}), least
                ) and rate_told_again(
                    indicator, row, hospital, measures.get(hospital, {}), least, before
                )
                yield {
                    "hospital_id": hospital, "indicator": indicator.id,
                    "value": shown_value(indicator, row.get("value")) if told else None,
                    "hidden": not told,
                    "state": row["state"], "entry": entry.number, "clause": entry.clause,
                }  # fmt: skip


def rate_told(
    indicator: Indicator, row: Mapping[str, Any], hidden: set[str], measures: Mapping[str, int],
    least: int,
) -> bool:  # fmt: skip
    """Whether a rate may be told: no count that is left out, or is small, can be computed from it."""
    made_of = {indicator.numerator, indicator.denominator} - {""}
    if made_of & hidden:
        return False
    counts = {name: measures[name] for name in made_of & COUNTS if name in measures}
    if any(0 < count < least for count in counts.values()):
        return False
    if "document" in row:  # entered
        over, under = Fraction(row["numerator"]), Fraction(row["denominator"])
        small = over.denominator == 1 and 0 < over < least
        return not (small and (indicator.unit == "count" or under > 1))
    if indicator.growth and indicator.numerator in COUNTS and not indicator.denominator:
        return not 0 < Fraction(row.get("denominator", "0")) < least
    over_count, under_count = counts.get(indicator.numerator), counts.get(indicator.denominator)
    if over_count is not None and under_count is not None:
        return not 0 < under_count - over_count < least
    return True


def rate_told_again(
    indicator: Indicator, row: Mapping[str, Any], hospital: str, measures: Mapping[str, int],
    least: int, before: Sequence[Earlier],
) -> bool:  # fmt: skip
    """Whether a rate may be told after earlier publications: no count behind it changed by little."""
    names = [
        n for n in (indicator.numerator, indicator.denominator) if n in COUNTS & measures.keys()
    ]
    for own in before:
        known = own.measures.get(hospital, {})
        pairs = [(measures[name], known[name]) for name in names if name in known]
        if len(pairs) == 2:  # and what the one has beyond the other
            (over, over_then), (under, under_then) = pairs
            pairs.append((under - over, under_then - over_then))
        if any(changed_little(Fraction(now), Fraction(then), least) for now, then in pairs):
            return False
        entered = own.entered.get((hospital, indicator.id))
        if "document" not in row or entered is None:
            continue
        if changed_little(Fraction(row["numerator"]), entered, least):
            return False
    return True
