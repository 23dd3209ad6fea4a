"""Checks of ages, day of birth and weights, and the loop that makes them for N cases.

Numbers are -1 when unknown, days are counted from 1970-01-01 and unknown below -1,000,000. The
bits of a case stand in the order of drgpay.cases.checks.catalogue.PERSON.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from drgpay.ground.jit import kernel


@kernel
def known_day(day: Any) -> bool:
    """Return whether a day is given."""
    return bool(day > -1_000_000)


@kernel
def completed_years(birth: Any, day: Any) -> int:
    """Return the years of age on a day, by the calendar; days are from 1970-01-01."""
    years = np.int64(0)
    month_day = np.int64(0)
    for turn in range(2):
        # days to year, month and day of the Gregorian calendar, years counted from March
        z = np.int64(day if turn == 0 else birth) + 719_468
        era = z // 146_097
        in_era = z - era * 146_097
        year = (in_era - in_era // 1460 + in_era // 36_524 - in_era // 146_096) // 365
        in_year = in_era - (365 * year + year // 4 - year // 100)
        month = (5 * in_year + 2) // 153
        place = month * 32 + in_year - (153 * month + 2) // 5
        if turn == 0:
            years, month_day = year + era * 400, place
        else:
            years -= year + era * 400
            month_day -= place
    return int(years - 1) if month_day < 0 else int(years)


@kernel
def age_days_beyond_a_year(age_days: Any) -> bool:
    """Fail if an age in days is more than a year: it is for infants alone."""
    return bool(age_days > 366)


@kernel
def age_and_age_days_both(age_years: Any, age_days: Any) -> bool:
    """Fail if a patient of a year or more has an age in days, too (0 stands for none)."""
    return bool(age_years >= 1 and age_days > 0)


@kernel
def age_against_birth_date(age_years: Any, birth: Any, admission: Any) -> bool:
    """Fail if the completed years between birth and admission are not the age."""
    if age_years < 0 or not known_day(birth) or not known_day(admission) or birth > admission:
        return False
    return bool(completed_years(birth, admission) != age_years)


@kernel
def age_days_against_birth_date(age_years: Any, age_days: Any, birth: Any, admission: Any) -> bool:
    """Fail if an infant's days between birth and admission are not its age, one day allowed."""
    if age_years != 0 or age_days < 0 or not known_day(birth) or not known_day(admission):
        return False
    return bool(birth <= admission and abs(np.int64(admission) - birth - age_days) > 1)


@kernel
def birth_after_admission(birth: Any, admission: Any) -> bool:
    """Fail if the patient was born after being admitted."""
    return bool(known_day(birth) and known_day(admission) and birth > admission)


@kernel
def infant_without_days(age_years: Any, age_days: Any) -> bool:
    """Fail if a patient below one year has no age in days."""
    return bool(age_years == 0 and age_days < 0)


@kernel
def newborn_without_weight(age_years: Any, age_days: Any, birth_weight: Any) -> bool:
    """Fail if a newborn, 0 to 28 days old, has no birth weight."""
    return bool(age_years == 0 and 0 <= age_days <= 28 and birth_weight <= 0)


@kernel
def newborn_without_admission_weight(age_years: Any, age_days: Any, weight: Any) -> bool:
    """Fail if a newborn, 0 to 28 days old, has no weight on admission."""
    return bool(age_years == 0 and 0 <= age_days <= 28 and weight <= 0)


@kernel
def birth_weight_absurd(birth_weight: Any, least: Any, most: Any) -> bool:
    """Fail if a birth weight in grams is out of bounds (kilograms, a slip of the pen)."""
    return bool(birth_weight > 0 and not least <= birth_weight <= most)


@kernel
def admission_weight_absurd(weight: Any, least: Any, most: Any) -> bool:
    """Fail if a newborn's weight on admission in grams is out of bounds."""
    return bool(weight > 0 and not least <= weight <= most)


@kernel
def birth_weight_not_in_tens(birth_weight: Any) -> bool:
    """Fail if a birth weight is finer than 10 g."""
    return bool(birth_weight > 0 and birth_weight % 10 != 0)


@kernel
def birth_weight_beyond_infancy(
    age_years: Any, birth_weight: Any, sex: Any, least: Any, most: Any
) -> bool:
    """Fail if a patient of a year or more has a birth weight; a mother's record has her child's.

    Sex 2 is female; `least` and `most` are the ages of obstetric diagnoses.
    """
    if sex == 2 and least <= age_years <= most:
        return False
    return bool(age_years >= 1 and birth_weight > 0)


@kernel
def age_very_high(age_years: Any, most: Any) -> bool:
    """Fail if the age is higher than hardly anybody's."""
    return bool(age_years > most)


@kernel
def at(bit: Any, failed: Any) -> Any:
    """Return a word with one bit set when a check failed."""
    return np.uint64(failed) << np.uint64(bit)


@kernel
def check_persons(
    sex: Any,
    age_years: Any,
    age_days: Any,
    birth_weight: Any,
    admission_weight: Any,
    birth: Any,
    admission: Any,
    limits: Any,
    out: Any,
) -> None:
    """Write the bits of failed checks of N cases.

    `limits` [7]: least and most birth weight, least and most weight on admission, highest age,
    least and most age of obstetric diagnoses.
    """
    for i in range(out.shape[0]):
        years, days, weight = age_years[i], age_days[i], birth_weight[i]
        born, day = birth[i], admission[i]
        word = at(9, age_very_high(years, limits[4]))
        word |= at(0, age_days_beyond_a_year(days)) | at(1, age_and_age_days_both(years, days))
        if years == 0:
            word |= at(2, infant_without_days(years, days))
            word |= at(3, newborn_without_weight(years, days, weight))
            lighter = newborn_without_admission_weight(years, days, admission_weight[i])
            word |= at(4, lighter)
        if weight > 0:
            word |= at(5, birth_weight_absurd(weight, limits[0], limits[1]))
            word |= at(6, birth_weight_not_in_tens(weight))
            late = birth_weight_beyond_infancy(years, weight, sex[i], limits[5], limits[6])
            word |= at(7, late)
        word |= at(8, admission_weight_absurd(admission_weight[i], limits[2], limits[3]))
        if known_day(born):
            word |= at(10, birth_after_admission(born, day))
            word |= at(11, age_against_birth_date(years, born, day))
            word |= at(12, age_days_against_birth_date(years, days, born, day))
        out[i] = word
