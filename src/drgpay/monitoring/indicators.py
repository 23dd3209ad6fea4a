"""The indicators of the assessment, as indicators.toml declares them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from drgpay.ground.errors import Bilingual, both
from drgpay.names.assessed import DIRECTIONS, MEASURES, UNITS

FILE = Path(__file__).with_name("indicators.toml")


@dataclass(frozen=True, slots=True)
class Indicator:
    """An indicator: what it is, which measures it is made of, in which direction it is judged."""

    id: str
    name: Bilingual
    meaning: Bilingual
    unit: str
    direction: str
    source: str
    numerator: str = ""
    denominator: str = ""
    growth: bool = False
    entered: bool = False

    @property
    def formula(self) -> Bilingual:
        """How it is computed, in words."""
        if self.entered:
            return both("填报：分子 ÷ 分母", "entered: numerator ÷ denominator")
        over, under = MEASURES[self.numerator], MEASURES.get(self.denominator)
        text = (
            over
            if under is None
            else both(f"{over.chinese} ÷ {under.chinese}", f"{over} ÷ {under}")
        )
        if not self.growth:
            return text
        return both(f"（{text.chinese}）÷ 上年同期 − 1", f"({text}) ÷ last year's − 1")


@cache
def indicators() -> Mapping[str, Indicator]:
    """Return the indicators by id; raises KeyError or ValueError for a file that declares wrongly."""
    made = {}
    for name, own in tomllib.loads(FILE.read_text(encoding="utf-8")).items():
        found = Indicator(
            name, both(*own["name"]), both(*own["meaning"]), own["unit"], own["direction"],
            own["source"], own.get("numerator", ""), own.get("denominator", ""),
            own.get("growth", False), own.get("entered", False),
        )  # fmt: skip
        if found.unit not in UNITS or found.direction not in DIRECTIONS:
            raise ValueError(f"{name}: unit {found.unit}, direction {found.direction}")
        if found.entered == bool(found.numerator):
            raise ValueError(f"{name}: either entered or made of measures")
        made[name] = found
    return made
