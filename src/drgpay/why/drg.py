"""Why a group has its base points, whether it is stable, and what its cases of the year came to."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from drgpay.ground.errors import both, unknown_choice
from drgpay.ground.numbers import digits, fixed, number, total
from drgpay.grouper.outcome import UNGROUPABLE
from drgpay.names.codes import spoken
from drgpay.names.run_columns import named
from drgpay.why.base import band_multiple, base_points, group_mean
from drgpay.why.folder import Row, RunFolder, figure_number
from drgpay.why.model import Derivation

TRIM = {
    "middle_interval": ("trim.lower_factor", "trim.upper_factor", "trim.quantile_type"),
    "percentiles": ("trim.lower_percentile", "trim.upper_percentile", "trim.quantile_type"),
    "winsorise": ("trim.lower_percentile", "trim.upper_percentile", "trim.quantile_type"),
    "sd": ("trim.sd_multiple", "stable.cv_sd"),
    "multiples": (
        "low.multiple",
        "high.bands",
        "high.bands_unit",
        "high.bands_inclusive",
        "low.inclusive",
        "high.inclusive",
    ),
    "none": (),
}


def why_drg(run: RunFolder, code: str) -> Derivation:
    """Return the derivation of a group; raises InputError when the run does not have it."""
    row = run.drgs.get(code)
    if row is None:

        def ids() -> Iterator[list[str]]:
            yield sorted(run.drgs)

        raise run.unknown(both("病组", "group"), code, ids, "--drg", alike=sorted(run.drgs))
    name = row.get("name", "")
    d = Derivation("drg", code, both(f"病组 {code} {name}", f"Group {code} {name}"), run.policy)
    if row.has("origin"):
        d.fact(
            both("次均费用来源", "origin of the mean"),
            spoken("origin", row["origin"]),
            row.figure("origin"),
        )
    if row.has("n_before"):
        d.section(both("历史病例与裁剪", "Past cases and trimming"))
        _history(d, run, row)
    d.section(both("基准点数", "Base points"))
    without = _without(run, code)
    base = base_points(d, run, code, without)
    if base is not None:
        k = band_multiple(d, run, base)
        group = group_mean(d, run, row)
        d.step("low_limit", d.given("low.multiple") * group, note=_of_standard(d, run))
        d.step("high_limit", k * group, note=_of_standard(d, run))
    if without != "not_group":
        d.section(both("稳定病组", "Stable group"))
        _stable(d, run, row)
    d.section(both("本年病例", "This year's cases"))
    _cases(d, run, row)
    return d


def _without(run: RunFolder, code: str) -> str:
    """Return the note of a group without base points, by what its cases of the year are paid as."""
    if code == UNGROUPABLE or code.endswith("QY"):
        return "not_group"
    classes = {case_class for case_class, _, _ in run.classes_of(code)}
    return "unstable" if "unstable" in classes else "none"


def _of_standard(d: Derivation, run: RunFolder) -> str:
    """Return the note of what a limit of the group is still multiplied with."""
    d.parameter("ratio_basis")
    return "standard" if run.policy.says("ratio_basis", "standard", "group_mean") else ""


def _history(d: Derivation, run: RunFolder, row: Row) -> None:
    method = run.policy["trim.method"]
    if method not in TRIM:
        raise unknown_choice("trim.method", method)
    before, after = row.number("n_before"), row.number("n_after")
    clipped = method == "winsorise"
    uses = [*TRIM[method], "history_years"]
    d.step("trimmed/clipped" if clipped else "trimmed", before - after, row, uses=uses)
    for column in (
        "cv_before",
        "cv_after",
        "mean_before_fen",
        "median_before_fen",
        "median_after_fen",
    ):
        if row.has(column):
            text, name = _statistic(row, column), named(column)
            d.say("history", row.figure(column), key=f"history.{column}", name=name, value=text)
    if row.has("group_mean_fen"):
        mean = digits(Fraction(row["group_mean_fen"], 100), 2)
        d.say("group_mean", row.figure("group_mean_fen"), mean=mean, cases=after.text)


def _statistic(row: Row, column: str) -> str:
    value = row[column]
    if column.endswith("_fen"):
        return f"{digits(Fraction(value) / 100, 2, 4)} 元/yuan".split(" ")[0]
    return f"{float(value):.6f}"


def _stable(d: Derivation, run: RunFolder, row: Row) -> None:
    """Each test of a stable group, or that the region said so."""
    stable = bool(row["stable"])
    says = both("稳定病组" if stable else "非稳定病组", "stable" if stable else "not stable")
    if not row.has("group_mean_fen"):
        d.say("stable/given", row.figure("stable"), note="no_base", says=says)
        return
    if not row.has("n_after"):
        d.say("stable/given", row.figure("stable"), note="given", says=says)
        return
    sign = "≥" if run.policy["stable.inclusive"] else ">"
    enough = d.test("stable.cases", row.number("n_after"), sign, d.given("stable.min_cases"))
    if row["origin"] == "borrowed":
        d.say("stable.borrowed", *row.figures("origin", "stable"), says=says)
        return
    narrow = row.has("cv_after") and _spread(d, row, stable)
    if not row.has("cv_after"):
        d.say("stable.cv/said", *row.figures("cv_after"), note="one", holds=False)
    wanted = enough and narrow and row["group_mean_fen"] > 0
    if wanted != stable:
        zh = {True: "是", False: "否"}
        wants, tells = both(zh[wanted], str(wanted)), both(zh[stable], str(stable))
        d.disagree("stable", wanted=wants, says=tells)
    d.say("stable", *row.figures("stable", "review"), says=says)


def _spread(d: Derivation, row: Row, stable: bool) -> bool:
    """Test the coefficient of variation; it stands in the table as a float, near its limit or not."""
    cv = Fraction(str(row["cv_after"]))
    limit = d.given("stable.cv_max")
    if abs(cv - limit.value) < Fraction(1, 10**12):
        figures = row.figures("cv_after", "stable")
        d.say("stable.cv/said", *figures, note="near", holds=stable)
        return stable
    own = number(cv, digits(cv, 0, 25), named("cv_after"), row.figure("cv_after"))
    return d.test("stable.cv", own, "≤", limit)


def _cases(d: Derivation, run: RunFolder, row: Row) -> None:
    """This year's cases by class: number, points and cost, held against the drgs table."""
    classes = run.classes_of(row["drg"])
    if not classes:
        d.step("cases/group", fixed(0, both("没有病例", "no case")), row)
        return
    for column in ("cases", "points", "total_cost_fen"):
        parts = [
            figure_number(figures[column], spoken("case_class", name))
            for name, paid_by, figures in classes
            if paid_by != "held"
        ]
        if parts:
            d.step(f"year.{column}", total(parts), row)
