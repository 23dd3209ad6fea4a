"""Each check of a scheme's tables finds what was broken and names file and row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drgpay.ground.errors import SchemeError
from drgpay.schemes.checks import CHECKS
from drgpay.schemes.load import check_scheme, load_scheme

Edit = Callable[[Any], object]


def _set(file: str, row: int, column: int, value: str) -> Edit:
    """An edit of one field: rows and columns from 0."""

    def edit(tiny: Any) -> None:
        tiny.tables[file][row][column] = value

    return edit


def _add(file: str, *values: str) -> Edit:
    return lambda tiny: tiny.tables.setdefault(file, []).append(list(values))


def _insert(file: str, at: int, *values: str) -> Edit:
    return lambda tiny: tiny.tables[file].insert(at, list(values))


def _drop(file: str, row: int) -> Edit:
    return lambda tiny: tiny.tables[file].pop(row)


def _manifest(old: str, new: str) -> Edit:
    def edit(tiny: Any) -> None:
        assert old in tiny.manifest
        tiny.manifest = tiny.manifest.replace(old, new)

    return edit


def _both(*edits: Edit) -> Edit:
    def edit(tiny: Any) -> None:
        for each in edits:
            each(tiny)

    return edit


MDC, ADRG, DRG, LISTS = "mdc.csv", "adrg.csv", "drg.csv", "lists.csv"
NAMED = "named_conditions.csv"
SEVERITY, EXCLUSIONS, VALID = "severity.csv", "exclusions.csv", "valid_procedures.csv"
WIDE = " and ".join(["(mcc or cc or icu or age_years < 17)"] * 5)

# check, what is broken, edit, file:row, subject
BROKEN: list[tuple[str, str, Edit, str, str]] = [
    (
        "tables_changed_since_seal",
        "digest of other tables",
        _manifest("title", 'digest = "0"\ntitle'),
        "manifest.toml",
        "digest",
    ),
    (
        "count_differs_from_manifest",
        "one DRG too many stated",
        _manifest(
            "[effective]",
            "[counts]\nmdc = 2\nadrg = 4\ndrg = 8\nrules = 13\nlist_rows = 10\nseverity = 2\n"
            "exclusions = 2\nvalid_procedures = 2\nambiguous_groups = 1\n\n[effective]",
        ),
        "manifest.toml",
        "drg",
    ),
    (
        "manifest_value_unusable",
        "unknown option",
        _manifest("[options]", "[options]\nretries = 3"),
        "manifest.toml",
        "options.retries",
    ),
    (
        "manifest_value_unusable",
        "no effective date",
        _manifest("from = 2020-01-01", 'from = "2020"'),
        "manifest.toml",
        "effective.from",
    ),
    ("order_twice", "two MDCs", _set(MDC, 1, 0, "1"), "mdc.csv:3", "MDC 1"),
    ("order_twice", "two ADRGs of an MDC", _set(ADRG, 3, 1, "2"), "adrg.csv:5", "MDCF 2"),
    ("order_twice", "two DRGs of an ADRG", _set(DRG, 5, 1, "2"), "drg.csv:7", "FR1 2"),
    (
        "group_twice",
        "an ADRG",
        _add(ADRG, "MDCF", "4", "FU1", "medical", "principal in dx", "冠心病"),
        "adrg.csv:6",
        "FU1",
    ),
    (
        "group_twice",
        "a DRG",
        _add(DRG, "FU1", "2", "FU19", "icu", "冠心病"),
        "drg.csv:9",
        "FU1.FU19",
    ),
    ("group_code_impossible", "MDC", _set(MDC, 0, 1, "MDCZZ"), "mdc.csv:2", "MDCZZ"),
    ("group_code_impossible", "ADRG", _set(ADRG, 3, 2, "FU"), "adrg.csv:5", "FU"),
    ("group_code_impossible", "DRG", _set(DRG, 6, 2, "FR19"), "drg.csv:8", "FU1.FR19"),
    ("name_missing", "MDC", _set(MDC, 1, 2, ""), "mdc.csv:3", "MDCF"),
    ("name_missing", "ADRG", _set(ADRG, 1, 5, " "), "adrg.csv:3", "FM1"),
    ("name_missing", "DRG", _set(DRG, 2, 4, ""), "drg.csv:4", "FM1.FM15"),
    (
        "parent_unknown",
        "DRG of an unknown ADRG",
        _add(DRG, "FX1", "1", "FX19", "True", "无"),
        "drg.csv:9",
        "FX1.FX19",
    ),
    (
        "parent_unknown",
        "ADRG of an unknown MDC",
        _set(ADRG, 3, 0, "MDCX"),
        "adrg.csv:5",
        "FU1",
    ),
    ("group_without_members", "ADRG without DRG", _drop(DRG, 6), "adrg.csv:5", "FU1"),
    (
        "group_without_members",
        "MDC without ADRG",
        _add(MDC, "3", "MDCG", "消化", 'principal in {"I50.900"}', "no", ""),
        "mdc.csv:4",
        "MDCG",
    ),
    ("ambiguous_not_a_choice", "maybe", _set(MDC, 1, 4, "maybe"), "mdc.csv:3", "MDCF"),
    ("kind_not_a_choice", "other", _set(ADRG, 3, 3, "other"), "adrg.csv:5", "FU1"),
    (
        "medical_before_surgical",
        "in an MDC with an ambiguous group",
        _set(ADRG, 1, 1, "9"),
        "adrg.csv:3",
        "FM1",
    ),
    ("site_without_list", "second site", _drop(LISTS, 8), "mdc.csv:2", "MDCZ.site_2"),
    (
        "site_without_list",
        "rule of an MDC without sites",
        _set(ADRG, 3, 4, "principal in dx and trauma_sites >= 1"),
        "adrg.csv:5",
        "FU1",
    ),
    ("rule_unreadable", "MDC", _set(MDC, 1, 3, "principal within dx"), "mdc.csv:3", "MDCF"),
    ("rule_unreadable", "ADRG", _set(ADRG, 3, 4, "(principal in dx"), "adrg.csv:5", "FU1"),
    ("rule_unreadable", "DRG", _set(DRG, 6, 3, "__import__('os')"), "drg.csv:8", "FU1.FU19"),
    (
        "list_unknown",
        "ADRG's rule",
        _set(ADRG, 1, 4, "main_procedure in proc2"),
        "adrg.csv:3",
        "FM1.proc2",
    ),
    (
        "list_unknown",
        "DRG's rule",
        _set(DRG, 6, 3, "secondary not in dx7"),
        "drg.csv:8",
        "FU1.dx7",
    ),
    (
        "list_of_other_kind",
        "diagnosis in procedures",
        _set(ADRG, 1, 4, "principal in proc"),
        "adrg.csv:3",
        "FM1 proc",
    ),
    (
        "list_of_other_kind",
        "procedure in diagnoses",
        _set(ADRG, 2, 4, "any_procedure in dx"),
        "adrg.csv:4",
        "FR1 dx",
    ),
    ("rule_too_wide", "1,024 alternatives", _set(DRG, 6, 3, WIDE), "drg.csv:8", "FU1.FU19"),
    (
        "code_in_rule_unknown",
        "literal procedure",
        _set(DRG, 1, 3, 'any_procedure in {"37.2200", "39.6500"}'),
        "drg.csv:3",
        "FM1.FM11 39.6500",
    ),
    ("code_impossible", "diagnosis list", _add(LISTS, "ZZ1", "dx", "S27"), "lists.csv:12", "S27"),
    (
        "code_impossible",
        "procedure list",
        _insert(LISTS, 1, "FM1", "proc", "36.7"),
        "lists.csv:3",
        "36.7",
    ),
    ("code_impossible", "severity", _set(SEVERITY, 1, 0, "J96"), "severity.csv:3", "J96"),
    ("code_impossible", "exclusion", _set(EXCLUSIONS, 0, 1, "E1"), "exclusions.csv:2", "E1"),
    ("code_impossible", "valid", _add(VALID, "00.31"), "valid_procedures.csv:4", "00.31"),
    (
        "code_impossible",
        "extra",
        _add("codes_extra.csv", "diagnosis", "J18", "肺炎"),
        "codes_extra.csv:2",
        "J18",
    ),
    (
        "code_impossible",
        "in a rule",
        _set(DRG, 1, 3, 'any_procedure in {"3722"}'),
        "drg.csv:3",
        "FM1.FM11 3722",
    ),
    (
        "row_twice",
        "code of a list",
        _insert(LISTS, 4, "FU1", "dx", "I25.103"),
        "lists.csv:6",
        "FU1.dx: 1 row",
    ),
    (
        "row_twice",
        "severity with two levels",
        _add(SEVERITY, "E11.900", "MCC", "2"),
        "severity.csv:4",
        "1 row",
    ),
    ("row_twice", "exclusion", _add(EXCLUSIONS, "2", "J43.900"), "exclusions.csv:4", "2: 1 row"),
    (
        "row_twice",
        "two valid procedures",
        _both(_add(VALID, "36.0700"), _add(VALID, "37.2200")),
        "valid_procedures.csv:4",
        "2 rows",
    ),
    (
        "row_twice",
        "code of the code system",
        _insert("system/diagnoses.csv", 3, "I21.000", "again"),
        "diagnoses.csv:5",
        "1 row",
    ),
    (
        "row_twice",
        "insurance code",
        _add("system/diagnosis_map.csv", "I50.900x001", "I21.000"),
        "diagnosis_map.csv:3",
        "1 row",
    ),
    (
        "row_twice",
        "extra code that the code system has",
        _add("codes_extra.csv", "procedure", "37.2200", "造影"),
        "codes_extra.csv:2",
        "37.2200",
    ),
    (
        "extra_kind_not_a_choice",
        "drug",
        _add("codes_extra.csv", "drug", "37.2300", "药"),
        "codes_extra.csv:2",
        "37.2300",
    ),
    (
        "named_condition_of_no_group",
        "group",
        _add(NAMED, "ZZ9", "principal in dx", "多发", "other", "assumed"),
        "named_conditions.csv:2",
        "ZZ9",
    ),
    (
        "named_condition_of_no_group",
        "source",
        _add(NAMED, "ZZ1", "principal in dx", "多发", "", "assumed"),
        "named_conditions.csv:2",
        "ZZ1",
    ),
    (
        "rule_unreadable",
        "of a condition taken over",
        _add(NAMED, "ZZ1", "principal in", "多发", "other", "assumed"),
        "named_conditions.csv:2",
        "ZZ1",
    ),
    (
        "code_without_name",
        "lists",
        _both(_add(LISTS, "ZZ1", "dx", "S27.200"), _add(LISTS, "ZZ1", "dx", "S27.300")),
        "lists.csv:12",
        "2 diagnosis codes",
    ),
    (
        "code_without_name",
        "valid procedures",
        _add(VALID, "39.9000"),
        "valid_procedures.csv:4",
        "1 procedure code",
    ),
    (
        "code_without_name",
        "extra code",
        _add("codes_extra.csv", "procedure", "37.2300", ""),
        "codes_extra.csv:2",
        "37.2300",
    ),
    (
        "map_to_unknown_code",
        "a blank before it",
        _add("system/diagnosis_map.csv", "I21.000", " I21.000"),
        "diagnosis_map.csv:3",
        "1 entry",
    ),
    ("list_unused", "no rule", _add(LISTS, "ZZ1", "dx9", "S27.100"), "lists.csv:12", "ZZ1.dx9"),
    ("list_unused", "no owner", _add(LISTS, "QQ1", "dx", "S27.100"), "lists.csv:12", "QQ1.dx"),
    (
        "list_unused",
        "more lists than sites",
        _add(LISTS, "MDCZ", "site_3", "S27.100"),
        "lists.csv:12",
        "MDCZ.site_3",
    ),
    (
        "principal_outside_mdc",
        "two codes",
        _both(_insert(LISTS, 2, "FR1", "dx", "S06.100"), _insert(LISTS, 3, "FR1", "dx", "S27.100")),
        "lists.csv:4",
        "FR1.dx: 2 codes",
    ),
    ("level_not_a_choice", "MC", _set(SEVERITY, 1, 1, "MC"), "severity.csv:3", "J96.000"),
    (
        "exclusion_list_unused",
        "third list",
        _add(EXCLUSIONS, "3", "I21.000"),
        "exclusions.csv:4",
        "3",
    ),
    (
        "exclusion_list_without_principal",
        "first list",
        _drop(EXCLUSIONS, 0),
        "severity.csv:2",
        "1",
    ),
    ("weight_unusable", "no DRG", _add("weights.csv", "XX19", "1.0"), "weights.csv:2", "XX19"),
    ("weight_unusable", "no number", _add("weights.csv", "FU19", "x"), "weights.csv:2", "FU19"),
    (
        "weight_unusable",
        "twice",
        _both(_add("weights.csv", "FU19", "1"), _add("weights.csv", "FU19", "2")),
        "weights.csv:3",
        "FU19",
    ),
    (
        "adrg_unreachable",
        "an earlier one takes one of its diagnoses",
        _insert(LISTS, 2, "FR1", "dx", "I21.000"),
        "",
        "",
    ),
    (
        "adrg_unreachable",
        "an earlier one takes both its diagnoses",
        _both(_insert(LISTS, 2, "FR1", "dx", "I21.000"), _insert(LISTS, 3, "FR1", "dx", "I25.103")),
        "adrg.csv:5",
        "FU1",
    ),
    (
        "drg_unreachable",
        "behind True",
        _add(DRG, "FU1", "2", "FU15", "icu", "冠心病"),
        "drg.csv:9",
        "FU1.FU15",
    ),
    (
        "ambiguous_unreachable",
        "every valid procedure is in a surgical ADRG",
        _both(_drop(VALID, 1), _set(MDC, 1, 4, "main")),
        "mdc.csv:3",
        "FQY",
    ),
    ("adrg_takes_everything", "True", _set(ADRG, 3, 4, "True"), "adrg.csv:5", "FU1"),
    (
        "adrg_takes_everything",
        "lists all that its MDC lists",
        _both(_add(LISTS, "FU1", "dx", "I50.900")),
        "adrg.csv:5",
        "FU1",
    ),
]
FOUND = [case for case in BROKEN if case[3]]
NOT_FOUND = [case for case in BROKEN if not case[3]]


def _ids(cases: list[tuple[str, str, Edit, str, str]]) -> list[str]:
    return [f"{check}: {situation}" for check, situation, *_ in cases]


def test_sound_tables__have_no_findings(tiny: Any) -> None:
    assert check_scheme(tiny.write()).new == ()
    assert load_scheme(tiny.folder).title == "极小方案（虚构）"


@pytest.mark.parametrize(("check", "situation", "edit", "where", "subject"), FOUND, ids=_ids(FOUND))
def test_check__names_file_and_row_of_what_is_broken(
    tiny: Any, check: str, situation: str, edit: Edit, where: str, subject: str
) -> None:
    edit(tiny)
    findings = [f for f in check_scheme(tiny.write()).new if f.check == check]
    assert [(str(f).split(": ")[0], f.subject) for f in findings] == [(where, subject)]
    with pytest.raises(SchemeError) as error:
        load_scheme(tiny.folder)
    assert str(findings[0]) in error.value.faults


@pytest.mark.parametrize(
    ("check", "situation", "edit", "where", "subject"), NOT_FOUND, ids=_ids(NOT_FOUND)
)
def test_check__lets_pass_what_is_only_half_broken(
    tiny: Any, check: str, situation: str, edit: Edit, where: str, subject: str
) -> None:
    edit(tiny)
    assert [f for f in check_scheme(tiny.write()).new if f.check == check] == []


def test_checks__are_each_tested_and_say_when_they_fail() -> None:
    assert {check.__name__ for check in CHECKS} == {case[0] for case in FOUND}
    assert [c.__name__ for c in CHECKS if not (c.__doc__ or "").startswith("Fail if")] == []


def test_bundled_code_system__is_not_held_against_a_scheme_of_ones_own(tiny: Any) -> None:
    # the bundled map has a known fault, which the bundled schemes accept
    tiny.manifest = tiny.manifest.replace('path = "system"', 'name = "clinical-2022"')
    found = {finding.check for finding in check_scheme(tiny.write()).new}
    assert "map_to_unknown_code" not in found


def test_findings__of_several_faults_are_listed_all_at_once(tiny: Any) -> None:
    _set(ADRG, 1, 5, "")(tiny)
    _set(DRG, 6, 3, "tru")(tiny)
    _add(VALID, "00.31")(tiny)
    with pytest.raises(SchemeError) as error:
        load_scheme(tiny.write())
    faults = "\n".join(error.value.faults)
    for where in ("adrg.csv:3: ", "drg.csv:8: ", "valid_procedures.csv:4: "):
        assert where in faults
    assert error.value.exit_code == 3


def test_table__missing_or_with_other_columns(tiny: Any, tmp_path: Path) -> None:
    folder = tiny.write()
    (folder / "severity.csv").unlink()
    with pytest.raises(SchemeError, match=r"severity\.csv: table is missing"):
        load_scheme(folder)
    (folder / "severity.csv").write_text("code,grade\nI50.900,CC\n", encoding="utf-8")
    with pytest.raises(SchemeError, match=r"severity\.csv: columns are code, grade"):
        load_scheme(folder)


def test_manifest__a_value_of_another_type_is_refused_before_any_check(tiny: Any) -> None:
    _manifest("[options]", '[options]\nretry_further_procedures = "no"')(tiny)
    with pytest.raises(SchemeError, match=r"options\.retry_further_procedures"):
        check_scheme(tiny.write())
