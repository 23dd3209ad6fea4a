"""The grouper's kernel: integers and bit masks in, group numbers out.

Dimensions: N cases, M numbers that only some schemes ask; the diagnoses of case i are `dx[dx_offsets[i]:dx_offsets[i + 1]]`, the first
is the principal one; procedures likewise, the first is the main one. Numbers are -1 when unknown.
`Program` (drgpay.schemes.program) names the dimensions of the tables.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from drgpay.ground.jit import kernel
from drgpay.grouper.search_kernels import group_others


@kernel
def group_range(
    first: int,
    last: int,
    sex: Any,
    age_years: Any,
    age_days: Any,
    birth_weight_g: Any,
    los_days: Any,
    icu: Any,
    more: Any,
    dx_offsets: Any,
    dx: Any,
    px_offsets: Any,
    px: Any,
    program: Any,
    facts_of: Any,
    outcome: Any,
    mdc: Any,
    status: Any,
    reason: Any,
    level: Any,
    deciding: Any,
    retried: Any,
) -> int:
    """Group cases first … last - 1; return how many no group took.

    `program` is a held `Program`. `facts_of[outcome]` is MDC, status, reason, and reason after a
    retry, of an outcome. `more` is [M, N]. Writes outcome (number; `p.none` when nothing takes the case), level (0, 1 CC,
    2 MCC), deciding (position of the secondary diagnosis that decided the level, 0 for none),
    retried (position of the further procedure that grouped the case when tried alone, 0 for none).
    """
    p = program.values
    # tables as local names: a look-up in the tuple inside the loop would count references
    principal_info, diagnosis_info = p.principal_info, p.diagnosis_info
    exclusion_bits, level_facts = p.exclusion_bits, p.level_facts
    main_info, other_marks = p.main_info, p.other_marks
    principal_usual, main_marks = p.principal_usual, p.main_marks
    first_term, drg_table, term_usual = p.first_term, p.drg_table, p.term_usual
    icu_facts, sex_facts = p.icu_facts, p.sex_facts
    number_facts, number_start = p.number_facts, p.number_start
    key_mask = p.key_mask

    one, zero, low16 = np.uint64(1), np.uint64(0), np.uint64(0xFFFF)
    two, six, word_end = np.uint64(2), np.uint64(6), np.uint64(63)
    sixteen, list_mask = np.uint64(16), np.uint64(0x3FFFFFFF)
    all_marks = np.uint64(0xFFFFFFFF00000000)
    always_marked = np.uint64(1 << 63)
    no_procedure = main_info.shape[0] - 1
    years_at, days_at = number_start[0], number_start[1]
    weight_at, los_at = number_start[2], number_start[3]
    years_top, days_top = days_at - years_at - 1, weight_at - days_at - 1
    weight_top, los_top = los_at - weight_at - 1, number_start[4] - los_at - 1
    more_count = more.shape[0]
    count_at = number_start[4 + more_count]
    count_top = number_start[5 + more_count] - count_at - 1
    more_start = number_start[4:]
    more_top = number_start[5:] - number_start[4:-1] - 1
    size = min(2048, last - first)
    others = np.empty(size, dtype=np.int64)
    others_facts, others_marks = np.empty((2, size), dtype=np.uint64)
    missed = 0
    for block in range(first, last, 2048):  # what is noted of a block stays near at hand
        left = 0
        for i in range(block, min(block + 2048, last)):
            scalar = sex_facts[sex[i]] | icu_facts[icu[i]]
            if age_years[i] >= 0:
                scalar |= number_facts[np.uint64(years_at + min(age_years[i], years_top))]
            if days_top > 0 and age_days[i] >= 0:
                scalar |= number_facts[days_at + min(age_days[i], days_top)]
            if weight_top > 0 and birth_weight_g[i] >= 0:
                scalar |= number_facts[weight_at + min(birth_weight_g[i], weight_top)]
            if los_top > 0 and los_days[i] >= 0:
                scalar |= number_facts[los_at + min(los_days[i], los_top)]
            for m in range(more_count):
                if more[m, i] >= 0:
                    at, top = more_start[m], more_top[m]
                    scalar |= number_facts[at + min(more[m, i], top)]

            # diagnoses: severity of each secondary one, marks of all
            d_start = dx_offsets[i]
            info = principal_info[np.uint32(dx[np.uint64(d_start)])]
            d_class = info & low16
            row = (info >> sixteen) & low16
            marks = info | always_marked
            levels = np.uint64(0)
            best = np.int64(0)
            for j in range(d_start + 1, dx_offsets[i + 1]):
                info = diagnosis_info[np.uint32(dx[np.uint64(j)])]
                marks |= info
                number = (info >> two) & list_mask
                excluded = exclusion_bits[row, number >> six] >> (number & word_end)
                this = (info & np.uint64(3)) * (one - (excluded & one))
                levels |= this
                if_best = (np.int64(this) << 32) - (j - d_start)  # of equal levels the first
                best = max(best, if_best if this else np.int64(0))
            scalar |= level_facts[levels]

            # procedures: class of the main one, marks of all
            x_start = px_offsets[i]
            x_count = px_offsets[i + 1] - x_start
            info = main_info[np.uint32(px[np.uint64(x_start)] if x_count > 0 else no_procedure)]
            x_class = info & low16
            marks |= info
            for j in range(x_start + 1, x_start + x_count):
                marks |= other_marks[np.uint32(px[np.uint64(j)])]
            if count_top > 0:
                scalar |= number_facts[count_at + min(x_count, count_top)]

            # the first term that holds for a usual case, unless the codes are marked for a term
            level_of_case = (best + 0xFFFFFFFF) >> 32
            level[i] = level_of_case
            deciding[i] = (level_of_case << 32) - best
            marks &= all_marks
            person = (scalar & principal_usual[d_class, 0]) ^ principal_usual[d_class, 1]
            marked = marks & principal_usual[d_class, 2] & main_marks[x_class]
            term = np.uint64(first_term[d_class, x_class])
            group = drg_table[term, scalar & key_mask]
            differs = ((scalar & term_usual[term, 0]) ^ term_usual[term, 1]) | (
                marks & term_usual[term, 2]
            )
            if person | marked | differs or group < 0:
                others[left] = i
                others_facts[left] = scalar
                others_marks[left] = marks | (one if person == zero else zero)
                left += 1
            else:
                outcome[i] = group
                mdc[i] = facts_of[group, 0]
                status[i] = facts_of[group, 1]
                reason[i] = facts_of[group, 2]
                retried[i] = 0
        missed += group_others(
            others[:left], others_facts, others_marks, dx_offsets, dx, px_offsets, px, p, facts_of,
            outcome, mdc, status, reason, retried,
        )  # fmt: skip
    return missed


@kernel
def reasons_of(
    principal: Any,
    accepted: Any,
    if_other: Any,
    listed: Any,
    refused: Any,
    by_procedure: Any,
    known: int,
    reasons: Any,
) -> Any:
    """Return why no group took each of N cases, a number of `reasons`, which has the six in order.

    `principal` codes are `known` when from 1 to that; `accepted` and `if_other` are the first MDC
    whose rule takes a case, and would if it were of the other sex, -1 none. `listed` and `refused`
    are of codes: some MDC lists it, it groups nowhere; `by_procedure` of MDCs: it asks no diagnosis.
    """
    found = np.empty(principal.shape[0], np.int8)
    for i in range(principal.shape[0]):
        code, own, other = principal[i], accepted[i], if_other[i]
        if code == 0 or code > known:
            found[i] = reasons[0]
        elif refused[code]:
            found[i] = reasons[1]
        elif own >= 0 and (listed[code] or not by_procedure[own]):
            found[i] = reasons[2]
        elif other >= 0 and (listed[code] or not by_procedure[other]):
            found[i] = reasons[3]
        else:
            found[i] = reasons[4] if listed[code] else reasons[5]
    return found
