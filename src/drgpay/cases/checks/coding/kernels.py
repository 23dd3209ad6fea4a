"""Checks of diagnoses and procedures, and their loop.

The codes of case i are `dx[dx_offsets[i]:dx_offsets[i + 1]]`, the principal diagnosis first, and
`flags[code]` says what a code is (`UNKNOWN` …). The bits of a case stand in the order of
drgpay.cases.checks.catalogue.CODING.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from drgpay.ground.jit import kernel

UNKNOWN, FEMALE, MALE, OBSTETRIC, PERINATAL, CHILDHOOD, OLD_AGE = (1 << n for n in range(7))
NOT_PRINCIPAL, ASTERISK, SYMPTOM, COMPLICATION, MORPHOLOGY, MALFORMED, INDEFINITE = (
    1 << n for n in range(7, 14)
)


@kernel
def sex_against_codes(sex: Any, flags: Any) -> bool:
    """Fail if a code is of the other sex alone (sex 1 male, 2 female, 0 unknown)."""
    return bool((sex == 1 and flags & FEMALE != 0) or (sex == 2 and flags & MALE != 0))


@kernel
def sex_against_mdc(sex_conflict: Any) -> bool:
    """Fail if only patients of the other sex can enter the principal diagnosis's MDC."""
    return bool(sex_conflict)


@kernel
def unknown(flags: Any) -> bool:
    """Fail if a code does not exist in the scheme's code system."""
    return bool(flags & UNKNOWN != 0)


@kernel
def malformed(flags: Any) -> bool:
    """Fail if a code does not have the shape of a code."""
    return bool(flags & MALFORMED != 0)


@kernel
def principal_not_allowed(principal: Any) -> bool:
    """Fail if the principal diagnosis is an external cause or another supplementary code."""
    return bool(principal & NOT_PRINCIPAL != 0)


@kernel
def principal_morphology(principal: Any) -> bool:
    """Fail if the principal diagnosis is the code of a tumour's morphology."""
    return bool(principal & MORPHOLOGY != 0)


@kernel
def principal_asterisk(principal: Any) -> bool:
    """Fail if the principal diagnosis is the manifestation (asterisk) of an illness alone."""
    return bool(principal & ASTERISK != 0)


@kernel
def asterisk_alone(flags: Any, definite: Any) -> bool:
    """Fail if there is an asterisk code and no other diagnosis that could be its cause."""
    return bool(flags & ASTERISK != 0 and definite == 0)


@kernel
def complication_alone(principal: Any, diagnoses: Any) -> bool:
    """Fail if a principal diagnosis of T80-T88 has no further code beside it."""
    return bool(principal & COMPLICATION != 0 and diagnoses == 1)


@kernel
def symptom_as_principal(principal: Any, definite: Any) -> bool:
    """Fail if the principal diagnosis is a symptom (R) and a definite diagnosis is there."""
    return bool(principal & SYMPTOM != 0 and definite > 0)


@kernel
def principal_absent_on_admission(condition: Any) -> bool:
    """Fail if the principal diagnosis was not there on admission (condition 4)."""
    return bool(condition == 4)


@kernel
def condition_unknown(condition: Any) -> bool:
    """Fail if a condition on admission is none of 1 to 4."""
    return bool(condition == -2)


@kernel
def conditions_differ_in_number(conditions: Any, diagnoses: Any) -> bool:
    """Fail if conditions on admission are given, but not one for each diagnosis."""
    return bool(conditions > 0 and conditions != diagnoses)


@kernel
def count_differs(stated: Any, given: Any) -> bool:
    """Fail if the number of codes stated is not the number given."""
    return bool(stated >= 0 and stated != given)


@kernel
def obstetric_age(principal: Any, age_years: Any, least: Any, most: Any) -> bool:
    """Fail if a principal diagnosis of pregnancy or birth is outside of the ages for it."""
    return bool(principal & OBSTETRIC != 0 and age_years >= 0 and not least <= age_years <= most)


@kernel
def perinatal_beyond_infancy(principal: Any, age_years: Any) -> bool:
    """Fail if a principal diagnosis of the newborn is that of a patient of a year or more."""
    return bool(principal & PERINATAL != 0 and age_years >= 1)


@kernel
def newborn_aged_in_years(principal: Any, age_years: Any, age_days: Any) -> bool:
    """Fail if a principal diagnosis of the newborn comes with an age in years alone."""
    return bool(principal & PERINATAL != 0 and age_years == 0 and age_days < 0)


@kernel
def childhood_code_in_adult(flags: Any, age_years: Any) -> bool:
    """Fail if a diagnosis of childhood is that of an adult, 18 years or more."""
    return bool(flags & CHILDHOOD != 0 and age_years >= 18)


@kernel
def old_age_code_in_child(flags: Any, age_years: Any) -> bool:
    """Fail if a diagnosis of later life is that of a child below 15."""
    return bool(flags & OLD_AGE != 0 and 0 <= age_years < 15)


@kernel
def principal_against_operation(ambiguous: Any) -> bool:
    """Fail if the operation belongs to no group of the principal diagnosis's MDC."""
    return bool(ambiguous)


@kernel
def repeated(codes: Any, first: Any, last: Any) -> bool:
    """Fail if a known code stands twice among codes first … last - 1."""
    for j in range(first + 1, last):
        for k in range(first, j):
            if codes[k] == codes[j] and codes[j] > 0:
                return True
    return False


@kernel
def repeated_on_a_day(px: Any, px_first: Any, px_last: Any, days: Any, first: Any) -> bool:
    """Fail if a procedure stands twice with one date; dates are in the order of procedures."""
    for j in range(px_first + 1, px_last):
        for k in range(px_first, j):
            same = px[k] == px[j] and px[j] > 0
            if same and days[first + k - px_first] == days[first + j - px_first] > -1_000_000:
                return True
    return False


@kernel
def at(bit: Any, failed: Any) -> Any:
    """Return a word with one bit set when a check failed."""
    return np.uint64(failed) << np.uint64(bit)


@kernel
def check_codes(
    sex: Any,
    age_years: Any,
    age_days: Any,
    dx_offsets: Any,
    dx: Any,
    dx_flags: Any,
    px_offsets: Any,
    px: Any,
    px_flags: Any,
    condition_offsets: Any,
    conditions: Any,
    day_offsets: Any,
    days: Any,
    stated_diagnoses: Any,
    stated_procedures: Any,
    status: Any,
    reason: Any,
    sex_conflict: int,
    limits: Any,
    out: Any,
) -> None:
    """Write the bits of failed checks of N cases.

    `status` and `reason` are those of grouping, `sex_conflict` the number of that reason;
    `limits` [2]: least and most age of obstetric diagnoses.
    """
    one = np.uint64(1)
    for i in range(out.shape[0]):
        first, last = dx_offsets[i], dx_offsets[i + 1]
        years = age_years[i]
        principal, secondary, definite = np.int32(0), np.int32(0), 0
        seen = again = np.uint64(0)
        if last > first:
            principal = dx_flags[dx[first]]
            seen = one << np.uint64(dx[first] & 63)
        for j in range(first + 1, last):
            flags = dx_flags[dx[j]]
            secondary |= flags
            definite += (flags & (INDEFINITE | ASTERISK)) == 0
            bit = one << np.uint64(dx[j] & 63)
            again |= seen & bit
            seen |= bit
        every = principal | secondary
        word = at(2, sex_against_mdc(reason[i] == sex_conflict))
        word |= at(25, principal_against_operation(status[i] == 1))
        word |= at(18, count_differs(stated_diagnoses[i], last - first))
        if again != np.uint64(0):
            word |= at(16, repeated(dx, first, last))
        if every != 0:
            word |= at(0, sex_against_codes(sex[i], every))
            word |= at(4, unknown(secondary)) | at(6, malformed(every))
            own = (principal & (INDEFINITE | ASTERISK)) == 0
            word |= at(10, asterisk_alone(every, definite + own))
            word |= at(23, childhood_code_in_adult(every, years))
            word |= at(24, old_age_code_in_child(every, years))
        if principal != 0:
            word |= at(3, unknown(principal)) | at(7, principal_not_allowed(principal))
            word |= at(8, principal_morphology(principal)) | at(9, principal_asterisk(principal))
            word |= at(11, complication_alone(principal, last - first))
            word |= at(12, symptom_as_principal(principal, definite))
            word |= at(20, obstetric_age(principal, years, limits[0], limits[1]))
            word |= at(21, perinatal_beyond_infancy(principal, years))
            word |= at(22, newborn_aged_in_years(principal, years, age_days[i]))
        given = condition_offsets[i + 1] - condition_offsets[i]
        if given > 0:
            word |= at(13, principal_absent_on_admission(conditions[condition_offsets[i]]))
            for j in range(condition_offsets[i], condition_offsets[i + 1]):
                word |= at(14, condition_unknown(conditions[j]))
            word |= at(15, conditions_differ_in_number(given, last - first))
        operations = np.int32(0)
        for j in range(px_offsets[i], px_offsets[i + 1]):
            operations |= px_flags[px[j]]
        word |= at(1, sex_against_codes(sex[i], operations)) | at(5, unknown(operations))
        word |= at(19, count_differs(stated_procedures[i], px_offsets[i + 1] - px_offsets[i]))
        if day_offsets[i + 1] - day_offsets[i] == px_offsets[i + 1] - px_offsets[i]:
            twice = repeated_on_a_day(px, px_offsets[i], px_offsets[i + 1], days, day_offsets[i])
            word |= at(17, twice)
        out[i] = word
