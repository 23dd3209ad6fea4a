"""The tables of result folders, declared once: their columns in order, and the type of each column.

What a column is called and means stands in names/run_columns.py. A table is made of rows by
`rows_table`; whatever is written is held against its declaration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from operator import attrgetter
from typing import Any

import numpy as np
import pyarrow as pa

from drgpay.ground.arrow import decimal_column, dictionary_column
from drgpay.ground.money import decimal_text

VALUE_PLACES = 12
TRIAL = "trial"  # the last column of every table of a trial: its settings


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of columns. `places`: given as whole units of so many decimals; `exact`: as fractions."""

    arrow: pa.DataType
    places: int | None = None
    exact: bool = False

    def array(self, values: Sequence[Any]) -> pa.Array:
        """Return values as a column; None stays empty."""
        if self.exact:
            scale = self.arrow.scale
            texts = [None if v is None else decimal_text(Fraction(v), scale) for v in values]
            return pa.array(texts, pa.string()).cast(self.arrow)
        if self.places is not None:
            units = np.array([v or 0 for v in values], dtype=np.int64)
            empty = np.array([v is None for v in values], dtype=np.bool_)
            return decimal_column(units, self.arrow.precision, self.places, empty)
        return pa.array(values, self.arrow)


TEXT, INT, FLAG, REAL = (Kind(t) for t in (pa.string(), pa.int64(), pa.bool_(), pa.float64()))
DAY, SMALL = Kind(pa.date32()), Kind(pa.int16())
POINTS = Kind(pa.decimal128(20, 4), places=4)
COEFFICIENT = Kind(pa.decimal128(12, 6), places=6)
VALUE = Kind(pa.decimal128(30, VALUE_PLACES), exact=True)  # yuan a point
WEIGHT = Kind(pa.decimal128(14, 6), exact=True)
RISK_WEIGHT = Kind(pa.decimal128(19, 6), exact=True)  # of a person, and of the months of many
HALF = Kind(pa.decimal128(20, 1), exact=True)  # medians may lie between two fen

# by name, or by table.name where a table means something of its own; all others are fen by their
# ending, else texts
_KINDS: Mapping[Kind, str] = {
    INT: """cases held_cases row version correction_row n_before n_after trimmed groups stable_groups
        days discharge_way chain_number stay_number chain_stays cases_with hospitals
        stays ordered transferred against_order died other peers peer_stays peer_days
        cases_before cases_now cases_after tie_out.months year difference rank evidence_rows
        persons visits person_months special_refused_visits times
        capitation_unassigned_persons.months flags visits_last records flagged marked many_a_day
        costly visit_days most_a_day""",
    POINTS: """points points_deducted points_before points_after correction_points base_points
        points_before_readmission""",
    VALUE: "point_value value_high point_value_before point_value_after",
    COEFFICIENT: "coefficient",
    WEIGHT: "drgs.weight",
    RISK_WEIGHT: "weight weighted_months",
    HALF: "median_before_fen median_after_fen",
    REAL: """cv_before cv_after cv_mean riv unstable_share share due_share_before due_share_after
        mean_stay_days median_stay_days mean_daily_cost_fen paid_per_day_fen cost_paid_ratio
        ordered_share transferred_share against_order_share died_share other_share
        peer_mean_stay_days peer_mean_daily_cost_fen stay_difference daily_cost_difference
        peer_against_order_share peer_died_share observed expected ratio shrunk_ratio
        honest_spread z p q stake_points evidence.value peer_value now last growth growth_low
        growth_high growth_usual growth_shrunk limit used_share expected_share exceeds
        watch_persons.value middle watch_ranking.value value_low watch_ranking.value_high
        value_shrunk value_usual""",
    FLAG: "readmission day_surgery stable review lead inside charged remote listed",
    DAY: "admission_date discharge_date visit_date",
    SMALL: "position",
    TEXT: "sensitivity.point_value_before sensitivity.point_value_after",
}
_OF_COLUMN = {column: kind for kind, names in _KINDS.items() for column in names.split()}
_NOTES = "file row case_id column value reason message remedy"
_CODES = "kind why written read_as times"
_HEADS = "persons person_months visits total_cost_fen pool_fund_fen"
_MONTH_SUMS = """cases points_before correction_points points recorded_fund_fen not_pool_fen
    not_pool_by_points_fen money_fen"""
_ADJUSTED = "adjustment_fen setoff_before_fen setoff_after_fen"

# of a settled year; coefficients have their components after these columns
YEAR_TABLES: Mapping[str, str] = {
    "cases": """case_id hospital_id pool mdc adrg drg status reason severity severity_diagnosis
        case_class group_mean_fen base_points coefficient days total_cost_fen pool_fund_fen
        not_pool_fen unreasonable_fen points_before_readmission points readmission month
        correction_month paid_by price_fen new_technology_fen apart_fen chain bed_day_class
        discharge_way day_surgery doubts""",
    "hospitals": """hospital_id pool cases points not_pool_fen recorded_fund_fen due_fen prepaid_fen
        deposit_fen forfeited_fen shared_fen violation_fen carried_fen final_fen points_deducted
        money_fen not_pool_by_points_fen held_cases held_fund_fen bound payable_fen deferred_fen
        recover_fen name""",
    "pools": """pool budget_fen settled_fen points point_value_fraction point_value residual_fen
        cases recorded_fund_fen not_pool_fen available_budget_fen points_deducted money_fen
        not_pool_by_points_fen held_cases solution value_high provision_fen""",
    "funds": """pool name alone_fen due_fen residual_fen moved_fen prepaid_fen forfeited_fen
        shared_fen violation_fen carried_fen payable_fen deferred_fen deferred_region_fen
        recover_fen out_of_area_fen other_fen provision_fen cash_fen control_target_fen free_fen
        drawn_fen""",
    "drgs": """drg name cases points total_cost_fen group_mean_fen weight base_points stable n_before
        n_after cv_before cv_after mean_before_fen median_before_fen median_after_fen trimmed origin
        review""",
    "quarantine": _NOTES,
    "reviews": "case_id decision unreasonable_fen points",
    "coefficients": "hospital_id drg coefficient",
    "quality": "mdc cases groups stable_groups unstable_share cv_mean riv",
    "months": """hospital_id pool month cases points_before correction_points not_pool_fen
        recorded_fund_fen not_pool_by_points_fen money_fen""",
    "findings": """file row case_id hospital_id month check severity column position value message
        advice nearest would_group""",
    "findings_by_month": "hospital_id month check severity cases_with cases share",
    "ceiling": "mode name amount_fen",
    "recovery": """hospital_id pool final_before_fen final_after_fen difference_fen to_recover_fen
        to_add_fen paid_first_fen to_carry_fen changed_tables name""",
    "corrected": """case_id version correction_file correction_row file row column value reason
        message""",
    "history_quarantine": _NOTES,
    "code_changes": _CODES,
    "history_code_changes": _CODES,
    "perdiem": """hospital_id level bed_day_class stays days total_cost_fen ordered transferred
        against_order died other mean_stay_days median_stay_days mean_daily_cost_fen paid_fen
        paid_per_day_fen cost_paid_ratio ordered_share transferred_share against_order_share
        died_share other_share peers peer_stays peer_days peer_mean_stay_days
        peer_mean_daily_cost_fen stay_difference daily_cost_difference peer_against_order_share
        peer_died_share""",
    "referrals": """chain_number chain stay_number case_id hospital_id level community_id
        admission_date discharge_date drg lead total_cost_fen points paid_by deductible_fen
        excess_fen chain_stays chain_paid_fen chain_due_fen""",
    "sensitivity": """key name value alternative state due_change_fen moved_fen final_change_fen
        final_moved_fen settled_change_fen hospitals largest_hospital largest_change_fen
        point_value_before point_value_after source source_zh note""",
    "capitation_communities": """community_id name persons person_months weighted_months budget_fen
        visits total_cost_fen used_inside_fen used_outside_fen special_fen used_fen balance_fen
        kept_fen borne_by_fund_fen paid_fen charged_back_fen own_part_fen special_refused_visits
        special_refused_fen""",
    "capitation_cells": "community_id cell persons person_months weight weighted_months",
    "capitation_flows": """community_id hospital_id hospital_community_id inside visits
        total_cost_fen pool_fund_fen special_fen""",
    "capitation_unassigned": f"reason kind {_HEADS}",
    "capitation_unassigned_persons": "person_id kind area months reason file row",
    "capitation_invalid": f"community_id reason {_HEADS} charged",
    "capitation_books": "bearer community_id reason visits total_cost_fen pool_fund_fen",
    "capitation_quarantine": "file row id column value reason message remedy",
}
# of a month's run, or all twelve
MONTH_TABLES: Mapping[str, str] = {
    "months_pools": f"""month pool name budget_fen {_MONTH_SUMS} point_value_fraction point_value
        payment_fen suspended_fen paid_fen kept_fen {_ADJUSTED}""",
    "months_hospitals": f"""month hospital_id pool {_MONTH_SUMS} provisional_due_fen
        last_year_fund_fen payment_fen suspended_fen paid_fen kept_fen recorded_fund_to_date_fen
        paid_before_fen paid_to_date_fen name {_ADJUSTED}""",
    "suspended": """month hospital_id pool recorded_fund_fen last_year_fund_fen growth_limit
        normal_fund_fen payment_fen suspended_fen paid_fen name""",
    "adjustments": """month of_month hospital_id pool name cases_before cases_now
        recorded_fund_before_fen recorded_fund_now_fen payment_before_fen payment_now_fen
        suspended_before_fen suspended_now_fen kept_before_fen kept_now_fen paid_before_fen
        paid_now_fen adjustment_fen""",
    "corrections": """case_id hospital_id pool drg month correction_month points_before points_after
        correction_points""",
    "paid_cases": "hospital_id case_id month",
    "quarantine": _NOTES,
    "tie_out": "name name_en pool unit months year difference",
}
SIGNAL_TABLES: Mapping[str, str] = {
    "signals": """hospital_id hospital_name level kind signal confidence cases observed expected ratio
        shrunk_ratio honest_spread z p q stake_points stake_fen evidence_rows text""",
    "evidence": """hospital_id kind signal rank case_id related_case_id code value peer_value text""",
}
WATCH_TABLES: Mapping[str, str] = {
    "watch_together": "hospital_id hospital_name pool level grade flags raised text",
    "watch_growth": """hospital_id hospital_name pool scope indicator visits visits_last now last growth
        growth_low growth_high growth_usual growth_shrunk limit p q verdict text""",
    "watch_index": """hospital_id hospital_name pool index_fen used_fen booked_fen used_share
        expected_share forecast_fen forecast_low_fen forecast_high_fen exceeds pattern verdict text""",
    "watch_months": """hospital_id hospital_name pool month visits visits_last total_cost_fen
        last_cost_fen pool_fund_fen last_fund_fen""",
    "watch_persons": """ranking rank person_id value middle visits hospitals visit_days most_a_day
        total_cost_fen pool_fund_fen""",
    "watch_ranking": """care level indicator rank hospital_id hospital_name visits value value_low
        value_high value_shrunk value_usual""",
    "watch_abnormal": """hospital_id hospital_name remote records flagged marked many_a_day costly
        expected ratio shrunk_ratio p q verdict listed text""",
    "watch_evidence": """hospital_id rank person_id visit_date care total_cost_fen why_abnormal""",
}
TABLES: Mapping[str, tuple[str, ...]] = {
    name: tuple(columns.split())
    for tables in (YEAR_TABLES, MONTH_TABLES, SIGNAL_TABLES, WATCH_TABLES)
    for name, columns in tables.items()
}


def fraction_text(value: Fraction) -> str:
    """Return a fraction as `numerator/denominator`."""
    return f"{value.numerator}/{value.denominator}"


def kind_of(table: str, column: str) -> Kind:
    """Return the type of a column."""
    known = _OF_COLUMN.get(f"{table}.{column}") or _OF_COLUMN.get(column)
    return known or (INT if column.endswith("_fen") else TEXT)


def schema_of(table: str, words: str = "") -> pa.Schema:
    """Return the columns and types of a table; of `words` each row holds but a number."""
    numbered, word = words.split(), pa.dictionary(pa.int16(), pa.string())
    return pa.schema(
        [(c, word if c in numbered else kind_of(table, c).arrow) for c in TABLES[table]]
    )


def columns_table(table: str, columns: Mapping[str, Sequence[Any]]) -> pa.Table:
    """Return a declared table of values by column."""
    return pa.table({c: kind_of(table, c).array(columns[c]) for c in TABLES[table]})


def tuples_table(table: str, rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Return a declared table of rows whose values are in the order of its columns."""
    columns = zip(*rows, strict=True) if rows else [()] * len(TABLES[table])
    return columns_table(table, dict(zip(TABLES[table], columns, strict=True)))


Value = str | Callable[[Any], Any]


def rows_table(table: str, rows: Iterable[Any], /, **own: Value) -> pa.Table:
    """Return a declared table of objects: each column is their attribute of that name.

    `own`: what a column is that is called otherwise, as the path of an attribute or as a function.
    """
    rows = list(rows)
    columns = {}
    for column in TABLES[table]:
        value = own.get(column, column)
        of = attrgetter(value) if isinstance(value, str) else value
        columns[column] = [of(row) for row in rows]
    return columns_table(table, columns)


def records_table(name: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return a table of records, whose columns are those that any of them has, `trial` last."""
    found = dict.fromkeys(column for row in rows for column in row if column != TRIAL)
    names = TABLES.get(name) or (*found, *([TRIAL] if any(TRIAL in row for row in rows) else []))
    return pa.table({c: kind_of(name, c).array([row.get(c) for row in rows]) for c in names})


def of_trial(table: pa.Table, trial: str) -> pa.Table:
    """Return a table that names the trial's settings in its last column, if it is one."""
    if not trial:
        return table
    said = dictionary_column([trial], np.zeros(len(table), dtype=np.int16))
    return table.append_column(TRIAL, said)


def check_declared(name: str, schema: pa.Schema) -> None:
    """Fail if a table that is declared has other columns or types; a fault of the program."""
    declared = TABLES.get(name)
    if declared is None:
        raise TypeError(f"table {name} is not declared")
    own = [column for column in schema.names if column != TRIAL]
    if own[: len(declared)] != list(declared) or (
        name != "coefficients" and len(own) > len(declared)
    ):
        raise TypeError(f"table {name} has the columns {own}, declared are {list(declared)}")
    for column in declared:
        made = schema.field(column).type
        plain = made.value_type if pa.types.is_dictionary(made) else made
        if plain != kind_of(name, column).arrow:
            raise TypeError(f"{name}.{column} is {made}, declared as {kind_of(name, column).arrow}")
