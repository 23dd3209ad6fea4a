"""One settlement list, as parsed JSON, to its plain nodes: fields by their own names, all of them texts.

`lists_columns` says what they mean. Only the fields that a wanted column needs are looked at, so a
fault elsewhere in the list is none. Names, certificate numbers and addresses are never part of a
note.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, cached_property
from typing import Any

from drgpay.cases.lists_codes import INSURANCES, PLANNED_READMISSION, SEX_OF
from drgpay.cases.pseudonyms import ONCE
from drgpay.cases.quarantine import RowNote
from drgpay.names.interface import (
    BY_PLACE,
    DISEINFO,
    ICUINFO,
    ITEMINFO,
    NODES,
    NUMERIC,
    OPRNINFO,
    ORDERED,
    PAYINFO,
    SETLINFO,
    WRAPPERS,
    known_fields,
    other_names,
    other_nodes,
)
from drgpay.names.interface import FIELDS as DECLARED

MAX_ENTRIES = 20_000
# the field that an entry is about, and the one of its name
CODE_OF = {DISEINFO: "diag_code", OPRNINFO: "oprn_oprt_code"}
_NAME_OF = {"diag_code": "diag_name", "oprn_oprt_code": "oprn_oprt_name"}
MAX_TEXT = 1_000
TWICE = "\0twice"  # key of a parsed object under which doubled field names stand
ICU_FIELDS = ("scs_cutd_ward_type", "scs_cutd_inpool_time", "scs_cutd_exit_time")
ICU_TIMES, ICU_SUM = ICU_FIELDS[1:], "scs_cutd_sum_dura"
_KEYS = ("setl_id", "mdtrt_id")
_DIAGNOSIS = ("diag_type", "diag_code", "maindiag_flag")
_OPERATION = ("oprn_oprt_type", "main_oprn_flag", "oprn_oprt_code")
VENTILATOR_PARTS = ("vent_used_days", "vent_used_h_cnt", "vent_used_m_cnt")
_FUND = ("fund_pay_type", "fund_payamt")
# columns that are a field of setlinfo as it is, a weight, and the meaning of a code
PLAIN = {
    "hospital_id": "fixmedins_code",
    "birth_date": "brdy",
    "admission_date": "adm_time",
    "discharge_date": "dscg_time",
    "settlement_date": "setl_end_date",
    "los_days": "act_ipt_days",
    "discharge_way": "dscg_way",
    "admission_way": "adm_way",
    "refund_of": "init_setl_id",
    "bed_day_class": "bed_day_class",
    "referral_group": "referral_group",
    "deductible": "act_pay_dedc",
    "diagnosis_count": "diag_code_cnt",
    "procedure_count": "oprn_oprt_code_cnt",
    "ventilator_time": "vent_used_dura",
}
WEIGHTS = {"birth_weight_g": "nwb_bir_wt", "admission_weight_g": "nwb_adm_wt"}
WORDS = {
    "sex": ("gend", SEX_OF),
    "planned_readmission": ("days_rinp_flag_31", PLANNED_READMISSION),
}
# column → node → fields that it is made of
FIELDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "case_id": {SETLINFO: _KEYS},
    "patient_id": {SETLINFO: ("psn_no", "hi_no", "certno")},
    "pool": {SETLINFO: INSURANCES, PAYINFO: _FUND},
    "age_years": {SETLINFO: ("age", "nwb_age")},
    "age_days": {SETLINFO: ("age", "nwb_age")},
    "icu": {ICUINFO: (*ICU_FIELDS, ICU_SUM)},
    "icu_hours": {ICUINFO: (*ICU_FIELDS, ICU_SUM)},
    "department": {SETLINFO: ("dscg_caty",)},
    "diagnoses": {DISEINFO: _DIAGNOSIS},
    "procedures": {OPRNINFO: _OPERATION},
    "total_cost": {ITEMINFO: ("amt",)},
    "pool_fund": {SETLINFO: INSURANCES, PAYINFO: _FUND},
    "personal_paid": {SETLINFO: ("acct_pay", "psn_cashpay", *INSURANCES), PAYINFO: _FUND},
    "other_paid": {SETLINFO: INSURANCES, PAYINFO: _FUND},
    "payment_mode": {SETLINFO: ("ipt_med_type", "hi_paymtd")},
    "procedure_dates": {OPRNINFO: (*_OPERATION, "oprn_oprt_date")},
    "admission_conditions": {DISEINFO: (*_DIAGNOSIS, "adm_cond_type")},
    "items_total": {ITEMINFO: ("amt",)},
    "own_paid": {SETLINFO: ("psn_ownpay",), ITEMINFO: ("fulamt_ownpay_amt",)},
    "refund": {SETLINFO: ("refd_setl_flag",), ITEMINFO: ("amt",)},
    **{column: {SETLINFO: (field,)} for column, field in (PLAIN | WEIGHTS).items()},
    **{column: {SETLINFO: (field,)} for column, (field, _) in WORDS.items()},
    "ventilator_time": {SETLINFO: ("vent_used_dura", *VENTILATOR_PARTS)},
}
# fields that senders write as texts or as numbers
NUMBERS = frozenset(field.name for field in DECLARED if field.kind in NUMERIC)
# of a list, not of ours: how many diagnoses of traditional medicine were left out
OTHER_MEDICINE = "other_medicine"
_MOST_DIGITS = 40
_NUMERAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,9})?", re.ASCII)


class ListFault(Exception):
    """A list that cannot become a row; `note` says why without personal data."""

    def __init__(self, reason: str, field: str, value: object = "", case_id: str = "") -> None:
        super().__init__(reason)
        self.note = RowNote(str(value), reason, field, case_id)


@dataclass(frozen=True)
class Need:
    """The wanted columns, and what must be read for them; `fund_types` by fund_pay_type."""

    columns: tuple[str, ...]
    fund_types: Mapping[str, str]
    settling: bool
    key: bytes = ONCE  # of pseudonyms

    @classmethod
    def of(
        cls,
        wanted: Sequence[str] | None,
        fund_types: Iterable[tuple[str, str]],
        settling: bool,
        key: bytes = ONCE,
    ) -> Need:
        """Return the need of some columns, of all that lists give when None."""
        chosen = FIELDS if wanted is None else wanted
        columns = tuple(column for column in FIELDS if column in {*chosen, "case_id"})
        return cls(columns, dict(fund_types), settling, key)

    @cached_property
    def fields(self) -> dict[str, tuple[str, ...]]:
        """Node → fields to read."""
        out: dict[str, dict[str, None]] = {SETLINFO: {}}
        for column in self.columns:
            for node, fields in FIELDS[column].items():
                out.setdefault(node, {}).update(dict.fromkeys(fields))
        if self.settling:
            out[SETLINFO]["refd_setl_flag"] = None
        return {node: tuple(fields) for node, fields in out.items()}

    @cached_property
    def places(self) -> frozenset[tuple[str, str]]:
        """The fields to read, each with its node."""
        return frozenset((node, name) for node, names in self.fields.items() for name in names)

    def has(self, *columns: str) -> bool:
        """Whether one of some columns is wanted."""
        return any(column in self.columns for column in columns)


def other_fields(need: Need, node: str) -> list[str]:
    """Return the other names of the fields to read of a node that end as plain keys do."""
    fields = [BY_PLACE[node, f] for f in need.fields.get(node, ()) if (node, f) in BY_PLACE]
    names = [name for field in fields for name in (field.chinese, *field.also)]
    return [name for name in names if name[-1].isascii() and not name[-1].isupper()]


Texts = dict[str, str | None]


def plain_nodes(nodes: Mapping[str, Any], need: Need) -> dict[str, Any]:
    """Return what is needed of a list as `lists_in` gives it; raises ListFault."""
    head = _object(nodes, SETLINFO)
    _once(nodes, need.fields)
    _once(head, need.fields[SETLINFO])
    _under_their_nodes(nodes, need.fields)
    out: dict[str, Any] = {}
    for node, fields in need.fields.items():
        if node == SETLINFO:
            out[node] = {field: _field(head, field) for field in fields}
            continue
        entries = _entries(nodes, node, fields)
        out[node] = entries and [{field: _field(e, field) for field in fields} for e in entries]
    if need.has("ventilator_time") and not out[SETLINFO]["vent_used_dura"]:
        parts = [out[SETLINFO][part] for part in VENTILATOR_PARTS]
        if any(parts):
            out[SETLINFO]["vent_used_dura"] = "/".join(part or "0" for part in parts)
    return out


def _field(part: Mapping[str, Any], field: str) -> str | None:
    """Return a field as a text; of a code that is missing the name, as where it stands for one."""
    text = _text(part, field)
    if text is None:
        return _text(part, _NAME_OF[field]) if field in _NAME_OF else None
    return number_text(text) if field in NUMBERS else text


def case_id_of(nodes: Mapping[str, Any]) -> str:
    """Return the id of a list as `lists_in` gives it, empty where it has none that can be read."""
    try:
        head = _object(nodes, SETLINFO)
        return next(filter(None, (_text(head, key) for key in _KEYS)), "")
    except ListFault:
        return ""


_DEPTH = 6  # of wrappers around lists
Found = Mapping[str, Any] | RowNote


def lists_in(parsed: Any) -> list[Found]:
    """Return the lists of a parsed value, nodes by their own names, and notes of what is no list.

    A value is a list, a message or a page that holds one or several, or an array of these.

    >>> [len(each) for each in lists_in({"output": {"data": [{"setlinfo": {}, "payinfo": []}]}})]
    [2]
    """
    found: list[Found] = []
    _collect(parsed, found, _DEPTH)
    return found


def _collect(value: Any, found: list[Found], depth: int) -> None:
    if isinstance(value, list) and depth:
        for inner in value:
            _collect(inner, found, depth - 1)
        return
    if not isinstance(value, dict) or not depth:
        found.append(RowNote("", "list_not_a_list", SETLINFO))
        return
    body = _by_their_names(value, other_nodes())
    # a doubled node or wrapper hides what stood in the first one
    doubled = [key for key in body.get(TWICE, ()) if key in (SETLINFO, *WRAPPERS)]
    if doubled:
        found.append(RowNote("", "list_field_twice", doubled[0]))
        return
    if SETLINFO in body:
        found.append(body)
        return
    wrapped: list[list[Found]] = []
    for key in WRAPPERS:
        if isinstance(body.get(key), dict | list):
            wrapped.append([])
            _collect(body[key], wrapped[-1], depth - 1)
    # beside an answer that holds lists, the question that it answers holds none
    lists = [inside for inside in wrapped if not all(isinstance(one, RowNote) for one in inside)]
    if lists:
        found += [one for inside in lists for one in inside]
    else:
        none: list[Found] = [RowNote("", "list_not_a_list", SETLINFO)]
        found += sorted([none, *wrapped], key=len)[-1]


def _by_their_names(
    part: Mapping[str, Any], others: Mapping[str, str], node: str = ""
) -> Mapping[str, Any]:
    """Return an object with each field under its own name, contradictions noted as doubled."""
    if others.keys().isdisjoint(part):
        return part
    out = {key: value for key, value in part.items() if key not in others}
    twice = [others.get(key, key) for key in part.get(TWICE, ())]
    order = _precedence(node)
    for key, value in sorted(part.items(), key=lambda item: order.get(item[0], 0)):
        name = others.get(key)
        if name is None or value is None or value == "":
            continue
        known = out.get(name)
        if known is None or known == "":
            out[name] = value
        elif known != value and (node, name) not in ORDERED:
            twice.append(name)
    if twice:
        out[TWICE] = tuple(twice)
    return out


@cache
def _precedence(node: str) -> Mapping[str, int]:
    """Return the place of each name among those of its field."""
    return {
        name: place
        for field in DECLARED
        if field.node == node
        for place, name in enumerate(field.names)
    }


def _once(part: Mapping[str, Any], fields: Iterable[str]) -> None:
    """Fail if a field that is read stands twice in an object."""
    if TWICE in part:
        for field in fields:
            if field in part[TWICE]:
                raise ListFault("list_field_twice", field)


def _object(nodes: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = nodes[name]
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        raise ListFault("list_not_a_list", name)
    return _by_their_names(value, other_names(name), name)


def _entries(
    nodes: Mapping[str, Any], name: str, fields: tuple[str, ...]
) -> list[Mapping[str, Any]] | None:
    """Return the entries of a node, None when the list does not have it."""
    value = nodes.get(name)
    if value is None:
        return None
    entries = [value] if isinstance(value, dict) else value
    if not isinstance(entries, list):
        raise ListFault("list_field_kind", name)
    if len(entries) > MAX_ENTRIES:
        raise ListFault("list_too_large", name, len(entries))
    others = other_names(name)
    named = []
    for entry in entries:
        if not isinstance(entry, dict):
            raise ListFault("list_field_kind", name)
        named.append(_by_their_names(entry, others, name))
        _once(named[-1], fields)
        _understood(named[-1], name)
    return named


def _understood(entry: Mapping[str, Any], node: str) -> None:
    """Fail if an entry says something, and nothing of it can be read, or not the code it is about.

    What stands under names that the interface does not have would be lost without a word.
    """
    code = CODE_OF.get(node)
    if code in entry:
        return
    known = known_fields(node)
    strange = [key for key in entry if key not in known and _says(entry[key])]
    if strange and (code is not None or len(strange) == len([k for k in entry if _says(entry[k])])):
        raise ListFault("list_field_unknown", node, "、".join(strange)[:60])


def _says(value: Any) -> bool:
    """Whether a value is more than an empty one."""
    return value not in (None, "", [], {}) and not isinstance(value, tuple)


def _under_their_nodes(nodes: Mapping[str, Any], needed: Iterable[str]) -> None:
    """Fail if the codes of a node that is read, and missing, stand under a key that is none."""
    for node, code in CODE_OF.items():
        if node not in needed or nodes.get(node) is not None:
            continue
        names = {code, *(word for word, name in other_names(node).items() if name == code)}
        for key, value in nodes.items():
            if key in NODES or key == TWICE:
                continue
            entries = value if isinstance(value, list) else [value]
            if any(isinstance(one, dict) and not names.isdisjoint(one) for one in entries):
                raise ListFault("list_field_unknown", node, key[:60])


def _text(part: Mapping[str, Any], field: str) -> str | None:
    """Return the text of a field, None when it is empty or missing."""
    value = part.get(field)
    if value is None:
        return None
    if isinstance(value, bool):
        return "1" if value else "0"
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise ListFault("list_field_kind", field)
    if not (value.isascii() or _whole_text(value)):
        raise ListFault("list_encoding", field)
    return value.strip() or None


def number_text(text: str) -> str:
    """Return a number as it is commonly written: without exponent and needless zeros.

    >>> number_text("64"), number_text("3.50"), number_text("6E+2"), number_text("-0.0")
    ('64', '3.5', '600', '0')
    """
    if text.isdigit() and (text[0] != "0" or text == "0"):
        return text
    if len(text) > _MOST_DIGITS or not _NUMERAL.fullmatch(text):
        return text
    value = Decimal(text)
    if value and not -20 < value.adjusted() < 20:
        return text
    plain = f"{value:f}"
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "0" if plain == "-0" else plain


def _whole_text(value: str) -> bool:
    """Whether a text is made of characters, not of halves of them."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
