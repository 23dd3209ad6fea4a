"""The page and the Excel file of the signals of gaming."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
from markupsafe import Markup

from drgpay.ground.errors import in_language
from drgpay.ground.languages import choose, choosing, is_chinese
from drgpay.signals.texts import CONFIDENCE, FOUND, KINDS, SIGNALS, Signal

from .charts import deviations
from .pages import page_parts, table, write_page
from .sheets import Field, Sheet
from .svg import short_label
from .tables import Cell
from .texts import Words
from .workbook import write_book

Record = dict[str, Any]
SHOWN = ("high", "middle", "low")
EVIDENCE_SHOWN = 12
HOSPITALS_WITH_EVIDENCE = 8
Z_MOST = 10.0
EXPECTED_RANGE = 2.0


def figure_text(signal: Signal, value: float | None) -> str:
    """Return an observed or expected figure of a signal as a text."""
    if value is None:
        return "—"
    if signal.family == "count":
        return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"
    return f"{value:.2f}" if signal.id == "low_service" else f"{value * 100:.1f}%"


def _decimal(value: float | None, places: int = 2) -> str:
    return "—" if value is None else f"{value:,.{places}f}"


def _tiny(value: float | None) -> str:
    if value is None:
        return "—"
    return f"{value:.1e}" if value < 0.001 else f"{value:.3f}"


def _evaluable(rows: list[Record]) -> list[Record]:
    """The hospitals that have enough comparable cases."""
    return [r for r in rows if r["z"] is not None and r["cases"] > 0]


def dots(rows: list[Record], lang: str, label: str) -> str:
    """A chart of all evaluable hospitals: cases across, standard deviations from expected upwards.

    The shaded band is where most honest hospitals stand; findings are named.
    """
    found = []
    for r in _evaluable(rows):
        z = min(max(float(r["z"]), -Z_MOST), Z_MOST)
        noted = r["confidence"] in FOUND
        colour = "loss" if noted else "series-2" if r["confidence"] == "low" else "accent"
        name = short_label(str(r["hospital_name"]), 26) if noted else ""
        found.append((int(r["cases"]), z, colour, name))
    axis = choose(lang, "可比病例（例）", "comparable cases")
    return deviations(found, EXPECTED_RANGE, axis, label)


def _hospital_row(signal: Signal, r: Record, lang: str) -> list[str | Cell]:
    sure = str(r["confidence"])
    return [
        Cell(str(r["hospital_name"]), str(r["hospital_id"])),
        Cell(in_language(CONFIDENCE[sure], lang), mark="loss" if sure in FOUND else ""),
        f"{r['cases']:,}",
        figure_text(signal, r["observed"]),
        figure_text(signal, r["expected"]),
        _decimal(r["ratio"]),
        _decimal(r["shrunk_ratio"]),
        _tiny(r["p"]),
        _tiny(r["q"]),
        _decimal(r["stake_points"], 1),
        "—" if r["stake_fen"] is None else f"{r['stake_fen'] / 1_000_000:,.2f}",
        f"{r['evidence_rows']:,}",
    ]


HEAD = (
    ("医疗机构", "Hospital", "text"), ("置信", "Confidence", "text"), ("可比病例", "Cases", "num"),
    ("实际", "Observed", "num"), ("期望", "Expected", "num"), ("比值", "Ratio", "num"),
    ("收缩比", "Shrunken", "num"), ("p", "p", "num"), ("q", "q", "num"),
    ("涉及点数（估）", "Points (est.)", "num"), ("涉及金额（万元，估）", "10,000 yuan (est.)", "num"),
    ("证据", "Evidence", "num"),
)  # fmt: skip
EVIDENCE_HEAD = (
    ("序", "No.", "num"), ("病例号", "Case", "code"), ("相关病例", "Related case", "code"),
    ("病组或编码", "Group or code", "code"), ("说明", "What and beside which peers", "text"),
)  # fmt: skip


def _heads(columns: tuple[tuple[str, str, str], ...], lang: str) -> list[tuple[str, str]]:
    return [(choose(lang, zh, en), kind) for zh, en, kind in columns]


def _matrix(rows: list[Record], lang: str) -> tuple[list[tuple[str, str]], list[list[Cell]]]:
    """Hospitals with a finding, one column a kind, the surest finding in each."""
    rank = {"high": 3, "middle": 2, "low": 1}
    best: dict[str, dict[str, str]] = defaultdict(dict)
    names: dict[str, tuple[str, str]] = {}
    for r in rows:
        sure = str(r["confidence"])
        names[r["hospital_id"]] = (str(r["hospital_name"]), str(r["level"]))
        now = best[r["hospital_id"]].get(r["kind"], "")
        if rank.get(sure, 0) > rank.get(now, 0):
            best[r["hospital_id"]][r["kind"]] = sure
    chosen = [h for h, kinds in best.items() if any(s in FOUND for s in kinds.values())]

    def key(hospital: str) -> tuple[int, int, str]:
        sure = [rank[s] for s in best[hospital].values()]
        return -max(sure), -sum(sure), hospital

    head = [(choose(lang, "医疗机构", "Hospital"), "text"), (choose(lang, "级别", "Level"), "num")]
    head += [(in_language(text, lang), "text") for text in KINDS.values()]
    table = []
    for hospital in sorted(chosen, key=key):
        cells = [Cell(names[hospital][0], hospital), Cell(names[hospital][1])]
        for kind in KINDS:
            sure = best[hospital].get(kind, "")
            text = in_language(CONFIDENCE[sure], lang) if sure else "·"
            cells.append(Cell(text, mark="loss" if sure in FOUND else ""))
        table.append(cells)
    return head, table


def _parameters(told: Record, lang: str) -> Sheet:
    """The parameters in force, changed ones marked."""
    fields = [
        Field("key", choose(lang, "参数", "Key"), "code", width=28),
        Field("name", choose(lang, "名称", "Name"), "long"),
        Field("value", choose(lang, "值", "Value"), width=24),
        Field("why", choose(lang, "依据", "Reason"), width=24),
    ]
    rows = [
        {
            "key": Cell(p["key"], choose(lang, "已改变", "changed") if p["changed"] else ""),
            "name": choose(lang, p["zh"], p["en"]),
            "value": str(p["value"]),
            "why": _reason(p["why"], lang),
        }
        for p in told["parameters"]
    ]
    return Sheet(choose(lang, "参数", "Parameters"), fields, rows)


def write_signals_page(
    path: Path, signals: list[Record], evidence: list[Record], told: Record, lang: str
) -> None:
    """Write the page: hospitals with a finding, each signal with its evidence, the parameters."""
    w, t, region = Words(lang), choosing(lang), told["region"]
    cases, visits = told["cases"], told["outpatient"]
    by_signal: dict[str, list[Record]] = defaultdict(list)
    for r in signals:
        by_signal[r["signal"]].append(r)
    proof: dict[str, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for e in evidence:
        proof[e["signal"]][e["hospital_id"]].append(e)
    heads, matrix = _matrix(signals, lang)

    def evidence_table(own: list[Record]) -> Markup:
        keys = ("case_id", "related_case_id", "code", "text")
        rows = [[str(e["rank"]), *(e[key] or "—" for key in keys)] for e in own[:EVIDENCE_SHOWN]]
        return table(_heads(EVIDENCE_HEAD, lang), rows, lang)

    def hospital_table(signal: Signal, rows: list[Record]) -> Markup:
        shown = [_hospital_row(signal, r, lang) for r in rows]
        return table(_heads(HEAD, lang), shown, lang, "wide")

    title = f"{t('异常信号', 'Signals of gaming')} {w('year', year=region['year'])}"
    compared = t(
        "参与比较 {compared:,}，按床日 {bed_day:,}，未入组或歧义 {not_grouped:,}，隔离 {quarantined:,}",
        "{compared:,} compared, {bed_day:,} by bed-day, {not_grouped:,} not grouped or ambiguous, "
        "{quarantined:,} quarantined",
    ).format(**cases)
    seen = f"{visits['visits']:,}" if visits["file"] else t("无", "none")
    write_page(
        path,
        lang=lang,
        title=title,
        tab=f"{region['name']} {title}",
        kicker=f"{region['name']} {region['id']}",
        facts=[
            (t("病例", "Cases"), f"{cases['in']:,}", compared),
            (t("医疗机构", "Hospitals"), f"{told['hospitals']}", ""),
            (t("门诊记录", "Outpatient visits"), seen, visits["file"]),
            (t("计算程序", "Engine"), f"drgpay {told['drgpay_version']}", ""),
        ],
        mark=w("print_synthetic") if told["synthetic"] else "",
        digest=hashlib.sha256(repr((signals, told)).encode()).hexdigest()[:12],
        **page_parts(
            "signals.html.j2",
            lang,
            told=told,
            matrix=matrix,
            matrix_heads=heads,
            kinds=KINDS,
            signals=SIGNALS.values(),
            by_signal=by_signal,
            proof=proof,
            parameters=_parameters(told, lang),
            confidence=lambda r: in_language(CONFIDENCE[str(r["confidence"])], lang),
            evaluable=_evaluable,
            spread=lambda rows: next((x for r in rows if (x := r["honest_spread"]) is not None), 0),
            dots=dots,
            hospital_table=hospital_table,
            evidence_table=evidence_table,
            noted_levels=SHOWN,
            evidence_shown=EVIDENCE_SHOWN,
            hospitals_with_evidence=HOSPITALS_WITH_EVIDENCE,
        ),
    )


def _reason(why: str, lang: str) -> str:
    if not is_chinese(lang):
        return why
    return "假定" if why.startswith("assumed") else "分组方案的界限；在此处查聚集为假定"


def write_report(
    folder: Path, signals: pa.Table, evidence: pa.Table, told: Record, lang: str = "zh"
) -> None:
    """Write report.html and signals.xlsx of the two result tables into a folder."""
    rows, proof = signals.to_pylist(), evidence.to_pylist()
    write_signals_page(folder / "report.html", rows, proof, told, lang)
    write_excel(folder / "signals.xlsx", rows, proof, told, lang)


SHEET_COLUMNS = (
    ("hospital_id", "医疗机构编码", "Hospital id", "text", 14),
    ("hospital_name", "医疗机构", "Hospital", "wide", 32),
    ("level", "级别", "Level", "text", 6),
    ("confidence", "置信", "Confidence", "text", 12),
    ("cases", "可比病例", "Cases", "count", 10),
    ("observed", "实际", "Observed", "decimal", 12),
    ("expected", "期望", "Expected", "decimal", 12),
    ("ratio", "比值", "Ratio", "decimal", 9),
    ("shrunk_ratio", "收缩比", "Shrunken ratio", "decimal", 9),
    ("p", "p值", "p", "ratio", 11),
    ("q", "q值", "q", "ratio", 11),
    ("stake_points", "涉及点数（估）", "Points (est.)", "decimal", 14),
    ("stake_fen", "涉及金额（元，估）", "Yuan (est.)", "yuan", 18),
    ("evidence_rows", "证据条数", "Evidence rows", "count", 10),
)
EVIDENCE_COLUMNS = (
    ("hospital_id", "医疗机构编码", "Hospital id", "text", 14),
    ("rank", "序", "No.", "count", 6),
    ("case_id", "病例号", "Case", "text", 18),
    ("related_case_id", "相关病例号", "Related case", "text", 18),
    ("code", "病组或编码", "Group or code", "text", 16),
    ("value", "本例", "Value", "decimal", 12),
    ("peer_value", "同侪", "Peers", "decimal", 12),
    ("text", "说明", "What and beside which peers", "text", 90),
)


def _fields(columns: tuple[tuple[str, str, str, str, int], ...], lang: str) -> list[Field]:
    return [Field(key, choose(lang, zh, en), kind, width=w) for key, zh, en, kind, w in columns]


def write_excel(
    path: Path, signals: list[Record], evidence: list[Record], told: Record, lang: str
) -> None:
    """Write the workbook: an overview, a sheet a signal, the evidence, the parameters."""
    w, title = Words(lang), choose(lang, "异常信号", "Signals of gaming")
    heads, matrix = _matrix(signals, lang)
    fields = [Field("id", choose(lang, "医疗机构编码", "Hospital id"), width=32)]
    fields += [Field(f"c{i}", label, width=15) for i, (label, _) in enumerate(heads)]
    rows = [
        {"id": cells[0].note}
        | {f"c{i}": "" if cell.text == "·" else cell.text for i, cell in enumerate(cells)}
        for cells in matrix
    ]
    verdict = choose(
        lang, "信号不是结论，只提示应当核查之处", "A signal is a reason to look, not a verdict"
    )
    sheets = [Sheet(choose(lang, "总览", "Overview"), fields, rows, [verdict, ""])]
    for signal in SIGNALS.values():
        name = in_language(signal.name, lang)
        own = [
            {**r, "confidence": in_language(CONFIDENCE[str(r["confidence"])], lang)}
            for r in signals
            if r["signal"] == signal.id
        ]
        lead = [name, in_language(signal.meaning, lang)]
        sheets.append(Sheet(name, _fields(SHEET_COLUMNS, lang), own, lead))
    proved = [
        {**e, "signal": in_language(signal.name, lang)}
        for signal in SIGNALS.values()
        for e in evidence
        if e["signal"] == signal.id
    ]
    fields = [Field("signal", choose(lang, "信号", "Signal"), "wide")]
    fields += _fields(EVIDENCE_COLUMNS, lang)
    heading = choose(lang, f"证据 {len(proved)} 条", f"Evidence: {len(proved)} rows")
    sheets.append(Sheet(choose(lang, "证据", "Evidence"), fields, proved, [heading]))
    write_book(
        path,
        [*sheets, _parameters(told, lang)],
        lang,
        title=f"{told['region']['name']} {told['region']['year']} {title}",
        mark=w("print_synthetic") if told["synthetic"] else "",
        digest=f"drgpay {told['drgpay_version']}",
    )
