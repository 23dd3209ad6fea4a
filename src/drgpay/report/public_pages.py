"""Pages of the year for the public and for each institution, made from the book."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
from markupsafe import Markup

from drgpay import __version__
from drgpay.ground.errors import Bilingual, both
from drgpay.ground.languages import choosing
from drgpay.ground.times import day
from drgpay.ledger.entries import Entry
from drgpay.monitoring.indicators import indicators
from drgpay.monitoring.publish import OTHERS, Public
from drgpay.monitoring.published import TOTAL
from drgpay.names.assessed import STATES
from drgpay.names.ledger import ENTRY_KINDS, METHODS
from drgpay.names.plan import DEDUCTIONS, OUTCOMES, RESERVES
from drgpay.policy import YearPolicy

from .assessment_sheets import figure_text
from .book_why import figure_rows
from .pages import Banner, PageSection, grid, write_page
from .sections import parameter_rows
from .sheets import Field, Sheet, page_table
from .tables import Cell
from .texts import Words
from .workbook import write_book

PAGE, BOOK = "index.html", "publish.xlsx"
Record = Mapping[str, Any]
WORDS: Mapping[str, Bilingual] = {
    "targets": both("总额控制目标", "Control targets"),
    "principles": both("指标分配与清算的原则", "Principles of allocation and clearing"),
    "months": both("预算执行：各月", "Execution: months"),
    "execution": both("预算执行：各机构", "Execution: institutions"),
    "settlement": both("清算", "Clearing"),
    "assessment": both("考核得分", "Assessment: scores"),
    "rates": both("考核指标", "Assessment: indicators"),
    "counts": both("就诊人次", "Visits"),
    "entries": both("出处：账目", "Sources: entries of the book"),
    "pool": both("险种", "Pool"),
    "item": both("项目", "Item"),
    "amount_fen": both("金额（元）", "Yuan"),
    "month": both("月份", "Month"),
    "method": both("方式", "By"),
    "hospital_id": both("医疗机构", "Institution"),
    "index_fen": both("年度指标（元）", "Index, yuan"),
    "paid_fen": both("已支付（元）", "Paid, yuan"),
    "deferred_fen": both("暂缓支付（元）", "Deferred, yuan"),
    "actual_fen": both("实际费用（元）", "Cost, yuan"),
    "kept_fen": both("留用或奖励（元）", "Kept or rewarded, yuan"),
    "borne_fen": both("机构承担（元）", "Borne by the institution, yuan"),
    "due_fen": both("决算（元）", "Due, yuan"),
    "score": both("得分", "Score"),
    "met": both("达标情况", "Outcome"),
    "grade": both("等次", "Grade"),
    "gates": both("一票否决项", "Gates missed"),
    "indicator": both("指标", "Indicator"),
    "value": both("数值", "Figure"),
    "state": both("结果", "Result"),
    "outpatient": both("门急诊", "Outpatient"),
    "with_surgery": both("住院：有手术", "Stays with surgery"),
    "without_surgery": both("住院：无手术", "Stays without surgery"),
    "visits": both("合计", "In all"),
    "entry": both("出处", "Source"),
    "clause": both("依据", "Clause"),
    "name": both("参数", "Parameter"),
    "source": both("来源", "Source"),
    "verified": both("已核实", "Verified"),
    "number": both("记录号", "Entry"),
    "day": both("日期", "Day"),
    "kind": both("种类", "Kind"),
    "digest": both("摘要", "Digest"),
}
ITEMS: Mapping[str, Bilingual] = {
    "revenue": both("本年度基金收入", "revenue"),
    "budget": both("支出预算", "expenditure budget"),
    "target": both("总额控制目标", "control target"),
    "free": both("可分配额", "free to allot"),
}
HIDDEN = both("隐去", "left out")
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "targets": ("pool", "item", "amount_fen", "entry", "clause"),
    "principles": ("name", "value", "source", "verified"),
    "months": ("month", "method", "pool", "paid_fen", "deferred_fen", "entry", "clause"),
    "execution": ("hospital_id", "pool", "index_fen", "paid_fen", "entry", "clause"),
    "settlement": (
        "hospital_id", "pool", "method", "index_fen", "actual_fen", "kept_fen", "borne_fen",
        "due_fen", "entry", "clause",
    ),
    "assessment": ("hospital_id", "score", "grade", "met", "gates", "entry", "clause"),
    "rates": ("hospital_id", "indicator", "value", "state", "entry", "clause"),
    "counts": (
        "hospital_id", "outpatient", "with_surgery", "without_surgery", "visits", "entry", "clause",
    ),
}  # fmt: skip
LONG = ("source",)


def _item(code: str, lang: str) -> str:
    kind, _, name = code.partition(".")
    t = choosing(lang)
    if kind == "deducted":
        return t("减：", "less: ") + DEDUCTIONS[name].of(lang)
    if kind == "reserve":
        return t("其中", "of it: ") + RESERVES[name].of(lang)
    return ITEMS[code].of(lang)


def _shown(table: str, name: str, row: Record, lang: str) -> Any:
    value: Any = row.get(name)
    t = choosing(lang)
    if name == "entry":
        return t(f"第 {value} 号", f"entry {value}")
    if name == "item":
        return _item(str(value), lang)
    if name == "hospital_id":
        names = {
            OTHERS: t("其余机构合计", "other institutions together"),
            TOTAL: t("合计", "total"),
        }
        return names.get(str(value), str(value))
    if name == "method":
        return METHODS[value].of(lang)
    if name == "met":
        return OUTCOMES[value].of(lang)
    if name == "state":
        return STATES[value].of(lang)
    if name == "indicator":
        return indicators()[value].name.of(lang)
    if name == "score":
        return Decimal(f"{float(Fraction(value)):.6f}")
    if table == "rates" and name == "value":
        if row["hidden"]:
            return HIDDEN.of(lang)
        return figure_text(indicators()[row["indicator"]], value, lang)
    if table == "counts" and value is None:
        return HIDDEN.of(lang)
    return value


def _kind(table: str, name: str) -> str:
    if name.endswith("_fen"):
        return "yuan"
    if name == "score":
        return "percent"
    if table == "counts" and name not in ("hospital_id", "entry", "clause"):
        return "count"
    return "long" if name in LONG else "code" if name in ("hospital_id", "entry") else "text"


def public_sheets(found: Public, lang: str) -> dict[str, Sheet]:
    """Return the tables of a publication as sheets, each figure with its entry and clause."""
    made = {}
    for table, columns in COLUMNS.items():
        rows = list(found.tables[table])
        if table == "principles":
            rows = [dict(row) for row in parameter_rows(rows, Words(lang))]
        fields = [_field(table, name, lang) for name in columns]
        if "entry" in columns:
            at = columns.index("entry") + 1
            fields.insert(at, Field("link", WORDS["entry"].of(lang), "code", only="page"))
        shown = [_shown_row(table, row, lang) for row in rows]
        made[table] = Sheet(WORDS[table].of(lang), fields, shown)
    return made


def _field(table: str, name: str, lang: str) -> Field:
    only = "book" if name == "entry" else ""
    return Field(name, WORDS[name].of(lang), _kind(table, name), only=only)


def _shown_row(table: str, row: Record, lang: str) -> dict[str, Any]:
    made = {name: _shown(table, name, row, lang) for name in COLUMNS[table]}
    if "entry" in made:  # on the page it leads to the entries below
        made["link"] = Cell(Markup('<a href="#entries">{}</a>').format(made["entry"]))
    return made


def entries_sheet(entries: Sequence[Entry], lang: str) -> Sheet:
    """Return the entries that a publication rests on, without who made them."""
    fields = [
        Field(name, WORDS[name].of(lang), kind)
        for name, kind in (
            ("number", "code"), ("day", "text"), ("kind", "text"), ("clause", "long"),
            ("digest", "code"),
        )
    ]  # fmt: skip
    rows = [
        {
            "number": Cell(str(e.number)), "day": day(e.at),
            "kind": ENTRY_KINDS[e.kind].word.of(lang), "clause": e.clause, "digest": e.digest,
        }
        for e in entries
    ]  # fmt: skip
    return Sheet(WORDS["entries"].of(lang), fields, rows)


def public_tables(found: Public) -> dict[str, pa.Table]:
    """Return the tables of a publication as they are exported: codes and fen, hidden counts empty."""
    made = {}
    for table, columns in COLUMNS.items():
        names = ("key", *columns) if table == "principles" else columns
        columns_of: dict[str, pa.Array] = {}
        for name in names:
            values = [row.get(name) for row in found.tables[table]]
            whole = (
                name.endswith("_fen") or _kind(table, name) == "count" or name in ("entry", "gates")
            )
            columns_of[name] = pa.array(
                values if whole else [None if v is None else str(v) for v in values],
                pa.int64() if whole else pa.string(),
            )
        made[f"public_{table}"] = pa.table(columns_of)
    return made


def write_public(
    folder: Path, found: Public, facts: Mapping[str, str], policy: YearPolicy, lang: str
) -> None:
    """Write index.html and publish.xlsx of a publication into its folder."""
    t = choosing(lang)
    sheets = public_sheets(found, lang)
    sources = entries_sheet(found.entries, lang)
    title = t(f"{found.year}年基本医疗保险总额控制信息公开", f"The global budget of {found.year}")
    head = f"{found.head[0]}:{found.head[1]}"
    write_book(
        folder / BOOK, [*sheets.values(), sources], lang,
        title=f"{facts['region_name']} {title}", digest=head,
    )  # fmt: skip
    least = policy["publish.min_cell"]
    items = [
        t(
            f"人次、人数大于0而小于 {least} 的隐去，并隐去足以推算出它的其他数；与以前公开的相比变动小于 {least} 的也隐去",
            f"counts above 0 and below {least} are left out, with what would tell them, and those that "
            "changed by less since an earlier publication",
        ),
        t("不含任何个人信息", "there is nothing of any person"),
    ]
    if found.together:
        items.append(
            t(
                f"{len(found.together)} 家就诊人数很少的机构合并列示",
                f"{len(found.together)} institutions with few persons stand in one row",
            )
        )
    if not found.told_persons:
        items.append(
            t(
                "账上没有各机构就诊人数（考核未用就诊记录），金额按机构列示未作合并",
                "the book does not say how many persons each institution had: amounts stand as they are",
            )
        )
    sections = [
        PageSection(table, sheet.title, body=grid(page_table(sheet)))
        for table, sheet in [*sheets.items(), ("entries", sources)]
        if list(sheet.rows)
    ]
    write_page(
        folder / PAGE,
        lang=lang,
        title=title,
        tab=f"{facts['region_name']} {title}",
        kicker=f"{facts['region_name']} {facts['region_id']}",
        facts=[
            (t("依据", "Clause"), t("经办规程第九条", "handling rules, art. 9"), ""),
            (t("账目", "Book"), str(found.head[0]), found.head[1][:20]),
            (t("政策", "Policy"), policy.title, policy.digest[:12]),
            (t("计算程序", "Engine"), f"drgpay {__version__}", ""),
        ],
        sections=sections,
        banners=[
            Banner(
                "info", t("说明", "Notes"),
                t(
                    "每个数都注明出处（账目记录号）和依据条款，出处见文末。",
                    "Each figure names its entry of the book and its clause; the entries are below.",
                ),
                tuple(items),
            )
        ],
    )  # fmt: skip


# --- to each institution its own


OWN_WORDS: Mapping[str, Bilingual] = {
    "number": both("账目记录号", "Entry"),
    "about": both("关于", "About"),
    "place": both("机构与险种", "Institution and pool"),
    "figure": both("项目", "Figure"),
    "value": both("数值", "Value"),
    "rule": both("计算规则", "Rule"),
    "clause": both("依据", "Clause"),
}
OWN_FIELDS = {
    "number": "code", "about": "text", "place": "code", "figure": "wide", "value": "wide",
    "rule": "text", "clause": "text",
}  # fmt: skip
OWN_KINDS = ("indices", "adjustment", "month", "clearing", "transfer", "rebalancing", "assessment")


def own_sheets(entries: Sequence[Entry], hospital: str, lang: str) -> list[Sheet]:
    """Return what an institution is given: a sheet a kind of entry, each figure of it in full."""
    made = []
    for kind in OWN_KINDS:
        rows = [
            {**row, "about": entry.subject, "clause": entry.clause}
            for entry in entries
            if entry.kind == kind
            for row in figure_rows(entry, "", hospital, lang)
            if hospital in row["place"].split() or hospital in row["figure"].split()
        ]
        if rows:
            fields = [Field(key, OWN_WORDS[key].of(lang), own) for key, own in OWN_FIELDS.items()]
            made.append(Sheet(ENTRY_KINDS[kind].word.of(lang), fields, rows))
    return made


def write_own(
    path: Path, sheets: Sequence[Sheet], hospital: str, facts: Mapping[str, str], year: int,
    last_day: str, lang: str,
) -> None:  # fmt: skip
    """Write an institution's workbook: its own figures in full, and until when it may object."""
    t = choosing(lang)
    lead = t(
        f"请核对；如有异议，请于 {last_day} 前书面提出并注明出处（账目记录号）",
        f"Please check; objections in writing by {last_day}, naming the entry",
    )
    shown = [Sheet(s.title, s.fields, s.rows, [f"{hospital} {s.title}", lead]) for s in sheets]
    title = f"{facts['region_name']} {hospital} {year}"
    write_book(path, shown, lang, title=title, digest=f"drgpay {__version__}")
