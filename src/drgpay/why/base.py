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
    d.parameter("history.weighting")
    return run.table_of("base_points").number("all_drg_mean_fen")


def base_points(d: Derivation, run: RunFolder, drg: str) -> Number | None:
    """Add the step to a group's base points; None when it has none."""
    row = run.drgs.get(drg)
    if row is None or not row.has("group_mean_fen"):
        d.say(
            "base_points",
            both(f"{drg} 的基准点数", f"base points of {drg}"),
            both(
                "该病组没有历史病例（或不在 base_points.csv、weights.csv 中），没有基准点数，按非稳定病组处理",
                "the group has no past case (or is not in base_points.csv, weights.csv): it has no base points "
                "and is unstable",
            ),
            "5",
            *(row.figures("group_mean_fen", "stable") if row else ()),
            run.table_of("base_points").figure("source"),
        )
        return None
    if row.has("weight"):
        return d.step(
            "base_points",
            both(f"{drg} 的基准点数", f"base points of {drg}"),
            row.number("weight", named("weight")) * d.given("point_scale"),
            "point",
            "5",
            stated=row.figures("base_points"),
            note=both("公布的权重乘点数基数，不取整", "published weight x scale, not rounded"),
        )
    return d.step(
        "base_points",
        both(f"{drg} 的基准点数", f"base points of {drg}"),
        rounded(
            row.number("group_mean_fen", both(f"{drg} 次均费用", f"mean of {drg}"))
            / all_mean(d, run)
            * d.given("point_scale"),
            d.given("base_points_dp"),
        ),
        "point",
        "5",
        stated=row.figures("base_points"),
        note=both("四舍五入一次", "rounded once"),
    )


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
        d.say(
            "coefficient",
            both("差异系数", "coefficient"),
            both(
                f"{drg} 是基层病组，同病同价：差异系数为 1",
                f"{drg} is a primary group, one price for all: the coefficient is 1",
            ),
            "6",
            uses=["primary_groups", "primary_levels"],
        )
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
    made = d.step(
        "coefficient.sum",
        both("差异系数各组成部分加权", "weighted components of the coefficient"),
        total(parts),
        "",
        "6",
        places=6,
        uses=["coef.source", "coef.components", "coef.scope", "coef.min_cases"],
    )
    if run.policy["coef.floor"] is not None:
        made = largest(d.given("coef.floor"), made)
    if run.policy["coef.cap"] is not None:
        made = smallest(d.given("coef.cap"), made)
    return d.step(
        "coefficient",
        both("差异系数", "coefficient"),
        rounded(made, d.given("coef.dp")),
        "",
        "6",
        places=6,
        stated=() if _tilt(run, hospital) else row.figures("coefficient"),
        uses=["coef.floor", "coef.cap"],
    )


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
    d.test(
        "coefficient.tcm_gate",
        both("中治率达到倾斜标准？", "does the TCM share reach the gate?"),
        run.table_of("tcm").number(hospital, label),
        "≥",
        d.given("tcm.gate"),
        "6",
    )
    return d.step(
        "coefficient.tilted",
        both("中医倾斜后的差异系数", "coefficient with the TCM tilt"),
        rounded(
            made * (fixed(1) + d.given("tcm.tilt")), fixed(6, both("六位小数", "six decimals"))
        ),
        "",
        "6",
        places=6,
        stated=row.figures("coefficient"),
    )


def used_coefficient(
    d: Derivation, run: RunFolder, made: Number, row: Row, case_class: str
) -> Number:
    """Return the coefficient that multiplies a case of a class, held against the cases table."""
    label = both("差异系数", "coefficient")
    if applies(run, case_class):
        if made.plain:
            return d.step(
                "coefficient.used", label, made, "", "6", places=4,
                stated=row.figures("coefficient"), uses=["coef_applies_to"],
            )  # fmt: skip
        return made
    kind = spoken("case_class", case_class)
    return d.step(
        "coefficient.used",
        label,
        fixed(1, both(f"{kind.chinese}不乘差异系数", f"no coefficient for {kind}")),
        "",
        "6",
        places=4,
        stated=row.figures("coefficient"),
        uses=["coef_applies_to"],
        note=both(
            f"{kind.chinese}不在 coef_applies_to 之中，系数为 1",
            f"the class {case_class} is not in coef_applies_to: the factor is 1",
        ),
    )


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
    uses = ["high.bands_unit", "high.bands_inclusive"]
    if run.policy.says("high.bands_unit", "weight", "points"):
        own = base / d.given("point_scale")
    for limit, multiple in run.policy["high.bands"]:
        if limit is None or own.value < limit or (inclusive and own.value == limit):
            k = d.given("high.bands", multiple)
            if limit is not None:
                d.test(
                    "band", both(f"高倍率档次：倍数 {k.text}", f"band of high-cost: K = {k.text}"),
                    own, "≤" if inclusive else "<", d.given("high.bands", limit), "7.5", places=4,
                    uses=uses,
                )  # fmt: skip
            elif lower is not None:
                d.test(
                    "band", both(f"高倍率档次：倍数 {k.text}", f"band of high-cost: K = {k.text}"),
                    own, ">" if inclusive else "≥", d.given("high.bands", lower), "7.5", places=4,
                    uses=uses,
                )  # fmt: skip
            return k
        lower = limit
    raise ValueError("no open band")
