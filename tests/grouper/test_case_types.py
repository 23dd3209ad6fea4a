"""One case by its facts: wrong types are refused, never guessed, never a fault of the program."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import drgpay
from drgpay.ground.errors import InputError
from drgpay.grouper import Grouper
from drgpay.grouper.explain import explain

TINY = Path(__file__).resolve().parents[1] / "schemes" / "ex1-tiny"
CASE: dict[str, Any] = {
    "sex": "M", "age_years": 63, "diagnoses": ["I25.103", "E11.900"], "procedures": ["36.0700"],
}  # fmt: skip
WRONG: list[dict[str, Any]] = [
    {"diagnoses": {"I25.103", "E11.900"}}, {"diagnoses": frozenset(["I25.103"])},
    {"diagnoses": {"I25.103": 1}}, {"diagnoses": "I25.103"}, {"diagnoses": b"I25.103"},
    {"diagnoses": None}, {"diagnoses": 5}, {"diagnoses": [None]}, {"diagnoses": [25.1]},
    {"diagnoses": [["I25.103"]]}, {"diagnoses": []}, {"diagnoses": iter(["I25.103"])},
    {"procedures": {"36.0700"}}, {"procedures": None}, {"procedures": [36.07]},
    {"procedures": "36.0700"}, {"sex": 1}, {"sex": None}, {"sex": ["M"]}, {"sex": "男"},
    {"age_years": "63"}, {"age_years": 63.5}, {"age_years": None}, {"age_years": True},
    {"age_years": float("nan")}, {"age_years": -1}, {"age_years": 151}, {"age_years": 2**70},
    {"age_days": "3"}, {"age_days": 1.5}, {"age_days": 2**31}, {"birth_weight_g": "2500"},
    {"birth_weight_g": 2**40}, {"los_days": [3]}, {"los_days": 2.5}, {"icu": "no"}, {"icu": None},
    {"icu": 2}, {"icu_hours": "3"}, {"discharge_way": ["1"]}, {"discharge_way": 1},
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG, ids=lambda value: type(value).__name__)
def test_group_case_and_explain__wrong_types_are_refused(wrong: dict[str, Any]) -> None:
    grouper = Grouper(TINY)
    for work in (grouper.group_case, lambda **case: explain(grouper, **case)):
        with pytest.raises(InputError) as found:
            work(**CASE | wrong)
        assert found.value.text("zh") != found.value.text("en")


def test_group_case__other_kinds_of_lists_and_numbers_mean_the_same() -> None:
    grouper = Grouper(TINY)
    due = grouper.group_case(**CASE)
    assert due.drg
    same = {"diagnoses": tuple(CASE["diagnoses"]), "age_years": np.int64(63), "icu": np.False_}
    assert grouper.group_case(**CASE | same) == due
    assert grouper.group_case(**CASE | {"diagnoses": np.array(CASE["diagnoses"])}) == due


class LazyFrame:
    """As a library of frames has it: columns, no rows."""

    columns = ("case_id",)

    def collect(self) -> None: ...


@pytest.mark.parametrize(
    "cases",
    [None, 5, [], {}, set(), [None], LazyFrame(), b"x", {"case_id": ["a"]}, [{"case_id": "a"}],
     pa.array([1]), iter([])],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_group__of_what_holds_no_cases_is_refused(cases: object) -> None:
    with pytest.raises(InputError):
        drgpay.group(cases, TINY)


@pytest.mark.parametrize("day", ["2024-01-01", 5, dt.datetime(2024, 1, 1)])
def test_group_case__by_a_day_that_is_none(day: object) -> None:
    from drgpay.grouper.versions import any_grouper

    grouper = any_grouper("zhejiang")
    if hasattr(grouper, "versions"):
        with pytest.raises(InputError):
            grouper.group_case(discharge_date=day, **CASE)  # type: ignore[call-arg]
