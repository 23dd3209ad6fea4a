"""The page and the Excel file of the signals of gaming."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from drgpay.ground.errors import in_language
from drgpay.signals.texts import CONFIDENCE, FOUND, KINDS, SIGNALS, Signal

from .charts import deviations
from .html import TEMPLATES
from .svg import short_label
from .texts import Words

Record = dict[str, Any]
SHOWN = ("high", "middle", "low")
EVIDENCE_SHOWN = 12
HOSPITALS_WITH_EVIDENCE = 8
Z_MOST = 10.0
EXPECTED_RANGE = 2.0


@dataclass(frozen=True)
class Cell:
    """A cell of a table: text, a note below, whether it is to be noticed."""

    text: str
    note: str = ""
    bad: bool = False


def _say(lang: str, chinese: str, english: str) -> str:
    return english if lang == "en" else chinese


def _figure(signal: Signal, value: float | None) -> str:
    """Text of an observed or expected figure."""
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


def dots(rows: list[Record], lang: str, label: str) -> str:
    """A chart of all evaluable hospitals: cases across, standard deviations from expected upwards.

    The shaded band is where most honest hospitals stand; findings are named.
    """
    found = []
    for r in rows:
        if r["z"] is not None and r["cases"] > 0:
            z = min(max(float(r["z"]), -Z_MOST), Z_MOST)
            noted = r["confidence"] in FOUND
            colour = "loss" if noted else "series-2" if r["confidence"] == "low" else "accent"
            name = short_label(str(r["hospital_name"]), 26) if noted else ""
            found.append((int(r["cases"]), z, colour, name))
    axis = _say(lang, "可比病例（例）", "comparable cases")
    return deviations(found, EXPECTED_RANGE, axis, label)


def _signal(
    signal: Signal, rows: list[Record], proof: dict[str, list[Record]], lang: str
) -> Record:
    """Everything the page shows of one signal."""
    missing = next((str(r["text"]) for r in rows if r["text"]), "")
    shown = [r for r in rows if r["confidence"] in SHOWN]
    known = [r for r in rows if r["z"] is not None and r["cases"] > 0]
    if not missing and not known:
        missing = _say(
            lang,
            "没有一家机构有足够的可比病例（或缺少所需的列）",
            "no hospital has enough comparable cases (or the column is missing)",
        )
    name = in_language(signal.name, lang)
    spread = next((r["honest_spread"] for r in rows if r["honest_spread"] is not None), 0.0)
    svg = "" if missing else dots(rows, lang, name)
    evidence = []
    for r in [r for r in shown if proof.get(r["hospital_id"])][:HOSPITALS_WITH_EVIDENCE]:
        own = proof[r["hospital_id"]]
        sure = in_language(CONFIDENCE[str(r["confidence"])], lang)
        more = len(own) - EVIDENCE_SHOWN
        evidence.append(
            {
                "title": _say(
                    lang,
                    f"证据：{r['hospital_name']}（{sure}），{len(own)} 条",
                    f"Evidence: {r['hospital_name']} ({sure}), {len(own)} rows",
                ),
                "rows": [
                    [Cell(str(e["rank"])), Cell(e["case_id"] or "—"), Cell(e["related_case_id"] or "—"),
                     Cell(e["code"] or "—"), Cell(e["text"])]
                    for e in own[:EVIDENCE_SHOWN]
                ],
                "more": _say(
                    lang, f"其余 {more} 条见 signals.xlsx 与 evidence.csv",
                    f"{more} more in signals.xlsx and evidence.csv",
                ) if more > 0 else "",
            }
        )  # fmt: skip
    return {
        "name": name,
        "meaning": in_language(signal.meaning, lang),
        "missing": missing,
        "svg": Markup(svg),
        "caption": _say(
            lang, f"{name}：各机构偏离期望的标准差数", f"{name}: standard deviations from expected"
        ),
        "note": _say(
            lang,
            f"每点一家机构，阴影为一般机构多在其中的范围（±2），已计入机构间的通常差异 {spread:.0%}；"
            f"红点为中、高置信，橙点为低置信，偏离超过 10 的画在 10。可判断 {len(known)} 家，共 {len(rows)} 家。",
            f"One dot a hospital; most stand in the shaded range (±2), which allows for a usual "
            f"spread between hospitals of {spread:.0%}. Red: middle and high confidence, orange: low. "
            f"Beyond 10 is drawn at 10. {len(known)} of {len(rows)} hospitals are evaluable.",
        ),
        "rows": [_hospital_row(signal, r, lang) for r in shown],
        "evidence": evidence,
    }


def _hospital_row(signal: Signal, r: Record, lang: str) -> list[Cell]:
    sure = str(r["confidence"])
    stake = "—" if r["stake_fen"] is None else f"{r['stake_fen'] / 1_000_000:,.2f}"
    return [
        Cell(str(r["hospital_name"]), str(r["hospital_id"])),
        Cell(in_language(CONFIDENCE[sure], lang), bad=sure in FOUND),
        Cell(f"{r['cases']:,}"),
        Cell(_figure(signal, r["observed"])),
        Cell(_figure(signal, r["expected"])),
        Cell(_decimal(r["ratio"])),
        Cell(_decimal(r["shrunk_ratio"])),
        Cell(_tiny(r["p"])),
        Cell(_tiny(r["q"])),
        Cell(_decimal(r["stake_points"], 1)),
        Cell(stake),
        Cell(f"{r['evidence_rows']:,}"),
    ]


def _heads(lang: str) -> dict[str, list[tuple[str, str]]]:
    def head(*columns: tuple[str, str, str]) -> list[tuple[str, str]]:
        return [(_say(lang, zh, en), kind) for zh, en, kind in columns]

    return {
        "head": head(
            ("医疗机构", "Hospital", "text"), ("置信", "Confidence", "text"),
            ("可比病例", "Cases", "num"), ("实际", "Observed", "num"), ("期望", "Expected", "num"),
            ("比值", "Ratio", "num"), ("收缩比", "Shrunken", "num"), ("p", "p", "num"),
            ("q", "q", "num"), ("涉及点数（估）", "Points (est.)", "num"),
            ("涉及金额（万元，估）", "10,000 yuan (est.)", "num"), ("证据", "Evidence", "num"),
        ),
        "evidence_head": head(
            ("序", "No.", "num"), ("病例号", "Case", "code"), ("相关病例", "Related case", "code"),
            ("病组或编码", "Group or code", "code"), ("说明", "What and beside which peers", "text"),
        ),
        "parameter_head": head(
            ("参数", "Parameter", "text"), ("名称", "Name", "code"), ("值", "Value", "num"),
            ("依据", "Reason", "text"),
        ),
    }  # fmt: skip


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

    head = [(_say(lang, "医疗机构", "Hospital"), "text"), (_say(lang, "级别", "Level"), "num")]
    head += [(in_language(text, lang), "text") for text in KINDS.values()]
    table = []
    for hospital in sorted(chosen, key=key):
        cells = [Cell(names[hospital][0], hospital), Cell(names[hospital][1])]
        for kind in KINDS:
            sure = best[hospital].get(kind, "")
            text = in_language(CONFIDENCE[sure], lang) if sure else "·"
            cells.append(Cell(text, bad=sure in FOUND))
        table.append(cells)
    return head, table


def view(signals: list[Record], evidence: list[Record], told: Record, lang: str) -> Record:
    """Everything the template shows."""
    w = Words(lang)
    by_signal: dict[str, list[Record]] = defaultdict(list)
    for r in signals:
        by_signal[r["signal"]].append(r)
    proof: dict[str, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for e in evidence:
        proof[e["signal"]][e["hospital_id"]].append(e)
    kinds = [
        {
            "id": kind,
            "name": in_language(text, lang),
            "signals": [
                _signal(s, by_signal[s.id], proof[s.id], lang)
                for s in SIGNALS.values()
                if s.kind == kind
            ],
        }
        for kind, text in KINDS.items()
    ]
    head, matrix = _matrix(signals, lang)
    sure, cases, visits = told["confidence"], told["cases"], told["outpatient"]
    name = f"drgpay {told['drgpay_version']}"
    digest = hashlib.sha256(repr((signals, told)).encode()).hexdigest()[:12]
    x = {
        "title": _say(lang, "异常信号", "Signals of gaming"),
        "year": w("year", year=told["region"]["year"]),
        "facts": [
            (_say(lang, "病例", "Cases"), f"{cases['in']:,}",
             _say(lang,
                  f"参与比较 {cases['compared']:,}，按床日 {cases['bed_day']:,}，未入组 {cases['not_grouped']:,}，隔离 {cases['quarantined']:,}",
                  f"{cases['compared']:,} compared, {cases['bed_day']:,} by bed-day, {cases['not_grouped']:,} not grouped, {cases['quarantined']:,} quarantined")),
            (_say(lang, "医疗机构", "Hospitals"), f"{told['hospitals']}", ""),
            (_say(lang, "门诊记录", "Outpatient visits"),
             f"{visits['visits']:,}" if visits["file"] else _say(lang, "无", "none"),
             visits["file"]),
            (_say(lang, "计算程序", "Engine"), name, ""),
        ],
        "verdict_title": _say(lang, "信号不是结论", "A signal is not a verdict"),
        "verdict": _say(
            lang,
            "信号只提示某家机构的数字与同侪不同、值得调阅病历核查；差异可能出自病种、功能定位、编码习惯或数据错误。"
            "全部界限值均为假定，并非政策规定；任何处理须以核查所得事实为依据。",
            "A signal says that a hospital's figures differ from its peers' and are worth a look into the records. "
            "Case mix, function, coding habits or faulty data may be behind it. All thresholds are assumed, none is "
            "a rule; whatever is done has to rest on facts found by checking.",
        ),
        "synthetic_title": w("banner_synthetic"),
        "synthetic": w("banner_synthetic_text"),
        "tiles": [
            (_say(lang, "有中、高置信信号的机构", "Hospitals with a finding"), f"{len(matrix)}",
             _say(lang, f"共 {told['hospitals']} 家", f"of {told['hospitals']}")),
            (_say(lang, "高置信信号", "High confidence"), f"{sure['high']}", ""),
            (_say(lang, "中置信信号", "Middle confidence"), f"{sure['middle']}", ""),
            (_say(lang, "低置信信号", "Low confidence"), f"{sure['low']}",
             _say(lang, "仅供留意", "worth watching only")),
        ],
        "contents": w("contents"),
        "sections": [("overview", _say(lang, "总览", "Overview"))]
        + [(str(k["id"]), str(k["name"])) for k in kinds]
        + [("parameters", _say(lang, "参数", "Parameters"))],
        "overview": _say(lang, "总览", "Overview"),
        "overview_lead": _say(
            lang,
            "每家机构每类取置信最高的一项。q 为全区所有机构、所有信号一并计算的错误发现率（Benjamini-Hochberg）：只看中、高置信者，误报的比例按所用的统计模型不超过参数所定；模型不合本地情况时会更高，同级机构少的地区尤须谨慎。",
            "The surest signal of each kind. q is the false discovery rate (Benjamini-Hochberg) over all hospitals and signals of the region together: among middle and high ones the expected share of false alarms stays below the parameter as far as the statistical model holds; where it does not fit, and where a level has few hospitals, it is higher.",
        ),
        "matrix_head": head,
        "matrix": matrix,
        "nothing": _say(lang, "没有中、高置信的信号。", "There is no signal of middle or high confidence."),
        "missing": _say(lang, "不可判断：", "Not evaluable: "),
        "none_here": _say(lang, "没有机构出现此信号。", "No hospital shows this signal."),
        "parameters": _say(lang, "参数", "Parameters"),
        "parameters_lead": _say(
            lang,
            "全部参数均为假定，未见于任何规定；可用 --set KEY=VALUE 改变。",
            "All parameters are assumed and stand in no regulation; --set KEY=VALUE changes one.",
        ),
        "parameter_rows": [
            [Cell(p["zh"] if lang == "zh" else p["en"],
                  _say(lang, "已改变", "changed") if p["changed"] else ""),
             Cell(p["key"]), Cell(str(p["value"])), Cell(_reason(p["why"], lang))]
            for p in told["parameters"]
        ],
        "footer": _say(lang, f"由 {name} 生成", f"made by {name}"),
        **_heads(lang),
    }  # fmt: skip
    mark = w("print_synthetic") if told["synthetic"] else ""
    return {"w": w, "m": told, "x": x, "kinds": kinds, "print_mark": mark, "run_digest": digest}


def _reason(why: str, lang: str) -> str:
    if lang == "en":
        return why
    return "假定" if why.startswith("assumed") else "分组方案的界限；在此处查聚集为假定"


def write_report(
    folder: Path, signals: pa.Table, evidence: pa.Table, told: Record, lang: str = "zh"
) -> None:
    """Write report.html and signals.xlsx of the two result tables into a folder."""
    rows, proof = signals.to_pylist(), evidence.to_pylist()
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    page = environment.get_template("signals.html.j2").render(view(rows, proof, told, lang))
    (folder / "report.html").write_text(page.lstrip(), encoding="utf-8", newline="\n")
    write_excel(folder / "signals.xlsx", rows, proof, told, lang)


SHEET_COLUMNS = (
    ("hospital_id", "医疗机构编码", "Hospital id", 14),
    ("hospital_name", "医疗机构", "Hospital", 32),
    ("level", "级别", "Level", 6),
    ("confidence", "置信", "Confidence", 12),
    ("cases", "可比病例", "Cases", 10),
    ("observed", "实际", "Observed", 12),
    ("expected", "期望", "Expected", 12),
    ("ratio", "比值", "Ratio", 9),
    ("shrunk_ratio", "收缩比", "Shrunken ratio", 9),
    ("p", "p值", "p", 11),
    ("q", "q值", "q", 11),
    ("stake_points", "涉及点数（估）", "Points (est.)", 14),
    ("stake_fen", "涉及金额（元，估）", "Yuan (est.)", 18),
    ("evidence_rows", "证据条数", "Evidence rows", 10),
)
EVIDENCE_COLUMNS = (
    ("hospital_id", "医疗机构编码", "Hospital id", 14),
    ("rank", "序", "No.", 6),
    ("case_id", "病例号", "Case", 18),
    ("related_case_id", "相关病例号", "Related case", 18),
    ("code", "病组或编码", "Group or code", 16),
    ("value", "本例", "Value", 12),
    ("peer_value", "同侪", "Peers", 12),
    ("text", "说明", "What and beside which peers", 90),
)


def write_excel(
    path: Path, signals: list[Record], evidence: list[Record], told: Record, lang: str
) -> None:
    """Write the workbook: an overview, a sheet a signal with its evidence, the parameters."""
    import datetime as dt

    import xlsxwriter

    options = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "tmpdir": str(path.parent),
    }
    book = xlsxwriter.Workbook(str(path), options)
    book.set_properties({"created": dt.datetime(2000, 1, 1)})
    head = book.add_format({"bold": True, "bg_color": "#dfeced", "bottom": 1, "text_wrap": True})
    title = book.add_format({"bold": True, "font_size": 13})
    wrap = book.add_format({"text_wrap": True, "valign": "top"})
    plain = book.add_format({"valign": "top"})
    number = book.add_format({"num_format": "0.00", "valign": "top"})
    tiny = book.add_format({"num_format": "0.0000", "valign": "top"})
    money = book.add_format({"num_format": "#,##0.00", "valign": "top"})

    sheet = book.add_worksheet(_say(lang, "总览", "Overview"))
    sheet.set_column(0, 0, 32)
    sheet.set_column(1, 12, 15)
    sheet.write(
        0,
        0,
        _say(
            lang, "信号不是结论，只提示应当核查之处", "A signal is a reason to look, not a verdict"
        ),
        title,
    )
    labels, matrix = _matrix(signals, lang)
    for column, (label, _) in enumerate([(_say(lang, "医疗机构编码", "Hospital id"), ""), *labels]):
        sheet.write(2, column, label, head)
    for line, cells in enumerate(matrix, start=3):
        sheet.write(line, 0, cells[0].note)
        for column, cell in enumerate(cells, start=1):
            sheet.write(line, column, "" if cell.text == "·" else cell.text)
    sheet.freeze_panes(3, 2)

    for signal in SIGNALS.values():
        rows = [r for r in signals if r["signal"] == signal.id]
        name = in_language(signal.name, lang)
        sheet = book.add_worksheet(_sheet_name(name))
        sheet.write(0, 0, name, title)
        sheet.merge_range(1, 0, 1, len(SHEET_COLUMNS) - 1, in_language(signal.meaning, lang), wrap)
        sheet.set_row(1, 48)
        for column, (_, zh, en, width) in enumerate(SHEET_COLUMNS):
            sheet.write(2, column, _say(lang, zh, en), head)
            sheet.set_column(
                column, column, max(width, EVIDENCE_COLUMNS[column][3] if column < 7 else 0)
            )
        sheet.freeze_panes(3, 2)
        line = 3
        for r in rows:
            for column, (key, _, _, _) in enumerate(SHEET_COLUMNS):
                value = r[key]
                if value is None:
                    continue
                if key == "confidence":
                    sheet.write_string(line, column, in_language(CONFIDENCE[str(value)], lang))
                elif key == "stake_fen":
                    sheet.write_number(line, column, value / 100, money)
                elif isinstance(value, str):
                    sheet.write_string(line, column, value)
                else:
                    style = (
                        tiny if key in ("p", "q") else plain if isinstance(value, int) else number
                    )
                    sheet.write_number(line, column, value, style)
            line += 1
        proof = [e for e in evidence if e["signal"] == signal.id]
        line += 1
        sheet.write(
            line, 0, _say(lang, f"证据 {len(proof)} 条", f"Evidence: {len(proof)} rows"), title
        )
        line += 1
        for column, (_, zh, en, _) in enumerate(EVIDENCE_COLUMNS):
            sheet.write(line, column, _say(lang, zh, en), head)
        for e in proof:
            line += 1
            for column, (key, _, _, _) in enumerate(EVIDENCE_COLUMNS):
                if e[key] is None:
                    continue
                if isinstance(e[key], str):
                    sheet.write_string(line, column, e[key])
                else:
                    sheet.write_number(line, column, e[key])
    sheet = book.add_worksheet(_say(lang, "参数", "Parameters"))
    sheet.set_column(0, 0, 28)
    sheet.set_column(1, 1, 60)
    sheet.set_column(2, 3, 24)
    for column, (zh, en) in enumerate(
        (("参数", "Key"), ("名称", "Name"), ("值", "Value"), ("依据", "Reason"))
    ):
        sheet.write(0, column, _say(lang, zh, en), head)
    for line, p in enumerate(told["parameters"], start=1):
        words = (
            p["key"],
            p["zh"] if lang == "zh" else p["en"],
            str(p["value"]),
            _reason(p["why"], lang),
        )
        for column, word in enumerate(words):
            sheet.write_string(line, column, word)
    sheet.freeze_panes(1, 1)
    book.close()


def _sheet_name(name: str) -> str:
    for sign in "[]:*?/\\":
        name = name.replace(sign, " ")
    return name[:31]
