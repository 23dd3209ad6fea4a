"""The page and the Excel file of the signals of gaming."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
from markupsafe import Markup

from drgpay.ground.errors import in_language
from drgpay.ground.languages import choose, is_chinese
from drgpay.signals.texts import CONFIDENCE, FOUND, KINDS, SIGNALS, Signal

from .charts import deviations
from .pages import Banner, PageSection, Tile, chart, grid, table, write_page
from .sheets import Field, Sheet, page_table
from .svg import short_label
from .tables import Cell
from .texts import Words
from .workbook import Book

Record = dict[str, Any]
SHOWN = ("high", "middle", "low")
EVIDENCE_SHOWN = 12
HOSPITALS_WITH_EVIDENCE = 8
Z_MOST = 10.0
EXPECTED_RANGE = 2.0


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
    axis = choose(lang, "可比病例（例）", "comparable cases")
    return deviations(found, EXPECTED_RANGE, axis, label)


def _signal(
    signal: Signal, rows: list[Record], proof: dict[str, list[Record]], lang: str
) -> Markup:
    """Everything the page shows of one signal."""
    name = in_language(signal.name, lang)
    body = Markup("<h3>{}</h3><p>{}</p>").format(name, in_language(signal.meaning, lang))
    missing = next((str(r["text"]) for r in rows if r["text"]), "")
    known = [r for r in rows if r["z"] is not None and r["cases"] > 0]
    if not missing and not known:
        missing = choose(
            lang,
            "没有一家机构有足够的可比病例（或缺少所需的列）",
            "no hospital has enough comparable cases (or the column is missing)",
        )
    if missing:
        why = choose(lang, "不可判断：", "Not evaluable: ")
        return body + Markup('<p class="callout">{}{}</p>').format(why, missing)
    spread = next((r["honest_spread"] for r in rows if r["honest_spread"] is not None), 0.0)
    caption = choose(
        lang, f"{name}：各机构偏离期望的标准差数", f"{name}: standard deviations from expected"
    )
    note = choose(
        lang,
        f"每点一家机构，阴影为一般机构多在其中的范围（±2），已计入机构间的通常差异 {spread:.0%}；"
        f"红点为中、高置信，橙点为低置信，偏离超过 10 的画在 10。可判断 {len(known)} 家，共 {len(rows)} 家。",
        f"One dot a hospital; most stand in the shaded range (±2), which allows for a usual "
        f"spread between hospitals of {spread:.0%}. Red: middle and high confidence, orange: low. "
        f"Beyond 10 is drawn at 10. {len(known)} of {len(rows)} hospitals are evaluable.",
    )
    body += chart(caption, dots(rows, lang, name), note)
    shown = [r for r in rows if r["confidence"] in SHOWN]
    if not shown:
        none = choose(lang, "没有机构出现此信号。", "No hospital shows this signal.")
        return body + Markup('<p class="small">{}</p>').format(none)
    body += table(_heads(HEAD, lang), [_hospital_row(signal, r, lang) for r in shown], lang, "wide")
    proved = [r for r in shown if proof.get(r["hospital_id"])][:HOSPITALS_WITH_EVIDENCE]
    for number, r in enumerate(proved):
        body += _evidence(r, proof[r["hospital_id"]], number == 0, lang)
    return body


def _evidence(r: Record, own: list[Record], opened: bool, lang: str) -> Markup:
    """The first cases that a hospital's signal rests on, folded away but for the first hospital."""
    sure = in_language(CONFIDENCE[str(r["confidence"])], lang)
    title = choose(
        lang,
        f"证据：{r['hospital_name']}（{sure}），{len(own)} 条",
        f"Evidence: {r['hospital_name']} ({sure}), {len(own)} rows",
    )
    keys = ("case_id", "related_case_id", "code", "text")
    rows = [[str(e["rank"]), *(e[key] or "—" for key in keys)] for e in own[:EVIDENCE_SHOWN]]
    body = table(_heads(EVIDENCE_HEAD, lang), rows, lang)
    more = len(own) - EVIDENCE_SHOWN
    if more > 0:
        text = choose(
            lang, f"其余 {more} 条见 signals.xlsx 与 evidence.csv",
            f"{more} more in signals.xlsx and evidence.csv",
        )  # fmt: skip
        body += Markup('<p class="small">{}</p>').format(text)
    opening = Markup("<details open>") if opened else Markup("<details>")
    return opening + Markup("<summary>{}</summary>{}</details>").format(title, body)


def _hospital_row(signal: Signal, r: Record, lang: str) -> list[str | Cell]:
    sure = str(r["confidence"])
    return [
        Cell(str(r["hospital_name"]), str(r["hospital_id"])),
        Cell(in_language(CONFIDENCE[sure], lang), mark="loss" if sure in FOUND else ""),
        f"{r['cases']:,}",
        _figure(signal, r["observed"]),
        _figure(signal, r["expected"]),
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


def _sections(
    signals: list[Record], evidence: list[Record], told: Record, matrix: Markup, lang: str
) -> list[PageSection]:
    by_signal: dict[str, list[Record]] = defaultdict(list)
    for r in signals:
        by_signal[r["signal"]].append(r)
    proof: dict[str, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for e in evidence:
        proof[e["signal"]][e["hospital_id"]].append(e)
    lead = choose(
        lang,
        "每家机构每类取置信最高的一项。q 为全区所有机构、所有信号一并计算的错误发现率（Benjamini-Hochberg）：只看中、高置信者，误报的比例按所用的统计模型不超过参数所定；模型不合本地情况时会更高，同级机构少的地区尤须谨慎。",
        "The surest signal of each kind. q is the false discovery rate (Benjamini-Hochberg) over all hospitals and signals of the region together: among middle and high ones the expected share of false alarms stays below the parameter as far as the statistical model holds; where it does not fit, and where a level has few hospitals, it is higher.",
    )
    parameters = choose(
        lang,
        "全部参数均为假定，未见于任何规定；可用 --set KEY=VALUE 改变。",
        "All parameters are assumed and stand in no regulation; --set KEY=VALUE changes one.",
    )
    made = _parameters(told, lang)
    kinds = [
        PageSection(
            kind,
            in_language(text, lang),
            [],
            Markup("").join(
                _signal(s, by_signal[s.id], proof[s.id], lang)
                for s in SIGNALS.values()
                if s.kind == kind
            ),
        )
        for kind, text in KINDS.items()
    ]
    callout = Markup('<p class="callout">{}</p>').format(parameters)
    return [
        PageSection("overview", choose(lang, "总览", "Overview"), [lead], matrix),
        *kinds,
        PageSection("parameters", made.title, [], callout + grid(page_table(made))),
    ]


def write_signals_page(
    path: Path, signals: list[Record], evidence: list[Record], told: Record, lang: str
) -> None:
    """Write the page: hospitals with a finding, each signal with its evidence, the parameters."""
    w, region = Words(lang), told["region"]
    heads, matrix = _matrix(signals, lang)
    nothing = choose(
        lang, "没有中、高置信的信号。", "There is no signal of middle or high confidence."
    )
    overview = Markup('<p class="small">{}</p>').format(nothing)
    if matrix:
        overview = table(heads, matrix, lang)
    sure, cases, visits = told["confidence"], told["cases"], told["outpatient"]
    banners = [
        Banner(
            "warning",
            choose(lang, "信号不是结论", "A signal is not a verdict"),
            choose(
                lang,
                "信号只提示某家机构的数字与同侪不同、值得调阅病历核查；差异可能出自病种、功能定位、编码习惯或数据错误。"
                "全部界限值均为假定，并非政策规定；任何处理须以核查所得事实为依据。",
                "A signal says that a hospital's figures differ from its peers' and are worth a look into the records. "
                "Case mix, function, coding habits or faulty data may be behind it. All thresholds are assumed, none is "
                "a rule; whatever is done has to rest on facts found by checking.",
            ),
        )
    ]
    if told["synthetic"]:
        banners.append(Banner("danger", w("banner_synthetic"), w("banner_synthetic_text")))
    title = f"{choose(lang, '异常信号', 'Signals of gaming')} {w('year', year=region['year'])}"
    write_page(
        path,
        lang=lang,
        title=title,
        tab=f"{region['name']} {title}",
        kicker=f"{region['name']} {region['id']}",
        facts=[
            (choose(lang, "病例", "Cases"), f"{cases['in']:,}",
             choose(lang,
                  f"参与比较 {cases['compared']:,}，按床日 {cases['bed_day']:,}，未入组 {cases['not_grouped']:,}，隔离 {cases['quarantined']:,}",
                  f"{cases['compared']:,} compared, {cases['bed_day']:,} by bed-day, {cases['not_grouped']:,} not grouped, {cases['quarantined']:,} quarantined")),
            (choose(lang, "医疗机构", "Hospitals"), f"{told['hospitals']}", ""),
            (choose(lang, "门诊记录", "Outpatient visits"),
             f"{visits['visits']:,}" if visits["file"] else choose(lang, "无", "none"),
             visits["file"]),
            (choose(lang, "计算程序", "Engine"), f"drgpay {told['drgpay_version']}", ""),
        ],
        sections=_sections(signals, evidence, told, overview, lang),
        banners=banners,
        tiles=[
            Tile(choose(lang, "有中、高置信信号的机构", "Hospitals with a finding"), f"{len(matrix)}",
                 choose(lang, f"共 {told['hospitals']} 家", f"of {told['hospitals']}")),
            Tile(choose(lang, "高置信信号", "High confidence"), f"{sure['high']}"),
            Tile(choose(lang, "中置信信号", "Middle confidence"), f"{sure['middle']}"),
            Tile(choose(lang, "低置信信号", "Low confidence"), f"{sure['low']}",
                 choose(lang, "仅供留意", "worth watching only")),
        ],
        mark=w("print_synthetic") if told["synthetic"] else "",
        digest=hashlib.sha256(repr((signals, told)).encode()).hexdigest()[:12],
    )  # fmt: skip


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
    w = Words(lang)
    title = choose(lang, "异常信号", "Signals of gaming")
    book = Book(
        str(path),
        title=f"{told['region']['name']} {told['region']['year']} {title}",
        mark=w("print_synthetic") if told["synthetic"] else "",
        digest=f"drgpay {told['drgpay_version']}",
        page=w("x_page"),
    )
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
    book.add(Sheet(choose(lang, "总览", "Overview"), fields, rows, [verdict, ""]))
    for signal in SIGNALS.values():
        name = in_language(signal.name, lang)
        own = [
            {**r, "confidence": in_language(CONFIDENCE[str(r["confidence"])], lang)}
            for r in signals
            if r["signal"] == signal.id
        ]
        lead = [name, in_language(signal.meaning, lang)]
        book.add(Sheet(name, _fields(SHEET_COLUMNS, lang), own, lead))
    proved = [
        {**e, "signal": in_language(signal.name, lang)}
        for signal in SIGNALS.values()
        for e in evidence
        if e["signal"] == signal.id
    ]
    fields = [Field("signal", choose(lang, "信号", "Signal"), "wide")]
    fields += _fields(EVIDENCE_COLUMNS, lang)
    heading = choose(lang, f"证据 {len(proved)} 条", f"Evidence: {len(proved)} rows")
    book.add(Sheet(choose(lang, "证据", "Evidence"), fields, proved, [heading]))
    book.add(_parameters(told, lang))
    book.close()
