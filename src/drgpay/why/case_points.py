"""The points or the price of a case, by its class (rule 7) and after it (rule 8)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from drgpay.ground.errors import Bilingual, both, unknown_choice
from drgpay.ground.numbers import (
    Figure,
    Number,
    fixed,
    largest,
    rounded,
    smallest,
    total,
)
from drgpay.names.run_columns import named
from drgpay.why.base import FOUR, all_mean, band_multiple, places, used_coefficient
from drgpay.why.case_class import Stay, way_rule
from drgpay.why.folder import Row, RunFolder, figure_number
from drgpay.why.model import Derivation
from drgpay.why.remainder import allot

BY_COST_RULES = {
    "unstable": "unstable.rule",
    "ungrouped": "ungrouped.rule",
    "ambiguous": "ambiguous.rule",
}
ITEM, HELD, POINTS = "money", "held", "points"
FORMULAS = {  # the rules of a class that `_formula` knows; by item is told apart before
    **dict.fromkeys(BY_COST_RULES, ("by_cost", "special_review")),
    "special_discharge": ("by_cost",),
    "low": ("ratio", "by_cost"),
    "high": ("special_review", "linear_add", "deduct", "cap"),
}


def rule_of(run: RunFolder, stay: Stay) -> tuple[str, str]:
    """Return the parameter that says how a class is paid, and what it says."""
    kind = stay.kind
    if kind in BY_COST_RULES:
        key = BY_COST_RULES[kind]
        rule = str(run.policy[key])
        if kind == "unstable" and _to_review(run, stay.drg):
            return "small_groups", "special_review"
        return key, rule
    if kind == "special_discharge":
        return way_rule(run, stay)
    if kind in ("high", "low"):
        key = f"{kind}.rule"
        return key, str(run.policy[key])
    if kind in ("long_stay", "short_stay"):
        return f"{kind}.days", "by_item"
    if kind == "bed_day":
        return "bed_day.payment", str(run.policy["bed_day.payment"])
    return "", ""


def _to_review(run: RunFolder, drg: str) -> bool:
    """Whether a group has too few past cases, or none, and the policy has its cases reviewed."""
    row = run.drgs.get(drg)
    if row is not None and row.has("review"):
        return bool(row["review"])
    if not run.from_history:
        return False
    none_is_enough = run.policy["stable.inclusive"] and run.policy["stable.min_cases"] == 0
    return bool(
        run.policy.says("small_groups", "review", "unstable", "borrow_adrg") and not none_is_enough
    )


def score(
    d: Derivation, run: RunFolder, stay: Stay, coefficient: Number, stated: Sequence[Figure]
) -> tuple[str, Number]:
    """Add the points before readmission, or the price; return what pays and how much."""
    kind = stay.kind
    key, rule = rule_of(run, stay)
    by_item = rule == "by_item"
    if rule == "special_review" and kind in BY_COST_RULES and not stay.granted:
        return HELD, _held(d, stay, key)
    if kind == "bed_day":
        return _bed_day(d, run, stay, coefficient, stated)
    if by_item:
        return ITEM, _price(d, stay, key)
    d.section(both("点数", "Points"))
    set_points = stay.set_points
    if set_points is not None and kind == "reviewed":
        return POINTS, d.step("points.set", set_points, stated)
    c = used_coefficient(d, run, coefficient, stay.row, kind)
    formula, note = _formula(d, run, stay, c, rule)
    made = rounded(formula, places(d))
    return POINTS, d.step("points.before", made, stated, note=note, uses=[key] if key else [])


def _formula(d: Derivation, run: RunFolder, stay: Stay, c: Number, rule: str) -> tuple[Number, str]:
    """Return the formula of a class's points, unrounded, and the name of its note."""
    kind = stay.kind
    less = stay.cost - stay.unreasonable
    if rule not in FORMULAS.get(kind, ("",)):
        raise unknown_choice(f"{kind}.rule", rule)
    if (
        kind in BY_COST_RULES
        or kind == "special_discharge"
        or (kind == "low" and rule == "by_cost")
    ):
        return less / all_mean(d, run) * d.given("point_scale") * c, "by_cost"
    base, mean = stay.base, stay.mean
    if base is None or mean is None:
        raise ValueError(f"{stay.drg} has no base points, but its class is {kind}")
    plain = base * c
    if kind == "low" and rule == "ratio":
        one = fixed(1, both("费用不超过均值", "at most 1"))
        return base * smallest(one, stay.cost / mean) * c, "ratio"
    if kind == "reviewed" or (kind == "high" and rule == "linear_add" and not stay.refused):
        over = less / mean - _multiple(d, run, stay, base)
        return plain + largest(fixed(0), over) * base, "linear_add"
    if kind == "high" and rule == "deduct":
        k = _multiple(d, run, stay, base)
        by_cost = less / all_mean(d, run) * d.given("point_scale")
        return largest(fixed(0), by_cost - (k - fixed(1)) * base * c), "deduct"
    if kind == "high" and rule == "cap":
        return smallest(less / mean, _multiple(d, run, stay, base)) * base * c, "cap"
    return plain, "plain"


def _multiple(d: Derivation, run: RunFolder, stay: Stay, base: Number) -> Number:
    if stay.multiple is None:
        stay.multiple = band_multiple(d, run, base)
    return stay.multiple


def paid_apart(d: Derivation, row: Row) -> Number:
    """Add the step to what is paid apart for a case's new technology."""
    new = row.number("new_technology_fen", named("new_technology_fen"))
    return d.step("apart", rounded(new * d.given("new_technology.share"), fixed(2)), row)


def with_apart(d: Derivation, run: RunFolder, row: Row, price: Number) -> Number:
    """Add what is paid apart to the price of a case paid in money."""
    apart = paid_apart(d, row) if row.has("apart_fen") else fixed(0)
    return d.step("price.with_apart", price + apart, row)


def rewarded(d: Derivation, run: RunFolder, row: Row, points: Number) -> Number:
    """Add the points that reward new technology, where the policy does so."""
    if run.policy.says("new_technology.rule", "by_points", "in_cost", "paid_apart"):
        new = row.number("new_technology_fen", named("new_technology_fen"))
        by_cost = new * d.given("new_technology.share") / all_mean(d, run) * d.given("point_scale")
        points = points + d.step("points.new_technology", rounded(by_cost, places(d)))
    return d.step("points.with_new", points, row)


def _price(d: Derivation, stay: Stay, key: str) -> Number:
    d.section(both("价格（按金额付费，不计点）", "Price (paid in money, no points)"))
    cost = stay.row.number("total_cost_fen")
    if stay.row.has("new_technology_fen"):
        cost = cost - stay.row.number("new_technology_fen", named("new_technology_fen"))
    made = cost - stay.row.number("unreasonable_fen")
    return d.step("price", made, _stated_price(stay), uses=[key] if key else [])


def _stated_price(stay: Stay) -> Sequence[Figure]:
    """Return where the price stands; with new technology what is paid apart is in it, too."""
    return () if stay.row.has("new_technology_fen") else stay.row.figures("price_fen")


def _held(d: Derivation, stay: Stay, key: str) -> Number:
    refused = stay.refused
    heading = both("暂不支付：待特病单议", "Held for a special review")
    d.section(
        both("暂不支付：特病单议不予", "Held: the special review was refused")
        if refused
        else heading
    )
    d.say(
        "held/refused" if refused else "held",
        *stay.row.figures("paid_by"),
        uses=[key],
        parameter=key,
    )
    return fixed(0)


def _bed_day(
    d: Derivation, run: RunFolder, stay: Stay, coefficient: Number, stated: Sequence[Figure]
) -> tuple[str, Number]:
    """Days at their rates, in points or in money (rule 3)."""
    money = run.policy.says("bed_day.payment", "money", "points")
    heading = both("按床日付费（金额）", "By bed-day, in money")
    d.section(heading if money else both("床日点数", "Bed-day points"))
    parts = _daily(d, run, stay, money)
    if money:
        return ITEM, d.step("price/bed_day", total(parts), _stated_price(stay))
    days = d.step("bed_day.sum", total(parts))
    c = used_coefficient(d, run, coefficient, stay.row, "bed_day")
    return POINTS, d.step("points.before/bed_day", rounded(days * c, places(d)), stated)


def _daily(d: Derivation, run: RunFolder, stay: Stay, money: bool) -> list[Number]:
    """Return days × what a day is worth, a term for each band that the stay reaches."""
    row = stay.row
    days = int(row["days"])
    bands = rates(run, stay)
    if run.policy.says("bed_day.mode", "whole_stay", "marginal"):
        own = [b for b in bands if b["from_day"] <= days]
        return [row.number("days") * _worth(d, run, own[-1], money, row)]
    made = []
    for i, band in enumerate(bands):
        start = int(band["from_day"])
        end = days if i + 1 == len(bands) else min(days, int(bands[i + 1]["from_day"]) - 1)
        if end < start:
            continue
        if len(bands) == 1:
            count = row.number("days")
        elif end == days:
            first = band.number("from_day", both("本段起始天数", "first day of the band"))
            count = row.number("days") - (first - fixed(1)) if start > 1 else row.number("days")
        else:
            label = both(f"第 {start} 至 {end} 天", f"days {start} to {end}")
            count = _band_days(band, bands[i + 1], label)
        made.append(count * _worth(d, run, band, money, row if end == days else None))
    return made


def _band_days(band: Row, following: Row, label: Bilingual) -> Number:
    end = following.number("from_day", both("下一段起始天数", "first day of the next band"))
    start = band.number("from_day", both("本段起始天数", "first day of the band"))
    return end - start


def rates(run: RunFolder, stay: Stay) -> list[Row]:
    """Return the bands of a case's bed-day class in its hospital, by their first day."""
    level = run.institutions[stay.hospital]["level"]
    own = [
        row
        for row in run.listed("bed_days", ("bed_day_class", "level", "from_day"))
        if row["bed_day_class"] == stay.lead["bed_day_class"]
    ]
    chosen = [r for r in own if r["level"] == level] or [r for r in own if not r["level"]]
    return sorted(chosen, key=lambda r: int(r["from_day"]))


def _worth(d: Derivation, run: RunFolder, band: Row, money: bool, case: Row | None) -> Number:
    """Return what a day of a band is worth; the cases table shows the points of the last band."""
    rate = band.number("rate_fen", both("床日标准", "rate a day"))
    if money:
        return rate
    points = rate / all_mean(d, run) * d.given("point_scale")
    stated = (*band.figures("points"), *(case.figures("base_points") if case else ()))
    made = rounded(points, d.given("base_points_dp"))
    return d.step("bed_day.points", made, stated, day=band["from_day"])


def readmission(d: Derivation, run: RunFolder, row: Row, before: Number) -> Number:
    """Add rule 8: the cut for a stay that another one followed."""
    if not row["readmission"]:
        d.say("readmission", *row.figures("readmission"), note="none")
        return d.step("points", before, row)
    month = row["correction_month"]
    d.say(
        "readmission", *row.figures("readmission", "correction_month"), note="followed",
        uses=["readmission.same", "readmission.exempt"], holds=True, month=month,
    )  # fmt: skip
    made = rounded(before * d.given("readmission.factor"), places(d))
    return d.step("points/readmission", made, row, month=month)


def chain_share(
    d: Derivation, run: RunFolder, row: Row, members: Sequence[Row], points: Number
) -> Number:
    """Divide a chain's points by cost: largest remainder in steps of the points' decimals."""
    dp = run.policy["case_points_dp"]
    decimals = places(d)
    step = Fraction(1, 10 ** (4 if dp is None else dp))
    if (points.value / step).denominator != 1:  # points that experts set
        step, decimals = Fraction(1, 10_000), fixed(4, FOUR)
    costs = {
        m["case_id"]: Fraction(m["total_cost_fen"] - (m["new_technology_fen"] or 0), 100)
        for m in members
    }
    everything = sum(costs.values())
    mine = row.number("total_cost_fen", both("本次住院费用", "cost of this stay"))
    whole = of_chain(members, "total_cost_fen", both("各次费用之和", "cost of all stays"))
    stated = row.figures("points_before_readmission")
    if row.has("new_technology_fen"):
        mine, stated = mine - row.number("new_technology_fen"), ()
    if any(m.has("new_technology_fen") for m in members):
        whole = whole - of_chain(members, "new_technology_fen")
    if not everything:
        taken = points if row["case_id"] == row["chain"] else fixed(0)
        return d.step("points.share/no_cost", taken, stated)
    exact = d.step("points.share_exact", points * mine / whole)
    shares = {k: points.value * c / everything for k, c in costs.items()}
    return allot(
        d, "points.share", exact, row["case_id"], shares, points, stated,
        of=("cases", "points", (("chain", str(row["chain"])),), row.key), step=step, places=decimals,
    )  # fmt: skip


def of_chain(members: Sequence[Row], column: str, label: Bilingual | None = None) -> Number:
    """Return the sum of a column over the stays of a referral chain."""
    key = (("chain", str(members[0]["chain"])),)
    every = sum(m[column] or 0 for m in members)
    return figure_number(Figure("cases", key, column, every, "sum"), label)
