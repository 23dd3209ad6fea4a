"""Pages about schemes: one shell and plain tables, in the style of the settlement report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from drgpay import __version__
from drgpay.ground.errors import in_language
from drgpay.ground.outputs import whole_file

from .html import TEMPLATES, Banner, Tile
from .texts import Words


@dataclass
class PageSection:
    """A section: its anchor, title, lines of text and finished HTML."""

    id: str
    title: str
    lead: Sequence[str] = ()
    body: Markup = field(default_factory=Markup)


def environment() -> Environment:
    """Return the template environment of the reports."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def table(
    columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]], lang: str, css: str = ""
) -> Markup:
    """Return a table; a column is its heading and its kind (num, text, code or wide)."""
    kinds = [kind for _, kind in columns]
    head = "".join(f'<th scope="col" class="{k}">{escape(label)}</th>' for label, k in columns)
    parts = [
        '<div class="scroll" tabindex="0"><table class="',
        css,
        '"><thead><tr>',
        head,
        "</tr></thead><tbody>",
    ]
    for row in rows:
        parts.append("<tr>")
        for kind, value in zip(kinds, row, strict=True):
            text = f"{value:,}" if isinstance(value, int) else in_language(value, lang)
            parts.append(f'<td class="{kind}">{escape(text)}</td>')
        parts.append("</tr>\n")
    parts.append("</tbody></table></div>")
    return Markup("".join(parts))


def folded(summary: str, note: str, body: Markup) -> Markup:
    """Return a block that opens when asked."""
    return Markup(
        '<details class="block"><summary>{}<span class="n">{}</span></summary>{}</details>'
    ).format(summary, note, body)


def chart(title: str, svg: str, note: str = "") -> Markup:
    """Return a chart with its title."""
    below = Markup('<p class="small">{}</p>').format(note) if note else Markup()
    return Markup(
        '<figure class="chart"><figcaption>{}</figcaption><div class="scroll"><div class="drawing">'
        "{}</div></div>{}</figure>"
    ).format(title, Markup(svg), below)


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
) -> Path:
    """Write a page that needs no network and no script; return its path."""
    words = Words(lang)
    text = (
        environment()
        .get_template("scheme_page.html.j2")
        .render(
            w=words,
            title=title,
            kicker=kicker,
            facts=facts,
            sections=sections,
            banners=banners,
            tiles=tiles,
            print_mark=mark,
            run_digest="",
            footer=f"drgpay {__version__}",
        )
    )
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
    return path
