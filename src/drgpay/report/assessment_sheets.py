"""The assessment as sheets: scores, indicators, definitions, what it did to the money, doctors' record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from drgpay.ground.errors import Bilingual, both
from drgpay.ground.languages import choosing
from drgpay.ledger.entries import Entry
from drgpay.monitoring.assess import Effect
from drgpay.monitoring.doctors import Violation
from drgpay.monitoring.indicators import Indicator, indicators
from drgpay.names.assessed import DIRECTIONS, STATES, UNITS
from drgpay.names.plan import OUTCOMES

from .sheets import Field, Sheet

WORDS: Mapping[str, Bilingual] = {
    "scores": both("考核结果", "Assessment"),
    "indicators": both("各项指标", "Indicators"),
    "definitions": both("指标定义", "Definitions"),
    "effects": both("考核对资金的影响", "What the assessment did to the money"),
    "doctors": both("医保医师违规记录", "Violations of insured doctors"),
    "hospital": both("医疗机构编码", "Institution"),
    "pool": both("险种", "Pool"),
    "score": both("得分", "Score"),
    "met": both("达标情况", "Outcome"),
    "gates": both("未过的一票否决项", "Gates missed"),
    "grade": both("等次", "Grade"),
    "got": both("得分分值", "Points"),
    "points": both("分值", "Points in all"),
    "name": both("指标", "Indicator"),
    "value": both("数值", "Figure"),
    "over": both("分子", "Numerator"),
    "under": both("分母", "Denominator"),
    "target": both("目标", "Target"),
    "state": both("结果", "Result"),
    "document": both("填报依据", "Entered by"),
    "meaning": both("定义", "Definition"),
    "formula": both("公式", "Formula"),
    "unit": both("单位", "Unit"),
    "direction": both("方向", "Direction"),
    "source": both("出处", "Source"),
    "outcome": both("清算结果", "Outcome of the clearing"),
    "kept": both("留用或奖励（元）", "Kept or rewarded, yuan"),
    "kept_best": both("全部达标时（元）", "With all met, yuan"),
    "fund": both("基金分担（元）", "Borne by the fund, yuan"),
    "fund_best": both("全部达标时分担（元）", "Borne with all met, yuan"),
    "forfeited": both("扣减保证金（元）", "Forfeited deposit, yuan"),
    "cost": both("考核使其少得（元）", "Less by the assessment, yuan"),
    "doctor": both("医师编码", "Doctor"),
    "date": both("日期", "Date"),
    "violation": both("违规事由", "Violation"),
    "deducted": both("记分", "Points deducted"),
    "entry": both("记录号", "Entry"),
}
CLEARED: Mapping[str, Bilingual] = {
    "passed": both("合格，留用", "passed"),
    "failed": both("不合格，不留用", "not passed"),
    "no_increase": both("违规，不增加", "penalised, no increase"),
    "overspent": both("超支", "overspent"),
}


def _field(key: str, lang: str, kind: str = "text", *, total: bool = False) -> Field:
    return Field(key, WORDS[key].of(lang), kind, total=total)


def _decimal(text: str, places: int) -> Decimal:
    value = Fraction(text)
    return Decimal(f"{float(value):.{places}f}")


def figure_text(indicator: Indicator, text: str | None, lang: str) -> str:
    """Return a figure as people read it: per cent, yuan, a number, or that it is not evaluable."""
    if text is None:
        return STATES["not_evaluable"].of(lang)
    value = Fraction(text)
    if indicator.unit == "ratio":
        return f"{float(value) * 100:.2f}%"
    if indicator.unit == "fen":
        return f"{float(value) / 100:,.2f}"
    return f"{int(value):,}" if value.denominator == 1 else f"{float(value):,.2f}"


def scores_sheet(entry: Entry, lang: str) -> Sheet:
    """Return each institution's score, outcome and missed gates."""
    comma = choosing(lang)("、", ", ")
    fields = [
        _field("hospital", lang, "code"), _field("score", lang, "percent"), _field("grade", lang),
        _field("met", lang),
        _field("got", lang), _field("points", lang), _field("gates", lang, "wide"),
    ]  # fmt: skip
    rows = []
    for own in entry.body["scores"]:
        counted = [r for r in own["indicators"] if r["state"] in ("met", "missed")]
        rows.append(
            {
                "hospital": own["hospital_id"], "score": _decimal(own["score"], 6),
                "met": OUTCOMES[own["met"]].of(lang), "grade": own.get("grade", ""),
                "got": _plain(sum((Fraction(r["got"]) for r in counted), Fraction(0))),
                "points": _plain(sum((Fraction(r["points"]) for r in counted), Fraction(0))),
                "gates": comma.join(indicators()[name].name.of(lang) for name in own["gates"]),
            }
        )  # fmt: skip
    title = f"{WORDS['scores'].of(lang)} {entry.year}"
    return Sheet(title, fields, rows)


def _plain(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{float(value):.2f}"


def indicators_sheet(entry: Entry, lang: str) -> Sheet:
    """Return every figure of every institution with its target and what became of it."""
    fields = [
        _field("hospital", lang, "code"), _field("name", lang, "wide"), _field("value", lang),
        _field("over", lang), _field("under", lang), _field("target", lang), _field("state", lang),
        _field("got", lang), _field("points", lang), _field("document", lang, "wide"),
    ]  # fmt: skip
    rows = []
    for own in entry.body["scores"]:
        for r in own["indicators"]:
            indicator = indicators()[r["indicator"]]
            rows.append(
                {
                    "hospital": own["hospital_id"], "name": indicator.name.of(lang),
                    "value": figure_text(indicator, r.get("value"), lang),
                    "over": r.get("numerator", ""), "under": r.get("denominator", ""),
                    "target": target_text(indicator, r, lang), "state": STATES[r["state"]].of(lang),
                    "got": r["got"], "points": r["points"], "document": r.get("document", ""),
                }
            )  # fmt: skip
    return Sheet(WORDS["indicators"].of(lang), fields, rows)


def target_text(indicator: Indicator, row: Mapping[str, Any], lang: str) -> str:
    """Return a target in words, with a mark where it is a gate."""
    low, high = (
        figure_text(indicator, row[name], lang) if name in row else "" for name in ("low", "high")
    )
    word = DIRECTIONS[row["direction"]].of(lang)
    t = choosing(lang)
    text = {
        "max": f"{word} {high}", "min": f"{word} {low}",
        "band": t(f"{low} 至 {high}", f"{low} to {high}"), "watch": word,
    }[row["direction"]]  # fmt: skip
    return text + (t("（一票否决）", " (gate)") if row["gate"] else "")


def definitions_sheet(lang: str) -> Sheet:
    """Return what each indicator is: definition, formula, direction, unit, source."""
    fields = [
        _field("name", lang, "wide"), _field("meaning", lang, "long"),
        _field("formula", lang, "wide"), _field("direction", lang), _field("unit", lang),
        _field("source", lang, "code"),
    ]  # fmt: skip
    rows = [
        {
            "name": own.name.of(lang), "meaning": own.meaning.of(lang),
            "formula": own.formula.of(lang), "direction": DIRECTIONS[own.direction].of(lang),
            "unit": UNITS[own.unit].of(lang), "source": own.source,
        }
        for own in indicators().values()
    ]  # fmt: skip
    return Sheet(WORDS["definitions"].of(lang), fields, rows)


def effects_sheet(effects: Iterable[Effect], lang: str) -> Sheet:
    """Return what the assessment did to each institution's money."""
    fields = [
        _field("hospital", lang, "code"), _field("pool", lang), _field("score", lang, "percent"),
        _field("met", lang), _field("outcome", lang),
        *(
            _field(key, lang, "yuan", total=True)
            for key in ("kept", "kept_best", "fund", "fund_best", "forfeited", "cost")
        ),
    ]  # fmt: skip
    rows = [
        {
            "hospital": e.hospital_id, "pool": e.pool, "score": Decimal(f"{float(e.score):.6f}"),
            "met": OUTCOMES[e.met].of(lang), "outcome": CLEARED[e.outcome].of(lang),
            "kept": e.kept_fen, "kept_best": e.kept_best_fen, "fund": e.fund_fen,
            "fund_best": e.fund_best_fen, "forfeited": e.forfeited_fen, "cost": e.cost_fen,
        }
        for e in effects
    ]  # fmt: skip
    return Sheet(WORDS["effects"].of(lang), fields, rows, total=choosing(lang)("合计", "Total"))


def doctors_sheet(record: Iterable[Violation], lang: str) -> Sheet:
    """Return the record of violations by institution, doctor and day, in no order of points."""
    fields = [
        _field("hospital", lang, "code"), _field("doctor", lang, "code"), _field("date", lang),
        _field("violation", lang, "wide"), _field("deducted", lang), _field("document", lang, "wide"),
        _field("entry", lang, "code"),
    ]  # fmt: skip
    rows = [
        {
            "hospital": v.hospital_id, "doctor": v.doctor_id, "date": v.date,
            "violation": v.violation, "deducted": _plain(v.deducted), "document": v.document,
            "entry": str(v.entry),
        }
        for v in record
    ]  # fmt: skip
    lead = choosing(lang)(
        "本表只记违规，不用于支付、限额或排名",
        "A record of violations: no payment, limit or ranking is made of it",
    )
    return Sheet(WORDS["doctors"].of(lang), fields, rows, lead=[lead])
