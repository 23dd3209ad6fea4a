"""Pages: the one template environment, the shell of a page with its sections, tables and charts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from drgpay import __version__
from drgpay.ground.errors import in_language
from drgpay.ground.languages import choosing
from drgpay.ground.outputs import whole_file

from . import amounts
from .sheets import page_table
from .tables import Cell, Column, Row, Table
from .texts import Words

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Banner:
    kind: str  # danger | warning | info
    title: str
    text: str
    items: tuple[str, ...] = ()
    link: str = ""
    link_text: str = ""


@dataclass(frozen=True)
class Tile:
    label: str
    value: str
    sub: str = ""
    mark: str = ""


@dataclass
class PageSection:
    """A section: its anchor, title, lines of text and finished HTML."""

    id: str
    title: str
    lead: Sequence[str] = ()
    body: Markup = field(default_factory=Markup)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=lambda name: name is None or ".txt" not in name,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {"yuan": amounts.yuan, "points": amounts.points}
    made.globals |= {"percent": amounts.percent, "page_table": page_table, "replace": replace}
    made.globals |= {
        "in_language": in_language,
        "grid": grid,
        "chart": chart,
        "folded": folded,
        "table": table,
    }
    return made


def rendered(template: str, lang: str, **values: Any) -> str:
    """The text that a template makes of values; `w` and `t` in it choose words of the language."""
    words = {"w": Words(lang), "t": choosing(lang)}
    return _environment().get_template(template).render(words | values).lstrip()


def page_parts(template: str, lang: str, **values: Any) -> dict[str, Any]:
    """The sections, banners and tiles of a page, each in the order in which a template adds them."""
    sections: list[PageSection] = []
    banners: list[Banner] = []
    tiles: list[Tile] = []

    def section(anchor: str, title: str, caller: Callable[[], Markup]) -> str:
        body = caller()
        # the line of the template that a table or chart stands on ends once more
        sections.append(PageSection(anchor, title, body=body[:-1] if body[-2:] == "\n\n" else body))
        return ""

    def banner(kind: str, title: str, text: str = "", items: Iterable[str] = ()) -> str:
        banners.append(Banner(kind, title, text, tuple(items)))
        return ""

    def tile(*facts: str) -> str:
        tiles.append(Tile(*facts))
        return ""

    rendered(template, lang, section=section, banner=banner, tile=tile, **values)
    return {"sections": sections, "banners": banners, "tiles": tiles}


def grid(made: Table) -> Markup:
    """A table as HTML; a table without a caption is called by its first heading."""
    return Markup(_macros().grid(made, made.rows))


@cache
def _macros() -> Any:
    return _environment().get_template("tables.html.j2").module


def table(
    columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]], lang: str, css: str = ""
) -> Markup:
    """Return a table; a column is its heading and its kind (num, text, code or wide)."""

    def cell(value: Any) -> Cell:
        if isinstance(value, Cell):
            return value
        if isinstance(value, Markup):
            return Cell(value)
        return Cell(f"{value:,}" if isinstance(value, int) else in_language(value, lang))

    lines = [Row([cell(value) for value in row]) for row in rows]
    return grid(Table("", [Column(*column) for column in columns], lines, css=css))


def folded(summary: str, note: str, body: Markup) -> Markup:
    """Return a block that opens when asked."""
    return Markup(
        '<details class="block"><summary>{}<span class="n">{}</span></summary>{}</details>'
    ).format(summary, note, body)


def chart(title: str, svg: str, note: str = "") -> Markup:
    """Return a chart with its title."""
    return Markup(_macros().chart(title, svg, note))


def write_page(
    path: Path,
    *,
    lang: str,
    title: str,
    kicker: str,
    facts: Sequence[tuple[str, str, str]],
    sections: Sequence[PageSection],
    banners: Sequence[Banner] = (),
    tiles: Sequence[Tile] = (),
    mark: str = "",
    digest: str = "",
    tab: str = "",
) -> Path:
    """Write a page that needs no network and no script; return its path.

    `mark` and `digest` stand on every printed page; `tab` is the browser's title, else `title`.
    """
    text = rendered(
        "page.html.j2",
        lang,
        title=title,
        tab=tab or title,
        kicker=kicker,
        facts=facts,
        sections=sections,
        banners=banners,
        tiles=tiles,
        print_mark=mark,
        run_digest=digest,
        footer=f"drgpay {__version__}",
    )
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
    return path
