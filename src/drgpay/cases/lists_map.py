"""One settlement list, as parsed JSON, to one row of our columns; the plain and binding reading.

Numbers come as the texts that they were written with. Only the fields that a wanted column needs
are looked at, so a fault elsewhere in the list is none. Names, certificate numbers and addresses
are never part of a row or a note.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import cache, cached_property
from typing import Any

from drgpay.cases.lists_codes import (
    ACCOUNT,
    DEPARTMENT_SIGN,
    INSURANCES,
    MAIN,
    OTHER,
    PAYMENT_MODE_OF_METHOD,
    PAYMENT_MODE_OF_STAY,
    PLANNED_READMISSION,
    POOL_OF_INSURANCE,
    REST,
    SEX_OF,
    TRADITIONAL,
    WESTERN,
    flag_of,
)
from drgpay.cases.parse import MAX_MONEY_FEN, minutes_of, moment_of
from drgpay.cases.pseudonyms import ONCE, certificate_of, pseudonym
from drgpay.cases.quarantine import RowNote
from drgpay.names.interface import (
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
_OPERATION = ("oprn_oprt_type", "main_oprn_flag", "oprn_oprt_code")
VENTILATOR_PARTS = ("vent_used_days", "vent_used_h_cnt", "vent_used_m_cnt")
_FUND = ("fund_pay_type", "fund_payamt")
# column → node → fields that it is made of
FIELDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "case_id": {SETLINFO: _KEYS},
    "hospital_id": {SETLINFO: ("fixmedins_code",)},
    "patient_id": {SETLINFO: ("psn_no", "hi_no", "certno")},
    "pool": {SETLINFO: INSURANCES, PAYINFO: _FUND},
    "sex": {SETLINFO: ("gend",)},
    "age_years": {SETLINFO: ("age", "nwb_age")},
    "age_days": {SETLINFO: ("age", "nwb_age")},
    "birth_weight_g": {SETLINFO: ("nwb_bir_wt",)},
    "admission_date": {SETLINFO: ("adm_time",)},
    "discharge_date": {SETLINFO: ("dscg_time",)},
    "settlement_date": {SETLINFO: ("setl_end_date",)},
    "los_days": {SETLINFO: ("act_ipt_days",)},
    "discharge_way": {SETLINFO: ("dscg_way",)},
    "icu": {ICUINFO: ICU_FIELDS},
    "icu_hours": {ICUINFO: (*ICU_FIELDS, ICU_SUM)},
    "department": {SETLINFO: ("dscg_caty",)},
    "diagnoses": {DISEINFO: ("diag_type", "diag_code", "maindiag_flag")},
    "procedures": {OPRNINFO: _OPERATION},
    "total_cost": {ITEMINFO: ("amt",)},
    "pool_fund": {SETLINFO: INSURANCES, PAYINFO: _FUND},
    "personal_paid": {SETLINFO: ("acct_pay", "psn_cashpay"), PAYINFO: _FUND},
    "other_paid": {PAYINFO: _FUND},
    "payment_mode": {SETLINFO: ("ipt_med_type", "hi_paymtd")},
    "bed_day_class": {SETLINFO: ("bed_day_class",)},
    "referral_group": {SETLINFO: ("referral_group",)},
    "birth_date": {SETLINFO: ("brdy",)},
    "admission_weight_g": {SETLINFO: ("nwb_adm_wt",)},
    "admission_way": {SETLINFO: ("adm_way",)},
    "ventilator_time": {SETLINFO: ("vent_used_dura", *VENTILATOR_PARTS)},
    "procedure_dates": {OPRNINFO: (*_OPERATION, "oprn_oprt_date")},
    "admission_conditions": {
        DISEINFO: ("diag_type", "diag_code", "maindiag_flag", "adm_cond_type")
    },
    "diagnosis_count": {SETLINFO: ("diag_code_cnt",)},
    "procedure_count": {SETLINFO: ("oprn_oprt_code_cnt",)},
    "items_total": {ITEMINFO: ("amt",)},
    "own_paid": {SETLINFO: ("psn_ownpay",), ITEMINFO: ("fulamt_ownpay_amt",)},
    "deductible": {SETLINFO: ("act_pay_dedc",)},
    "planned_readmission": {SETLINFO: ("days_rinp_flag_31",)},
    "refund": {SETLINFO: ("refd_setl_flag",), ITEMINFO: ("amt",)},
    "refund_of": {SETLINFO: ("init_setl_id",)},
}
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
}
# fields that senders write as texts or as numbers
NUMBERS = frozenset(field.name for field in DECLARED if field.kind in NUMERIC)
WEIGHTS = {"birth_weight_g": "nwb_bir_wt", "admission_weight_g": "nwb_adm_wt"}
MONEY = ("total_cost", "pool_fund", "personal_paid", "other_paid", "items_total", "own_paid")
LISTS = ("diagnoses", "procedures", "procedure_dates", "admission_conditions")
# of a list, not of ours: how many diagnoses of traditional medicine were left out
OTHER_MEDICINE = "other_medicine"
_AMOUNT = re.compile(r"(-?)(\d{1,11})(?:\.(\d)(\d)?0*)?", re.ASCII)
# short numbers, and long ones that hold no day of birth, are surely no certificate numbers
NO_CERTIFICATE = r"^([0-9A-Za-z]{1,14}|[0-9]{19,40})$"
MAY_BE_CERTIFICATE = r"[1-9][0-9]{5}(19|20)[0-9]{2}(0[1-9]|1[0-2])[0-3][0-9][0-9]{3}[0-9X]"
_MOST_DIGITS = 40
_NUMERAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,9})?", re.ASCII)

Row = dict[str, Any]


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

    @cached_property
    def _texts(self) -> tuple[tuple[str, str], ...]:
        return tuple((c, PLAIN[c]) for c in self.columns if c in PLAIN)

    def has(self, *columns: str) -> bool:
        """Whether one of some columns is wanted."""
        return any(column in self.columns for column in columns)

    def row(self, nodes: Mapping[str, Any]) -> Row:
        """Return the row of a list as `lists_in` gives it; raises ListFault."""
        head = _object(nodes, SETLINFO)
        case_id = _text(head, "setl_id") or _text(head, "mdtrt_id")
        try:
            return self._row(nodes, head, case_id)
        except ListFault as fault:
            fault.note.case_id = case_id or ""
            raise

    def _row(self, nodes: Mapping[str, Any], head: Mapping[str, Any], case_id: str | None) -> Row:
        _once(nodes, self.fields)
        _once(head, self.fields[SETLINFO])
        if self.settling and _flag(head, "refd_setl_flag"):
            raise ListFault("refund_not_netted", "refd_setl_flag")
        _under_their_nodes(nodes, self.fields)
        parts = {
            node: _entries(nodes, node, fields)
            for node, fields in self.fields.items()
            if node != SETLINFO
        }
        row: Row = {"case_id": case_id}
        if self.has("ventilator_time"):
            row["ventilator_time"] = _text(head, "vent_used_dura") or _duration(head)
        for column, field in self._texts:
            read = _number if field in NUMBERS else _text
            row[column] = read(head, field)
        for column, field in WEIGHTS.items():
            if self.has(column):
                row[column] = _weight(_number(head, field))
        self._person(head, row)
        if self.has("icu"):
            stays = parts[ICUINFO]
            stayed = any(_text(entry, field) for entry in stays or () for field in ICU_FIELDS)
            row["icu"] = None if stays is None else str(int(stayed))
        if self.has("icu_hours"):
            row["icu_hours"] = icu_hours(parts[ICUINFO])
        if self.has("department"):
            text = _text(head, "dscg_caty")
            row["department"] = text and text.rsplit(DEPARTMENT_SIGN, 1)[-1].strip()
        if DISEINFO in parts:
            self._diagnoses(parts[DISEINFO] or [], row)
        if OPRNINFO in parts:
            self._procedures(parts[OPRNINFO] or [], row)
        if self.has("payment_mode"):
            stay, method = _text(head, "ipt_med_type"), _text(head, "hi_paymtd")
            row["payment_mode"] = PAYMENT_MODE_OF_STAY.get(
                stay or "", PAYMENT_MODE_OF_METHOD.get(method or "")
            )
        if self.has("planned_readmission"):
            row["planned_readmission"] = PLANNED_READMISSION.get(
                _text(head, "days_rinp_flag_31") or ""
            )
        if PAYINFO in parts or ITEMINFO in parts:
            self._money(head, parts, row)
        return row

    def _person(self, head: Mapping[str, Any], row: Row) -> None:
        if self.has("patient_id"):
            numbers = (_text(head, f) for f in ("psn_no", "hi_no", "certno"))
            row["patient_id"] = patient_of(*numbers, key=self.key)
        if self.has("sex"):
            row["sex"] = SEX_OF.get(_text(head, "gend") or "")
        if self.has("age_years", "age_days"):
            years, days = _number(head, "age"), _number(head, "nwb_age")
            if self.has("age_years"):
                row["age_years"] = years if years is not None or days is None else "0"
            if self.has("age_days"):
                # a filler for those of a year and more is not the day of birth
                filler = years is not None and not _zero(years) and _zero(days)
                row["age_days"] = None if filler else days

    def _diagnoses(self, entries: list[Mapping[str, Any]], row: Row) -> None:
        codes: list[str] = []
        conditions: list[str] = []
        main: list[int] = []
        marked, left_out = False, 0
        conditioned = self.has("admission_conditions")
        for entry in entries:
            code = _code(entry, "diag_code")
            if not code:
                continue
            kind = _text(entry, "diag_type") or ""
            if kind in TRADITIONAL:
                left_out += 1
                continue
            if kind not in WESTERN:
                raise ListFault("list_diagnosis_type", "diag_type", kind[:60])
            flag = _flag(entry, "maindiag_flag")
            marked = marked or flag is not None
            if flag:
                main.append(len(codes))
            codes.append(code)
            if conditioned:
                conditions.append(_text(entry, "adm_cond_type") or "")
        if len(main) > 1:
            raise ListFault(
                "list_principal_several", "maindiag_flag", "|".join(codes[i] for i in main)
            )
        if marked and not main:
            raise ListFault("list_principal_unmarked", "maindiag_flag", "|".join(codes))
        for place in main:
            codes.insert(0, codes.pop(place))
            if conditioned:
                conditions.insert(0, conditions.pop(place))
        for column, value in (
            ("diagnoses", codes),
            ("admission_conditions", conditions),
            (OTHER_MEDICINE, left_out),
        ):
            if self.has(column) or column == OTHER_MEDICINE:
                row[column] = value

    def _procedures(self, entries: list[Mapping[str, Any]], row: Row) -> None:
        dated = self.has("procedure_dates")
        found = [
            (
                not (_flag(entry, "main_oprn_flag") or _text(entry, "oprn_oprt_type") == MAIN),
                code,
                (_text(entry, "oprn_oprt_date") or "") if dated else "",
            )
            for entry in entries
            if (code := _code(entry, "oprn_oprt_code"))
        ]
        found.sort(key=lambda operation: operation[0])
        if self.has("procedures"):
            row["procedures"] = [code for _, code, _ in found]
        if dated:
            row["procedure_dates"] = [day for _, _, day in found]

    def _money(
        self, head: Mapping[str, Any], parts: Mapping[str, list[Mapping[str, Any]] | None], row: Row
    ) -> None:
        if ITEMINFO in parts:
            self._items(head, parts[ITEMINFO], row)
        if PAYINFO in parts:
            self._payments(head, parts[PAYINFO], row)
        if self.settling:
            for column, node in (("total_cost", ITEMINFO), ("pool_fund", PAYINFO)):
                if self.has(column) and row.get(column) is None:
                    raise ListFault("list_without_money", node)

    def _items(
        self, head: Mapping[str, Any], items: list[Mapping[str, Any]] | None, row: Row
    ) -> None:
        total = own = None
        if items:
            total = 0
            low = high = 0
            if self.has("total_cost", "items_total", "refund"):
                for item in items:
                    fen = _fen(item, "amt", needed=True)
                    total += fen
                    low, high = min(low, fen), max(high, fen)
                if low < 0 < high:
                    raise ListFault("list_amount_sign", "amt")
            if self.has("own_paid"):
                own = sum(_fen(item, "fulamt_ownpay_amt") for item in items)
        if own is None and self.has("own_paid") and _text(head, "psn_ownpay") is not None:
            own = _fen(head, "psn_ownpay")
        for column, value in (("total_cost", total), ("items_total", total), ("own_paid", own)):
            if self.has(column):
                row[column] = value
        if self.has("refund"):
            row["refund"] = _refund(_flag(head, "refd_setl_flag"), total)

    def _payments(
        self, head: Mapping[str, Any], payments: list[Mapping[str, Any]] | None, row: Row
    ) -> None:
        sums: dict[str, int] = {}
        for payment in payments or ():
            kind = _text(payment, "fund_pay_type") or ""
            to = self.fund_types.get(kind, self.fund_types.get(REST))
            if to is None:
                raise ListFault("list_fund_type", "fund_pay_type", kind)
            sums[to] = sums.get(to, 0) + _fen(payment, "fund_payamt", needed=True)
        account, other = sums.pop(ACCOUNT, 0), sums.pop(OTHER, 0)
        paying = [pool for pool, fen in sums.items() if fen]
        if len(paying) > 1:
            raise ListFault("list_pools", "fund_pay_type", "|".join(sorted(paying)))
        pool = paying[0] if paying else _insured(head)
        if pool is None and len(sums) == 1:
            pool = next(iter(sums))
        personal = None
        if self.has("personal_paid"):
            personal = _fen(head, "psn_cashpay")
            own_account = _text(head, "acct_pay")
            personal += account if own_account is None else _fen(head, "acct_pay")
            if own_account is None and not account and _text(head, "psn_cashpay") is None:
                personal = None
        known = payments is not None
        for column, value in (
            ("pool", pool),
            ("pool_fund", sums.get(pool or "", 0) if known else None),
            ("other_paid", other if known else None),
            ("personal_paid", personal),
        ):
            if self.has(column):
                row[column] = value


def _insured(head: Mapping[str, Any]) -> str | None:
    """Return the pool that the insurance of a list stands for; a list may name it twice."""
    words = [_text(head, field) or "" for field in INSURANCES]
    pools = {pool for word in words if (pool := POOL_OF_INSURANCE.get(word))}
    if len(pools) > 1:
        raise ListFault("list_pools", "、".join(INSURANCES), "|".join(words))
    return pools.pop() if pools else None


def case_id_of(nodes: Mapping[str, Any]) -> str:
    """Return the id of a list as `lists_in` gives it, empty where it has none that can be read."""
    try:
        head = _object(nodes, SETLINFO)
        return next(filter(None, (_text(head, key) for key in _KEYS)), "")
    except ListFault:
        return ""


def patient_of(*numbers: str | None, key: bytes = ONCE) -> str | None:
    """Return the id of a person from the first number given; a certificate number as a pseudonym.

    The same number has the same pseudonym under one key, so that readmissions can be found.
    Numbers: psn_no, hi_no, certno.
    """
    for place, number in enumerate(numbers):
        if number:
            if place < 2 and certificate_of(number) is None:
                return number
            return pseudonym(number, key)
    return None


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


def _code(entry: Mapping[str, Any], field: str) -> str | None:
    """Return a code, or the name that stands without one: read as a name in a code's place is."""
    return _text(entry, field) or _text(entry, _NAME_OF[field])


def _number(part: Mapping[str, Any], field: str) -> str | None:
    text = _text(part, field)
    return None if text is None else number_text(text)


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


def fen_of(text: str) -> int | None:
    """Return the fen of an amount in yuan as lists write it, exactly; None when it is none.

    >>> fen_of("600.00"), fen_of("-0.5"), fen_of("6E+2"), fen_of("1.005"), fen_of("NaN")
    (60000, -50, 60000, None, None)
    """
    found = _AMOUNT.fullmatch(text)
    if found:
        sign, whole, tenth, hundredth = found.groups()
        fen = int(whole) * 100 + int((tenth or "0") + (hundredth or "0"))
        fen = -fen if sign else fen
    else:
        try:
            amount = Decimal(text) if len(text) <= _MOST_DIGITS and text.isascii() else None
        except InvalidOperation:
            return None
        if amount is None or not amount.is_finite() or not -20 < amount.adjusted() < 12:
            return None
        hundredths = Fraction(amount) * 100
        if hundredths.denominator != 1:
            return None
        fen = int(hundredths)
    return fen if abs(fen) <= MAX_MONEY_FEN else None


def _fen(part: Mapping[str, Any], field: str, needed: bool = False) -> int:
    text = _text(part, field)
    if text is None and not needed:
        return 0
    fen = None if text is None else fen_of(text)
    if fen is None:
        raise ListFault("list_amount", field, (text or "")[:60])
    return fen


def _zero(text: str | None) -> bool:
    """Whether a number is a written zero."""
    return text is not None and not text.strip("0.")


def _flag(part: Mapping[str, Any], field: str) -> bool | None:
    """Return a flag of a field, None when it is empty; raises ListFault for another word."""
    text = _text(part, field)
    flag = flag_of(text)
    if text is not None and flag is None:
        raise ListFault("list_field_kind", field, text[:20])
    return flag


def _duration(head: Mapping[str, Any]) -> str | None:
    """Return days, hours and minutes of a ventilator that stand in fields of their own."""
    parts = [_number(head, field) for field in VENTILATOR_PARTS]
    return "/".join(part or "0" for part in parts) if any(parts) else None


def icu_hours(stays: Sequence[Mapping[str, Any]] | None) -> str | None:
    """Return the hours of all stays in intensive care, one begun as a whole one.

    None where one of them is not known. What cannot be read is returned as it stands, with its
    path: reading the column refuses it under a scheme that asks for the hours.
    """
    if stays is None:
        return None
    seconds, known = 0, True
    for number, entry in enumerate(stays, 1):
        if not any(_text(entry, field) for field in (*ICU_FIELDS, ICU_SUM)):
            continue
        own, wrong = _icu_seconds(entry)
        if wrong:
            return f"{ICUINFO}[{number}].{wrong}: {(_text(entry, wrong) or '')[:40]}"
        known = known and own is not None
        seconds += own or 0
    return str(-(-seconds // 3600)) if known else None


def _icu_seconds(entry: Mapping[str, Any]) -> tuple[int | None, str]:
    """Return the seconds of a stay, None when not known, and the field that cannot be read.

    They are those stated as days/hours/minutes, else those from entry to exit.
    """
    stated = _text(entry, ICU_SUM)
    minutes = minutes_of(stated or "")
    if minutes > 0:
        return minutes * 60, ""
    moments = []
    for field in ICU_TIMES:
        text = _text(entry, field)
        moment = moment_of(text) if text else None
        if text and moment is None:
            return None, field
        moments.append(moment)
    entered, left = moments
    if entered is not None and left is not None and entered[1] and left[1]:
        lasted = left[0] - entered[0]
        return (None, ICU_TIMES[1]) if lasted < 0 else (lasted, "")
    if stated and minutes < 0:
        return None, ICU_SUM
    return (0 if minutes == 0 else None), ""


def _weight(text: str | None) -> str | None:
    """Return a weight; a zero stands for none."""
    return None if _zero(text) else text


def _refund(flag: bool | None, total: int | None) -> str | None:
    if flag or (total is not None and total < 0):
        return "1"
    return None if flag is None else "0"
