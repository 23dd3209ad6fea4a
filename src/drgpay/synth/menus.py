"""Tables to draw from with one random number each: profiles, ages, codes, days.

A table of 2^16 (profiles: 2^22) entries holds each thing as often as it is likely.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drgpay.grouper import Grouper
from drgpay.synth import clinical
from drgpay.synth.profiles import Floats, Frequencies, Ints

FINE = 1 << 22
COARSE = 1 << 16
_TAIL = 0.15  # part of the common secondary diagnoses that is drawn from all others


@dataclass(frozen=True, slots=True)
class Menus:
    """Secondary diagnoses of M kinds of patient (bands of age, then special kinds).

    Each is [M, 2^16] of diagnosis numbers; `examinations` is [2^16] of procedure numbers that
    never decide a group.
    """

    common: Ints
    complication: Ints
    major: Ints
    examinations: Ints
    sex: NDArray[np.int8]


def table_of(shares: Floats, size: int = COARSE) -> Ints:
    """Return a table that holds position i in proportion to shares[i].

    >>> table_of(np.array([1.0, 3.0]), 4).tolist()
    [0, 1, 1, 1]
    """
    edges = np.rint(np.cumsum(shares) / shares.sum() * size).astype(np.int64)
    return np.repeat(np.arange(len(shares)), np.diff(edges, prepend=0)).astype(np.int32)


def _first(codes: list[str], frequency: Floats, ids: list[int], prefix: str) -> int:
    """Return the commonest code that begins with a prefix, 0 when there is none."""
    found = [i for i in ids if codes[i].startswith(prefix)]
    return max(found, key=lambda i: float(frequency[i])) if found else 0


def _barred(grouper: Grouper, codes: list[str]) -> NDArray[np.bool_]:
    """Return the diagnoses that, as secondary ones, would move a case to another MDC or ADRG."""
    barred = np.zeros(len(codes), dtype=np.bool_)
    scheme = grouper.scheme
    asked: dict[str, set[str]] = {}
    for key, rule in [(m.mdc, m.rule) for m in scheme.mdcs] + [
        (a.key, a.rule) for a in scheme.adrgs
    ]:
        asked[key] = set(re.findall(r"(?:any_diagnosis|secondary) in (\w+)", rule))
    letters = {mdc.mdc: mdc.letter for mdc in scheme.mdcs}
    for (owner, name), ids in scheme.lists.items():
        mine = letters.get(owner, owner[:1])
        if (name in asked.get(owner, ()) and mine != "P") or name.startswith("site_"):
            barred[ids] = True
    for i, code in enumerate(codes):
        # the outcome or the kind of a stay, never a companion of another one
        if code.startswith(("P07", "O0", "O8")):
            barred[i] = True
    barred[0] = True
    return barred


def build_menus(
    grouper: Grouper,
    freq: Frequencies,
    diagnoses: NDArray[np.bool_],
    procedures: NDArray[np.bool_],
) -> Menus:
    """Return the menus of a scheme, of those diagnoses and procedures that can be written."""
    scheme = grouper.scheme
    codes = freq.diagnosis_codes
    size = len(codes)
    level = np.zeros(size, dtype=np.int8)
    ids = scheme.diagnoses.encode(scheme.severity["code"].combine_chunks())
    words = scheme.severity["level"].to_pylist()
    level[ids] = [2 if word == "MCC" else 1 for word in words]
    barred = _barred(grouper, codes) | ~diagnoses
    letters = np.array([code[:1] for code in codes])
    # inside a category the same order as for principal diagnoses
    category = np.array([clinical.CATEGORY.get(c[:3], clinical.RARE_CATEGORY) for c in codes])
    place = freq.diagnosis / category
    grave = {
        wanted: place
        * (np.array([table.get(c[:3], 0.0) for c in codes]) + 0.02 * np.sqrt(category))
        for wanted, table in ((1, clinical.COMPLICATION), (2, clinical.MAJOR))
    }

    in_category: dict[str, list[int]] = {}
    for i in np.flatnonzero(~barred & (level == 0)).tolist():
        in_category.setdefault(codes[i][:3], []).append(i)

    kinds = (*clinical.BANDS, *clinical.SPECIAL)
    common = np.empty((len(kinds), COARSE), dtype=np.int32)
    complication, major = np.empty_like(common), np.empty_like(common)
    for m, kind in enumerate(kinds):
        fitting = np.isin(letters, list(clinical.SEVERITY_LETTERS[kind])) & ~barred
        if kind == "child":
            fitting &= ~np.array([code.startswith(clinical.NOT_OF_CHILDREN) for code in codes])
        shares = np.zeros(size)
        if kind in clinical.BANDS:
            asked = {p: w[m] for p, w in clinical.COMORBIDITY}
        else:
            asked = clinical.SPECIAL_COMMON[kind]
        for prefix, weight in asked.items():
            near = in_category.get(prefix[:3], [])
            shares[_first(codes, freq.diagnosis, near, prefix)] += weight
        shares[0] = 0.0
        tail = np.where(fitting & (level == 0), freq.diagnosis, 0.0)
        total = shares.sum() or 1.0
        shares += _TAIL * total * tail / (tail.sum() or 1.0)
        common[m] = table_of(shares) if shares.any() else 0
        for wanted, out in ((1, complication), (2, major)):
            chosen = np.where(fitting & (level == wanted), grave[wanted], 0.0)
            out[m] = table_of(chosen) if chosen.any() else common[m]
    return Menus(common, complication, major, _examinations(grouper, freq, procedures), freq.sex)


def _examinations(grouper: Grouper, freq: Frequencies, usable: NDArray[np.bool_]) -> Ints:
    scheme = grouper.scheme
    used = ~usable
    used[scheme.valid_procedures] = True
    for (_, name), ids in scheme.lists.items():
        if name.startswith("proc"):
            used[ids] = True
    rules = " ".join(
        [m.rule for m in scheme.mdcs]
        + [a.rule for a in scheme.adrgs]
        + [d.rule for d in scheme.drgs]
    )
    for code in re.findall(r'"(\d\d\.[^"]+)"', rules):
        used[scheme.procedures.index.get(code, 0)] = True
    used[0] = True
    matches = [
        clinical.longest_match(code, clinical.COMMON_EXAMINATIONS) for code in freq.procedure_codes
    ]
    total: dict[str, float] = {}
    for i, match in enumerate(matches):
        if match and not used[i]:
            total[match] = total.get(match, 0.0) + float(freq.procedure[i])
    share = np.zeros(len(used))
    for i, match in enumerate(matches):
        if match and not used[i]:
            share[i] = clinical.COMMON_EXAMINATIONS[match] * freq.procedure[i] / total[match]
    return table_of(share) if share.any() else np.zeros(COARSE, dtype=np.int32)


def day_tables(year: int) -> Ints:
    """Return for each season a table of days since 1970-01-01, by month and weekday: [S, 2^16]."""
    first = np.datetime64(f"{year}-01-01", "D").astype(np.int64)
    last = np.datetime64(f"{year + 1}-01-01", "D").astype(np.int64)
    days = np.arange(first, last)
    month = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    weekday = (days + 3) % 7  # 1970-01-01 was a Thursday
    week = np.array(clinical.DISCHARGE_WEEKDAYS)[weekday]
    tables = [
        table_of(np.array(clinical.MONTHS[season])[month] * week) + np.int32(first)
        for season in clinical.SEASONS
    ]
    return np.stack(tables).astype(np.int32)


def age_tables() -> Ints:
    """Return for each age class a table of years of age: [A, 2^16]."""
    return np.stack([table_of(clinical.age_distribution(n)) for n in clinical.AGE_CLASSES])
