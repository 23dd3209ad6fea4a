"""What lets the grouper's kernel end most cases at once: usual persons, and marks of codes.

A term that wants a fact of codes can hold only for cases with one of these codes, which carry its
mark; all other terms follow from the classes of the principal diagnosis and the main procedure
and from a few facts of the person. So the first term of an unmarked case of a usual person stands
in a table. Marks are the upper halves of words.

Dimensions: T terms, W words of 64 terms, F fact words, D and P codes, C classes of codes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Flags = NDArray[np.bool_]
MARKS_AT = 32  # the lowest bit that is a mark
CONDITION_MARKS, ASKED_MARKS = 16, 15
ALWAYS_MARKED = np.uint64(1 << 63)  # carried by every case
DIAGNOSIS_PLACES = ("principal", "secondary")
PLACES = (*DIAGNOSIS_PLACES, "main", "other")

# by the bit of a fact: at which places which codes set it
Sources = Mapping[int, Sequence[tuple[str, Flags]]]


@dataclass(frozen=True)
class Marks:
    """Marks of terms and of codes."""

    of_condition: Words  # [T] the mark of each case for which the term holds, 0: none is needed
    of_term: Words  # [T] marks of cases for which the term, or its DRGs, may not be as for others
    of_codes: Mapping[str, Words]  # by place


def marks_of(
    sources: Sources,
    sizes: tuple[int, int],
    asked_by_terms: tuple[Words, Words],
    asked_by_drgs: Words,
    tabled: Flags,
) -> Marks:
    """Return the marks of terms by what they need and want of codes, and those of D and P codes.

    `asked_by_drgs` are the facts [T, F] that a term's DRGs need; where they are not `tabled`, no
    case is ended at once. More facts than marks share them, which costs time and nothing else.
    """
    needs, wants = asked_by_terms
    size = {bit: sum(int(codes.sum()) for _, codes in of) for bit, of in sources.items()}
    conditions: dict[int, int] = {}
    questions: dict[bytes, int] = {}
    carried = dict.fromkeys(sources, 0)
    of_condition, of_term = np.zeros((2, len(needs)), dtype=np.uint64)
    for t, asked in enumerate(needs | asked_by_drgs):
        wanted = _places_of_bits(wants[t])
        if wanted:
            rarest = min(wanted, key=lambda bit: size[bit])
            number = conditions.setdefault(rarest, len(conditions)) % CONDITION_MARKS
            of_condition[t] = 1 << (MARKS_AT + number)
            carried[rarest] |= 1 << (MARKS_AT + number)
        if asked.any():
            number = questions.setdefault(asked.tobytes(), len(questions)) % ASKED_MARKS
            mark = 1 << (MARKS_AT + CONDITION_MARKS + number)
            of_term[t] = mark
            for bit in _places_of_bits(asked):
                carried[bit] |= mark
    of_term[~tabled] |= ALWAYS_MARKED
    of_codes = {
        place: np.zeros(sizes[place not in DIAGNOSIS_PLACES], dtype=np.uint64) for place in PLACES
    }
    for bit, of in sources.items():
        for place, codes in of:
            of_codes[place][codes] |= np.uint64(carried[bit])
    return Marks(of_condition, of_term, of_codes)


@dataclass(frozen=True)
class Usual:
    """The usual person of each class of principal diagnoses."""

    person: Words  # [C, 2] facts of the person that the class's terms ask, and those that are met
    terms: Words  # [C, W] terms that an unmarked case of such a person may meet


def usual_persons(
    principal_terms: Words,
    asked_by_terms: tuple[Words, Words],
    persons: Sequence[np.uint64],
    of_person: np.uint64,
    telling: Flags,
    free: Flags,
) -> Usual:
    """Return whom the terms of each class of principal diagnoses mostly mean, out of `persons`.

    `asked_by_terms` are facts [T] of the first word, of which `of_person` are the person's;
    `telling` are the terms that count for it, `free` those that unmarked cases may meet.
    """
    needs, wants = (words & of_person for words in asked_by_terms)
    count = len(needs)
    bits = np.unpackbits(principal_terms.view(np.uint8), axis=1, bitorder="little")
    open_to = bits[:, :count].astype(np.bool_)
    holds = np.array([((needs & person) == wants) & free for person in persons])
    most = (open_to.astype(np.int32) @ (holds & telling).T.astype(np.int32)).argmax(axis=1)
    person = np.zeros((len(open_to), 2), dtype=np.uint64)
    for t in np.flatnonzero(free & (needs != 0)):
        person[open_to[:, t], 0] |= needs[t]
    person[:, 1] = np.array(persons, dtype=np.uint64)[most] & person[:, 0]
    terms = np.array([bits_of(row, principal_terms.shape[1]) for row in holds])
    return Usual(person, principal_terms & terms[most])


def marks_of_classes(terms: Words, of_condition: Words) -> Words:
    """Return the marks [C] of the terms that each class of codes leaves open."""
    marks = np.zeros(len(terms), dtype=np.uint64)
    for t in np.flatnonzero(of_condition):
        marks |= ((terms[:, t // 64] >> np.uint64(t % 64)) & np.uint64(1)) * of_condition[t]
    return marks


def terms_of_marks(of_condition: Words, words: int) -> Words:
    """Return which terms have each mark of a condition, and behind these, which have none."""
    marks = [1 << (MARKS_AT + number) for number in range(CONDITION_MARKS)]
    return np.array([bits_of(of_condition == np.uint64(mark), words) for mark in (*marks, 0)])


def first_terms(principal: Words, main: Words, none: int) -> NDArray[np.int16]:
    """Return the first term that a class of principal diagnoses and one of procedures share."""
    first = np.full((len(principal), len(main)), none, dtype=np.int16)
    for w in range(principal.shape[1] - 1, -1, -1):
        common = principal[:, None, w] & main[None, :, w]
        lowest = np.bitwise_count((common & (~common + np.uint64(1))) - np.uint64(1))
        first = np.where(common != 0, lowest.astype(np.int16) + np.int16(w * 64), first)
    return np.ascontiguousarray(first)


def bits_of(flags: Flags, words: int) -> Words:
    """Return booleans as bits of words."""
    packed = np.zeros(words * 8, dtype=np.uint8)
    bits = np.packbits(flags, bitorder="little")
    packed[: len(bits)] = bits
    return packed.view("<u8")


def _places_of_bits(words: Words) -> list[int]:
    found: list[int] = np.flatnonzero(
        np.unpackbits(words.view(np.uint8), bitorder="little")
    ).tolist()
    return found
