"""Codes as they are written: inner X, codes of the insurance edition, nearest known ones."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import drgpay
from drgpay.cases.codes import Changes, NearestCodes, Recoder, insurance_map, small_x
from drgpay.ground.errors import SchemeError
from drgpay.grouper import Grouper
from drgpay.grouper.stream import group_file
from drgpay.schemes.folders import code_system_dir

SCHEME = "zj-drg-2022"


@pytest.fixture(scope="module")
def plain() -> Grouper:
    return Grouper(SCHEME)


@pytest.fixture(scope="module")
def insured() -> Grouper:
    return Grouper(SCHEME, codes="insurance-2.0")


def cases(diagnoses: list[str], procedures: list[str] | None = None) -> pa.Table:
    count = len(diagnoses)
    return pa.table(
        {
            "case_id": [f"c{i}" for i in range(count)],
            "sex": ["F"] * count,
            "age_years": [61] * count,
            "diagnoses": diagnoses,
            "procedures": procedures or [""] * count,
        }
    )


def changes(result: drgpay.GroupResult) -> list[tuple[str, str, str, str, int]]:
    return [tuple(row.values()) for row in result.changes.to_pylist()]


# --- inner X ----------------------------------------------------------------------------------


def test_inner_x__is_read_in_lower_case_and_listed(plain: Grouper) -> None:
    written = cases(["I10.X00X002|E11.900", "I10.x00x002|E11.900", " I10.X00x002 |E11.900"])
    result = drgpay.group(written, plain)
    drgs = result.table["drg"].to_pylist()
    assert len(set(drgs)) == 1 and drgs[0] != "0000"
    assert changes(result) == [
        ("diagnosis", "x_case", "I10.X00X002", "I10.x00x002", 1),
        ("diagnosis", "x_case", "I10.X00x002", "I10.x00x002", 1),
    ]


def test_inner_x__of_procedures(plain: Grouper) -> None:
    result = drgpay.group(cases(["K22.301"], ["96.0800X005"]), plain)
    assert changes(result) == [("procedure", "x_case", "96.0800X005", "96.0800x005", 1)]


def test_first_letter_x__stays(plain: Grouper) -> None:
    code = next(c for c in plain.scheme.diagnoses.codes.to_pylist() if c.startswith("X"))
    result = drgpay.group(cases([f"S06.000|{code}"]), plain)
    assert changes(result) == []


def test_unknown_code__is_not_changed(plain: Grouper) -> None:
    result = drgpay.group(cases(["Q99.X99X999"]), plain)
    assert changes(result) == []
    assert result.table["reason"].to_pylist() == ["principal_unknown"]


def test_code_that_the_scheme_writes_with_a_great_x__stays() -> None:
    known = ["A00.X01", "B00.x01"]

    def encode(codes: pa.Array) -> object:
        import numpy as np

        return np.array([known.index(c) + 1 if c in known else 0 for c in codes.to_pylist()])

    recoder = Recoder("diagnosis", encode)
    counted: Changes = Changes()
    words = pa.array(["A00.X01", "B00.X01", None, "B00.X01"]).dictionary_encode()
    assert recoder.words(words, counted).to_pylist() == ["A00.X01", "B00.x01", None, "B00.x01"]
    assert counted == {("diagnosis", "x_case", "B00.X01", "B00.x01"): 2}


@given(st.text("XxA0.", max_size=12))
def test_small_x__keeps_length_and_first_letter(code: str) -> None:
    made = small_x(code)
    assert made[:1] == code[:1] and "X" not in made[1:] and made.lower() == code.lower()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["I10.X00X002", "I10.x00x002", "A35.X00", "X00.X00", "E11.900", "zz", "Xx.X", "XX"]
        ),
        min_size=1,
        max_size=6,
    )
)
def test_one_case_and_a_table__read_codes_alike(codes: list[str]) -> None:
    for grouper in (Grouper_of(False), Grouper_of(True)):
        made, _ = grouper.read_codes(codes, [])
        words = pa.array(codes).dictionary_encode()
        edition = grouper.codes or ""
        assert grouper.recoders[0].words(words, Changes(), edition).to_pylist() == made


_groupers: dict[bool, Grouper] = {}


def Grouper_of(insured: bool) -> Grouper:
    if insured not in _groupers:
        _groupers[insured] = Grouper(SCHEME, codes="insurance-2.0" if insured else None)
    return _groupers[insured]


# --- codes of the insurance edition ------------------------------------------------------------


def test_insurance_codes__are_mapped_and_listed(insured: Grouper) -> None:
    result = drgpay.group(cases(["A01.000x002|I10.x00x002", "A01.000x002"]), insured)
    assert result.table["status"].to_pylist() == ["grouped", "grouped"]
    assert changes(result) == [("diagnosis", "insurance_code", "A01.000x002", "A01.003", 2)]


def test_insurance_codes__one_case_as_the_table(plain: Grouper, insured: Grouper) -> None:
    alone = insured.group_case(sex="F", age_years=61, diagnoses=["A01.000x002", "I10.X00X002"])
    mapped = plain.group_case(sex="F", age_years=61, diagnoses=["A01.003", "I10.x00x002"])
    assert alone == mapped


def test_insurance_codes__same_code_of_another_meaning_is_mapped(insured: Grouper) -> None:
    scheme = insured.scheme
    pairs = insurance_map(code_system_dir(scheme.path, scheme.manifest), "diagnosis")
    others = [k for k, v in pairs.items() if k != v and k in scheme.diagnoses.index]
    assert len(others) > 200
    made, _ = insured.read_codes(others, [])
    assert made == [pairs[code] for code in others]


def test_insurance_codes__every_code_of_the_map(insured: Grouper) -> None:
    for kind, recoder in zip(("diagnosis", "procedure"), insured.recoders, strict=True):
        scheme = insured.scheme
        pairs = insurance_map(code_system_dir(scheme.path, scheme.manifest), kind)
        counted: Changes = Changes()
        words = pa.array(pairs.keys(), pa.string()).dictionary_encode()
        read = recoder.words(words, counted, "insurance-2.0")
        assert read.to_pylist() == list(pairs.values())
        assert sum(counted.values()) == sum(k != v for k, v in pairs.items())


def test_insurance_codes__without_a_map_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SchemeError, match="no map from the codes of the insurance edition"):
        insurance_map(tmp_path, "diagnosis")


def test_group_file__writes_what_changed(tmp_path: Path) -> None:
    pq.write_table(cases(["A01.000x002"]), tmp_path / "cases.parquet")
    out = tmp_path / "out.parquet"
    done = group_file(tmp_path / "cases.parquet", out, SCHEME, codes="insurance-2.0")
    assert done.changes == tmp_path / "out.parquet.changes.csv"
    assert "A01.000x002" in done.changes.read_text(encoding="utf-8")
    again = group_file(tmp_path / "cases.parquet", out, SCHEME, codes="clinical-2022")
    assert again.changes is None and not done.changes.exists()


# --- the code system travels with the data -------------------------------------------------------


def test_code_system__unknown_edition_is_quarantined(plain: Grouper, insured: Grouper) -> None:
    said = cases(["I10.x00x002", "I10.x00x002", "I10.x00x002"]).append_column(
        "code_system", pa.array(["clinical-2022", "ICD-9", None])
    )
    for grouper in (plain, insured):
        result = drgpay.group(said, grouper)
        assert result.table["status"].to_pylist() == ["grouped", "quarantined", "grouped"]
        assert result.quarantine["reason"].to_pylist() == ["code_system_differs"]
        assert result.quarantine["value"].to_pylist() == ["ICD-9"]


def test_group_file__keeps_scheme_and_code_system(tmp_path: Path) -> None:
    pq.write_table(cases(["I10.x00x002"]), tmp_path / "cases.parquet")
    group_file(tmp_path / "cases.parquet", tmp_path / "out.parquet", SCHEME)
    kept = pq.ParquetFile(tmp_path / "out.parquet").schema_arrow.metadata
    assert kept[b"drgpay.scheme"] == SCHEME.encode()
    assert kept[b"drgpay.code_system"] == b"clinical-2022"


# --- nearest known codes -----------------------------------------------------------------------

KNOWN = ["I63.900", "I63.901", "I63.000", "J18.900", "I10.x00x002", "80.0600x001"]


@pytest.mark.parametrize(
    ("written", "first"),
    [
        ("i63.900", "I63.900"),
        ("I63900", "I63.900"),
        ("I63.9000", "I63.900"),
        ("Ｉ６３.９００", "I63.900"),
        ("I10.X00X002", "I10.x00x002"),
        ("80.0600X01", "80.0600x001"),
    ],
)
def test_nearest__finds_the_slip(written: str, first: str) -> None:
    assert NearestCodes(KNOWN).of(written)[0] == first


@pytest.mark.parametrize("written", ["", "Z99.999", "?", "I" * 1_000_000])
def test_nearest__nothing_near(written: str) -> None:
    assert NearestCodes(KNOWN).of(written) == ()


def test_nearest__of_a_scheme(plain: Grouper) -> None:
    find = NearestCodes(plain.scheme.diagnoses.codes.to_pylist())
    assert "I63.900" in find.of("I63.9OO")


def test_encoded_words__are_the_codes_as_read(plain: Grouper) -> None:
    made = drgpay.group(cases(["K22.301|K11.901"]), "chs-drg-1.1")
    assert made.table["severity_diagnosis"].to_pylist() == ["K11.901"]
