"""Base points and coefficient: what a group and a hospital bring to a case (rules 4 to 6)."""

from __future__ import annotations

from fractions import Fraction

from drgpay.ground.errors import both
from drgpay.ground.numbers import Number, fixed, largest, rounded, smallest, total
from drgpay.names.codes import spoken
from drgpay.names.run_columns import named
from drgpay.why.folder import Row, RunFolder
from drgpay.why.model import Derivation

FOUR = both("点数保留四位小数", "points have four decimals")


def all_mean(d: Derivation, run: RunFolder) -> Number:
    """Return the mean cost of all DRG cases."""
    if run.from_history:
        d.parameter("history.weighting")
    return run.table_of("base_points").number("all_drg_mean_fen")


def base_points(d: Derivation, run: RunFolder, drg: str, without: str) -> Number | None:
    """Add the step to a group's base points; None when it has none.

    `without`: the note that is said then, as not all cases of such a group are paid as unstable.
    """
    row = run.drgs.get(drg)
    if row is None or not row.has("group_mean_fen"):
        figures = row.figures("group_mean_fen", "stable") if row else ()
        source = run.table_of("base_points").figure("source")
        d.say("base_points", *figures, source, note=without, drg=drg)
        return None
    if row.has("weight"):
        made, note = row.number("weight", named("weight")) * d.given("point_scale"), "weight"
    else:
        mean = row.number("group_mean_fen", both(f"{drg} 次均费用", f"mean of {drg}"))
        points = mean / all_mean(d, run) * d.given("point_scale")
        made, note = rounded(points, d.given("base_points_dp")), "rounded"
    return d.step("base_points", made, row, note=note, drg=drg)


def group_mean(d: Derivation, run: RunFolder, row: Row) -> Number:
    """Return the mean of a group that costs are compared with; of a weight mean x weight, exact."""
    if not row.has("weight"):
        return row.number("group_mean_fen", both("病组次均费用", "group mean"))
    return all_mean(d, run) * row.number("weight", named("weight"))


def applies(run: RunFolder, case_class: str) -> bool:
    """Whether the coefficient multiplies the points of a class."""
    own = "high" if case_class == "reviewed" else case_class
    return own in run.policy["coef_applies_to"]


def is_primary(run: RunFolder, hospital: str, drg: str) -> bool:
    """Whether a group is one of those priced alike in hospitals of this one's level."""
    levels = run.policy["primary_levels"]
    row = run.institutions.get(hospital)
    level = "" if row is None else str(row.get("level", ""))
    return drg in run.manifest["primary_groups"] and (not levels or level in levels)


def coefficient(d: Derivation, run: RunFolder, hospital: str, drg: str) -> Number:
    """Add the steps to the coefficient of a hospital and a group; return it."""
    if is_primary(run, hospital, drg):
        d.say("coefficient/primary", drg=drg)
        return fixed(1, both("基层病组的系数", "coefficient of a primary group"))
    row = run.coefficients.get((hospital, drg)) or run.coefficients[hospital, ""]
    if run.policy.says("coef.source", "components", "given", "level"):
        made = _of_components(d, run, hospital, row)
    else:
        made = _before_tilt(run, hospital, row)
    return _tilted(d, run, hospital, row, made)


def _of_components(d: Derivation, run: RunFolder, hospital: str, row: Row) -> Number:
    """Σ weight × component, then floor and cap, rounded."""
    parts = [
        d.given("coef.weights", weight) * row.number(name, named(name, "coefficients"))
        for name, weight in zip(
            run.policy["coef.components"], run.policy["coef.weights"], strict=True
        )
    ]
    made = d.step("coefficient.sum", total(parts))
    if run.policy["coef.floor"] is not None:
        made = largest(d.given("coef.floor"), made)
    if run.policy["coef.cap"] is not None:
        made = smallest(d.given("coef.cap"), made)
    stated = () if _tilt(run, hospital) else row
    return d.step("coefficient", rounded(made, d.given("coef.dp")), stated)


def _tilt(run: RunFolder, hospital: str) -> bool:
    """Whether the coefficient of a hospital is raised for its share of TCM treatment."""
    shares = run.table_of("tcm")
    if run.policy["tcm.tilt"] is None or not shares.has(hospital):
        return False
    return bool(Fraction(shares[hospital]) >= run.policy["tcm.gate"])


def _before_tilt(run: RunFolder, hospital: str, row: Row) -> Number:
    """Return a coefficient that was given, of the hospital or its level."""
    label = both("差异系数", "coefficient")
    if not _tilt(run, hospital) or dict(row.key)["drg"]:
        return row.number("coefficient", label)
    own = run.institutions[hospital]
    if run.policy.says("coef.source", "given", "level", "components") and not own.has(
        "coefficient_given"
    ):
        return fixed(1, both("只有按病组的系数，其余为 1", "rows by DRG alone: 1 elsewhere"))
    if run.policy.says("coef.source", "level", "given", "components"):
        return run.table_of("level_coefficients").number(
            own["level"],
            both(f"等级 {own['level']} 的系数", f"coefficient of level {own['level']}"),
        )
    return own.number("coefficient_given", label)


def _tilted(d: Derivation, run: RunFolder, hospital: str, row: Row, made: Number) -> Number:
    """Add the tilt for TCM hospitals where there is one."""
    if not _tilt(run, hospital):
        return made
    if dict(row.key)["drg"] and not run.policy.says("coef.source", "components", "given", "level"):
        return row.number("coefficient", both("中医倾斜后的系数", "coefficient with the tilt"))
    label = named("treatment_share")
    share = run.table_of("tcm").number(hospital, label)
    d.test("coefficient.tcm_gate", share, "≥", d.given("tcm.gate"))
    raised = made * (fixed(1) + d.given("tcm.tilt"))
    six = fixed(6, both("六位小数", "six decimals"))
    return d.step("coefficient.tilted", rounded(raised, six), row)


def used_coefficient(
    d: Derivation, run: RunFolder, made: Number, row: Row, case_class: str
) -> Number:
    """Return the coefficient that multiplies a case of a class, held against the cases table."""
    if applies(run, case_class):
        return d.step("coefficient.used", made, row) if made.plain else made
    kind = spoken("case_class", case_class)
    one = fixed(1, both(f"{kind.chinese}不乘差异系数", f"no coefficient for {kind}"))
    return d.step("coefficient.used", one, row, note="not_applied", kind=kind, code=case_class)


def places(d: Derivation) -> Number:
    """Return the decimals that points of a case are rounded to."""
    if d.policy["case_points_dp"] is None:
        d.parameter("case_points_dp")
        return fixed(4, FOUR)
    return d.given("case_points_dp")


def band_multiple(d: Derivation, run: RunFolder, base: Number) -> Number:
    """Add the step that picks K of the first band that the base points, or the weight, belong to."""
    lower: Fraction | None = None
    own, inclusive = base, run.policy["high.bands_inclusive"]
    if run.policy.says("high.bands_unit", "weight", "points"):
        own = base / d.given("point_scale")
    for limit, multiple in run.policy["high.bands"]:
        if limit is None or own.value < limit or (inclusive and own.value == limit):
            k = d.given("high.bands", multiple)
            sign = ("≤" if inclusive else "<") if limit is not None else ">" if inclusive else "≥"
            edge = lower if limit is None else limit
            if edge is not None:
                d.test("band", own, sign, d.given("high.bands", edge), k=k.text)
            return k
        lower = limit
    raise ValueError("no open band")
