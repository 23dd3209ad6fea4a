"""Lists as other transactions and senders write them: the same case in every form."""

from __future__ import annotations

import copy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from drgpay import group
from drgpay.cases.lists_map import FIELDS as READ
from drgpay.names.columns import CASE_COLUMNS, canonical_name
from drgpay.names.interface import (
    FIELDS,
    ITEMINFO,
    KINDS,
    NODES,
    OPRNINFO,
    SETLINFO,
    camel,
    names_of,
    node_names,
    other_names,
)
from tests.lists.bodies import C07, c07, ex1_lists, read, write

# what 4103 answers where 4101 is sent, by node
OF_4103 = {
    "setlinfo": {
        "nwb_age": "age_days", "insuplc": "insu_admdvs", "adm_way": "adm_way_code",
        "days_rinp_flag_31": "dscg31days_rinp_flag", "setl_begn_date": "setl_begndate",
        "setl_end_date": "setl_enddate", "psn_selfpay": "psn_selfpay_amt",
        "psn_ownpay": "psn_ownpay_fee", "acct_pay": "acct_payamt",
    },
    "iteminfo": {
        "med_chrgitm": "med_chrgitm_type", "amt": "item_sumamt", "claa_sumfee": "item_claa_amt",
        "clab_amt": "item_clab_amt", "fulamt_ownpay_amt": "item_ownpay_amt",
        "oth_amt": "item_oth_amt",
    },
}  # fmt: skip


def answered(body: dict[str, Any]) -> dict[str, Any]:
    """Return a list as 4103 has it: other names, the main operation by its flag."""
    out = copy.deepcopy(body)
    for node, names in OF_4103.items():
        entries = [out[node]] if isinstance(out[node], dict) else out[node]
        for entry in entries:
            for name, other in names.items():
                if name in entry:
                    entry[other] = entry.pop(name)
    for entry in out["oprninfo"]:
        entry["main_oprn_flag"] = "1" if entry.pop("oprn_oprt_type") == "1" else "0"
    out["setlinfo"]["insutype"] = {"1": "310", "2": "390"}[out["setlinfo"]["hi_type"]]
    return out


def in_chinese(body: dict[str, Any]) -> dict[str, Any]:
    """Return a list with Chinese titles for keys, of nodes and of fields."""
    titles = {(field.node, field.name): field.chinese for field in FIELDS}

    def renamed(node: str, entry: dict[str, Any]) -> dict[str, Any]:
        return {titles.get((node, name), name): value for name, value in entry.items()}

    out: dict[str, Any] = {}
    for node, value in body.items():
        many = isinstance(value, list)
        entries = [renamed(node, entry) for entry in (value if many else [value])]
        out[NODES[node]] = entries if many else entries[0]
    return out


def in_camel(body: dict[str, Any], nodes: bool = True) -> dict[str, Any]:
    """Return a list as a sender in Java writes it."""

    def renamed(value: Any) -> Any:
        if isinstance(value, list):
            return [renamed(entry) for entry in value]
        return {camel(name): entry for name, entry in value.items()}

    return {
        (node_names(node)[2] if nodes else node): renamed(value) for node, value in body.items()
    }


FORMS: dict[str, Any] = {
    "answer": lambda lists: [{"infcode": 0, "output": answered(body)} for body in lists],
    "message": lambda lists: [{"infno": "4101", "input": body} for body in lists],
    "wrapped_twice": lambda lists: [{"infno": "4101", "input": {"data": b}} for b in lists],
    "question_and_answer": lambda lists: [
        {"input": {"data": {"setl_id": "x"}}, "output": answered(body)} for body in lists
    ],
    "page": lambda lists: [{"infcode": "0", "output": {"data": lists}}],
    "page_of_answers": lambda lists: [{"data": [{"output": answered(b)} for b in lists]}],
    "array_of_messages": lambda lists: [[{"infno": "4101", "input": b} for b in lists]],
    "arrays": lambda lists: [lists[:5], lists[5:]],
    "chinese": lambda lists: [in_chinese(body) for body in lists],
    "camel": lambda lists: [in_camel(body) for body in lists],
    "camel_fields": lambda lists: [in_camel(body, nodes=False) for body in lists],
    "camel_operations": lambda lists: [
        {**body, "oprninfo": in_camel(body)["oprnInfo"]} for body in lists
    ],
    "chinese_answer": lambda lists: [{"OUTPUT": in_chinese(body)} for body in lists],
}


@pytest.fixture(autouse=True, params=[1, 64], ids=["fast", "plain"])
def _worth(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drgpay.cases.lists.WORTH_COLUMNS", request.param)


def plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k not in ("_file", "_row")} for row in rows]


@pytest.mark.parametrize("suffix", [".jsonl", ".json"])
@pytest.mark.parametrize("form", FORMS)
def test_form__gives_the_same_cases(form: str, suffix: str, tmp_path: Path) -> None:
    lists = ex1_lists()
    rows, faults, _ = read(write(tmp_path / f"a{suffix}", *FORMS[form](lists)))
    expected, _, _ = read(write(tmp_path / "plain.jsonl", *lists))
    assert not faults
    assert plain(rows) == plain(expected)
    assert [row["_row"] for row in rows] == list(range(1, len(lists) + 1))


def test_form__many_lines_of_several_forms(tmp_path: Path) -> None:
    lists = ex1_lists()
    mixed = [
        one
        for place in range(12)
        for one in (
            lists[place],
            answered(lists[place]),
            [lists[place], lists[0]],
            in_chinese(lists[place]),
        )
    ]
    rows, faults, _ = read(write(tmp_path / "a.jsonl", *mixed))
    assert not faults
    expected, _, _ = read(
        write(
            tmp_path / "plain.jsonl",
            *(b for p in range(12) for b in (lists[p], lists[p], lists[p], lists[0], lists[p])),
        )
    )
    assert plain(rows) == plain(expected)
    assert [row["_row"] for row in rows] == list(range(1, 61))


def test_list__single_objects_for_arrays(tmp_path: Path) -> None:
    body = c07()
    body["diseinfo"] = body["diseinfo"][0]
    body["iteminfo"] = body["iteminfo"][0]
    for node in ("payinfo", "oprninfo"):
        body[node] = body[node][0]
    rows, faults, _ = read(write(tmp_path / "a.jsonl", body))
    assert not faults
    assert rows[0]["diagnoses"] == ["K22.301"]
    assert rows[0]["total_cost"] == Decimal("600.00")


def test_list4103__groups_by_the_flag_of_the_main_operation(tmp_path: Path) -> None:
    body = answered(c07())
    body["diseinfo"] = [
        {"diag_type": "1", "diag_code": "J96.900x001", "maindiag_flag": "0"},
        {"diag_type": "1", "diag_code": "K80.101", "maindiag_flag": "1"},
    ]
    body["oprninfo"] = [
        {"main_oprn_flag": "0", "oprn_oprt_code": "99.2801"},
        {"main_oprn_flag": "1", "oprn_oprt_code": "51.2300"},
    ]
    done = group(write(tmp_path / "a.jsonl", body), "zj-drg-2022")
    assert done.table["drg"].to_pylist() == ["HC31"]


def test_list4103__hours_of_a_ventilator_in_fields_of_their_own(tmp_path: Path) -> None:
    body = c07(vent_used_dura=None, vent_used_days="1", vent_used_h_cnt=13, vent_used_m_cnt="0")
    rows, _, _ = read(write(tmp_path / "a.jsonl", body))
    assert rows[0]["ventilator_time"] == "1/13/0"


OPERATIONS = [{"oprn_oprt_type": "1", "oprn_oprt_code": "51.2300"}]
LOST = {  # where codes would vanish → the node, and the names that are said
    "wrapped": ({"oprninfo": {"row": OPERATIONS}}, "oprninfo", "row"),
    "by_number": ({"oprninfo": {"0": OPERATIONS[0]}}, "oprninfo", "0"),
    "other_name": (
        {"oprninfo": [*OPERATIONS, {"oprn_oprt_type": "2", "code": "99.2801"}]}, "oprninfo", "code",
    ),
    "other_node": ({"oprninfo": None, "operations": OPERATIONS}, "oprninfo", "operations"),
    "other_node_in_camel": (
        {"oprninfo": None, "ops": {"oprnOprtCode": "51.2300"}}, "oprninfo", "ops",
    ),
    "diagnoses": ({"diseinfo": {"rows": [{"diag_code": "K80.101"}]}}, "diseinfo", "rows"),
    "ward": ({"icuinfo": [{"ward": "ICU", "hours": "30"}]}, "icuinfo", "ward、hours"),
}  # fmt: skip


@pytest.mark.parametrize("how", LOST)
def test_codes_under_unknown_names__are_a_fault_never_lost(how: str, tmp_path: Path) -> None:
    change, node, said = LOST[how]
    bodies = [c07(setl_id="first"), {**c07(setl_id="odd"), **change}, c07(setl_id="last")]
    bodies = [{k: v for k, v in body.items() if v is not None} for body in bodies]
    rows, faults, _ = read(write(tmp_path / "a.jsonl", *bodies))
    assert [row["case_id"] for row in rows] == ["first", "last"]
    assert [f[1:] for f in faults] == [(2, "list_field_unknown", node, said)]


def test_entry_with_a_name_and_no_code__is_not_lost(tmp_path: Path) -> None:
    """As a name that stands in a code's place: a fault of the main one, else an unknown code."""
    operation = {"oprn_oprt_type": "1", "oprn_oprt_code": "", "oprn_oprt_name": "胆囊切除术"}
    named = {**c07(setl_id="op"), "oprninfo": [operation]}
    no_key = {**c07(setl_id="key"), "oprninfo": [{"oprn_oprt_name": "胆囊切除术"}]}
    second = c07(setl_id="second")
    second["diseinfo"].append({"diag_type": "1", "diag_code": None, "diag_name": "糖尿病"})
    nothing = {**c07(setl_id="placeholder"), "oprninfo": [{**operation, "oprn_oprt_name": "无"}]}
    path = write(tmp_path / "a.jsonl", named, no_key, second, nothing)
    rows, faults, _ = read(path)
    assert not faults
    assert [row["procedures"] for row in rows[:2]] == [["胆囊切除术"]] * 2
    assert rows[2]["diagnoses"][-1] == "糖尿病"
    made = group(path, "zj-drg-2022")
    why = {row["case_id"]: row["reason"] for row in made.table.to_pylist()}
    assert (why["op"], why["key"]) == ("code_is_name", "code_is_name")
    assert why["second"] != "code_is_name" != why["placeholder"]
    assert made.codes.tally.of_all >= 1


EMPTY = {
    "no_fields": [{}],
    "empty_code": [{"oprn_oprt_code": "", "remark": "none"}],
    "nothing_said": [{"oprn_oprt_type": "1", "remark": "", "more": None}],
    "no_entry": [],
}


@pytest.mark.parametrize("how", EMPTY)
def test_empty_entries__are_no_fault(how: str, tmp_path: Path) -> None:
    rows, faults, _ = read(write(tmp_path / "a.jsonl", {**c07(), "oprninfo": EMPTY[how]}))
    assert not faults
    assert [row["procedures"] for row in rows] == [[]]


@pytest.mark.parametrize("kind", ["204", "203", "01", "9", "西医"])
@pytest.mark.parametrize("place", [0, 1])
def test_diagnosis_type__unknown_is_refused_by_name(kind: str, place: int, tmp_path: Path) -> None:
    body = c07()
    body["diseinfo"][place]["diag_type"] = kind
    rows, faults, _ = read(write(tmp_path / "a.jsonl", body, c07(setl_id="next")))
    assert [row["case_id"] for row in rows] == ["next"]
    assert [f[1:] for f in faults] == [(1, "list_diagnosis_type", "diag_type", kind)]


@pytest.mark.parametrize(
    ("yes", "no"), [("Y", "N"), (True, False), (1, 0), ("是", "否"), ("1", "2")]
)
def test_principal__by_every_word_of_a_flag(yes: object, no: object, tmp_path: Path) -> None:
    body = c07()
    body["diseinfo"][0]["maindiag_flag"], body["diseinfo"][1]["maindiag_flag"] = no, yes
    rows, faults, _ = read(write(tmp_path / "a.jsonl", body))
    assert not faults
    assert rows[0]["diagnoses"] == ["E11.900", "K22.301"]


@pytest.mark.parametrize(
    ("node", "field"), [("diseinfo", "maindiag_flag"), ("oprninfo", "main_oprn_flag")]
)
def test_flag__of_another_word_is_a_fault(node: str, field: str, tmp_path: Path) -> None:
    body = c07()
    body[node][0][field] = "maybe"
    _, faults, _ = read(write(tmp_path / "a.jsonl", body))
    assert [f[2:] for f in faults] == [("list_field_kind", field, "maybe")]


def test_refund_flag__of_another_word_is_not_settled(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", c07(refd_setl_flag="maybe"), c07(退费结算标志="是"))
    _, faults, _ = read(path, ("case_id", "total_cost"), "settlement")
    assert [f[2] for f in faults] == ["list_field_kind", "refund_not_netted"]


def test_two_names__of_one_field_that_contradict(tmp_path: Path) -> None:
    same = c07(setl_enddate="2024-06-15")
    other = c07(setl_id="other", setl_enddate="2025-06-15")
    rows, faults, _ = read(write(tmp_path / "a.jsonl", same, other))
    assert [row["settlement_date"] for row in rows] == ["2024-06-15"]
    assert [f[2:4] for f in faults] == [("list_field_twice", "setl_end_date")]


def test_two_insurances__that_contradict(tmp_path: Path) -> None:
    body = c07(hi_type="1", insutype="390")
    body["payinfo"] = []
    _, faults, _ = read(write(tmp_path / "a.jsonl", body))
    assert [f[2:] for f in faults] == [("list_pools", "hi_type、insutype", "1|390")]


def test_message__without_any_list_is_one_fault(tmp_path: Path) -> None:
    bodies = [{"infno": "1101", "input": {"data": {}}}, {"output": []}, {"payload": C07}, {"a": 7}]
    rows, faults, _ = read(write(tmp_path / "a.jsonl", *bodies))
    assert not rows
    assert [f[1:3] for f in faults] == [(n, "list_not_a_list") for n in (1, 2, 3, 4)]


def test_message__with_lists_where_none_are_looked_for(tmp_path: Path) -> None:
    rows, faults, _ = read(write(tmp_path / "a.jsonl", {"payload": [C07, C07, C07]}, C07))
    assert [row["_row"] for row in rows] == [4]
    counted = [(f[1], f[2]) for f in faults]
    assert counted == [(1, "list_not_a_list"), (2, "list_uncounted")]


# --- the declaration ----------------------------------------------------------------------------


def test_declaration__names_every_field_that_is_read() -> None:
    declared = {(field.node, field.name) for field in FIELDS}
    read_fields = {
        (node, name) for nodes in READ.values() for node, names in nodes.items() for name in names
    }
    assert read_fields <= declared


@pytest.mark.parametrize("node", [*NODES, "settled"])
def test_declaration__each_name_once_in_a_node(node: str) -> None:
    words = [word for field in FIELDS if field.node == node for word in field.names]
    assert len(words) == len(set(words))
    assert {field.kind for field in FIELDS} <= set(KINDS)
    assert all(field.chinese for field in FIELDS)


@pytest.mark.parametrize("field", [f for f in FIELDS if f.node == SETLINFO], ids=lambda f: f.name)
def test_key__by_every_name_of_its_field(field: Any, tmp_path: Path) -> None:
    body = {"setlinfo": {"setl_id": "S1", "mdtrt_id": "M1"}, "diseinfo": []}
    rows, faults = [], []
    for name in field.names:
        head = {**body["setlinfo"], name: "1"}  # type: ignore[dict-item]
        if field.name in ("setl_id", "mdtrt_id"):
            head = {name: "1"}
        found, wrong, _ = read(write(tmp_path / "a.jsonl", {**body, "setlinfo": head}))
        rows.append(plain(found))
        faults.append(wrong)
    assert all(row == rows[0] for row in rows), field.names
    assert not any(faults)


def test_headers__every_official_name_of_a_column_means_it() -> None:
    for column in CASE_COLUMNS:
        for name in column.aliases:
            assert canonical_name(name) == column.name, name
    assert canonical_name("退费结算标志") == canonical_name("refd_setl_flag") == "refund"
    assert "退费结算标志" in names_of("refd_setl_flag")
    assert other_names(OPRNINFO)["主手术操作标志"] == "main_oprn_flag"
    assert other_names(ITEMINFO)["item_sumamt"] == "amt"
