"""Checks of dates, days, way of discharge, operations and ventilator, and their loop.

Numbers are -1 when unknown, days are counted from 1970-01-01 and unknown below -1,000,000; the
ventilator's minutes are -2 when they cannot be read. The bits of a case stand in the order of
drgpay.cases.checks.catalogue.STAY.
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
def nights(admission: Any, discharge: Any) -> int:
    """Return discharge minus admission, -1 when a date is missing or they are reversed."""
    if known_day(admission) and known_day(discharge) and discharge >= admission:
        return int(discharge - admission)
    return -1


@kernel
def stay_against_dates(los_days: Any, stay: Any) -> bool:
    """Fail if the days of the stay are neither the dates' difference nor one more."""
    return bool(los_days >= 0 and stay >= 0 and los_days != stay and los_days != stay + 1)


@kernel
def stay_over_a_year(stay: Any) -> bool:
    """Fail if a stay is longer than a year."""
    return bool(stay > 366)


@kernel
def settlement_before_discharge(settlement: Any, discharge: Any) -> bool:
    """Fail if the case was settled before the discharge."""
    return bool(known_day(settlement) and known_day(discharge) and settlement < discharge)


@kernel
def discharged_in_the_future(admission: Any, discharge: Any, today: Any) -> bool:
    """Fail if a case was admitted or discharged after today."""
    return bool(
        known_day(today) and ((known_day(admission) and admission > today) or discharge > today)
    )


@kernel
def day_surgery_with_long_stay(mode: Any, stay: Any, most: Any) -> bool:
    """Fail if day surgery stayed longer than day surgery does."""
    return bool(mode == 1 and stay > most)


@kernel
def bed_day_without_days(mode: Any, stay: Any) -> bool:
    """Fail if a case paid by bed-day left on the day of admission."""
    return bool(mode == 2 and stay == 0)


@kernel
def discharge_way_unknown(way: Any) -> bool:
    """Fail if the way of discharge is given and none of 1, 2, 3, 4, 5 and 9."""
    return bool(way == -2)


@kernel
def death_with_planned_readmission(way: Any, planned: Any) -> bool:
    """Fail if a patient who died is to come back within 31 days."""
    return bool(way == 5 and planned == 1)


@kernel
def procedure_outside_stay(day: Any, admission: Any, discharge: Any) -> bool:
    """Fail if an operation was before admission or after discharge."""
    if not known_day(day):
        return False
    return bool(
        (known_day(admission) and day < admission) or (known_day(discharge) and day > discharge)
    )


@kernel
def procedure_dates_differ_in_number(dates: Any, procedures: Any) -> bool:
    """Fail if dates of operations are given, but not one for each."""
    return bool(dates > 0 and dates != procedures)


@kernel
def ventilator_malformed(minutes: Any) -> bool:
    """Fail if the ventilator's time is not days/hours/minutes."""
    return bool(minutes == -2)


@kernel
def ventilator_longer_than_stay(minutes: Any, stay: Any) -> bool:
    """Fail if the ventilator ran longer than the days of the stay, both ends counted."""
    return bool(minutes > 0 and stay >= 0 and minutes > (stay + 1) * 1440)


@kernel
def ventilator_without_procedure(minutes: Any, ventilated: Any) -> bool:
    """Fail if the ventilator ran, but no ventilation is among the procedures."""
    return bool(minutes > 0 and not ventilated)


@kernel
def long_ventilation_below_96_hours(minutes: Any, long_code: Any) -> bool:
    """Fail if ventilation of 96 hours or more is coded, but the ventilator ran for less."""
    return bool(long_code and 0 <= minutes < 96 * 60)


@kernel
def short_ventilation_above_96_hours(minutes: Any, short_code: Any, long_code: Any) -> bool:
    """Fail if only ventilation below 96 hours is coded, but the ventilator ran for more."""
    return bool(short_code and not long_code and minutes >= 96 * 60)


@kernel
def at(bit: Any, failed: Any) -> Any:
    """Return a word with one bit set when a check failed."""
    return np.uint64(failed) << np.uint64(bit)


@kernel
def check_stays(
    admission: Any,
    discharge: Any,
    settlement: Any,
    los_days: Any,
    way: Any,
    mode: Any,
    planned: Any,
    minutes: Any,
    px_offsets: Any,
    px: Any,
    px_flags: Any,
    day_offsets: Any,
    days: Any,
    limits: Any,
    out: Any,
) -> None:
    """Write the bits of failed checks of N cases; dates of operations are ragged like codes.

    `px_flags` [P]: 8 long ventilation, 16 short, 32 other. `limits` [2]: most days of day surgery,
    today.
    """
    for i in range(out.shape[0]):
        day_in, day_out, took, time = admission[i], discharge[i], los_days[i], minutes[i]
        stay = nights(day_in, day_out)
        word = at(0, stay_against_dates(took, stay)) | at(1, stay_over_a_year(stay))
        word |= at(2, settlement_before_discharge(settlement[i], day_out))
        word |= at(3, discharged_in_the_future(day_in, day_out, limits[1]))
        if mode[i]:
            word |= at(4, day_surgery_with_long_stay(mode[i], stay, limits[0]))
            word |= at(5, bed_day_without_days(mode[i], stay))
        word |= at(6, discharge_way_unknown(way[i]))
        word |= at(7, death_with_planned_readmission(way[i], planned[i]))
        if day_offsets[i + 1] > day_offsets[i]:
            for j in range(day_offsets[i], day_offsets[i + 1]):
                word |= at(8, procedure_outside_stay(days[j], day_in, day_out))
            number = day_offsets[i + 1] - day_offsets[i]
            given = px_offsets[i + 1] - px_offsets[i]
            word |= at(9, procedure_dates_differ_in_number(number, given))
        if time != -1:
            kinds = np.int64(0)
            for j in range(px_offsets[i], px_offsets[i + 1]):
                kinds |= px_flags[px[j]] >> 3 & 7
            word |= at(10, ventilator_malformed(time))
            word |= at(11, ventilator_longer_than_stay(time, stay))
            word |= at(12, ventilator_without_procedure(time, kinds != 0))
            word |= at(13, long_ventilation_below_96_hours(time, kinds & 1 != 0))
            word |= at(14, short_ventilation_above_96_hours(time, kinds & 2 != 0, kinds & 1 != 0))
        out[i] = word
