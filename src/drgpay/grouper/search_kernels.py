"""The search of the grouper's kernel: the cases that are not usual, term by term.

Dimensions: Q tests; see drgpay.grouper.kernels and drgpay.schemes.program.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from drgpay.ground.jit import kernel, popcount, trailing_zeros


@kernel
def counts_met(ids: Any, first: int, last: int, tests: Any, facts: Any, counted: Any) -> Any:
    """Return the facts set by tests that count codes `first` to `last - 1` of a case.

    A test counts from its entry on, each code once when it says so, up to the number it needs.
    """
    met = np.uint64(0)
    for q in range(tests.shape[0]):
        found = 0
        for j in range(first + tests[q, 0], last):
            counts = (counted[ids[j]] >> np.uint64(q)) & np.uint64(1)
            if tests[q, 1]:
                for k in range(first + tests[q, 0], j):
                    if ids[k] == ids[j]:
                        counts = np.uint64(0)
            if counts:
                found += 1
        if found >= tests[q, 2]:
            met |= facts[q]
    return met


@kernel
def group_others(
    cases: Any,
    scalars: Any,
    marks: Any,
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
    retried: Any,
) -> int:
    """Group some cases by all their facts; return how many no group took.

    `scalars` are the facts of the first word but for those that only certain codes set; `marks` the
    marks of the codes, with the lowest bit where the person is the usual one of the principal
    diagnosis. Writes what `group_range` writes but for the severity.
    """
    principal_info, principal_terms = p.principal_info, p.principal_terms
    principal_first, mark_terms = p.principal_first, p.mark_terms
    main_info, main_terms = p.main_info, p.main_terms
    any_free, any_terms = p.any_free, p.any_terms
    diagnosis_facts, procedure_facts = p.diagnosis_facts, p.procedure_facts
    principal_mask, secondary_mask = p.principal_mask, p.secondary_mask
    main_mask, other_mask = p.main_mask, p.other_mask
    site_fact, site_least = p.site_fact, p.site_least
    site_mask, site_word = p.site_mask, p.site_word
    d_tests, d_test_facts = p.diagnosis_tests, p.diagnosis_test_facts
    x_tests, x_test_facts = p.procedure_tests, p.procedure_test_facts
    d_counted, x_counted = p.diagnosis_counted, p.procedure_counted
    from_procedures, repeated_fact = p.from_procedures, p.repeated_fact
    number_facts, number_start = p.number_facts, p.number_start
    term_need, term_want, term_asks = p.term_need, p.term_want, p.term_asks
    term_drg_start, term_tabled = p.term_drg_start, p.term_tabled
    drg_need, drg_outcome, drg_want = p.drg_need, p.drg_outcome, p.drg_want
    drg_table, key_mask, none, retry = p.drg_table, p.key_mask, p.none, p.retry

    one, zero, low16 = np.uint64(1), np.uint64(0), np.uint64(0xFFFF)
    words = principal_terms.shape[1]
    no_mark = mark_terms.shape[0] - 1
    condition_marks = (one << np.uint64(no_mark)) - one
    fact_words = term_need.shape[1]
    d_words = diagnosis_facts.shape[1]
    p_words = procedure_facts.shape[1]
    p_base = 1 + d_words
    no_procedure = main_info.shape[0] - 1
    any_masks = any_terms.shape[0] > 0
    count_at = number_start[-2]
    count_top = number_start[-1] - count_at - 1
    facts = np.zeros(fact_words, dtype=np.uint64)
    missed = 0
    for c in range(cases.shape[0]):
        i = cases[c]
        scalar = scalars[c]
        d_start, d_end = dx_offsets[i], dx_offsets[i + 1]
        principal = dx[d_start]
        d_class = np.int64(principal_info[principal] & low16)
        for w in range(d_words):
            met = diagnosis_facts[principal, w] & principal_mask[w]
            for j in range(d_start + 1, d_end):
                met |= diagnosis_facts[dx[j], w] & secondary_mask[w]
            facts[1 + w] = met
        for s in range(site_word.shape[0]):
            if popcount(facts[site_word[s]] & site_mask[s]) >= site_least[s]:
                scalar |= site_fact[s]
        if d_tests.shape[0]:
            scalar |= counts_met(dx, d_start, d_end, d_tests, d_test_facts, d_counted)

        x_start, x_end = px_offsets[i], px_offsets[i + 1]
        x_count = x_end - x_start
        main = px[x_start] if x_count > 0 else no_procedure
        for w in range(p_words):
            met = procedure_facts[main, w] & main_mask[w]
            for j in range(x_start + 1, x_end):
                met |= procedure_facts[px[j], w] & other_mask[w]
            facts[p_base + w] = met
        if from_procedures:
            scalar |= counts_met(px, x_start, x_end, x_tests, x_test_facts, x_counted)
            if x_count > 1 and px[x_start + 1] == main and main > 0:
                scalar |= repeated_fact

        # the first term that holds and one of whose DRGs holds; attempt k tries procedure k alone
        group = -1
        attempt = 0
        w = 0
        while True:
            facts[0] = scalar
            key = np.int64(scalar & key_mask)
            x_class = np.int64(main_info[main] & low16)
            while group < 0 and w < words:
                candidates = principal_terms[d_class, w]
                if attempt == 0:
                    usual = marks[c] & one
                    open_to = principal_first[d_class, w] if usual else mark_terms[no_mark, w]
                    met = (marks[c] >> np.uint64(32)) & condition_marks
                    while met:
                        open_to |= mark_terms[trailing_zeros(met), w]
                        met &= met - one
                    candidates &= open_to
                candidates &= main_terms[x_class, w]
                if any_masks and candidates:
                    allowed = any_free[w]
                    for j in range(x_start, x_end):
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
            for f in range(p_words):
                facts[p_base + f] = procedure_facts[main, f] & main_mask[f]
            w = 0
        if group < 0:
            group = none
            attempt = 0
            missed += 1
        outcome[i] = group
        mdc[i] = facts_of[group, 0]
        status[i] = facts_of[group, 1]
        reason[i] = facts_of[group, 2] if attempt == 0 else facts_of[group, 3]
        retried[i] = attempt
    return missed
