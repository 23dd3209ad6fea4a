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
    if run.manifest["base_points"]["source"] != "history":
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
        made = d.step(
            "points.set", both("评审确定的点数", "points set by the review"), set_points, "point",
            "7", stated=stated,
        )  # fmt: skip
        return POINTS, made
    c = used_coefficient(d, run, coefficient, stay.row, kind)
    formula, note = _formula(d, run, stay, c, rule)
    made = d.step(
        "points.before",
        both("点数（再住院扣减前）", "points before readmission"),
        rounded(formula, places(d)),
        "point",
        "7",
        stated=stated,
        note=note,
        uses=[key] if key else [],
    )
    return POINTS, made


def _formula(
    d: Derivation, run: RunFolder, stay: Stay, c: Number, rule: str
) -> tuple[Number, Bilingual]:
    """Return the formula of a class's points, unrounded, and what it is called."""
    kind = stay.kind
    less = stay.cost - stay.unreasonable
    if rule not in FORMULAS.get(kind, ("",)):
        raise unknown_choice(f"{kind}.rule", rule)
    if (
        kind in BY_COST_RULES
        or kind == "special_discharge"
        or (kind == "low" and rule == "by_cost")
    ):
        exact = less / all_mean(d, run) * d.given("point_scale") * c
        return exact, both(
            "按费用计点：（总费用 − 不合理费用）÷ 全部病例次均费用 × 点数基数 × 系数",
            "by cost: (cost − unreasonable cost) ÷ all-DRG mean × scale × coefficient",
        )
    base, mean = stay.base, stay.mean
    if base is None or mean is None:
        raise ValueError(f"{stay.drg} has no base points, but its class is {kind}")
    plain = base * c
    if kind == "low" and rule == "ratio":
        one = fixed(1, both("费用不超过均值", "at most 1"))
        return base * smallest(one, stay.cost / mean) * c, both(
            "低倍率：基准点数 × 费用比 × 系数", "low-cost: base points × cost ratio × coefficient"
        )
    if kind == "reviewed" or (kind == "high" and rule == "linear_add" and not stay.refused):
        over = less / mean - _multiple(d, run, stay, base)
        return plain + largest(fixed(0), over) * base, both(
            "基准点数 × 系数，另加超过倍数的部分 × 基准点数",
            "base points × coefficient, and what exceeds K times the mean × base points",
        )
    if kind == "high" and rule == "deduct":
        k = _multiple(d, run, stay, base)
        by_cost = less / all_mean(d, run) * d.given("point_scale")
        return largest(fixed(0), by_cost - (k - fixed(1)) * base * c), both(
            "按费用计点，扣除（倍数 − 1）× 基准点数 × 系数（扣减法，为本程序对名称的理解）",
            "by cost, less (K − 1) × base points × coefficient (our reading of the name)",
        )
    if kind == "high" and rule == "cap":
        ratio = smallest(less / mean, _multiple(d, run, stay, base))
        return ratio * base * c, both(
            "费用比以倍数封顶 × 基准点数 × 系数（封顶法，为本程序对名称的理解）",
            "cost ratio, at most K, × base points × coefficient (our reading of the name)",
        )
    return plain, both("基准点数 × 系数", "base points × coefficient")


def _multiple(d: Derivation, run: RunFolder, stay: Stay, base: Number) -> Number:
    if stay.multiple is None:
        stay.multiple = band_multiple(d, run, base)
    return stay.multiple


def paid_apart(d: Derivation, row: Row) -> Number:
    """Add the step to what is paid apart for a case's new technology."""
    return d.step(
        "apart",
        named("apart_fen"),
        rounded(
            row.number("new_technology_fen", named("new_technology_fen"))
            * d.given("new_technology.share"),
            fixed(2),
        ),
        "yuan",
        "9",
        stated=row.figures("apart_fen"),
        uses=["new_technology.rule"],
    )


def with_apart(d: Derivation, run: RunFolder, row: Row, price: Number) -> Number:
    """Add what is paid apart to the price of a case paid in money."""
    apart = paid_apart(d, row) if row.has("apart_fen") else fixed(0)
    return d.step(
        "price.with_apart", both("应付价款（含单独支付）", "price with what is paid apart"),
        price + apart, "yuan", "9", stated=row.figures("price_fen"),
    )  # fmt: skip


def rewarded(d: Derivation, run: RunFolder, row: Row, points: Number) -> Number:
    """Add the points that reward new technology, where the policy does so."""
    if run.policy.says("new_technology.rule", "by_points", "in_cost", "paid_apart"):
        new = row.number("new_technology_fen", named("new_technology_fen"))
        reward = d.step(
            "points.new_technology",
            both("新技术项目奖励点数", "points for new technology"),
            rounded(
                new * d.given("new_technology.share") / all_mean(d, run) * d.given("point_scale"),
                places(d),
            ),
            "point",
            "7",
            uses=["new_technology.rule"],
        )
        points = points + reward
    return d.step(
        "points.with_new", both("点数（再住院扣减前）", "points before readmission"), points,
        "point", "7", stated=row.figures("points_before_readmission"),
    )  # fmt: skip


def _price(d: Derivation, stay: Stay, key: str) -> Number:
    d.section(both("价款（按金额付费，不计点）", "Price (paid in money, no points)"))
    cost = stay.row.number("total_cost_fen")
    if stay.row.has("new_technology_fen"):
        cost = cost - stay.row.number("new_technology_fen", named("new_technology_fen"))
    return d.step(
        "price",
        both("应付价款", "price"),
        cost - stay.row.number("unreasonable_fen"),
        "yuan",
        "9",
        stated=() if stay.row.has("new_technology_fen") else stay.row.figures("price_fen"),
        note=both("按项目：总费用 − 不合理费用", "by item: cost − unreasonable cost"),
        uses=[key] if key else [],
    )


def _held(d: Derivation, stay: Stay, key: str) -> Number:
    d.section(both("暂不支付：待特病单议", "Held for a special review"))
    d.say(
        "held",
        both("尚未评审，暂不付费", "not reviewed yet, not paid"),
        both(
            f"{key} = special_review：经评审准予后按费用计点；在此之前不计入任何合计。"
            "请在评审表（reviews）中写明评审结论后重新清算",
            f"{key} = special_review: by cost once its review is granted; until then it is in no "
            "sum. Add the decision to the table reviews and settle again",
        ),
        "7",
        *stay.row.figures("paid_by"),
        uses=[key],
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
    uses = ["bed_day.mode", "bed_day.payment"]
    if money:
        made = d.step(
            "price", both("应付价款", "price"), total(parts), "yuan", "3",
            stated=() if stay.row.has("new_technology_fen") else stay.row.figures("price_fen"),
            uses=uses,
        )  # fmt: skip
        return ITEM, made
    days = d.step(
        "bed_day.sum", both("各日点数之和", "points of the days"), total(parts), "point", "3"
    )
    c = used_coefficient(d, run, coefficient, stay.row, "bed_day")
    made = d.step(
        "points.before",
        both("床日点数 × 系数", "bed-day points × coefficient"),
        rounded(days * c, places(d)),
        "point",
        "3",
        stated=stated,
        uses=uses,
    )
    return POINTS, made


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
    return d.step(
        "bed_day.points",
        both(
            f"每床日点数（自第 {band['from_day']} 天）", f"points a day from day {band['from_day']}"
        ),
        rounded(rate / all_mean(d, run) * d.given("point_scale"), d.given("base_points_dp")),
        "point",
        "3",
        stated=(*band.figures("points"), *(case.figures("base_points") if case else ())),
    )


def readmission(d: Derivation, run: RunFolder, row: Row, before: Number) -> Number:
    """Add rule 8: the cut for a stay that another one followed."""
    if not row["readmission"]:
        d.say(
            "readmission",
            both("再住院", "readmission"),
            both("无扣减", "no cut"),
            "8",
            *row.figures("readmission"),
            uses=["readmission.days"],
        )
        return d.step(
            "points", both("点数", "points"), before, "point", "8", stated=row.figures("points")
        )
    month = row["correction_month"]
    d.say(
        "readmission",
        both("再住院", "readmission"),
        both(
            f"其后规定天数内又一次住院，在 {month}",
            f"followed by another stay within the days, in {month}",
        ),
        "8",
        *row.figures("readmission", "correction_month"),
        uses=["readmission.days", "readmission.same", "readmission.exempt"],
        holds=True,
    )
    return d.step(
        "points",
        both("点数（再住院扣减后）", "points after the readmission rule"),
        rounded(before * d.given("readmission.factor"), places(d)),
        "point",
        "8",
        stated=row.figures("points"),
        note=both(f"冲正记入 {month}", f"the correction is an entry of {month}"),
    )


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
    new = any(m.has("new_technology_fen") for m in members)
    everything = sum(costs.values())
    own = both("本次住院费用", "cost of this stay")
    where = Figure(
        "cases", (("chain", str(row["chain"])),), "total_cost_fen",
        sum(m["total_cost_fen"] for m in members), "sum",
    )  # fmt: skip
    own_new = row.has("new_technology_fen")
    mine, whole = (
        row.number("total_cost_fen", own),
        figure_number(where, both("各次费用之和", "cost of all stays")),
    )
    if own_new:
        mine = mine - row.number("new_technology_fen", named("new_technology_fen"))
    if new:
        taken = sum(m["new_technology_fen"] or 0 for m in members)
        gone = Figure("cases", (("chain", str(row["chain"])),), "new_technology_fen", taken, "sum")
        whole = whole - figure_number(gone, named("new_technology_fen"))
    title = both("转诊各次住院按费用分点", "the chain's points divided by cost")
    if not everything:
        taken = row["case_id"] == row["chain"]
        return d.step(
            "points.share", title, points if taken else fixed(0), "point", "7",
            stated=() if own_new else row.figures("points_before_readmission"),
            note=both("各次费用都为 0：全归主要住院", "all costs are 0: the lead takes all"),
        )  # fmt: skip
    exact = d.step(
        "points.share_exact",
        title,
        points * mine / whole,
        "point",
        "7",
    )
    shares: dict[object, Fraction] = {k: points.value * c / everything for k, c in costs.items()}
    return allot(
        d,
        "points.share",
        both("分得点数", "share of points"),
        exact,
        row["case_id"],
        shares,
        points,
        step,
        decimals,
        "point",
        "7",
        () if own_new else row.figures("points_before_readmission"),
        (
            Figure("cases", (("chain", str(row["chain"])),), "points", 0, "floors"),
            Figure("cases", row.key, "points", 0, "rank"),
        ),
    )
