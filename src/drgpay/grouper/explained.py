"""What an explanation of a case holds (docs/explain.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drgpay.grouper.changes import Nearest, Price
from drgpay.grouper.outcome import Grouping
from drgpay.grouper.trace import Trace
from drgpay.grouper.would_group import Would


@dataclass(frozen=True, slots=True)
class DiagnosisSeverity:
    """What one secondary diagnosis counts: its level by the table, and whether it is excluded.

    `verdict`: `counts`, `excluded` (the principal diagnosis stands on its exclusion list), `none`
    (no level in the table), `unknown` (not in the scheme's code system).
    """

    code: str
    name: str
    level: str
    exclusion_list: str
    verdict: str
    decisive: bool


@dataclass(frozen=True, slots=True)
class UnknownCode:
    """A code of a case that the scheme does not know, and known ones that it may stand for.

    `place` is its number among diagnoses, or among procedures, from 0. `edition`: of which other
    edition it is a code, empty for none.
    """

    kind: str
    place: int
    code: str
    nearest: tuple[tuple[str, str], ...]
    edition: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A reading of the scheme that decided: under the other choice the case is in another group.

    `conditions`: of the reading of that name, each assumed condition that decided: group, the words
    of its name that state it, the scheme that it is taken over from.
    """

    option: str
    choice: str
    other: str
    drg: str
    name: str
    conditions: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class WouldTexts:
    """What would group a case, the names of its codes, and the same in words, Chinese and English."""

    would: Would
    names: tuple[tuple[str, str], ...]
    texts: tuple[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        zh, en = self.texts
        return {
            "diagnoses": list(self.would.diagnoses),
            "procedures": list(self.would.procedures),
            "without_procedures": self.would.without,
            "diagnoses_without_procedures": list(self.would.both),
            "names": dict(self.names),
            "text": {"zh": zh, "en": en},
        }


@dataclass(frozen=True, slots=True)
class Explained:
    """The grouping of a case with the rules that made it; texts as the scheme's tables say.

    `facts` are the case's, codes as the scheme writes them. `trace` has every rule tried, `sites`
    the trauma sites by MDC. `nearest` are other groups and what leads there, `prices` what each
    would earn; `price` is that of the group itself. Both are empty without prices.
    """

    grouping: Grouping
    scheme: str
    options: Mapping[str, str]
    principal: tuple[str, str]
    procedures: tuple[tuple[str, str], ...]
    mdc_name: str
    mdc_rule: str
    adrg_name: str
    adrg_rule: str
    adrg_kind: str
    drg_rule: str
    secondary: tuple[DiagnosisSeverity, ...]
    facts: dict[str, Any]
    trace: Trace
    sites: dict[str, int]
    nearest: tuple[Nearest, ...]
    prices: tuple[Price, ...] = ()
    price: Price | None = None
    unknown: tuple[UnknownCode, ...] = ()
    readings: tuple[Reading, ...] = ()
    contradiction: tuple[tuple[str, str], ...] = ()
    would: WouldTexts | None = None  # of a case that no group took
