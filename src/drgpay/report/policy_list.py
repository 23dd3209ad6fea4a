"""The bundled policies as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from drgpay.ground.errors import in_language
from drgpay.ground.languages import choose
from drgpay.ground.reference import bundled
from drgpay.policy import load_policy
from drgpay.policy.catalogues import TITLES

from .policy_show import Record
from .sheets import Field, Sheet, text_lines

HEADINGS = {
    "zh": ("名称", "种类", "值", "已核实", "标题"),
    "en": ("name", "kind", "values", "verified", "title"),
}


def bundled_policies() -> list[Record]:
    """Return name, catalogue, title and counts of values of every bundled policy."""
    made = []
    for name in bundled("policies", ".toml"):
        policy = load_policy(name, catalogue=None)
        periods = [period for p in policy.parameters.values() for period in p.periods]
        made.append(
            {
                "name": name,
                "kind": policy.catalogue,
                "values": len(periods),
                "verified": sum(period.verified for period in periods),
                "title": policy.title,
            }
        )
    return made


def list_lines(found: Sequence[Record], lang: str = "zh") -> Iterator[str]:
    """Return the policies as a table for the terminal."""
    rows = (
        {
            **row,
            "kind": choose(
                lang, f"{in_language(TITLES[row['kind']], lang)}（{row['kind']}）", row["kind"]
            ),
        }
        for row in found
    )
    keys = zip(HEADINGS["en"], HEADINGS[lang], strict=True)
    return text_lines(Sheet("", [Field(key, heading) for key, heading in keys], rows))
