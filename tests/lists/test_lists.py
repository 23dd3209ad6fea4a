"""What a settlement list means, in every shape it comes in; the fast reading is the plain one."""

from __future__ import annotations

import copy
import json
import random
import shutil
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from benchmarks.lists import enveloped, settlement_list
from drgpay import group
from drgpay.cases.lists_bytes import Lines
from drgpay.cases.lists_codes import FUND_TYPES
from drgpay.cases.lists_columns import patient_of, plain_table
from drgpay.cases.lists_fast import _ODD_KEY, _has_odd_keys, fast_table
from drgpay.cases.lists_json import spans_of
from drgpay.cases.lists_map import ListFault, Need, lists_in, plain_nodes
from drgpay.cases.sources import open_source
from drgpay.ground.errors import InputError
from drgpay.names.columns import GROUPING_COLUMNS
from drgpay.names.interface import camel
from drgpay.policy import load_policy
from drgpay.runs.folder import write_run
from drgpay.settlement.year_end import year_end
from tests.lists.bodies import C07, EX1, PERSONAL, SCHEMES, c07, ex1_lists, ex1_rows, read, write


def one(body: Any, tmp_path: Path, wanted: Any = None, **more: Any) -> dict[str, Any]:
    rows, faults, _ = read(write(tmp_path / "a.jsonl", body), wanted, **more)
    assert not faults
    return rows[0]


def fault(body: Any, tmp_path: Path, **more: Any) -> tuple[str, str, str]:
    """Return reason, field and value of the one fault among good lists."""
    path = write(tmp_path / "a.jsonl", c07(setl_id="before"), body, c07(setl_id="behind"))
    rows, faults, _ = read(path, **more)
    assert [row["case_id"] for row in rows] == ["before", "behind"]
    assert [(f[0], f[1]) for f in faults] == [("a.jsonl", 2)]
    assert [row["_row"] for row in rows] == [1, 3]
    return faults[0][2:]


# --- what the fields mean ---------------------------------------------------------------------


def test_list__reads_the_synthetic_body(tmp_path: Path) -> None:
    row = one(C07, tmp_path)
    expected = {
        "case_id": "S0000007", "hospital_id": "H33010000002", "patient_id": None, "pool": "390",
        "sex": "F", "age_years": "64", "age_days": None, "los_days": "6", "discharge_way": "1",
        "icu": "0", "diagnoses": ["K22.301", "E11.900"], "procedures": ["96.0800x005"],
        "total_cost": Decimal("8123.45"), "pool_fund": Decimal("4874.07"),
        "personal_paid": Decimal("3249.38"), "other_paid": Decimal("0.00"),
        "items_total": Decimal("8123.45"), "own_paid": Decimal("749.38"), "payment_mode": None,
        "birth_date": "1960-03-01", "admission_way": "2", "ventilator_time": "0/0/0",
        "procedure_dates": ["2024-06-10"], "admission_conditions": ["1", "1"],
        "diagnosis_count": "2", "procedure_count": "1", "refund": None, "refund_of": None,
        "admission_date": "2024-06-09 08:30:00", "settlement_date": "2024-06-15",
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected


def test_list__groups_as_the_published_record(tmp_path: Path) -> None:
    body = c07()
    body["diseinfo"][1:] = [
        {"diag_type": "1", "diag_code": code, "maindiag_flag": "0"}
        for code in ("K11.901", "E11.900", "I10.x05")
    ]
    done = group(write(tmp_path / "a.jsonl", body), "chs-drg-1.1")
    assert done.table["drg"].to_pylist() == ["GZ13"]


def _region(folder: Path) -> Path:
    region = folder / "region"
    shutil.copytree(EX1, region)
    text = (region / "region.toml").read_text(encoding="utf-8")
    text = text.replace("../../schemes/ex1-tiny", (SCHEMES / "ex1-tiny").as_posix())
    (region / "region.toml").write_text(text.replace("cases.csv", "lists.jsonl"), encoding="utf-8")
    (region / "cases.csv").unlink()
    return region


def test_ex1_as_lists__settles_to_the_same_fen(tmp_path: Path) -> None:
    region = _region(tmp_path)
    write(region / "lists.jsonl", *ex1_lists())
    run = year_end(region)
    expected = (EX1 / "expected" / "hospitals.csv").read_text(encoding="utf-8").splitlines()[1:]
    due = {tuple(line.split(",")[:2]): line.split(",")[-1] for line in expected}
    got = {(h.hospital_id, h.pool): f"{Decimal(h.final_fen).scaleb(-2):.2f}" for h in run.hospitals}
    assert got == due
    assert run.counts.quarantined == 0


def test_ex1_with_c07_of_the_interface__settles(tmp_path: Path) -> None:
    region = _region(tmp_path)
    body = c07(fixmedins_code="H2", hi_no="P07")
    body["diseinfo"] = ex1_lists()[6]["diseinfo"]
    body["oprninfo"] = []
    lists = ex1_lists()
    lists[6] = body
    write(region / "lists.jsonl", *lists)
    pools = {pool.pool: pool.settled_fen for pool in year_end(region).pools}
    assert pools == {"310": 12766750, "390": 10655366}


def test_4101a__groups_but_does_not_settle(tmp_path: Path) -> None:
    lists = ex1_lists()
    for name in ("payinfo", "iteminfo"):
        lists[3].pop(name)
    for name in ("hi_type", "act_ipt_days", "ipt_med_type", "diag_code_cnt"):
        lists[3]["setlinfo"].pop(name)
    lists[3]["setlinfo"]["psn_no"] = "33010000001"
    path = write(tmp_path / "a.jsonl", *lists)
    rows, faults, _ = read(path)
    assert not faults
    assert rows[3]["patient_id"] == "33010000001"
    assert rows[3]["total_cost"] is rows[3]["pool_fund"] is rows[3]["pool"] is None
    assert group(path, SCHEMES / "ex1-tiny").counts.grouped == 11
    rows, faults, _ = read(path, purpose="settlement")
    assert [f[2:4] for f in faults] == [("list_without_money", "iteminfo")]
    assert len(rows) == 11


def test_refund__is_not_settled_as_a_case(tmp_path: Path) -> None:
    lists = ex1_lists()
    lists[2]["setlinfo"]["refd_setl_flag"] = "1"
    lists[3]["setlinfo"]["refd_setl_flag"] = "0"
    path = write(tmp_path / "a.jsonl", *lists)
    rows, faults, _ = read(path, ("case_id", "total_cost", "pool_fund"), "settlement")
    assert [f[1:4] for f in faults] == [(3, "refund_not_netted", "refd_setl_flag")]
    assert len(rows) == 11


@pytest.mark.parametrize(
    ("head", "column", "value"),
    [
        ({"gend": "1"}, "sex", "M"),
        ({"gend": "9"}, "sex", None),
        ({"age": None, "nwb_age": 12}, "age_years", "0"),
        ({"age": None, "nwb_age": 12}, "age_days", "12"),
        ({"age": 64, "nwb_age": 0}, "age_days", None),
        ({"age": 0, "nwb_age": 0}, "age_days", "0"),
        ({"nwb_bir_wt": "3250.00"}, "birth_weight_g", "3250"),
        ({"nwb_bir_wt": 3250.5}, "birth_weight_g", "3250.5"),
        ({"age": "64.0"}, "age_years", "64"),
        ({"age": "sixty"}, "age_years", "sixty"),
        ({"nwb_bir_wt": "0.00"}, "birth_weight_g", None),
        ({"ipt_med_type": "2"}, "payment_mode", "day_surgery"),
        ({"hi_paymtd": "5"}, "payment_mode", "bed_day"),
        ({"dscg_caty": "A03→A04→ A05"}, "department", "A05"),
        ({"setl_id": None}, "case_id", "M0000007"),
        ({"psn_no": "P1", "hi_no": "P2"}, "patient_id", "P1"),
        ({"days_rinp_flag_31": "2"}, "planned_readmission", "是"),
        ({"days_rinp_flag_31": "1"}, "planned_readmission", "否"),
        ({"refd_setl_flag": "1"}, "refund", "1"),
        ({"refd_setl_flag": "0"}, "refund", "0"),
        ({"init_setl_id": "S1"}, "refund_of", "S1"),
        ({"acct_pay": None, "psn_cashpay": None}, "personal_paid", None),
        ({"act_pay_dedc": "500.50"}, "deductible", "500.5"),
        ({"act_pay_dedc": 800}, "deductible", "800"),
        ({"act_pay_dedc": ""}, "deductible", None),
    ],
)
def test_field__is_read_as_our_column(
    head: dict[str, Any], column: str, value: object, tmp_path: Path
) -> None:
    assert one(c07(**head), tmp_path)[column] == value


def test_pool__comes_from_insurance_when_nothing_was_paid(tmp_path: Path) -> None:
    body = c07(hi_type="310")
    body["payinfo"] = []
    row = one(body, tmp_path)
    assert (row["pool"], row["pool_fund"]) == ("310", Decimal("0.00"))


def test_payments__go_where_the_map_says(tmp_path: Path) -> None:
    body = c07(acct_pay=None)
    body["payinfo"] += [
        {"fund_pay_type": "310200", "fund_payamt": "1000.00"},
        {"fund_pay_type": "330100", "fund_payamt": "10.05"},
        {"fund_pay_type": "310100", "fund_payamt": "0.00"},
    ]
    row = one(body, tmp_path)
    assert row["personal_paid"] == Decimal("3249.38")
    assert row["other_paid"] == Decimal("10.05")
    assert row["pool"] == "390"
    row = one(body, tmp_path, fund_types=(("390100", "city"), ("*", "other")))
    assert (row["pool"], row["pool_fund"]) == ("city", Decimal("4874.07"))
    assert row["other_paid"] == Decimal("1010.05")


def test_fund_types__are_those_of_the_policies() -> None:
    for name in ("testland", "hangzhou"):
        pairs = load_policy(name).for_year(2024)["fund_type_map"]
        assert tuple(tuple(pair) for pair in pairs) == FUND_TYPES


def test_diagnoses__principal_first_western_only(tmp_path: Path) -> None:
    body = c07()
    body["diseinfo"] = [
        {"diag_type": "2", "diag_code": "BNP050", "maindiag_flag": "1"},
        {"diag_type": "1", "diag_code": "E11.900", "adm_cond_type": "2", "maindiag_flag": "0"},
        {"diag_type": "1", "diag_code": " ", "maindiag_flag": "0"},
        {"diag_type": "1", "diag_code": "K22.301", "adm_cond_type": "4", "maindiag_flag": "1"},
    ]
    body["oprninfo"] = [
        {"oprn_oprt_type": "2", "oprn_oprt_code": "88.4100", "oprn_oprt_date": "2024-06-11"},
        {"oprn_oprt_type": "1", "oprn_oprt_code": "96.0800x005", "oprn_oprt_date": "2024-06-10"},
    ]
    rows, faults, notes = read(write(tmp_path / "a.jsonl", body))
    assert not faults
    assert rows[0]["diagnoses"] == ["K22.301", "E11.900"]
    assert rows[0]["admission_conditions"] == ["4", "2"]
    assert rows[0]["procedures"] == ["96.0800x005", "88.4100"]
    assert rows[0]["procedure_dates"] == ["2024-06-10", "2024-06-11"]
    assert notes == ["1 diagnoses of traditional medicine (diag_type 2, 3) are left out"]


def test_diagnoses__in_order_where_no_flag_is_given(tmp_path: Path) -> None:
    body = c07(maindiag_flag="1")
    for entry in body["diseinfo"]:
        del entry["maindiag_flag"]
    assert one(body, tmp_path)["diagnoses"] == ["K22.301", "E11.900"]


def test_icu__where_a_stay_is_written(tmp_path: Path) -> None:
    body = c07()
    body["icuinfo"] = [{"scs_cutd_ward_type": "", "scs_cutd_inpool_time": ""}]
    assert one(body, tmp_path)["icu"] == "0"
    body["icuinfo"] = [{"scs_cutd_ward_type": "1"}]
    assert one(body, tmp_path)["icu"] == "1"
    del body["icuinfo"]
    assert one(body, tmp_path)["icu"] is None


IN, OUT, SUM = "scs_cutd_inpool_time", "scs_cutd_exit_time", "scs_cutd_sum_dura"


STAYS: list[tuple[list[dict[str, Any]], str | None]] = [
    ([], "0"),
    ([{SUM: ""}, {IN: None}], "0"),
    ([{SUM: "5/1/0"}], "121"),
    ([{SUM: "0/0/30"}], "1"),  # a begun hour is a whole one
    ([{SUM: "5/0/0"}, {SUM: "0/0/1"}], "121"),
    ([{IN: "2024-06-10 08:00:00", OUT: "2024-06-15 08:00:00"}], "120"),
    ([{IN: "2024-06-10 08:00", OUT: "2024-06-15 08:00", SUM: "5/0/1"}], "121"),
    ([{IN: "2024-06-10T08:00:00+08:00", OUT: "2024-06-10T02:00:00Z", SUM: "0/0/0"}], "2"),
    ([{IN: "2024-06-10 23:59:00", OUT: "2024-06-11 01:00:00", SUM: "2"}], "2"),
    # what is not told is not known: a ward alone, a day without a time, no end
    ([{"scs_cutd_ward_type": "1"}], None),
    ([{IN: "2024-06-10", OUT: "2024-06-12"}], None),
    ([{IN: "2024-06-10 08:00:00"}, {SUM: "1/0/0"}], None),
    # what cannot be read is refused where the hours are asked, by its path
    ([{SUM: "48"}], "icuinfo[1].scs_cutd_sum_dura: 48"),
    ([{SUM: "1/0/0"}, {SUM: "1/25/0"}], "icuinfo[2].scs_cutd_sum_dura: 1/25/0"),
    ([{IN: "昨天", OUT: "2024-06-12 08:00:00"}], "icuinfo[1].scs_cutd_inpool_time: 昨天"),
    (
        [{IN: "2024-06-12 08:00:00", OUT: "2024-06-10 08:00:00"}],
        "icuinfo[1].scs_cutd_exit_time: 2024-06-10 08:00:00",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("stays", "hours"), STAYS)
def test_icu_hours__are_the_sum_of_the_stays(
    stays: list[dict[str, Any]], hours: str | None, tmp_path: Path
) -> None:
    body = c07()
    body["icuinfo"] = stays
    assert one(body, tmp_path)["icu_hours"] == hours


def test_icu_hours__decide_and_are_refused_only_where_a_scheme_asks_for_them(
    tmp_path: Path,
) -> None:
    body = c07()
    assert one(c07() | {"icuinfo": None}, tmp_path)["icu_hours"] is None
    body["diseinfo"][0]["diag_code"], body["oprninfo"] = "P07.200", []
    body["setlinfo"] |= {"age": 0, "nwb_age": 3, "brdy": "2024-06-06", "nwb_bir_wt": "1400"}
    ends = {}
    for total in ("5/0/0", "5/0/1", "5 days"):
        body["icuinfo"] = [{SUM: total}]
        file = write(tmp_path / f"{len(ends)}.jsonl", body)
        for scheme in ("foshan-drg-2025", "zj-drg-2024"):
            done = group(file, scheme)
            ends[total, scheme] = done.table.to_pylist()[0]
            if done.quarantine.num_rows:
                note = done.quarantine.to_pylist()[0]
                assert (note["column"], note["value"]) == (
                    "icu_hours",
                    "icuinfo[1].scs_cutd_sum_dura: 5 days",
                )
    short, long, wrong = (ends[total, "foshan-drg-2025"] for total in ("5/0/0", "5/0/1", "5 days"))
    assert long["drg"] == "PS10" and short["drg"] != "PS10" and short["drg"]
    assert wrong["reason"] == "count_invalid"
    others = {str(ends[total, "zj-drg-2024"]) for total in ("5/0/0", "5/0/1", "5 days")}
    assert len(others) == 1


def test_amounts__of_numbers_are_exact(tmp_path: Path) -> None:
    text = json.dumps(C07).replace('"2523.45"', "90071992547.93").replace('"600.00"', "6E+2")
    with pytest.raises(AssertionError):  # above what an amount can be
        one(text, tmp_path)
    text = json.dumps(C07).replace('"2523.45"', "123456789.29").replace('"600.00"', "6E+2")
    assert one(text, tmp_path)["total_cost"] == Decimal("123462389.29")


@pytest.mark.parametrize(
    ("text", "amount"),
    [("0.29", "0.29"), ("-0.5", "-0.50"), ("1.10000", "1.10"), ("1.001", None), ("1,000.00", None),
     ("Infinity", None), ("1e999999999", None), ("1.00000000000000000000000000000001", None),
     ("1000000000.00", "1000000000.00"), ("1000000000.01", None), ("+5", "5.00"), ("0e5", "0.00"),
     ("6E+2", "600.00")],
)  # fmt: skip
def test_amount__is_exact_or_none(text: str, amount: str | None, tmp_path: Path) -> None:
    body = c07()
    body["iteminfo"] = [{"amt": text}, {"amt": "0.00"}]
    if amount is None:
        assert fault(body, tmp_path)[:2] == ("list_amount", "amt")
    else:
        assert one(body, tmp_path)["total_cost"] == Decimal(amount)


# --- faults -----------------------------------------------------------------------------------


def _changed(change: Any) -> dict[str, Any]:
    body = c07()
    change(body)
    return body


FAULTS: dict[str, tuple[Any, tuple[str, str, str]]] = {
    "cut_off": (json.dumps(C07)[:900], ("list_unreadable", "JSON", "@900")),
    "not_json": ("setl_id;age", ("list_unreadable", "JSON", "@1")),
    "an_array": ("[1]", ("list_not_a_list", "JSON", "")),
    "another_message": ({"infno": "1101", "input": {"data": {}}}, ("list_not_a_list", "setlinfo", "")),
    "deep": ("[" * 200_000, ("list_unreadable", "JSON", "")),
    "deep_inside": ('{"setlinfo":' + "[" * 200_000, ("list_too_large", "JSON", "@1")),
    "twice": (json.dumps(C07).replace('"gend"', '"gend": "1", "gend"'), ("list_field_twice", "gend", "")),
    "kind": (_changed(lambda b: b["setlinfo"].update(gend=["2"])), ("list_field_kind", "gend", "")),
    "long_text": (_changed(lambda b: b["setlinfo"].update(dscg_caty="科" * 1_000_000)),
                  ("list_field_kind", "dscg_caty", "")),
    "node": (_changed(lambda b: b.update(payinfo="none")), ("list_field_kind", "payinfo", "")),
    "entry": (_changed(lambda b: b.update(payinfo=[None])), ("list_field_kind", "payinfo", "")),
    "two_principals": (_changed(lambda b: b["diseinfo"][1].update(maindiag_flag="1")),
                       ("list_principal_several", "maindiag_flag", "K22.301|E11.900")),
    "no_principal": (_changed(lambda b: b["diseinfo"][0].update(maindiag_flag="0")),
                     ("list_principal_unmarked", "maindiag_flag", "K22.301|E11.900")),
    "two_pools": (_changed(lambda b: b["payinfo"].append({"fund_pay_type": "310100", "fund_payamt": 1})),
                  ("list_pools", "fund_pay_type", "310|390")),
    "amount_text": (_changed(lambda b: b["iteminfo"][1].update(amt="12元")), ("list_amount", "amt", "12元")),
    "amount_fraction": (_changed(lambda b: b["iteminfo"][1].update(amt="1.234")), ("list_amount", "amt", "1.234")),
    "amount_missing": (_changed(lambda b: b["iteminfo"][1].pop("amt")), ("list_amount", "amt", "")),
    "amount_negative": (_changed(lambda b: b["iteminfo"][1].update(amt="-1.00")), ("list_amount_sign", "amt", "")),
    "nan": (json.dumps(C07).replace('"2523.45"', "NaN"), ("list_field_kind", "amt", "")),
    "half_character": (json.dumps(C07).replace('"H33010000002"', '"\\ud800"'),
                       ("list_encoding", "fixmedins_code", "")),
    "refund_flag": (c07(refd_setl_flag="maybe"), ("list_field_kind", "refd_setl_flag", "maybe")),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_fault__is_that_of_its_list_alone(name: str, tmp_path: Path) -> None:
    body, expected = FAULTS[name]
    assert fault(body, tmp_path) == expected


def test_fault__of_a_fund_type_outside_the_map(tmp_path: Path) -> None:
    body = c07()
    body["payinfo"][0]["fund_pay_type"] = "999998"
    path = write(tmp_path / "a.jsonl", body)
    _, faults, _ = read(path, fund_types=(("390100", "390"),))
    assert [f[2:] for f in faults] == [("list_fund_type", "fund_pay_type", "999998")]


def test_many_diagnoses__are_read_and_too_many_refused(tmp_path: Path) -> None:
    body = c07()
    more = {"diag_type": "1", "diag_code": "E11.900", "maindiag_flag": "0"}
    body["diseinfo"] += [more] * 9_998
    assert len(one(body, tmp_path)["diagnoses"]) == 10_000
    body["diseinfo"] += [more] * 10_001
    assert fault(body, tmp_path) == ("list_too_large", "diseinfo", "20001")


def test_fault__in_what_is_not_asked_for_is_none(tmp_path: Path) -> None:
    body = _changed(lambda b: b["iteminfo"][1].update(amt="12元"))
    assert one(body, tmp_path, GROUPING_COLUMNS)["case_id"] == "S0000007"


def test_last_line__cut_off(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(C07) + "\n" + json.dumps(C07)[:700], encoding="utf-8")
    rows, faults, _ = read(path)
    assert len(rows) == 1
    assert [(f[1], f[2]) for f in faults] == [(2, "list_unreadable")]


def test_faults__stand_in_the_quarantine_with_remedy(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", c07(), "{", FAULTS["two_principals"][0])
    done = group(path, "chs-drg-1.1")
    assert (done.counts.total, done.counts.quarantined) == (3, 2)
    rows = done.quarantine.to_pylist()
    assert [(r["row"], r["reason"], r["case_id"]) for r in rows] == [
        (2, "list_unreadable", ""),
        (3, "list_principal_several", "S0000007"),
    ]
    assert all(r["message"] and r["remedy"] for r in rows)


# --- shapes -----------------------------------------------------------------------------------


def _shape_envelope(path: Path, lists: list[Any]) -> Path:
    return write(path / "a.jsonl", *(enveloped(b, i) for i, b in enumerate(lists)))


def _shape_array(path: Path, lists: list[Any]) -> Path:
    file = path / "a.json"
    file.write_text(json.dumps(lists, ensure_ascii=False, indent=1), encoding="utf-8")
    return file


def _shape_array_in_jsonl(path: Path, lists: list[Any]) -> Path:
    file = path / "a.jsonl"
    file.write_text(json.dumps(lists, ensure_ascii=False), encoding="utf-8")
    return file


def _shape_pretty(path: Path, lists: list[Any]) -> Path:
    file = path / "a.json"
    text = "\n\n".join(json.dumps(b, ensure_ascii=False, indent=2) for b in lists)
    file.write_text(text, encoding="utf-8-sig")
    return file


def _shape_lines_in_json(path: Path, lists: list[Any]) -> Path:
    return write(path / "a.json", *lists, end="\r\n\r\n")


def _shape_mixed_envelope(path: Path, lists: list[Any]) -> Path:
    return write(path / "a.jsonl", lists[0], *map(enveloped, lists[1:]))


def _shape_gb18030(path: Path, lists: list[Any]) -> Path:
    return write(path / "a.jsonl", *lists, encoding="gb18030")


def _shape_bom(path: Path, lists: list[Any]) -> Path:
    return write(path / "a.jsonl", *lists, encoding="utf-8-sig")


def _shape_gb18030_array(path: Path, lists: list[Any]) -> Path:
    file = path / "a.json"
    file.write_bytes(json.dumps(lists, ensure_ascii=False).encode("gb18030"))
    return file


def _shape_folder(path: Path, lists: list[Any]) -> Path:
    folder = path / "folder"
    folder.mkdir()
    for i, body in enumerate(lists):
        (folder / f"{i:03d}.json").write_text(json.dumps(body), encoding="utf-8")
    return folder


def _shape_zip(path: Path, lists: list[Any]) -> Path:
    file = path / "a.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for i, body in enumerate(lists[:5]):
            archive.writestr(f"../../{i:03d}.json", json.dumps(body))
        text = "\n".join(json.dumps(b, ensure_ascii=False) for b in lists[5:])
        archive.writestr("月/9.jsonl", text)
        archive.writestr("__MACOSX/._9.jsonl", b"\0\1")
    return file


def _shape_upper_case(path: Path, lists: list[Any]) -> Path:
    def upper(value: Any) -> Any:
        if isinstance(value, dict):
            return {k.upper(): upper(v) for k, v in value.items()}
        return [upper(v) for v in value] if isinstance(value, list) else value

    return write(path / "a.jsonl", *map(upper, lists))


SHAPES = {name[7:]: make for name, make in globals().items() if name.startswith("_shape_")}


@pytest.mark.parametrize("name", SHAPES)
def test_shape__gives_the_same_cases(name: str, tmp_path: Path) -> None:
    lists = ex1_lists()
    path = SHAPES[name](tmp_path, lists)
    rows, faults, _ = read(path)
    assert not faults
    plain, _, _ = read(write(tmp_path / "plain.jsonl", *lists))
    drop = ("_file", "_row", "department") if name == "gb18030" else ("_file", "_row")
    assert [{k: v for k, v in r.items() if k not in drop} for r in rows] == [
        {k: v for k, v in r.items() if k not in drop} for r in plain
    ]
    done = group(path, SCHEMES / "ex1-tiny")  # through the dispatch of sources, folders included
    assert done.counts.total == 12


def test_large_array__streams_and_survives_a_broken_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drgpay.cases.lists_bytes.BLOCK", 5_000)
    monkeypatch.setattr("drgpay.cases.lists_bytes.SMALL_FILE", 1_000)
    lists = [json.dumps(c07(setl_id=f"S{i}"), ensure_ascii=False) for i in range(40)]
    lists[17] = lists[17].replace('"gend": "2"', '"gend": 2"')
    path = tmp_path / "a.json"
    path.write_text("[\n" + ",\n".join(lists) + "\n]", encoding="utf-8")
    rows, faults, _ = read(path)
    assert [row["case_id"] for row in rows] == [f"S{i}" for i in range(40) if i != 17]
    assert [(f[1], f[2]) for f in faults] == [(18, "list_unreadable")]
    assert [row["_row"] for row in rows] == [i + 1 for i in range(40) if i != 17]


@pytest.fixture(autouse=True, params=[1, 64], ids=["fast", "plain"])
def _worth(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read few lists by columns, too."""
    monkeypatch.setattr("drgpay.cases.lists.WORTH_COLUMNS", request.param)


# for what reads by columns, or not at all, itself
ONCE = pytest.mark.parametrize("_worth", [1], indirect=True, ids=["fast"])


def test_blocks__do_not_change_rows_or_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies: list[Any] = [c07(setl_id=f"S{i}", age=i) for i in range(60)]
    bodies[7], bodies[31] = "{", _changed(lambda b: b["iteminfo"][0].update(amt="x"))
    path = write(tmp_path / "a.jsonl", *bodies, end="\n\n")
    whole = read(path)
    monkeypatch.setattr("drgpay.cases.lists_bytes.BLOCK", 3_001)
    monkeypatch.setattr("drgpay.cases.lists.PIECE_ROWS", 5)
    assert read(path) == whole
    assert [f[1] for f in whole[1]] == [8, 32]


def test_list__larger_than_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drgpay.cases.lists_bytes.MAX_LIST", 50_000)
    monkeypatch.setattr("drgpay.cases.lists_json.MAX_LIST", 50_000)
    monkeypatch.setattr("drgpay.cases.lists_fast.MAX_LIST", 50_000)
    monkeypatch.setattr("drgpay.cases.lists_bytes.BLOCK", 8_000)
    body = _changed(lambda b: b["setlinfo"].update(curr_addr="x" * 90_000))
    assert fault(body, tmp_path)[:2] == ("list_too_large", "JSON")


ZIPS: dict[str, Any] = {
    "nested": lambda z: z.writestr("inner.zip", b"PK"),
    "other_file": lambda z: z.writestr("a.exe", b"MZ"),
    "empty": lambda z: None,
    "bomb": lambda z: z.writestr("a.json", b" " * (3 << 20)),
}


@pytest.mark.parametrize("name", ZIPS)
def test_zip__is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drgpay.cases.lists_bytes.RATIO_FROM", 1 << 20)
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        ZIPS[name](archive)
    with pytest.raises(InputError) as found:
        read(path)
    assert found.value.remedy


def test_zip__members_are_read_or_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    names = ["./a.json", "b/../c.json", "x/.d/e.json", ".f.json"]
    bodies = ex1_lists()[: len(names)]
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in zip(names, bodies, strict=True):
            archive.writestr(name, json.dumps(body))
        archive.writestr("__MACOSX/._a.json", b"\0")
        archive.writestr("x/.DS_Store", b"\0")
    rows, faults, _ = read(path)
    assert len(rows) == len(names)
    assert not faults
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("x/list.jsn", b"{}")
    with pytest.raises(InputError, match=r"x/list\.jsn"):
        read(path)


@pytest.mark.parametrize("lost", range(0, 1_100, 7))
def test_zip__with_a_byte_lost_is_read_or_refused_by_name(tmp_path: Path, lost: int) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(2):
            archive.writestr(
                f"{i}.json", json.dumps({"setlinfo": {"setl_id": f"id-{i}"}}).ljust(400)
            )
    raw = path.read_bytes()
    path.write_bytes(raw[:lost] + raw[lost + 1 :])
    try:
        rows, faults, _ = read(path)
    except InputError as refusal:
        assert "a.zip" in str(refusal)
    else:
        assert len(rows) + len(faults) >= 2


def test_zip__damaged(tmp_path: Path) -> None:
    path = _shape_zip(tmp_path, ex1_lists())
    raw = bytearray(path.read_bytes())
    raw[200:260] = b"\xff" * 60
    path.write_bytes(raw)
    with pytest.raises(InputError):
        read(path)
    path.write_bytes(b"PK not a zip")
    with pytest.raises(InputError):
        read(path)


def test_zip__larger_than_it_announces(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.json", json.dumps(C07))
    raw = path.read_bytes()
    size = len(json.dumps(C07)).to_bytes(4, "little")
    path.write_bytes(raw.replace(size, (100).to_bytes(4, "little")))
    with pytest.raises(InputError):
        read(path)


@pytest.mark.parametrize("name", ["UTF8", "utf-8-sig", "GB18030"])
def test_encoding__as_the_user_names_it(name: str, tmp_path: Path) -> None:
    for end in (".jsonl", ".json"):
        path = write(tmp_path / f"a{end}", c07(dscg_caty="内科"), encoding=name)
        rows, faults, _ = read(path, encoding=name)
        assert not faults and rows[0]["department"] == "内科"


@pytest.mark.parametrize("name", ["utf-16", "klingon"])
def test_encoding__that_lists_cannot_be_in(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=name):
        read(write(tmp_path / "a.jsonl", C07), encoding=name)


def test_file__that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        read(tmp_path / "none.jsonl")


def test_empty_files__hold_no_lists(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n \n", encoding="utf-8")
    (tmp_path / "b.json").write_text("[]", encoding="utf-8")
    assert read([tmp_path / "a.jsonl", tmp_path / "b.json"])[:2] == ([], [])
    (tmp_path / "b.json").write_text("", encoding="utf-8")
    assert [f[2] for f in read(tmp_path / "b.json")[1]] == ["list_unreadable"]


# --- the fast reading is the plain one --------------------------------------------------------


def _odd(body: dict[str, Any], rng: random.Random) -> Any:
    """Return a list with something unusual in it."""
    head = body["setlinfo"]
    kind = rng.randrange(22)
    if kind < 14:
        name = rng.choice(list(head))
        head[name] = rng.choice(
            [None, "", " ", "0", "1", "2", "5", 3, 0, 12.5, True, " x ", "2024-01-01", "0.00",
             "12.345", "990000196001010000", "A→B", [], {}, "1E+2"]
        )  # fmt: skip
    elif kind == 14:
        del body[rng.choice(list(body))]
    elif kind == 15:
        body["diseinfo"] = rng.choice([[], None, {}, [{}], [None], body["diseinfo"][:1] * 2])
    elif kind == 16 and body["diseinfo"]:
        entry = rng.choice(body["diseinfo"])
        entry[rng.choice(list(entry))] = rng.choice([None, "", "1", "0", "2", "3"])
    elif kind == 17 and body["iteminfo"]:
        rng.choice(body["iteminfo"])["amt"] = rng.choice([None, "", "-5.00", 7.25, "1e2", "x", 0])
    elif kind == 18:
        body["payinfo"] += rng.choice(
            [[{"fund_pay_type": "310200", "fund_payamt": "3.00"}], [{"fund_payamt": "0.00"}],
             [{"fund_pay_type": "390100", "fund_payamt": 0}],
             [{"fund_pay_type": "310100", "fund_payamt": "8.10"}]]
        )  # fmt: skip
    elif kind == 19:
        body["iteminfo"] = rng.choice([[], None])
    elif kind == 20:
        return enveloped(body)
    else:
        rng.shuffle(body["diseinfo"])
        rng.shuffle(body["oprninfo"])
    return body


@ONCE
@pytest.mark.parametrize("wanted", [None, GROUPING_COLUMNS], ids=["all", "grouping"])
@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(n, marks=pytest.mark.long) for n in (2, 3))])
def test_fast_reading__is_the_plain_one(seed: int, wanted: Any, tmp_path: Path) -> None:
    rng = random.Random(seed)
    lists = ex1_lists()
    bodies = [
        _odd(copy.deepcopy(rng.choice(lists)), rng) if rng.random() < 0.5 else rng.choice(lists)
        for _ in range(240)
    ]
    need = Need.of(wanted, FUND_TYPES, False)
    # kinds that no column can hold send a whole block to the plain reading: try small blocks
    met = 0
    for start in range(0, len(bodies), 4):
        raw = "\n".join(json.dumps(b, ensure_ascii=False) for b in bodies[start : start + 4])
        unit = Lines("a", raw.encode(), None)
        fast = fast_table(unit, need, {})
        if fast is None:
            continue
        table, doubtful = fast
        sure = []
        for row, line, doubt in zip(table.to_pylist(), unit.lines, doubtful, strict=True):
            try:
                (span,) = spans_of(line, None)
                (found,) = lists_in(span.parsed)
                sure.append((row, plain_nodes(found, need), doubt))
            except ListFault:
                assert doubt, line
        plain, good, _ = plain_table([nodes for _, nodes, _ in sure], need)
        assert all(doubt or fine for (*_, doubt), fine in zip(sure, good, strict=True))
        kept = [pair for pair, fine in zip(sure, good, strict=True) if fine]
        for (row, nodes, doubt), expected in zip(kept, plain.to_pylist(), strict=True):
            if not doubt:
                met += 1
                assert row == expected, nodes
    assert met > 60


@ONCE
def test_fast_reading__takes_what_the_generator_writes() -> None:
    need = Need.of(None, FUND_TYPES, True)
    raw = "\n".join(json.dumps(b) for b in ex1_lists())
    fast = fast_table(Lines("a", raw.encode(), None), need, {})
    assert fast is not None and not fast[1].any()
    totals = [row["total_cost"] for row in ex1_rows()]
    assert [str(v) for v in fast[0]["total_cost"].to_pylist()] == totals


@ONCE
def test_fast_reading__takes_stays_in_intensive_care() -> None:
    need = Need.of(None, FUND_TYPES, True)
    # an entry that is all null is left to the plain reading
    told = [(stays, hours) for stays, hours in STAYS if {IN: None} not in stays]
    bodies = [c07() | {"icuinfo": stays} for stays, _ in told]
    raw = "\n".join(json.dumps(body, ensure_ascii=False) for body in bodies)
    fast = fast_table(Lines("a", raw.encode(), None), need, {})
    assert fast is not None and not fast[1].any()
    assert fast[0]["icu_hours"].to_pylist() == [hours for _, hours in told]
    icu = [
        str(int(any(field != SUM and stay[field] for stay in s for field in stay))) for s, _ in told
    ]
    assert fast[0]["icu"].to_pylist() == icu


@ONCE
@pytest.mark.parametrize(
    "stays",
    [{SUM: "5/1/0"}, [{SUM: 5}], [{SUM: "5/1/0"}, None], [{SUM.upper(): "5/1/0"}], "5/1/0",
     [{camel(SUM): "5/1/0"}, {SUM: "1/0/0"}], [{SUM: ["5/1/0"]}], [{"hours": "121"}]],
    ids=str,
)  # fmt: skip
def test_fast_reading__leaves_stays_of_other_shapes_to_the_plain_one(stays: Any) -> None:
    bodies = [c07(), c07() | {"icuinfo": stays}]
    raw = "\n".join(json.dumps(body) for body in bodies)
    fast = fast_table(Lines("a", raw.encode(), None), Need.of(None, FUND_TYPES, True), {})
    assert fast is None or fast[1].tolist() == [False, True]


_PARTS = ["a", "Z", "结", "\\", "u7ed3", '"', '"', '"', ":", ":", " ", "\t", "\r", "\n", ","]


@ONCE
@pytest.mark.parametrize("seed", range(3))
def test_odd_keys__are_never_passed_over(seed: int) -> None:
    rng = random.Random(seed)
    found = 0
    for _ in range(3_000):
        raw = "".join(rng.choices(_PARTS, k=rng.randint(1, 12))).encode()
        if odd := _ODD_KEY.search(raw) is not None:
            assert _has_odd_keys(raw), raw
        found += odd
    assert found > 50
    plain = b'{"setlinfo": {"psn_name": "\xe5\xbc\xa0", "a": "B", "t": "12:00", "u": "Z :"}}'
    assert not _has_odd_keys(plain)
    assert _has_odd_keys(plain.replace(b'"a"', b'"A"'))


# --- personal data ----------------------------------------------------------------------------


@ONCE
def test_patient__certificate_numbers_are_hashed() -> None:
    number = "990000196001010000"
    assert patient_of("P1", number, number) == "P1"
    hashed = patient_of(None, number, None)
    assert hashed is not None and hashed == patient_of(None, None, number)
    assert number not in hashed and len(hashed) == 25
    assert patient_of(None, None, None) is None
    assert patient_of(None, None, "99000019600101000x") == patient_of(
        None, None, "99000019600101000X"
    )


@pytest.mark.parametrize("broken", [False, True], ids=["good", "broken"])
def test_personal_data__is_nowhere_in_the_outputs(broken: bool, tmp_path: Path) -> None:
    region = _region(tmp_path)
    lists: list[Any] = ex1_lists()
    for body in lists:
        body["setlinfo"]["hi_no"] = ""
    if broken:
        lists += [json.dumps(lists[0], ensure_ascii=False)[:1500], '{"psn_name": "张某某"}',
                  json.dumps(lists[1], ensure_ascii=False).replace('"gend"', '"gend":"1","gend"')]  # fmt: skip
    write(region / "lists.jsonl", *lists)
    out = tmp_path / "run"
    write_run(year_end(region), out)
    source = open_source(region / "lists.jsonl")
    tables = [piece.load() for piece in source.pieces]
    texts = [path.read_bytes().decode("utf-8", "replace") for path in out.rglob("*.csv")]
    texts += [str(pa.concat_tables(tables).to_pylist()), str(source.broken)]
    assert len(texts) > 5
    for word in PERSONAL:
        assert not [text for text in texts if word in text]
    first = settlement_list(ex1_rows()[0])["setlinfo"]
    assert first["certno"] in PERSONAL
