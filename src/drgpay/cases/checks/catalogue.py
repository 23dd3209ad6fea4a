"""Every check: its severity, the columns that it concerns, texts, source. One visible list.

The fatal checks are the reasons of drgpay.cases.quarantine; the others stand in data/checks.csv.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from drgpay.ground.languages import choose
from drgpay.names import codes as names
from drgpay.names.reasons import REASONS

DATA = Path(__file__).parent / "data"
SEVERITIES = tuple(names.SEVERITIES)
STOPS_GROUPING = (
    "row_broken row_swallowed case_id_missing sex_invalid age_invalid principal_missing "
    "count_invalid age_days_invalid "
    "flag_invalid choice_invalid weight_invalid age_contradicts_dates code_as_number code_is_name "
    "rows_differ "
    "code_system_differs no_version_in_force"
).split()

# in the order of the bits of each loop
PERSON = (
    "age_days_beyond_a_year age_and_age_days_both infant_without_days newborn_without_weight "
    "newborn_without_admission_weight birth_weight_absurd birth_weight_not_in_tens "
    "birth_weight_beyond_infancy admission_weight_absurd age_very_high birth_after_admission "
    "age_against_birth_date age_days_against_birth_date"
).split()
STAY = (
    "stay_against_dates stay_over_a_year settlement_before_discharge discharged_in_the_future "
    "day_surgery_with_long_stay bed_day_without_days discharge_way_unknown "
    "death_with_planned_readmission procedure_outside_stay procedure_dates_differ_in_number "
    "ventilator_malformed ventilator_longer_than_stay ventilator_without_procedure "
    "long_ventilation_below_96_hours short_ventilation_above_96_hours"
).split()
CODING = (
    "sex_against_diagnosis sex_against_procedure sex_against_mdc principal_unknown "
    "diagnosis_unknown procedure_unknown code_malformed principal_not_allowed "
    "principal_morphology principal_asterisk asterisk_alone t80_t88_alone symptom_as_principal "
    "principal_absent_on_admission admission_condition_unknown conditions_differ_in_number "
    "diagnosis_twice procedure_twice_same_day diagnosis_count_differs procedure_count_differs "
    "obstetric_age perinatal_beyond_infancy newborn_aged_in_years childhood_code_in_adult "
    "old_age_code_in_child principal_against_operation"
).split()
COSTS = (
    "items_against_cost payers_against_cost own_above_personal part_negative cost_zero cost_tiny "
    "cost_absurd refund_not_negative"
).split()
BITS = (*PERSON, *STAY, *CODING, *COSTS)
# found without a loop over cases: a value, a way of writing, a comparison of cases, what
# grouping says
VALUE_UNREADABLE, CAPITAL_X, STAY_TWICE = "value_unreadable", "code_with_capital_x", "stay_twice"
CASE_TWICE = "duplicate_case"
# reasons why a case is not grouped that are findings of their own; a reason that has none and is
# not a check of CODING is NOT_GROUPED
UNGROUPED_REASONS = ("principal_refused", "principal_in_no_mdc", "mdc_condition", "no_adrg")
REASON_CHECKS: Mapping[str, str] = {
    "principal_unknown": "principal_unknown",
    "sex_conflict": "sex_against_mdc",
}
NOT_GROUPED = "not_grouped"
NO_PATIENT = "patient_id_missing"


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    `columns`: those to look at, the one with the value first. `needs`: without these columns the
    check is not made. `verified`: the source was read, not quoted by others or remembered.
    """

    name: str
    severity: str
    columns: tuple[str, ...]
    needs: tuple[str, ...]
    chinese: str
    english: str
    advice_chinese: str
    advice_english: str
    source: str
    verified: bool

    @property
    def stops(self) -> str:
        """What refuses a case with this finding: `grouping`, `settlement`, or nothing."""
        if self.severity != "fatal":
            return ""
        return "grouping" if self.name in STOPS_GROUPING else "settlement"

    def message(self, lang: str) -> str:
        """Return what is wrong."""
        return choose(lang, self.chinese, self.english)

    def advice(self, lang: str) -> str:
        """Return what to do about it."""
        return choose(lang, self.advice_chinese, self.advice_english)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split("|")) if text else ()


def _fatal() -> Iterable[Check]:
    source = "docs/formats.md：读取与结算的前提"
    for code, r in REASONS.items():
        texts = (r.message.chinese, str(r.message), r.remedy.chinese, str(r.remedy))
        yield Check(code, "fatal", (), (), *texts, source, True)


def _listed() -> Iterable[Check]:
    with (DATA / "checks.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            yield Check(
                row["name"],
                row["severity"],
                _words(row["columns"]),
                _words(row["needs"]),
                row["chinese"],
                row["english"],
                row["advice_chinese"],
                row["advice_english"],
                row["source"],
                row["verified"] == "yes",
            )


CHECKS: Mapping[str, Check] = {check.name: check for check in (*_fatal(), *_listed())}
NUMBER: Mapping[str, int] = {name: number for number, name in enumerate(CHECKS)}
NAMES: tuple[str, ...] = tuple(CHECKS)
CHECK_COLUMNS: tuple[str, ...] = tuple(
    dict.fromkeys(column for check in CHECKS.values() for column in (*check.columns, *check.needs))
)
