"""Certificate numbers leave keyed, in every way that they are written; the key is kept and closed."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from drgpay.cases.convert import convert
from drgpay.cases.lists_columns import patient_of
from drgpay.cases.pseudonyms import certificate_of, key_for, make_key, pseudonym
from drgpay.cases.sources import open_source
from drgpay.cli import cli
from drgpay.ground.errors import InputError
from tests.lists.bodies import ex1_lists, write

NUMBER = "990000196001010005"  # of no place that there is
FORMS = [
    NUMBER, f" {NUMBER} ", NUMBER.translate({ord(str(d)): 0xFF10 + d for d in range(10)}),
    f"{NUMBER[:6]} {NUMBER[6:14]} {NUMBER[14:]}", f"{NUMBER[:6]}-{NUMBER[6:14]}-{NUMBER[14:]}",
    f"ID{NUMBER}", f"身份证：{NUMBER}", f"01{NUMBER}", f"01-{NUMBER}", f"{NUMBER}\u200b",
    NUMBER[:6] + NUMBER[8:17],
]  # fmt: skip


HEADERS = "case_id,patient_id,sex,age_years,diagnoses,hospital_id,pool,admission_date,discharge_date,total_cost,pool_fund"
ROW = "{},{},M,61,K25.900,H1,310,2024-03-01,2024-03-09,12000.50,8000.25"


def test_tables__certificate_numbers_are_counted_and_never_shown(tmp_path: Path) -> None:
    # of 15 digits, and behind a number of another meaning, one cannot tell in a column of any numbers
    forms = [form for form in FORMS if form not in (f"01{NUMBER}", f"01-{NUMBER}", FORMS[-1])]
    others = ["P0001", "33010099000000000000012345", NUMBER[:17] + "4", "990000196013010005"]
    rows = [ROW.format(f"C{i}", who) for i, who in enumerate([*forms, *others])]
    path = tmp_path / "cases.csv"
    path.write_text("\n".join([HEADERS, *rows]) + "\n", encoding="utf-8")
    for words in (
        ["cases", "check", str(path)],
        ["cases", "convert", str(path), "-o", str(tmp_path / "out.parquet")],
    ):
        said = CliRunner().invoke(cli, words).output
        assert f"patient_id）：{len(forms)} 行填的是居民身份证号码" in said, said
        assert "drgpay cases key" in said and NUMBER[:12] not in said
    said = CliRunner().invoke(cli, ["group", str(path), "-o", str(tmp_path / "g.csv")]).output
    assert "身份证" not in said and NUMBER[:12] not in (tmp_path / "g.csv").read_text("utf-8")


@pytest.mark.parametrize(
    "kind", [pa.int64(), pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())]
)
def test_tables__certificate_numbers_are_counted_at_every_door(kind: pa.DataType) -> None:
    who = pa.array([int(NUMBER), None, 12], pa.int64()).cast(pa.string())
    column = (
        who.cast(pa.int64())
        if pa.types.is_integer(kind)
        else who.cast(kind)
        if not pa.types.is_dictionary(kind)
        else who.dictionary_encode()
    )
    table = pa.table(
        {
            "case_id": ["a", "b", "c"],
            "patient_id": column,
            "sex": ["M"] * 3,
            "age_years": [61] * 3,
            "diagnoses": ["K25.900"] * 3,
        }
    )
    source = open_source(table)
    for piece in source.pieces:
        piece.load()
    assert [str(n) for n in source.all_notes() if "1 rows have certificate numbers" in str(n)]


def test_tables__a_certificate_number_stored_as_a_float_is_not_shown() -> None:
    table = pa.table(
        {
            "case_id": ["a"],
            "patient_id": [float(NUMBER)],
            "sex": ["M"],
            "age_years": [61],
            "diagnoses": ["K25.900"],
        }
    )
    with pytest.raises(InputError, match="patient_id holds floating-point") as refusal:
        next(iter(open_source(table).pieces)).load()
    assert "9.9" not in str(refusal.value) + refusal.value.text("zh")


def test_forms__of_one_number_have_one_pseudonym() -> None:
    made = {patient_of(form, key=b"k" * 32) for form in FORMS}
    assert made == {pseudonym(NUMBER, b"k" * 32)} and None not in made
    assert made != {pseudonym(NUMBER, b"l" * 32)}
    assert certificate_of("99000019600101001x") == certificate_of("99000019600101001X")
    assert "#" + hashlib.sha256(NUMBER.encode()).hexdigest()[:24] not in made


@pytest.mark.parametrize(
    "own", ["P1", "0012345", "33010099000000000000012345", "医保001", "A" * 18]
)
def test_numbers__of_insured_persons_stay(own: str) -> None:
    assert patient_of(own, NUMBER, NUMBER) == own


@pytest.mark.parametrize("field", ["psn_no", "hi_no", "certno"])
def test_convert__no_form_of_a_number_leaves(tmp_path: Path, field: str) -> None:
    lists: list[Any] = ex1_lists()
    for place, body in enumerate(lists):
        head = body["setlinfo"]
        head.update(psn_no="", hi_no="", certno="")
        head[field] = FORMS[place % len(FORMS)]
    source = write(tmp_path / "a.jsonl", *lists)
    make_key(tmp_path / "pseudonym.key")
    due = pseudonym(NUMBER, (tmp_path / "pseudonym.key").read_bytes().strip())
    done = convert(source, tmp_path / "out.csv")
    assert not [note for note in done.notes if "pseudonym" in str(note)]
    convert(source, tmp_path / "out.parquet")
    ids = pq.read_table(tmp_path / "out.parquet")["patient_id"].to_pylist()
    assert ids == [due] * len(lists)
    for path in tmp_path.glob("out*"):
        content = path.read_bytes()
        assert not [form for form in FORMS if form.strip().encode() in content], path


def test_convert__without_a_key_says_so_and_tells_persons_apart(tmp_path: Path) -> None:
    lists: list[Any] = ex1_lists()
    for body in lists:
        body["setlinfo"].update(psn_no="", hi_no="", certno=NUMBER)
    done = convert(write(tmp_path / "a.jsonl", *lists), tmp_path / "out.parquet")
    assert [note for note in done.notes if "drgpay cases key" in str(note)]
    ids = set(pq.read_table(tmp_path / "out.parquet")["patient_id"].to_pylist())
    assert len(ids) == 1 and NUMBER not in json.dumps([*ids])


def test_key__is_closed_to_others_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "pseudonym.key"
    done = CliRunner().invoke(cli, ["cases", "key", "-o", str(path)])
    assert done.exit_code == 0 and path.stat().st_mode & 0o777 == 0o600
    kept = path.read_bytes()
    done = CliRunner().invoke(cli, ["cases", "key", "-o", str(path)])
    assert isinstance(done.exception, InputError) and path.read_bytes() == kept
    assert kept.decode().strip() not in done.output
    inside = tmp_path / "history"
    inside.mkdir()
    assert key_for([inside / "2023.jsonl"]) == key_for([tmp_path / "a.json"]) == kept.strip()
    path.chmod(0o644)
    with pytest.raises(InputError, match="others may read"):
        key_for([inside / "2023.jsonl"])


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 31])
def test_key__that_is_none_is_refused(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "own.key"
    path.write_bytes(content)
    path.chmod(0o600)
    monkeypatch.setenv("DRGPAY_PSEUDONYM_KEY", str(path))
    with pytest.raises(InputError, match="less than 32"):
        key_for([])
    monkeypatch.setenv("DRGPAY_PSEUDONYM_KEY", str(tmp_path / "none"))
    with pytest.raises(InputError, match="cannot be read"):
        key_for([])
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setenv("DRGPAY_PSEUDONYM_KEY", str(tmp_path / "pipe"))
    with pytest.raises(InputError, match="plain file"):
        key_for([])
