"""The grouper's kernel: integers and bit masks in, group numbers out.

Dimensions: N cases, M numbers that only some schemes ask; the diagnoses of case i are `dx[dx_offsets[i]:dx_offsets[i + 1]]`, the first
is the principal one; procedures likewise, the first is the main one. Numbers are -1 when unknown.
`Program` (drgpay.schemes.program) names the dimensions of the tables.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from drgpay._jit import kernel, popcount, trailing_zeros
from drgpay.grouper.few_kernels import counts_met, facts_of_numbers


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
    p: Any,
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

    `facts_of[outcome]` is MDC, status, reason, and reason after a retry, of an outcome.
    `more` is [M, N]. Writes outcome (number; `p.none` when nothing takes the case), level (0, 1 CC,
    2 MCC), deciding (position of the secondary diagnosis that decided the level, 0 for none),
    retried (position of the further procedure that grouped the case when tried alone, 0 for none).
    """
    # tables as local names: a look-up in the tuple inside the loop would count references
    any_free, any_terms = p.any_free, p.any_terms
    principal_info, diagnosis_facts = p.principal_info, p.diagnosis_facts
    diagnosis_info, exclusion_bits = p.diagnosis_info, p.exclusion_bits
    first_term, drg_table = p.first_term, p.drg_table
    drg_need, drg_outcome, drg_want = p.drg_need, p.drg_outcome, p.drg_want
    icu_facts, sex_facts, level_facts = p.icu_facts, p.sex_facts, p.level_facts
    number_facts, number_start = p.number_facts, p.number_start
    main_mask, other_mask = p.main_mask, p.other_mask
    main_terms, principal_terms = p.main_terms, p.principal_terms
    principal_mask, secondary_mask = p.principal_mask, p.secondary_mask
    procedure_info, procedure_facts = p.procedure_info, p.procedure_facts
    site_fact, site_least = p.site_fact, p.site_least
    site_mask, site_word = p.site_mask, p.site_word
    term_drg_start, term_scalar, term_tabled = p.term_drg_start, p.term_scalar, p.term_tabled
    term_need, term_want, term_asks = p.term_need, p.term_want, p.term_asks
    key_mask, none, retry = p.key_mask, p.none, p.retry
    usual_mask, usual_facts, wanted_facts = p.usual_mask, p.usual_facts, p.wanted_facts
    from_procedures, repeated_fact = p.from_procedures, p.repeated_fact
    d_tests, d_test_facts = p.diagnosis_tests, p.diagnosis_test_facts
    x_tests, x_test_facts = p.procedure_tests, p.procedure_test_facts
    d_counted, x_counted = p.diagnosis_counted, p.procedure_counted

    one, zero = np.uint64(1), np.uint64(0)
    all_terms = np.uint64(0xFFFFFFFFFFFFFFFF)
    low16, flag16 = np.uint64(0xFFFF), np.uint32(1 << 16)
    words = principal_terms.shape[1]
    fact_words = term_need.shape[1]
    d_words = diagnosis_facts.shape[1]
    p_words = procedure_facts.shape[1]
    p_base = 1 + d_words
    no_procedure = procedure_info.shape[0] - 1
    any_masks = any_terms.shape[0] > 0
    site_tests = site_word.shape[0]
    years_at, days_at = number_start[0], number_start[1]
    weight_at, los_at = number_start[2], number_start[3]
    years_top, days_top = days_at - years_at - 1, weight_at - days_at - 1
    weight_top, los_top = los_at - weight_at - 1, number_start[4] - los_at - 1
    more_count = more.shape[0]
    count_at = number_start[4 + more_count]
    count_top = number_start[5 + more_count] - count_at - 1
    count_diagnoses = d_tests.shape[0] > 0
    facts = np.zeros(fact_words, dtype=np.uint64)
    missed = 0
    for i in range(first, last):
        for w in range(1, fact_words):
            facts[w] = zero
        scalar = sex_facts[sex[i]] | icu_facts[icu[i]]
        if age_years[i] >= 0:
            scalar |= number_facts[years_at + min(age_years[i], years_top)]
        if days_top > 0 and age_days[i] >= 0:
            scalar |= number_facts[days_at + min(age_days[i], days_top)]
        if weight_top > 0 and birth_weight_g[i] >= 0:
            scalar |= number_facts[weight_at + min(birth_weight_g[i], weight_top)]
        if los_top > 0 and los_days[i] >= 0:
            scalar |= number_facts[los_at + min(los_days[i], los_top)]
        if more_count:
            scalar |= facts_of_numbers(more, i, number_start, number_facts)

        # diagnoses: severity of each secondary one, facts of all
        d_start = dx_offsets[i]
        principal = dx[d_start]
        packed = principal_info[principal]
        d_class = np.int64(packed & low16)
        row = np.int64((packed >> np.uint64(16)) & low16)
        with_facts = np.uint32(packed >> np.uint64(32))
        levels = np.uint32(0)
        best = np.uint32(0)
        best_at = 0
        if with_facts:
            for w in range(d_words):
                facts[1 + w] |= diagnosis_facts[principal, w] & principal_mask[w]
        for j in range(d_start + 1, dx_offsets[i + 1]):
            info = diagnosis_info[dx[j]]
            number = info >> np.uint32(3)
            excluded = exclusion_bits[row, number >> np.uint32(6)] >> np.uint64(
                number & np.uint32(63)
            )
            counts = np.uint32(1) - np.uint32(excluded & one)
            this = (info & np.uint32(3)) * counts
            levels |= this
            best_at = j - d_start if this > best else best_at
            best = max(this, best)
            if info & np.uint32(4):
                with_facts = np.uint32(1)
                for w in range(d_words):
                    facts[1 + w] |= diagnosis_facts[dx[j], w] & secondary_mask[w]
        scalar |= level_facts[levels]
        from_diagnoses = with_facts
        if with_facts:
            for s in range(site_tests):
                if popcount(facts[site_word[s]] & site_mask[s]) >= site_least[s]:
                    scalar |= site_fact[s]
        if count_diagnoses:
            last_d = dx_offsets[i + 1]
            scalar |= counts_met(dx, d_start, last_d, d_tests, d_test_facts, d_counted)

        # procedures: facts of all
        x_start = px_offsets[i]
        x_count = px_offsets[i + 1] - x_start
        main = px[x_start] if x_count > 0 else no_procedure
        seen = procedure_info[main]
        for j in range(x_start + 1, x_start + x_count):
            seen |= procedure_info[px[j]]
        if from_procedures:
            last_x = x_start + x_count
            scalar |= number_facts[count_at + min(x_count, count_top)]
            scalar |= counts_met(px, x_start, last_x, x_tests, x_test_facts, x_counted)
            if x_count > 1 and px[x_start + 1] == main and main > 0:
                scalar |= repeated_fact
        facts[0] = scalar
        key = scalar & key_mask
        if seen & flag16:
            with_facts = np.uint32(1)
            for j in range(x_start, x_start + x_count):
                for w in range(p_words):
                    mask = main_mask[w] if j == x_start else other_mask[w]
                    facts[p_base + w] |= procedure_facts[px[j], w] & mask

        # the first term that holds and one of whose DRGs holds; attempt k tries procedure k alone
        group = -1
        attempt = 0
        while True:
            x_class = procedure_info[main] & np.uint32(0xFFFF)
            # a usual case begins with the first term that can hold for it, others with all
            usual = (scalar & usual_mask) == usual_facts
            met = zero
            if with_facts:
                for f in range(1, fact_words):
                    met |= facts[f]
                    usual &= (facts[f] & wanted_facts[f]) == zero
            term: Any = np.int64(0)
            if usual:
                term = np.int64(first_term[d_class, x_class])
            if term >= 0:
                if (
                    usual
                    and term_scalar[term]
                    and (term_tabled[term] == 2 or (term_tabled[term] == 1 and met == zero))
                    and scalar & term_need[term, 0] == term_want[term, 0]
                ):
                    group = drg_table[term, key]
                if group < 0:
                    w = term >> 6
                    left = all_terms << np.uint64(term & 63)
                    while group < 0 and w < words:
                        candidates = principal_terms[d_class, w] & main_terms[x_class, w] & left
                        left = all_terms
                        if any_masks and candidates:
                            allowed = any_free[w]
                            for j in range(x_start, x_start + x_count):
                                allowed |= any_terms[px[j], w]
                            candidates &= allowed
                        while candidates and group < 0:
                            term = w * 64 + trailing_zeros(candidates)
                            candidates &= candidates - one
                            off, asked = zero, zero
                            for f in range(fact_words):
                                off |= (facts[f] & term_need[term, f]) ^ term_want[term, f]
                                asked |= facts[f] & term_asks[term, f]
                            if off == zero and asked == zero and term_tabled[term]:
                                group = drg_table[term, key]
                            elif off == zero:
                                for g in range(term_drg_start[term], term_drg_start[term + 1]):
                                    off = zero
                                    for f in range(fact_words):
                                        off |= (facts[f] & drg_need[g, f]) ^ drg_want[g, f]
                                    if off == zero:
                                        group = drg_outcome[g]
                                        break
                        w += 1
            if group >= 0 or not retry or attempt + 1 >= x_count:
                break
            attempt += 1
            at = x_start + attempt
            main = px[at]
            if from_procedures:
                scalar &= ~from_procedures
                scalar |= number_facts[count_at + min(1, count_top)]
                scalar |= counts_met(px, at, at + 1, x_tests, x_test_facts, x_counted)
                facts[0] = scalar
                key = scalar & key_mask
            with_facts = from_diagnoses | (procedure_info[main] & flag16)
            for w in range(p_words):
                facts[p_base + w] = procedure_facts[main, w] & main_mask[w]
        if group < 0:
            group = none
            attempt = 0
            missed += 1
        outcome[i] = group
        mdc[i] = facts_of[group, 0]
        status[i] = facts_of[group, 1]
        reason[i] = facts_of[group, 2] if attempt == 0 else facts_of[group, 3]
        level[i] = best
        deciding[i] = best_at
        retried[i] = attempt
    return missed
