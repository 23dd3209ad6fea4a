"""The class of a case: every test of rule 7 in its order, up to the one that holds."""

from __future__ import annotations

from dataclasses import dataclass

from drgpay.ground.errors import both, unknown_choice
from drgpay.ground.numbers import NOTHING, Number, fixed, smallest
from drgpay.names.codes import DISCHARGE_WAYS, spoken
from drgpay.why.base import band_multiple
from drgpay.why.folder import Row, RunFolder
from drgpay.why.model import Derivation

WAY_RULES = {
    "5": "death.rule",
    "2": "transfer.rule",
    "3": "transfer.rule",
    "4": "against_order.rule",
}
BY_STATUS = {"ungroupable": "ungrouped", "ambiguous": "ambiguous"}


@dataclass
class Stay:
    """What rule 7 asks of a case; of a referral chain's stays, of the chain.

    `cost` and `unreasonable` are numbers of formulas.
    """

    row: Row
    lead: Row
    hospital: str
    drg: str
    status: str
    cost: Number
    unreasonable: Number
    base: Number | None = None
    mean: Number | None = None
    multiple: Number | None = None  # K, where a test or a formula needed it
    coefficient: Number | None = None  # of hospital and group, whether or not it multiplies
    review: Row | None = None

    @property
    def kind(self) -> str:
        """The class that the run gave."""
        return str(self.row["case_class"])

    @property
    def surgery(self) -> bool:
        """Whether it was day surgery."""
        return bool(self.lead["day_surgery"])

    @property
    def granted(self) -> bool:
        """Whether its special review was granted."""
        return self.review is not None and self.review["decision"] == "granted"

    @property
    def refused(self) -> bool:
        """Whether its special review was refused."""
        return self.review is not None and self.review["decision"] == "refused"

    @property
    def set_points(self) -> Number | None:
        """The points that its review set."""
        if not self.granted or self.review is None or not self.review.has("points"):
            return None
        return self.review.number("points", both("评审确定的点数", "points set by the review"))


def classify(d: Derivation, run: RunFolder, stay: Stay) -> None:
    """Add the tests of rule 7; a class other than the table's is noted as a disagreement."""
    d.section(both("类型：按规则 7 依次判断", "Class: the tests of rule 7 in order"))
    made = _first(d, run, stay)
    name = spoken("case_class", made)
    if made != stay.kind:
        d.disagree("class", name=name, made=made, says=stay.row["case_class"])
    d.say("class", stay.row.figure("case_class"), name=name)


def _first(d: Derivation, run: RunFolder, stay: Stay) -> str:
    for test in (_by_days, _by_review, _by_status, _by_way, _by_group):
        found = test(d, run, stay)
        if found:
            return found
    return _by_cost(d, run, stay)


def _bed_day_name(run: RunFolder, code: str) -> str:
    """Return a bed-day class with what the region calls it, where it does."""
    rates = run.listed("bed_days", ("bed_day_class", "level", "from_day"))
    names = {r["bed_day_class"]: str(r.get("name", "")) for r in rates if r.get("name")}
    return f"{code} {names[code]}" if code in names else code


def _by_days(d: Derivation, run: RunFolder, stay: Stay) -> str | None:
    lead = stay.lead
    days = lead.number("days", both("住院天数", "days of stay"))
    if lead["bed_day_class"] is not None:
        d.say(
            "test.bed_day", *lead.figures("bed_day_class", "days"), note="yes", holds=True,
            name=_bed_day_name(run, lead["bed_day_class"]),
            uses=["long_stay.days", "long_stay.rule", "long_stay.class"],
        )  # fmt: skip
        return "bed_day"
    d.say("test.bed_day", *lead.figures("bed_day_class"), note="no", holds=False)
    if run.policy["long_stay.days"] is not None and d.test(
        "test.long_stay", days, ">", d.given("long_stay.days")
    ):
        by_item = run.policy.says("long_stay.rule", "by_item", "bed_day")
        return "long_stay" if by_item else "bed_day"
    return _short(d, run, stay, days)


def _short(d: Derivation, run: RunFolder, stay: Stay, days: Number) -> str | None:
    if run.policy["short_stay.days"] is None:
        return None
    if not d.test("test.short_stay", days, "≤", d.given("short_stay.days")):
        return None
    _surgery(d, stay)
    return None if stay.surgery else "short_stay"


def _surgery(d: Derivation, stay: Stay) -> None:
    """Say whether the case is day surgery."""
    note = "yes" if stay.surgery else "no"
    d.say("test.day_surgery", *stay.lead.figures("day_surgery"), note=note, holds=stay.surgery)


def _by_review(d: Derivation, run: RunFolder, stay: Stay) -> str | None:
    points = stay.set_points
    if points is None or stay.review is None:
        return None
    figures = stay.review.figures("decision", "points")
    d.say("test.set_points", *figures, holds=True, points=points.text)
    return "reviewed"


def _by_status(d: Derivation, run: RunFolder, stay: Stay) -> str | None:
    kind = BY_STATUS.get(stay.status)
    d.say(
        "test.status", *stay.row.figures("status", "drg"), note="yes" if kind else "no",
        holds=kind is not None, name=spoken("status", stay.status), drg=stay.drg,
    )  # fmt: skip
    return kind


def way_rule(run: RunFolder, stay: Stay) -> tuple[str, str]:
    """Return the key and the rule of how the patient left; empty key when none has one."""
    way = str(stay.lead.get("discharge_way", ""))
    key = WAY_RULES.get(way, "")
    return (key, str(run.policy[key])) if key else ("", "as_others")


def _by_way(d: Derivation, run: RunFolder, stay: Stay) -> str | None:
    keys = ("death.rule", "transfer.rule", "against_order.rule")
    if all(run.policy[key] == "as_others" for key in keys):
        return None
    key, rule = way_rule(run, stay)
    special = rule in ("by_cost", "by_item")
    if not special and rule not in ("as_others", "not_low"):
        raise unknown_choice(key, rule)
    way = stay.lead.get("discharge_way")
    d.say(
        "test.discharge_way", *stay.lead.figures("discharge_way"), holds=special,
        note="yes" if special else "no" if key else "no_rule",
        way=both("不详", "unknown") if way is None else way,
        shown=NOTHING if way is None else DISCHARGE_WAYS[str(way)],
        parameter=key, rule=rule, uses=[key] if key else [],
    )  # fmt: skip
    return "special_discharge" if special else None


def _by_group(d: Derivation, run: RunFolder, stay: Stay) -> str | None:
    group = run.drgs.get(stay.drg)
    stable = bool(group is not None and group["stable"] and stay.base is not None)
    d.say(
        "test.unstable", *(group.figures("stable") if group else ()), holds=not stable,
        note="stable" if stable else "no_base" if stay.base is None else "unstable", drg=stay.drg,
    )  # fmt: skip
    return None if stable else "unstable"


def _by_cost(d: Derivation, run: RunFolder, stay: Stay) -> str:
    """The low and the high test, in the order of the policy."""
    if run.policy.says("class_order", "high_first", "low_first"):
        d.parameter("class_order")
        return _high(d, run, stay) or _low(d, run, stay) or "normal"
    return _low(d, run, stay) or _high(d, run, stay) or "normal"


def _mean(stay: Stay) -> Number:
    if stay.mean is None:
        raise ValueError(f"{stay.drg} has no mean")
    return stay.mean


def _basis(d: Derivation, run: RunFolder, stay: Stay) -> Number:
    """Return what the cost is held against: the group's mean, or its standard."""
    d.parameter("ratio_basis")
    if run.policy.says("ratio_basis", "standard", "group_mean") and stay.coefficient is not None:
        return _mean(stay) * stay.coefficient
    return _mean(stay)


def _low(d: Derivation, run: RunFolder, stay: Stay) -> str | None:
    key, rule = way_rule(run, stay)
    if rule == "not_low":
        d.say(
            "test.low/way", *stay.lead.figures("discharge_way"), holds=False, uses=[key],
            way=stay.lead.get("discharge_way"), parameter=key,
        )  # fmt: skip
        return None
    limit = d.given("low.multiple") * _basis(d, run, stay)
    if (
        run.policy.says("low.threshold", "lower_of_coefficient", "fixed")
        and stay.coefficient is not None
    ):
        one = fixed(1, both("系数不超过 1", "at most 1"))
        limit = limit * smallest(one, stay.coefficient)
    low = d.test("test.low", stay.cost, "≤" if run.policy["low.inclusive"] else "<", limit)
    if not low or not run.policy["low.exempt_day_surgery"]:
        return "low" if low else None
    _surgery(d, stay)
    d.parameter("low.exempt_day_surgery")
    return None if stay.surgery else "low"


def _high(d: Derivation, run: RunFolder, stay: Stay) -> str | None:
    if stay.base is None:
        return None
    if stay.multiple is None:
        stay.multiple = band_multiple(d, run, stay.base)
    sign, limit = "≥" if run.policy["high.inclusive"] else ">", stay.multiple * _basis(d, run, stay)
    if not d.test("test.high", stay.cost, sign, limit):
        return None
    if stay.review is None:
        d.say("test.review", *stay.row.figures("case_id"), note="none", holds=False)
        return "high"
    note = "granted" if stay.granted else "refused"
    d.say("test.review", *stay.review.figures("decision"), note=note, holds=stay.granted)
    return "reviewed" if stay.granted else "high"
