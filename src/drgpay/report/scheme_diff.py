"""The differences of two schemes as lines of text, an Excel file or a page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from markupsafe import Markup

from drgpay.ground.errors import Bilingual, in_language
from drgpay.ground.languages import choose, choosing
from drgpay.schemes.diff import Row, SchemeDiff, Section
from drgpay.schemes.tables import Scheme

from .amounts import display_width
from .pages import folded, page_parts, table, write_page
from .sheets import Field, Sheet
from .workbook import write_book

SHOWN = 12
SHOWN_WIDTH = 90
FOLDED_FROM = 40
BY_GROUP = {"list_codes": 4, "excluded": 3}  # how many leading columns, after the change, are one


def _title(diff: SchemeDiff, lang: str) -> str:
    return choose(lang, "分组方案对比：", "") + f"{diff.a.id} → {diff.b.id}"


def _scheme_title(scheme: Scheme, lang: str) -> str:
    return choose(lang, scheme.title, str(scheme.manifest.get("title_en", scheme.title)))


def _counts(section: Section, lang: str) -> str:
    if section.key == "options":
        return choose(lang, f"{len(section.rows)} 项", f"{len(section.rows)} changed")
    parts = [f"{in_language(change, lang)} {n:,}" for change, n in section.counts.items()]
    return choose(lang, "，", ", ").join(parts)


def diff_lines(diff: SchemeDiff, lang: str = "zh", shown: int = SHOWN) -> Iterator[str]:
    """Yield the differences as text: totals, counts of each kind, then the first of each."""
    t = choosing(lang)
    yield _title(diff, lang)
    for name, a, b in diff.totals:
        change = t(f"（{b - a:+,}）", f" ({b - a:+,})")
        yield f"  {in_language(name, lang)} {a:,} → {b:,}{change if a != b else ''}"
    if diff.empty:
        yield t("两个方案没有差别", "the two schemes are the same")
        return
    yield t("差别：", "differences:")
    for section in diff.sections:
        if section.rows:
            colon = t("：", ": ")
            yield f"  {in_language(section.title, lang)}{colon}{_counts(section, lang)}"
    for section in diff.sections:
        if not section.rows:
            continue
        yield ""
        yield f"== {in_language(section.title, lang)} =="
        for row in section.rows[:shown]:
            yield "  " + _line(section, row, lang)
        more = len(section.rows) - shown
        if more > 0:
            yield t(f"  … 及其余 {more:,} 项", f"  … and {more:,} more")


def _line(section: Section, row: Row, lang: str) -> str:
    texts = [in_language(value, lang) for value in row]
    cut = [text if len(text) <= SHOWN_WIDTH else text[:SHOWN_WIDTH] + "…" for text in texts]
    names = [str(column) for column in section.columns]
    if "from" in names and names.index("to") == names.index("from") + 1:
        place = names.index("from")
        before, after = cut[place : place + 2]
        arrow = f"{before or '—'} → {after or '—'}" if before or after else ""
        # a new name stands behind the arrow already
        head = [text for text in cut[:place] if text != after]
        cut = [*head, arrow, *cut[place + 2 :]]
    return "  ".join(text for text in cut if text)


def write_diff_excel(diff: SchemeDiff, path: Path, lang: str = "zh") -> Path:
    """Write the differences as an Excel file, counts first, one sheet a kind; return its path."""
    digest = f"{diff.a.digest[:12]} → {diff.b.digest[:12]}"
    return write_book(path, _sheets(diff, lang), lang, title=_title(diff, lang), digest=digest)


def _sheets(diff: SchemeDiff, lang: str) -> Iterator[Sheet]:
    t = choosing(lang)
    totals = [(name, a, b, b - a) for name, a, b in diff.totals]
    heads = [t("项目", "item"), diff.a.id, diff.b.id, t("增减", "change")]
    yield _sheet(t("合计", "totals"), heads, totals, lang)
    counts = [
        (section.title, change, n)
        for section in diff.sections
        if section.key != "options"
        for change, n in section.counts.items()
    ]
    heads = [t("类别", "kind"), t("变化", "change"), t("数目", "number")]
    yield _sheet(t("差别数目", "counts"), heads, counts, lang)
    for section in diff.sections:
        if section.rows:
            heads = [in_language(column, lang) for column in section.columns]
            yield _sheet(in_language(section.title, lang), heads, section.rows, lang)


def _sheet(title: str, heads: Sequence[str], rows: Sequence[Row], lang: str) -> Sheet:
    """A sheet whose columns are as wide as its first rows need."""
    told = [
        [value if isinstance(value, int) else in_language(value, lang) for value in row]
        for row in rows
    ]
    fields = []
    for i, name in enumerate(heads):
        widest = max((display_width(str(row[i])) for row in told[:200]), default=0)
        kind = "count" if told and isinstance(told[0][i], int) else "long"
        width = min(60, max(9, display_width(name) + 3, widest + 2))
        fields.append(Field(f"c{i}", name, kind, width=width))
    return Sheet(title, fields, [{f"c{i}": v for i, v in enumerate(row)} for row in told])


def write_diff_page(diff: SchemeDiff, path: Path, lang: str = "zh") -> Path:
    """Write the differences as a page to browse; return its path."""
    t = choosing(lang)
    sides = ((t("前", "from"), diff.a), (t("后", "to"), diff.b))
    return write_page(
        path,
        lang=lang,
        title=_title(diff, lang),
        kicker=t("分组方案", "Grouping schemes compared"),
        facts=[
            (name, _scheme_title(scheme, lang), f"{scheme.id} · {scheme.digest[:12]}")
            for name, scheme in sides
        ],
        **page_parts(
            "scheme_diff.html.j2",
            lang,
            diff=diff,
            overview=[
                [part.title, _counts(part, lang), len(part.rows)]
                for part in diff.sections
                if part.rows
            ],
            counts=lambda part: _counts(part, lang),
            body=lambda part: _section_body(part, lang),
        ),
    )


def _section_body(section: Section, lang: str) -> Markup:
    names = [in_language(column, lang) for column in section.columns]
    kinds = [_kind(i, column, section) for i, column in enumerate(section.columns)]
    columns = list(zip(names, kinds, strict=True))
    lead = BY_GROUP.get(section.key)
    if lead is not None:
        blocks: dict[tuple[str, ...], list[Row]] = defaultdict(list)
        for row in section.rows:
            blocks[tuple(in_language(value, lang) for value in row[1:lead])].append(row)
        return Markup().join(
            folded(
                " ".join(key),
                f"{len(rows):,}",
                table([columns[0], *columns[lead:]], [(r[0], *r[lead:]) for r in rows], lang),
            )
            for key, rows in blocks.items()
        )
    if len(section.rows) <= FOLDED_FROM:
        return table(columns, section.rows, lang)
    by_change: dict[str, list[Row]] = defaultdict(list)
    for row in section.rows:
        by_change[in_language(row[0], lang)].append(row)
    return Markup().join(
        folded(change, f"{len(rows):,}", table(columns, rows, lang))
        for change, rows in by_change.items()
    )


def _kind(place: int, column: Bilingual, section: Section) -> str:
    if isinstance(section.rows[0][place], int):
        return "num"
    if str(column) in ("code", "group", "list"):
        return "code"
    wide = section.key in ("mdc", "adrg", "split") and str(column) in ("from", "to")
    return "wide" if wide else "text"
