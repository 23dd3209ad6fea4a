"""Refunds are netted with their settlements, exactly and with every row accounted for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from drgpay.cases.refunds import Netting, net_refunds

AMOUNTS = ("total_cost", "pool_fund", "personal_paid")


def case(case_id: str, total: str | None, fund: str | None = None, **more: Any) -> dict[str, Any]:
    row = {
        "case_id": case_id, "hospital_id": "H1", "patient_id": "P1", "pool": "310",
        "admission_date": "2024-03-01", "total_cost": total, "pool_fund": fund,
        "personal_paid": None, "refund": None, "refund_of": None,
    }  # fmt: skip
    return row | more


def net(*rows: dict[str, Any], parts: int = 1) -> tuple[Netting, list[dict[str, Any]]]:
    """Net rows given in parts; returns the netting and the rows that go on."""
    table = pa.Table.from_pylist(list(rows))
    for name in AMOUNTS:
        place = table.column_names.index(name)
        texts = table[name].cast(pa.string())
        table = table.set_column(place, name, texts.cast(pa.decimal128(12, 2)))
    size = -(-len(table) // parts)
    tables = [table.slice(start, size) for start in range(0, len(table), size)]
    found = net_refunds(lambda: tables)
    out: list[dict[str, Any]] = []
    first = 0
    for part in tables:
        out += found.apply(part, first).to_pylist()
        first += len(part)
    assert len(out) == found.kept
    assert found.rows == len(out) + found.netted + len(found.quarantine) == len(rows)
    return found, out


def reasons(found: Netting) -> list[tuple[int, str]]:
    return [(row[1], row[5]) for row in found.quarantine.rows]


def whats(found: Netting) -> list[tuple[int, str, str]]:
    return [(n["row"], n["case_id"], n["what"]) for n in found.table().to_pylist()]


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_full_refund__takes_both_rows_out(parts: int) -> None:
    found, out = net(
        case("S1", "100.10", "60.00"),
        case("S2", "50.00", "30.00"),
        case("S3", "-100.10", "-60.00", refund_of="S1"),
        parts=parts,
    )
    assert [row["case_id"] for row in out] == ["S2"]
    assert whats(found) == [(1, "S1", "reversed"), (3, "S3", "full")]
    assert found.table()["refund_of"].to_pylist() == ["", "S1"]


def test_refund_before_its_settlement__is_found() -> None:
    found, out = net(case("S3", "-1.00", refund_of="S1"), case("S1", "1.00"))
    assert not out and found.netted == 2


@pytest.mark.parametrize("parts", [1, 2])
def test_part_of_a_refund__reduces_the_settlement_to_the_fen(parts: int) -> None:
    found, out = net(
        case("S1", "100.10", "60.07", personal_paid="40.03"),
        case("R1", "-30.01", "-20.00", personal_paid="-10.01", refund_of="S1"),
        parts=parts,
    )
    assert [out[0][name] for name in AMOUNTS] == [
        Decimal("70.09"), Decimal("40.07"), Decimal("30.02"),
    ]  # fmt: skip
    assert found.reduced == [
        ("", 1, "S1", "total_cost", 10010, 7009),
        ("", 1, "S1", "pool_fund", 6007, 4007),
        ("", 1, "S1", "personal_paid", 4003, 3002),
    ]
    assert whats(found) == [(2, "R1", "partial")]
    assert found.table()["remaining_total_cost"].to_pylist() == [Decimal("70.09")]


def test_part_of_a_refund__takes_the_deductible_that_was_returned_off() -> None:
    more = {"personal_paid": None}
    found, out = net(
        case("S1", "100.00", "60.00", **more) | {"deductible": "30.00"},
        case("R1", "-20.00", "-10.00", **more, refund_of="S1") | {"deductible": "-5.50"},
        case("S2", "100.00", "60.00", **more) | {"deductible": "30.00"},
        case("R2", "-20.00", "-10.00", **more, refund_of="S2") | {"deductible": None},
    )
    assert [row["deductible"] for row in out] == ["24.50", "30.00"]
    assert not reasons(found)


def test_several_parts__that_make_the_whole() -> None:
    found, out = net(
        case("S1", "100.00", "60.00"),
        case("R1", "-40.00", "-20.00", refund_of="S1"),
        case("R2", "-60.00", "-40.00", refund_of="S1"),
        case("R3", "-0.01", "0.00", refund_of="S1"),
    )
    assert not out
    assert [what for *_, what in whats(found)] == ["reversed", "partial", "full"]
    assert reasons(found) == [(4, "refund_amounts")]


def test_marked_refund__may_have_positive_amounts() -> None:
    found, out = net(
        case("S1", "100.00", "60.00"), case("R1", "40.00", "20.00", refund=True, refund_of="S1")
    )
    assert (out[0]["total_cost"], out[0]["pool_fund"]) == (Decimal("60.00"), Decimal("40.00"))
    assert found.netted == 1


def test_marked_refund__without_amounts_reverses_one_without() -> None:
    found, out = net(case("S1", None), case("R1", None, refund=True, refund_of="S1"))
    assert not out and found.netted == 2
    found, _ = net(case("S1", "5.00"), case("R1", None, refund=True, refund_of="S1"))
    assert reasons(found) == [(2, "refund_amounts")]


def test_unnamed_refund__finds_its_case_id_or_its_stay() -> None:
    found, out = net(case("S1", "9.00"), case("S1", "-9.00"), case("S2", "7.00", patient_id="P2"))
    assert [row["case_id"] for row in out] == ["S2"]
    found, out = net(
        case("S1", "9.00"),
        case("S2", "7.00"),
        case("S3", "7.00", admission_date="2024-03-02"),
        case("R1", "-7.00"),
    )
    assert [row["case_id"] for row in out] == ["S1", "S3"]
    assert found.netted == 2


REFUSED: dict[str, tuple[list[dict[str, Any]], str]] = {
    "orphan": ([case("R1", "-5.00", refund_of="S9")], "refund_without_original"),
    "nobody": ([case("R1", "-5.00", patient_id=None)], "refund_without_original"),
    "other_patient": ([case("S1", "5.00", patient_id="P2"), case("R1", "-5.00", refund_of="S1")],
                      "refund_without_original"),
    "other_pool": ([case("S1", "5.00", pool="390"), case("R1", "-5.00", refund_of="S1")],
                   "refund_without_original"),
    "two_stays": ([case("S1", "5.00"), case("S2", "5.00"), case("R1", "-5.00")], "refund_ambiguous"),
    "double_id": ([case("S1", "5.00"), case("S1", "5.00"), case("R1", "-5.00", refund_of="S1")],
                  "refund_ambiguous"),
    "too_much": ([case("S1", "5.00"), case("R1", "-5.01", refund_of="S1")], "refund_amounts"),
    "fund_too_much": ([case("S1", "5.00", "3.00"), case("R1", "-4.00", "-3.01", refund_of="S1")],
                      "refund_amounts"),
    "fund_left_above_cost": ([case("S1", "5.00", "3.00"), case("R1", "-4.00", "0.00", refund_of="S1")],
                             "refund_amounts"),
    "whole_but_for_the_fund": ([case("S1", "5.00", "3.00"), case("R1", "-5.00", "-2.00", refund_of="S1")],
                               "refund_amounts"),
    "signs": ([case("S1", "5.00", "3.00"), case("R1", "-4.00", "2.00", refund_of="S1")], "refund_amounts"),
    "of_a_refund": ([case("S1", "5.00"), case("R1", "-5.00", refund_of="S1"),
                     case("R2", "-5.00", refund_of="R1")], "refund_without_original"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refund__that_fits_nothing_is_quarantined(name: str) -> None:
    rows, reason = REFUSED[name]
    found, _ = net(*rows)
    assert [r[1] for r in reasons(found)] == [reason]
    note = found.quarantine.table().to_pylist()[0]
    assert note["remedy"] and note["case_id"].startswith("R")


def test_table_without_refunds__is_left_alone() -> None:
    found, out = net(case("S1", "5.00"), case("S2", "0.00"))
    assert len(out) == 2 and not found.netted
    assert net_refunds(lambda: [pa.table({"case_id": ["a"]})]).kept == 1
