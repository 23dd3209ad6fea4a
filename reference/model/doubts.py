"""Findings that hold a case until somebody decides on it (docs/rules.md, rule 7)."""

from collections import Counter
from collections.abc import Iterable

from reference.model.policy import says
from reference.model.region import Case
from reference.model.stay import Parameters, misfits

DAY_SURGERY_NIGHTS = 2


def stay_of(case: Case) -> tuple[object, ...]:
    return case.patient_id, case.hospital_id, case.admission, case.discharge


def doubted(cases: Iterable[Case], p: Parameters) -> set[str]:
    """The case_ids with a finding that the policy lets hold a case; of all cases of the files."""
    cases = list(cases)
    stays = Counter(stay_of(case) for case in cases if case.patient_id)
    found = set()
    for case in cases:
        nights = (case.discharge - case.admission).days
        settled_early = case.settlement is not None and case.settlement < case.discharge
        long_day_surgery = case.payment_mode == "day_surgery" and nights > DAY_SURGERY_NIGHTS
        own = {
            "patient_id_missing": not case.patient_id,
            "stay_twice": stays[stay_of(case)] > 1,
            "day_surgery_with_long_stay": long_day_surgery,
            "settlement_before_discharge": settled_early,
        }
        if any(own[name] for name in p["findings.hold"]):
            found.add(case.case_id)
        if says(p, "los_conflict", "hold", "dates", "given") and misfits(case):
            found.add(case.case_id)
    return found
