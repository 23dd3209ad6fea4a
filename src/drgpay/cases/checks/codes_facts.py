"""What codes are, by their ranges and shapes: one word of flags a code, computed once a scheme."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from drgpay.cases.checks.catalogue import DATA
from drgpay.cases.checks.coding import kernels as k

Flags = NDArray[np.int32]
DIAGNOSIS = re.compile(
    r"[A-Z]\d{2}\.(?:\d{3}|x\d{2})(?:x\d{3})?(?:\+[A-Z]\d{2}(?:\.\d)?\*)?|[A-Z]\d{2}(?:\.\d)?\*"
)
MORPHOLOGY = re.compile(r"M\d{4,5}/\d+")
GREY, NO_GROUPING = 1 << 16, 1 << 17  # of a scheme: see drgpay.grouper.coding_lists
LONG, SHORT, VENTILATION = 8, 16, 32  # beside UNKNOWN, FEMALE and MALE of procedures
DIAGNOSIS_FLAGS: Mapping[str, int] = {
    "female": k.FEMALE,
    "male": k.MALE,
    "obstetric": k.OBSTETRIC,
    "perinatal": k.PERINATAL,
    "childhood": k.CHILDHOOD,
    "old_age": k.OLD_AGE,
    "not_principal": k.NOT_PRINCIPAL,
    "symptom": k.SYMPTOM,
    "complication": k.COMPLICATION,
    "indefinite": k.INDEFINITE,
}
PROCEDURE_FLAGS: Mapping[str, int] = {
    "male": k.MALE,
    "female": k.FEMALE,
    "ventilation_long": LONG,
    "ventilation_short": SHORT,
    "ventilation": VENTILATION,
}


def _ranges(name: str, flags: Mapping[str, int]) -> list[tuple[str, str, int]]:
    with (DATA / name).open(encoding="utf-8", newline="") as stream:
        return [(row["first"], row["last"], flags[row["flag"]]) for row in csv.DictReader(stream)]


@cache
def _diagnosis_ranges() -> dict[str, int]:
    """Return flags by category (C51) and by subcategory (D07.4)."""
    found: dict[str, int] = {}
    for first, last, flag in _ranges("diagnosis_ranges.csv", DIAGNOSIS_FLAGS):
        letters = range(ord(first[0]), ord(last[0]) + 1)
        wide = 100 if len(first) == 3 else 1000
        start, end = int(first[1:].replace(".", "")), int(last[1:].replace(".", ""))
        for letter in letters:
            low = start if letter == letters[0] else 0
            high = end if letter == letters[-1] else wide - 1
            for number in range(low, high + 1):
                key = f"{chr(letter)}{number:02d}"
                if wide == 1000:
                    key = f"{chr(letter)}{number // 10:02d}.{number % 10}"
                found[key] = found.get(key, 0) | flag
    return found


def diagnosis_flags(code: str, *, known: bool) -> int:
    """Return the flags of one diagnosis code; of an unknown one its shape counts, too.

    >>> diagnosis_flags("N40.x00", known=True) == k.MALE | k.OLD_AGE
    True
    """
    ranges = _diagnosis_ranges()
    flags = ranges.get(code[:3], 0) | ranges.get(code[:5], 0)
    if code.endswith("*") and "+" not in code:
        flags |= k.ASTERISK
    if not known:
        flags |= k.UNKNOWN
        if MORPHOLOGY.fullmatch(code):
            flags |= k.MORPHOLOGY
        elif not DIAGNOSIS.fullmatch(code):
            flags |= k.MALFORMED
    return flags


@cache
def _procedure_ranges() -> list[tuple[str, str, int]]:
    return _ranges("procedure_ranges.csv", PROCEDURE_FLAGS)


def procedure_flags(code: str, *, known: bool) -> int:
    """Return the flags of one procedure code.

    >>> procedure_flags("96.7201", known=True) == LONG
    True
    """
    flags = 0
    for first, last, flag in _procedure_ranges():
        if first <= code[: len(first)] <= last:
            flags |= flag
    return flags if known else flags | k.UNKNOWN


def flag_table(codes: Iterable[str], *, procedures: bool = False) -> Flags:
    """Return the flags of codes numbered from 1; 0 stands for an unknown code.

    The array is shared by all who ask for these codes and cannot be written.
    """
    return _table(tuple(codes), procedures)


@lru_cache(maxsize=8)
def _table(codes: tuple[str, ...], procedures: bool) -> Flags:
    flags = procedure_flags if procedures else diagnosis_flags
    made = np.array([k.UNKNOWN, *(flags(code, known=True) for code in codes)], dtype=np.int32)
    made.setflags(write=False)
    return made
