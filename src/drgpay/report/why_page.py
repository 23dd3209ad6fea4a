"""A derivation as a page to read or print: its steps as tables, and the parameters behind them."""

from __future__ import annotations

from pathlib import Path

from drgpay.ground.errors import in_language
from drgpay.ground.languages import choose
from drgpay.why import Derivation
from drgpay.why.model import UNITS
from drgpay.why.text import heads, parameter_line, sources

from .pages import page_parts, write_page


def write_why_page(path: Path, made: Derivation, lang: str) -> Path:
    """Write a derivation as a page that needs no network and no script; return its path."""
    kicker = choose(lang, "清算结果的由来", "How a result came about")
    return write_page(
        path,
        lang=lang,
        title=in_language(made.title, lang),
        kicker=f"{kicker} · {made.head.get('region', '')}",
        facts=[(in_language(f.label, lang), in_language(f.text, lang), "") for f in made.facts],
        **page_parts(
            "why.html.j2",
            lang,
            made=made,
            heads=heads(lang),
            numbers={step.key: i + 1 for i, step in enumerate(made.steps)},
            units=UNITS,
            disagreements="；".join(in_language(one, lang) for one in made.disagreements),
            sources=sources,
            parameter_line=parameter_line,
        ),
    )
