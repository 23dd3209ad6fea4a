"""The concrete cases of what `drgpay.schemes.reach` calls reached: each must end where it says."""

from __future__ import annotations

from dataclasses import dataclass

from drgpay.names.columns import CODED
from drgpay.schemes.reach import CC, MCC, Cell, Found, Searcher, walked
from drgpay.schemes.tables import Scheme


@dataclass(frozen=True, slots=True)
class Witness:
    """A case that ends in a group, principal diagnosis and main procedure first."""

    diagnoses: tuple[str, ...]
    procedures: tuple[str, ...]
    sex: str
    age_years: int
    age_days: int | None
    birth_weight_g: int | None
    los_days: int | None
    icu: bool
    icu_hours: int | None = None
    admission_weight_g: int | None = None
    discharge_way: str | None = None
    special_charge: str | None = None


def witnesses(scheme: Scheme) -> dict[tuple[str, str], Witness]:
    """Return a case of every group that is reached, by ADRG key (MDC of an ambiguous group) and DRG."""
    searcher, walk = walked(scheme)
    made: dict[tuple[str, str], Witness] = {}
    for (e, d), found in sorted(walk.reached.items()):
        entry = searcher.entries[e]
        made.setdefault((entry.source.named, entry.drgs[d][1].drg), witness(searcher, found))
    return made


def witness(searcher: Searcher, found: Found) -> Witness:
    """Return the concrete case of a find."""
    cell = searcher.cells[found.cell]
    row = int(searcher.exclusion_row[found.principal])
    present = 0
    for code in found.companions.diagnoses:
        if not searcher._excluded(code)[row]:
            present |= int(searcher.levels[code])
    severe = [
        int(searcher.neutral[row, level]) for level in (CC, MCC) if cell.levels & level & ~present
    ]
    none = searcher.compiler.p_size - 1
    mains = [] if found.main == none else [found.main]
    if not mains and found.companions.procedures:
        # a further procedure cannot stand without a first one: one that no rule knows does
        mains = [0]
    return Witness(
        tuple(_code(searcher, c) for c in (found.principal, *found.companions.diagnoses, *severe)),
        tuple(_procedure(searcher, c) for c in (*mains, *found.companions.procedures)),
        "M" if cell.sex == 1 else "F",
        cell.age_years,
        cell.age_days,
        cell.special.get("birth_weight_g"),
        cell.special.get("los_days"),
        cell.icu,
        cell.special.get("icu_hours"),
        cell.special.get("admission_weight_g"),
        _coded(cell, "discharge_way"),
        _coded(cell, "special_charge"),
    )


def _code(searcher: Searcher, number: int) -> str:
    words = searcher.scheme.diagnoses
    if number > len(words):  # a code that the scheme lacks, with beginnings that rules ask for
        return searcher._beginning(number) + "?"
    return str(words.codes[number - 1].as_py()) if number else "?"


def _procedure(searcher: Searcher, number: int) -> str:
    return str(searcher.scheme.procedures.codes[number - 1].as_py()) if number else "?"


def _coded(cell: Cell, name: str) -> str | None:
    return next((c for c, n in CODED[name].items() if n == cell.special.get(name)), None)
