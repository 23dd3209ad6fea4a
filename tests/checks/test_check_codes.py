"""What codes are by their ranges and shapes, and that the catalogue is whole."""

from __future__ import annotations

import csv
import re

import pytest

from drgpay.cases.checks.catalogue import BITS, CHECKS, DATA, SEVERITIES
from drgpay.cases.checks.codes_facts import (
    LONG,
    SHORT,
    VENTILATION,
    diagnosis_flags,
    flag_table,
    procedure_flags,
)
from drgpay.cases.checks.coding.kernels import (
    ASTERISK,
    COMPLICATION,
    FEMALE,
    INDEFINITE,
    MALE,
    MALFORMED,
    MORPHOLOGY,
    NOT_PRINCIPAL,
    OBSTETRIC,
    PERINATAL,
    SYMPTOM,
    UNKNOWN,
)
from drgpay.cases.checks.facts import minutes_of
from drgpay.names.columns import BY_NAME
from drgpay.names.reasons import REASONS


@pytest.mark.parametrize(
    ("code", "flags"),
    [
        ("C51.900", FEMALE),
        ("C58.x00", FEMALE),
        ("C59.x00", 0),
        ("C60.900", MALE),
        ("C63.900", MALE),
        ("C64.x00", 0),
        ("D07.300", FEMALE),
        ("D07.400", MALE),
        ("N70.900", FEMALE),
        ("N51.800", MALE),
        ("O80.000", FEMALE | OBSTETRIC),
        ("P07.300", PERINATAL),
        ("R50.900", SYMPTOM | INDEFINITE),
        ("T80.000", COMPLICATION),
        ("T88.900", COMPLICATION),
        ("T79.000", 0),
        ("V01.000", NOT_PRINCIPAL | INDEFINITE),
        ("Y98.x00", NOT_PRINCIPAL | INDEFINITE),
        ("W19.x00", NOT_PRINCIPAL | INDEFINITE),
        ("B95.600", NOT_PRINCIPAL | INDEFINITE),
        ("I63.900", 0),
        ("A01.002+G01*", 0),
        ("N51.0*", MALE | ASTERISK),
    ],
)
def test_diagnosis_flags__of_known_codes(code: str, flags: int) -> None:
    assert diagnosis_flags(code, known=True) == flags


@pytest.mark.parametrize(
    ("code", "flags"),
    [
        ("I63.999", UNKNOWN),
        ("G01*", UNKNOWN | ASTERISK),
        ("M8000/3", UNKNOWN | MORPHOLOGY),
        ("J18.9", UNKNOWN | MALFORMED),
        ("待查", UNKNOWN | MALFORMED),
        ("I63.9XX", UNKNOWN | MALFORMED),
    ],
)
def test_diagnosis_flags__of_unknown_codes(code: str, flags: int) -> None:
    assert diagnosis_flags(code, known=False) == flags


@pytest.mark.parametrize(
    ("code", "flags"),
    [
        ("60.2900", MALE),
        ("64.9900", MALE),
        ("64.5x00", 0),
        ("65.0100", FEMALE),
        ("75.9900", FEMALE),
        ("76.0100", 0),
        ("96.7101", SHORT),
        ("96.7201", LONG),
        ("96.7000", VENTILATION),
        ("96.0400", 0),
    ],
)
def test_procedure_flags__of_known_codes(code: str, flags: int) -> None:
    assert procedure_flags(code, known=True) == flags
    assert procedure_flags(code, known=False) == flags | UNKNOWN


def test_flag_table__counts_from_one() -> None:
    assert flag_table(["C51.900", "I63.900"]).tolist() == [UNKNOWN, FEMALE, 0]
    assert flag_table(["60.2900"], procedures=True).tolist() == [UNKNOWN, MALE]


def test_shapes__every_code_of_the_bundled_system_has_one() -> None:
    from drgpay.ground.reference import reference_dir

    path = reference_dir() / "code_systems" / "clinical-2022" / "diagnoses.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        codes = [row["code"] for row in csv.DictReader(stream)]
    assert not [code for code in codes if diagnosis_flags(code, known=False) & MALFORMED]


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("1/13/24", 2244),
        ("0/0/0", 0),
        (" 4/0/0 ", 5760),
        ("", -1),
        ("96h", -2),
        ("1/24/0", -2),
        ("1/0/60", -2),
    ],
)
def test_ventilator__days_hours_minutes(text: str, minutes: int) -> None:
    assert minutes_of(text) == minutes


def test_catalogue__the_fatal_checks_are_the_reasons_of_the_quarantine() -> None:
    fatal = [check.name for check in CHECKS.values() if check.severity == "fatal"]
    assert fatal == list(REASONS)
    assert all(CHECKS[name].stops for name in fatal)
    assert not any(check.stops for check in CHECKS.values() if check.severity != "fatal")


def test_catalogue__each_check_is_whole() -> None:
    chinese = re.compile("[\u4e00-\u9fff]")
    for check in CHECKS.values():
        assert check.severity in SEVERITIES
        assert chinese.search(check.chinese) and chinese.search(check.advice_chinese)
        if check.severity != "fatal":  # those quote Chinese values
            assert not chinese.search(check.english + check.advice_english)
        assert check.english and check.advice_english and check.source
        assert set(check.columns) | set(check.needs) <= BY_NAME.keys()
    assert all(CHECKS[name].columns for name in BITS)


def test_ranges__each_has_a_source() -> None:
    for name in ("diagnosis_ranges.csv", "procedure_ranges.csv"):
        with (DATA / name).open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                assert row["source"] and row["verified"] in ("yes", "no")
                assert row["first"] <= row["last"]
