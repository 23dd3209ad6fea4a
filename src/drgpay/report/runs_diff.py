"""What differs between two runs of a year: as lines of text, a page or a workbook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from markupsafe import Markup

from drgpay.ground.languages import choose, choosing
from drgpay.names.codes import word
from drgpay.names.run_columns import label
from drgpay.runs.records import Change, RunDiff, RunInfo

from . import amounts
from .amounts import yuan
from .pages import grid, page_parts, table, write_page
from .sheets import Field, Sheet, page_table
from .texts import Words
from .workbook import write_book

PLACES = 6
FACTS = {
    "version": ("版本", "version"),
    "reopens": ("重开自", "reopens"),
    "policy": ("政策", "policy"),
    "policy_digest": ("政策摘要码", "policy digest"),
    "scheme": ("分组方案", "scheme"),
    "readings": ("方案的读法", "readings of the scheme"),
    "drgpay_version": ("程序版本", "drgpay version"),
    "cases_in": ("收到病例", "cases in"),
    "paid": ("支付病例", "paid cases"),
    "held": ("暂不支付病例", "held cases"),
    "quarantined": ("隔离病例", "quarantined cases"),
    "corrected": ("更正的病例", "corrected cases"),
    "replaced": ("被更正替代的行", "rows replaced by corrections"),
    "sha256": ("SHA-256", "SHA-256"),
}
COUNTS = ("cases", "held_cases")


def figure(column: str, value: Any) -> str:
    """A figure of a run as a person reads it; a dash for a missing row."""
    if value is None:
        return "—"
    if isinstance(value, str):
        return value[:12] + "…" if column in ("sha256", "policy_digest") else value
    if column.endswith("_fen"):
        return yuan(int(value))
    if column in COUNTS:
        return f"{int(value):,}"
    if column == "point_value_fraction":
        return amounts.fixed(amounts.rounded(Fraction(value), PLACES), PLACES)
    return amounts.fixed(amounts.rounded(Fraction(value), 4), 4)


def difference(change: Change) -> str:
    """The difference with its sign; empty for texts."""
    value = change.difference
    if value is None:
        return ""
    text = figure(change.column, value)
    return f"+{text}" if value > 0 else text


def heading(column: str, lang: str) -> str:
    """The name of a compared column."""
    if column in FACTS:
        return choose(lang, *FACTS[column])
    shown = "point_value" if column == "point_value_fraction" else column
    return label("", shown, lang)


class _Words:
    def __init__(self, diff: RunDiff, lang: str) -> None:
        self.diff, self.lang, self.t = diff, lang, choosing(lang)
        self.a, self.b = _names(diff)

    def parts(self) -> list[tuple[str, str, Sequence[Change], tuple[str, ...]]]:
        """Id, title, changes and key headings of each part."""
        t, d = self.t, self.diff
        return [
            ("facts", t("版本与规则", "Versions and rules"), d.facts, ()),
            ("inputs", t("输入文件", "Inputs"), d.inputs, (t("文件", "file"),)),
            ("parameters", t("政策参数", "Parameters"), d.parameters, (t("参数", "parameter"),)),
            ("pools", t("险种与点值", "Pools"), d.pools, (t("险种", "pool"),)),
            (
                "hospitals", t("机构", "Hospitals"), d.hospitals,
                (t("医疗机构", "hospital"), t("险种", "pool")),
            ),
            ("classes", t("病例类别", "Classes"), d.classes, (t("类别", "class"),)),
            ("drgs", t("病组", "DRGs"), d.drgs, (t("病组", "DRG"),)),
        ]  # fmt: skip

    def key(self, part: str, key: tuple[str, ...]) -> list[str]:
        """The key of a row with the name that it stands for."""
        names: Mapping[str, str] = {}
        if part == "hospitals":
            names = self.diff.names
        elif part == "drgs":
            names = self.diff.drg_names
        elif part == "classes":
            names = {key[0]: word("case_class", key[0], self.lang)}
        first = f"{key[0]} {names[key[0]]}".strip() if names.get(key[0]) else key[0]
        return [first, *key[1:]] if key != ("",) else []

    def cases(self) -> list[tuple[str, int]]:
        """What cases differ in, and how many."""
        t, c = self.t, self.diff.cases
        rows = [
            (t(f"只在 {self.a} 中", f"only in {self.a}"), c.only_a),
            (t(f"只在 {self.b} 中", f"only in {self.b}"), c.only_b),
            (t("相同", "the same"), c.same),
            (t("改变", "changed"), c.changed),
        ]
        rows += [
            (t("其中改变：", "of them in ") + heading(column, self.lang), n)
            for column, n in c.by_column.items()
        ]
        return rows


def _names(diff: RunDiff) -> tuple[str, str]:
    a, b = diff.a.name, diff.b.name
    return (a, b) if a != b else (str(diff.a.folder), str(diff.b.folder))


def diff_lines(diff: RunDiff, lang: str = "zh") -> Iterator[str]:
    """Yield the differences as text."""
    words = _Words(diff, lang)
    yield f"{words.a} → {words.b}"
    if diff.same:
        yield "  " + words.t("没有差别", "no difference")
        return
    for part, title, changes, _ in words.parts():
        if not changes:
            continue
        yield ""
        yield f"== {title} =="
        for change in changes:
            place = " ".join([*words.key(part, change.key), heading(change.column, lang)])
            pair = f"{figure(change.column, change.a)} → {figure(change.column, change.b)}"
            more = difference(change)
            yield f"  {place}  {pair}" + (f"  ({more})" if more else "")
    yield ""
    yield f"== {words.t('病例', 'Cases')} =="
    for name, count in words.cases():
        yield f"  {name} {count:,}"


def write_diff_page(diff: RunDiff, path: Path, lang: str = "zh") -> Path:
    """Write the differences as a page; return its path."""
    words = _Words(diff, lang)
    t = words.t
    due = [c.difference for c in diff.hospitals if c.column == "final_fen"]
    return write_page(
        path,
        lang=lang,
        title=t("两次清算对比", "Two runs compared"),
        kicker=f"{diff.a.region_name} {diff.a.year}"
        + (f" → {diff.b.year}" if diff.b.year != diff.a.year else ""),
        facts=[
            (t("前", "from"), _run_title(diff.a, words.a, lang), diff.a.digest[:12]),
            (t("后", "to"), _run_title(diff.b, words.b, lang), diff.b.digest[:12]),
        ],
        mark=Words(lang)("print_trial") if diff.a.trial or diff.b.trial else "",
        **page_parts(
            "runs_diff.html.j2",
            lang,
            diff=diff,
            sheets={part[0]: _sheet(words, *part) for part in words.parts() if part[2]},
            cases=_case_tables(words),
            changed=len(due),
            less=-sum(min(0, fen) for fen in due),
            more=sum(max(0, fen) for fen in due),
        ),
    )


def _run_title(run: RunInfo, name: str, lang: str) -> str:
    return choose(lang, f"{name}（第 {run.version} 版）", f"{name} (version {run.version})")


def _kind(column: str) -> str:
    if column.endswith("_fen"):
        return "yuan"
    if column in COUNTS:
        return "count"
    return "value" if column == "point_value_fraction" else "points"


def _sheet(
    words: _Words, part: str, title: str, changes: Sequence[Change], keys: tuple[str, ...]
) -> Sheet:
    """The changes of a part: figures as a person reads them, or typed, with the difference."""
    t = words.t
    texts = part in ("facts", "inputs", "parameters")
    shown, width = ("text", 60) if texts else ("count", 0)
    fields = [
        *(Field(f"key{i}", name, "wide") for i, name in enumerate(keys)),
        Field("column", t("项目", "figure"), width=22),
        *(Field(f"shown_{side}", getattr(words, side), shown, only="page") for side in "ab"),
        *(Field(side, getattr(words, side), "row", width=width, only="book") for side in "ab"),
    ]
    if not texts:
        name = t("差额", "difference")
        fields.append(Field("shown_difference", name, "count", only="page"))
        fields.append(Field("difference", name, "row", "{b}-{a}", only="book"))

    def exact(value: Any, kind: str) -> Any:
        return int(Fraction(value) * 10_000) if value is not None and kind == "points" else value

    rows = []
    for c in changes:
        kind = "long" if texts else _kind(c.column)
        rows.append(
            {
                **{f"key{i}": text for i, text in enumerate(words.key(part, c.key))},
                "column": heading(c.column, words.lang),
                "kind": kind,
                "a": exact(c.a, kind),
                "b": exact(c.b, kind),
                "difference": exact(c.difference, kind),
                "shown_a": figure(c.column, c.a),
                "shown_b": figure(c.column, c.b),
                "shown_difference": difference(c),
            }
        )
    return Sheet(title, fields, rows)


def _case_tables(words: _Words) -> Markup:
    t, c = words.t, words.diff.cases
    counts = grid(page_table(_case_counts(words)))
    if not c.listed:
        return counts
    columns = [
        (t("病例号", "case"), "code"), (t("医疗机构", "hospital"), "code"), (t("险种", "pool"), "code"),
        (t("病组", "DRG"), "code"), (t("类别", "class"), "text"), (t("点数", "points"), "num"),
    ]  # fmt: skip

    def kind(code: str | None) -> str | None:
        return code and word("case_class", code, words.lang)

    rows = [
        [
            str(r["case_id"]), str(r["hospital_id"]), str(r["pool"]),
            _pair(r["drg_a"], r["drg_b"]), _pair(kind(r["case_class_a"]), kind(r["case_class_b"])),
            _pair(r["points_a"], r["points_b"]),
        ]
        for r in c.listed
    ]  # fmt: skip
    differ = c.changed + c.only_a + c.only_b
    note = t(f"共 {differ:,} 例，列出 {len(rows):,} 例", f"{differ:,} cases, {len(rows):,} listed")
    return counts + Markup("<h3>{}</h3>").format(note) + table(columns, rows, words.lang)


def _case_counts(words: _Words) -> Sheet:
    t = words.t
    fields = [
        Field("name", t("病例", "cases"), "wide"),
        Field("count", t("例数", "number"), "count"),
    ]
    rows = [{"name": name, "count": count} for name, count in words.cases()]
    return Sheet(t("病例", "Cases"), fields, rows)


def _pair(a: object, b: object) -> str:
    one, two = ("—" if x is None else str(x) for x in (a, b))
    return one if one == two else f"{one} → {two}"


def write_diff_excel(diff: RunDiff, path: Path, lang: str = "zh") -> Path:
    """Write the differences as a workbook: numbers as numbers, differences as formulas."""
    words = _Words(diff, lang)
    w, t = Words(lang), words.t
    sheets = [_sheet(words, *part) for part in words.parts() if part[2]]
    return write_book(
        path,
        [*sheets, _case_counts(words)],
        lang,
        title=f"{t('两次清算对比', 'Two runs compared')} {words.a} → {words.b}",
        mark=w("print_trial") if diff.a.trial or diff.b.trial else "",
        digest=f"{diff.a.digest[:12]} → {diff.b.digest[:12]}",
    )
