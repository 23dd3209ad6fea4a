"""The bundled code systems: what each knows, and the map between them."""

from __future__ import annotations

import re

import pytest

from drgpay.cases.codes import insurance_map
from drgpay.ground.reference import bundled, reference_dir
from drgpay.schemes.folders import large_table

CODE = {
    "diagnoses": re.compile(
        r"[A-Z]\d\d\.[0-9x]{1,3}(x\d{2,3})?(\+[A-Z]\d\d\.\d{1,3}(x\d{3})?\*)?$"
    ),
    "procedures": re.compile(r"\d\d\.[0-9xX]{1,9}$"),
}


@pytest.mark.parametrize("system", bundled("code_systems"))
@pytest.mark.parametrize("table", ["diagnoses", "procedures"])
def test_code_system__each_code_once_with_a_name(system: str, table: str) -> None:
    path = reference_dir() / "code_systems" / system / f"{table}.csv"
    rows = large_table(path, ("code", "name"))
    codes, names = rows["code"].to_pylist(), rows["name"].to_pylist()
    assert len(set(codes)) == len(codes) > 13_000
    assert all(name.strip() for name in names)
    assert codes == sorted(codes)
    odd = [code for code in codes if not CODE[table].match(code)]
    assert len(odd) < len(codes) / 100, odd[:10]


def test_insurance_edition__knows_what_the_clinical_tables_know_and_81_procedures_more() -> None:
    def codes(system: str, table: str) -> set[str]:
        path = reference_dir() / "code_systems" / system / f"{table}.csv"
        return set(large_table(path, ("code", "name"))["code"].to_pylist())

    assert codes("insurance-2.0", "diagnoses") == codes("clinical-2022", "diagnoses")
    more = codes("insurance-2.0", "procedures") - codes("clinical-2022", "procedures")
    assert len(more) == 81


def test_map_between_the_editions__thousands_of_diagnoses_differ() -> None:
    pairs = insurance_map(reference_dir() / "code_systems" / "clinical-2022", "diagnosis")
    assert sum(a != b for a, b in pairs.items()) > 4_000
