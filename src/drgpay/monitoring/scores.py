"""The assessment of institutions: figures against targets, points, gates; exact, without files.

An indicator without a denominator is neither met nor missed: its points are left out of the whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from drgpay.ground.errors import InputError, both, unknown_choice
from drgpay.monitoring.indicators import Indicator, indicators


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What an agreement asks of an indicator: bounds, both ends included, and its points.

    `level`: of institutions of this level alone, empty for all others. A gate that is missed means
    that the assessment is not passed, whatever the score.
    """

    indicator: str
    level: str = ""
    direction: str
    low: Fraction | None = None
    high: Fraction | None = None
    points: Fraction = Fraction(0)
    gate: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure: numerator ÷ denominator, less one where it is a growth; None is not evaluable."""

    numerator: int | Fraction
    denominator: int | Fraction
    value: Fraction | None
    entered: bool = False
    document: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """An indicator of an institution: its figure, its target and what became of it."""

    target: Target
    figure: Figure | None
    state: str

    @property
    def got(self) -> Fraction:
        """The points that it brings."""
        return self.target.points if self.state == "met" else Fraction(0)


@dataclass(frozen=True, slots=True)
class Score:
    """An institution's assessment. `score`: points brought of those that could be, 0 to 1.

    `met`: all, some or none of what was judged (names/plan.py OUTCOMES). `gates`: those missed.
    """

    hospital_id: str
    rows: tuple[Judged, ...]
    score: Fraction
    met: str
    gates: tuple[str, ...]


def grade_of(score: Score, names: Sequence[str], limits: Sequence[Fraction]) -> str:
    """Return an institution's grade: the first whose limit the score reaches, the last with a gate missed.

    `limits` are one fewer than `names`, both from high to low; raises InputError otherwise.
    """
    if len(names) != len(limits) + 1 or sorted(limits, reverse=True) != list(limits):
        raise InputError(
            both(
                "机构等次（assess.grades）须比界限（assess.grade_limits）多一个，界限由高到低",
                "assess.grades are one more than assess.grade_limits, which go from high to low",
            ),
            remedy=both("改正总额控制政策", "mend the budget policy"),
        )
    if score.gates:
        return names[-1]
    reached = (name for name, least in zip(names, limits, strict=False) if score.score >= least)
    return next(reached, names[-1])


def ratio(over: int | Fraction, under: int | Fraction) -> Fraction | None:
    """Return a ratio; None where there is nothing to divide by."""
    return Fraction(over) / under if under else None


def figure_of(indicator: Indicator, measures: Mapping[str, tuple[int, int]]) -> Figure | None:
    """Return the figure that records give of an indicator, None where they have not what it needs."""
    if indicator.numerator not in measures:
        return None
    if indicator.denominator and indicator.denominator not in measures:
        return None
    over = measures[indicator.numerator]
    under = measures[indicator.denominator] if indicator.denominator else (1, 1)
    if not indicator.growth:
        return Figure(over[0], under[0], ratio(over[0], under[0]))
    now, last = ratio(over[0], under[0]), ratio(over[1], under[1])
    if now is None or not last:
        return Figure(now or 0, last or 0, None)
    return Figure(now, last, now / last - 1)


def judged(target: Target, figure: Figure | None) -> Judged:
    """Return what became of an indicator against its target."""
    value = figure.value if figure else None
    if value is None:
        return Judged(target, figure, "not_evaluable")
    if target.direction == "watch":
        return Judged(target, figure, "watched")
    if target.direction not in ("max", "min", "band"):
        raise unknown_choice("direction", target.direction)
    low, high = target.low, target.high
    met = (low is None or value >= low) and (high is None or value <= high)
    return Judged(target, figure, "met" if met else "missed")


def targets_of(level: str, targets: Sequence[Target]) -> list[Target]:
    """Return the targets of a level: its own, of other indicators those of all levels."""
    own = {target.indicator: target for target in targets if not target.level}
    own |= {
        target.indicator: target for target in targets if target.level and target.level == level
    }
    order = list(indicators())
    return sorted(own.values(), key=lambda target: order.index(target.indicator))


def score_of(
    hospital_id: str, targets: Sequence[Target], figures: Mapping[str, Figure | None]
) -> Score:
    """Return an institution's assessment; raises InputError where nothing can be judged."""
    rows = tuple(judged(target, figures.get(target.indicator)) for target in targets)
    counted = [row for row in rows if row.state in ("met", "missed")]
    whole = sum((row.target.points for row in counted), Fraction(0))
    if not whole:
        raise InputError(
            both(
                f"机构 {hospital_id} 没有一项有分值的指标可以评价",
                f"{hospital_id}: no indicator with points can be judged",
            ),
            remedy=both(
                "补齐就诊记录的列，或在 assessment_entered 表填报",
                "complete the columns of the visits, or enter figures in assessment_entered",
            ),
        )
    met = sum(row.state == "met" for row in counted)
    outcome = "all" if met == len(counted) else "some" if met else "no_indicator"
    gates = tuple(
        row.target.indicator for row in counted if row.target.gate and row.state == "missed"
    )
    score = sum((row.got for row in counted), Fraction(0)) / whole
    return Score(hospital_id, rows, score, outcome, gates)
