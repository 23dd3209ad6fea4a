"""Why a group has its base points, whether it is stable, and what its cases of the year came to."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from drgpay.ground.errors import Bilingual, both, unknown_choice
from drgpay.ground.numbers import NOTHING, digits, fixed, number, total
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
    base = base_points(d, run, code)
    if base is not None:
        k = band_multiple(d, run, base)
        group = group_mean(d, run, row)
        d.step(
            "low_limit",
            both("低倍率界限", "limit of low-cost cases"),
            d.given("low.multiple") * group,
            "yuan",
            "7.4",
            note=_of_standard(d, run),
        )
        d.step(
            "high_limit",
            both("高倍率界限", "limit of high-cost cases"),
            k * group,
            "yuan",
            "7.5",
            note=_of_standard(d, run),
        )
    d.section(both("稳定病组", "Stable group"))
    _stable(d, run, row)
    d.section(both("本年病例", "This year's cases"))
    _cases(d, run, row)
    return d


def _of_standard(d: Derivation, run: RunFolder) -> Bilingual:
    """Return what a limit of the group is still multiplied with."""
    d.parameter("ratio_basis")
    if not run.policy.says("ratio_basis", "standard", "group_mean"):
        return NOTHING
    return both("各机构另乘其差异系数", "of a hospital: times its coefficient")


def _history(d: Derivation, run: RunFolder, row: Row) -> None:
    method = run.policy["trim.method"]
    if method not in TRIM:
        raise unknown_choice("trim.method", method)
    before, after = row.number("n_before"), row.number("n_after")
    if method == "winsorise":
        title = both(
            "裁剪：以分位数替代两端，不剔除病例", "clipped at both ends, no case is dropped"
        )
    else:
        title = both("裁剪剔除的病例", "past cases trimmed off")
    stated = row.figures("trimmed") if method != "winsorise" else ()
    d.step(
        "trimmed", title, before - after, "cases", "4", stated=stated,
        uses=["trim.method", "trim.when", *TRIM[method], "history_years"],
    )  # fmt: skip
    for column in (
        "cv_before",
        "cv_after",
        "mean_before_fen",
        "median_before_fen",
        "median_after_fen",
    ):
        if row.has(column):
            text = _statistic(row, column)
            d.say(
                f"history.{column}",
                named(column),
                both(text, text),
                "4",
                row.figure(column),
            )
    if row.has("group_mean_fen"):
        text = digits(Fraction(row["group_mean_fen"], 100), 2)
        d.say(
            "group_mean",
            named("group_mean_fen"),
            both(
                f"{text} 元：裁剪后 {after.text} 例的均值（逐例历史数据不在结果文件夹中）",
                f"{text} yuan: the mean of the {after.text} cases left (the past cases themselves "
                "are not in the run folder)",
            ),
            "4",
            row.figure("group_mean_fen"),
            uses=["history.weighting", "history.year_weights", "small_groups"],
        )


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
        d.say(
            "stable",
            says,
            both("没有基准点数，不稳定", "it has no base points: not stable"),
            "5",
            row.figure("stable"),
        )
        return
    if not row.has("n_after"):
        d.say(
            "stable", says,
            both(
                "base_points.csv 或 weights.csv 给定（默认是）",
                "as base_points.csv or weights.csv says (yes by default)",
            ),
            "5", row.figure("stable"),
        )  # fmt: skip
        return
    count = row.number("n_after")
    enough = d.test(
        "stable.cases", both("例数足够？", "enough cases?"), count,
        "≥" if run.policy["stable.inclusive"] else ">", d.given("stable.min_cases"), "4",
        uses=["stable.inclusive"], places=0,
    )  # fmt: skip
    if row["origin"] == "borrowed":
        d.say(
            "stable.borrowed",
            says,
            both(
                "借用核心病组：按该核心病组全部保留病例的例数与变异系数判定",
                "borrowed: judged by the cases of its ADRG together, their number and CV",
            ),
            "4",
            *row.figures("origin", "stable"),
            uses=["small_groups"],
        )
        return
    narrow = _spread(d, row, stable) if row.has("cv_after") else _no_spread(d, row, "cv_after")
    wanted = enough and narrow and row["group_mean_fen"] > 0
    if wanted != stable:
        d.disagree(
            f"稳定病组：按规则为{'是' if wanted else '否'}，而 drgs 表为{'是' if stable else '否'}",
            f"stable: {wanted} by the rule, but the drgs table says {stable}",
        )
    d.say("stable", says, says, "4", *row.figures("stable", "review"), uses=["small_groups"])


def _spread(d: Derivation, row: Row, stable: bool) -> bool:
    """Test the coefficient of variation; it stands in the table as a float, near its limit or not."""
    cv = Fraction(str(row["cv_after"]))
    limit = d.given("stable.cv_max")
    if abs(cv - limit.value) < Fraction(1, 10**12):
        d.say(
            "stable.cv",
            both("变异系数不超过上限？", "a spread within the limit?"),
            both(
                "变异系数与上限在十二位小数内相同；清算以精确数判定",
                "equal to the limit in twelve decimals; the run judged by the exact figures",
            ),
            "4",
            *row.figures("cv_after", "stable"),
            uses=["stable.cv_max", "stable.cv_sd"],
            holds=stable,
        )
        return stable
    return d.test(
        "stable.cv", both("变异系数不超过上限？", "a spread within the limit?"),
        number(cv, digits(cv, 0, 25), named("cv_after"), row.figure("cv_after")), "≤",
        limit, "4", uses=["stable.cv_sd"], places=6,
    )  # fmt: skip


def _no_spread(d: Derivation, row: Row, column: str) -> bool:
    """Say that there is no coefficient of variation; then a group is not stable."""
    d.say(
        "stable.cv",
        both("变异系数不超过上限？", "a spread within the limit?"),
        both("只有一例，没有样本标准差", "one case has no sample deviation"),
        "4",
        *row.figures(column),
        uses=["stable.cv_max", "stable.cv_sd"],
        holds=False,
    )
    return False


def _cases(d: Derivation, run: RunFolder, row: Row) -> None:
    """This year's cases by class: number, points and cost, held against the drgs table."""
    classes = run.classes_of(row["drg"])
    if not classes:
        d.stated("cases", row, "cases", fixed(0, both("没有病例", "no case")), "6")
        return
    for column, unit in (("cases", "cases"), ("points", "point"), ("total_cost_fen", "yuan")):
        parts = []
        for name, paid_by, figures in classes:
            if paid_by == "held":
                continue
            kind: Bilingual = spoken("case_class", name)
            parts.append(figure_number(figures[column], kind))
        if parts:
            d.step(
                f"year.{column}",
                named(column),
                total(parts),
                unit,
                "12",
                stated=row.figures(column),
            )
