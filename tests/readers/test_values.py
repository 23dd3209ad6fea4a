"""Words that are understood, and the documents that list them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from drgpay.cases.values import CHOICE_WORDS, FLAG_WORDS, SEX_WORDS
from drgpay.grouper import group
from drgpay.names.columns import BY_NAME
from tests.readers.reading import read

DOCS = Path(__file__).resolve().parents[2] / "docs" / "cases.md"
ONE = {"case_id": ["a"], "sex": ["男"], "age_years": ["61"], "diagnoses": ["I63.900"]}


def test_documents__list_every_understood_word() -> None:
    text = DOCS.read_text(encoding="utf-8")
    rows = [("性别", meant or "（未知）", words) for meant, words in SEX_WORDS.items()]
    rows += [("是或否", meant, words) for meant, words in FLAG_WORDS.items()]
    for column, table in CHOICE_WORDS.items():
        rows += [(BY_NAME[column].chinese, meant, words) for meant, words in table.items()]
    for name, meant, words in rows:
        assert f"| {name} | {meant} | {'、'.join(words)} |" in text


@pytest.mark.parametrize("word", ["男", "男性", "1", "M", "m", "女", "女性", "2", "F", "f"])
def test_sex__words_group_alike(word: str) -> None:
    result = group(pa.table({**ONE, "sex": [word]}), "zj-drg-2022")
    assert result.counts.grouped == 1


def test_sex__unknown_and_full_width_are_quarantined_with_a_remedy() -> None:
    cases = pa.table(
        {name: values * 3 for name, values in ONE.items()} | {"sex": ["0", "９", "１"]}
    )
    notes = group(cases, "zj-drg-2022").quarantine.to_pylist()
    assert [note["reason"] for note in notes] == ["sex_invalid"] * 3


def test_full_width_digits__are_refused_and_the_remedy_says_so() -> None:
    result = group(pa.table({**ONE, "age_years": ["６１"]}), "zj-drg-2022")
    (note,) = result.quarantine.to_pylist()
    assert note["value"] == "６１"
    assert "half-width" in note["remedy"] or "半角" in note["remedy"]


@pytest.mark.parametrize("meant", sorted(CHOICE_WORDS["payment_mode"]))
def test_payment_mode__words_of_the_table(meant: str) -> None:
    words = CHOICE_WORDS["payment_mode"][meant]
    count = len(words)
    cases = pa.table({name: values * count for name, values in ONE.items()} | {"支付方式": words})
    for table in (cases, cases.set_column(4, "支付方式", cases["支付方式"].dictionary_encode())):
        rows, _ = read(table, wanted=None)
        assert [row["payment_mode"] for _, row in rows] == [meant] * count


def test_payment_mode__other_words_stay_for_the_parser_to_refuse() -> None:
    rows, _ = read(pa.table({**ONE, "支付方式": ["按人头"]}), wanted=None)
    assert rows[0][1]["payment_mode"] == "按人头"
