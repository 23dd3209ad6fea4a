"""The fast reading of settlement lists, one a line: by columns, and only where nothing is odd.

`lists_map` says what a list means. This reading gives the same rows many times faster, and marks
every list doubtful in which it meets anything but the plain case; those are read again one by one.
A test holds the two together.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases import parse
from drgpay.cases.lists_bytes import Lines
from drgpay.cases.lists_codes import (
    ACCOUNT,
    DEPARTMENT_SIGN,
    FLAGS,
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
)
from drgpay.cases.lists_json import MAX_LIST, marks_of
from drgpay.cases.lists_map import (
    CODE_OF,
    ICU_FIELDS,
    ICU_SUM,
    MAX_ENTRIES,
    MAX_TEXT,
    MAY_BE_CERTIFICATE,
    NO_CERTIFICATE,
    NUMBERS,
    OTHER_MEDICINE,
    PLAIN,
    VENTILATOR_PARTS,
    WEIGHTS,
    Need,
    icu_hours,
    patient_of,
)
from drgpay.ground.arrow import decimal_column
from drgpay.names.interface import (
    BY_PLACE,
    DISEINFO,
    ICUINFO,
    ITEMINFO,
    OPRNINFO,
    PAYINFO,
    SETLINFO,
    camel,
)

Mask = NDArray[np.bool_]
Fen = NDArray[np.int64]
LOOKED_AT = 16  # lists from which the kinds of fields are learned
_NUMBER = pa.decimal128(38, 6)
_FLAG_WORDS = {word: str(int(flag)) for word, flag in FLAGS.items()}
_CHANGED = re.compile(r"Column\(/([^)]*)\) changed from string to number")


Kinds = dict[tuple[str, str], bool]  # (node, field) → whether it holds only texts


def fast_table(unit: Lines, need: Need, kinds: Kinds) -> tuple[pa.Table, Mask] | None:
    """Return the rows of some lines and which are doubtful; None when the lines are not for it.

    A doubtful row's values mean nothing. The table has the wanted columns and `other_medicine`.
    `kinds` is what has been learned of the fields, and grows.
    """
    if unit.encoding not in (None, "utf-8-sig"):
        return None
    lines = unit.lines()
    if max(map(len, lines), default=0) > MAX_LIST:
        return None
    try:
        _check_utf8(unit.raw)
        path = _learn(lines[:LOOKED_AT], need, kinds)
    except (ValueError, RecursionError, _Odd):
        return None
    table = None
    flipped: set[tuple[str, str]] = set()
    while table is None:
        try:
            table = _parsed(unit.raw, _schema(need, kinds, path))
        except (pa.ArrowException, ValueError) as error:
            field = _other_kind(error, path)
            if field is None or field in flipped or field not in need.places:
                return None
            flipped.add(field)
            kinds[field] = False
    if len(table) != len(lines):
        return None
    top = table.combine_chunks().to_struct_array()
    top = top.chunk(0) if isinstance(top, pa.ChunkedArray) else top
    for name in path:
        top = pc.struct_field(top, name)
    reader = _Reader(top, need, lines)
    reader.doubt(_odd_lines(unit))
    return reader.table()


# a key whose name is not in small letters of ASCII: another name of a field, perhaps
_ODD_KEY = re.compile(rb'(?:[\x80-\xffA-Z]|\\u[0-9a-fA-F]{4})"[ \t\r]*:')


def _odd_lines(unit: Lines) -> Mask:
    """Return which lines have other than one mark of a list, or keys that columns do not see."""
    lines = unit.lines()
    odd = np.zeros(len(lines), dtype=np.bool_)
    if _has_odd_keys(unit.raw):
        odd |= np.array([_ODD_KEY.search(line) is not None for line in lines])
    if unit.raw.count(_MARK) != len(lines) or odd.any():
        odd |= np.array([marks_of(line) != 1 for line in lines])
    return odd


_MARK = f'"{SETLINFO}"'.encode()
# bytes that no plain key ends with as one letter, and blanks as the colon that may stand behind them
_FOLDED = bytes(
    0x80 if n >= 0x80 or 0x41 <= n <= 0x5A else ord(":") if n in b" \t\r" else n for n in range(256)
)
_IS_ODD = np.frombuffer(_FOLDED, dtype=np.uint8) == 0x80
_IS_BLANK = np.array([n in b" \t\r" for n in range(256)])


def _has_odd_keys(raw: bytes) -> bool:
    """Whether a key may have another name than one in small letters of ASCII."""
    if b"\\" in raw and b"\\u" in raw:  # one byte alone is found much faster
        return True
    byte = np.frombuffer(raw, dtype=np.uint8)
    # from the colons backwards: they are few, and every key has one
    colons = np.flatnonzero(byte == ord(":"))
    colons = colons[colons > 1]
    before = byte[colons - 1]
    if _IS_BLANK[before].any():
        return raw.translate(_FOLDED).find(b'\x80":') >= 0
    return bool(_IS_ODD[byte[colons[before == ord('"')] - 2]].any())


def _also(need: Need, node: str) -> list[str]:
    """Return the other names of the fields to read of a node that end as plain keys do."""
    fields = [BY_PLACE[node, f] for f in need.fields.get(node, ()) if (node, f) in BY_PLACE]
    names = [name for field in fields for name in (field.chinese, *field.also)]
    return [name for name in names if name[-1].isascii() and not name[-1].isupper()]


def _check_utf8(raw: bytes) -> None:
    """Raise ValueError for bytes that are not UTF-8."""
    ends = np.array([0, len(raw)], dtype=np.int32)
    whole = [None, pa.py_buffer(ends), pa.py_buffer(raw)]
    pa.Array.from_buffers(pa.binary(), 1, whole).cast(pa.string())


class _Odd(Exception):
    """The first lists are not of a kind that columns can be made of."""


def _learn(lines: list[bytes], need: Need, kinds: Kinds) -> tuple[str, ...]:
    """Return where the nodes stand, as some lists say; notes what kinds their fields are of."""
    path: tuple[str, ...] | None = None
    for line in lines:
        body = json.loads(line, parse_float=float, parse_int=_some_number)
        own: tuple[str, ...] = ()
        if isinstance(body, dict) and SETLINFO not in body and "input" in body:
            body, own = body["input"], ("input",)
        if not isinstance(body, dict) or SETLINFO not in body or path not in (None, own):
            raise _Odd
        path = own
        for node, fields in need.fields.items():
            value = body.get(node)
            for entry in value if isinstance(value, list) else [value]:
                values: dict[str, Any] = entry if isinstance(entry, dict) else {}
                for field in NUMBERS.intersection(fields):
                    if values.get(field) is not None:
                        kinds.setdefault((node, field), isinstance(values[field], str))
    if path is None:
        raise _Odd
    return path


def _schema(need: Need, kinds: Kinds, path: tuple[str, ...]) -> pa.Schema:
    """Return the fields to read with their kinds."""
    nodes = []
    for node, fields in need.fields.items():
        kind = pa.struct(
            [
                (field, pa.string() if kinds.get((node, field), True) else _NUMBER)
                for field in fields
            ]
            + [(name, pa.string()) for name in _also(need, node)]
        )
        nodes.append((node, kind if node == SETLINFO else pa.list_(kind)))
    inner = pa.schema(nodes)
    return pa.schema([("input", pa.struct(list(inner)))]) if path else inner


def _parsed(raw: bytes, schema: pa.Schema) -> pa.Table:
    from pyarrow import json as arrow_json

    return arrow_json.read_json(
        io.BytesIO(raw),
        arrow_json.ReadOptions(use_threads=False, block_size=len(raw) + 64),
        arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
    )


def _other_kind(error: Exception, path: tuple[str, ...]) -> tuple[str, str] | None:
    """Return the field that an error says is of the other kind, None for other errors."""
    found = _CHANGED.search(str(error))
    parts = found[1].split("/") if found else []
    parts = [part for part in parts[len(path) :] if part not in ("", "[]")]
    return (parts[0], parts[1]) if len(parts) == 2 and parts[1] in NUMBERS else None


def _some_number(text: str) -> float:
    return 0.0


class _Entries:
    """The entries of a node of all lists, end to end, and of which list each is."""

    def __init__(self, reader: _Reader, node: str) -> None:
        lists = pc.struct_field(reader.top, node)
        self.reader = reader
        self.missing = np.asarray(lists.is_null())
        if node in CODE_OF:
            reader.doubt(reader.elsewhere(node, self.missing))
        self.lengths = np.asarray(pc.fill_null(pc.list_value_length(lists), 0), dtype=np.int64)
        self.entries = lists.flatten()
        self.rows = np.repeat(np.arange(reader.count), self.lengths)
        reader.doubt(self.lengths > MAX_ENTRIES)
        self.doubt(np.asarray(self.entries.is_null()))
        names = _also(reader.need, node)
        for name in names:
            self.doubt(np.asarray(pc.struct_field(self.entries, name).is_valid()))
        # an entry without the field that it is about may have it under another name
        about = reader.need.fields[node]
        nothing = np.ones(len(self.entries), dtype=np.bool_)
        for name in about:
            nothing &= np.asarray(pc.struct_field(self.entries, name).is_null())
        self.doubt(nothing)

    def doubt(self, bad: Mask) -> None:
        """Mark the lists of some entries as doubtful."""
        if bad.any():
            self.reader.doubtful[self.rows[bad]] = True

    def text(self, field: str) -> pa.Array:
        """Return the texts of a field."""
        texts, long = _texts(pc.struct_field(self.entries, field))
        self.doubt(long)
        return texts

    def fen(self, field: str, needed: bool = False) -> Fen:
        """Return the amounts of a field, 0 for missing ones unless they are needed."""
        values, bad = _amounts(pc.struct_field(self.entries, field))
        missing = values == parse.MISSING_MONEY
        self.doubt(bad | missing if needed else bad)
        return np.where(missing, 0, values)

    def flag(self, field: str) -> pa.Array:
        """Return a field of flags as 1 and 0."""
        words = self.text(field)
        flags = _mapped(words, _FLAG_WORDS)
        self.doubt(np.asarray(words.is_valid()) & np.asarray(flags.is_null()))
        return flags

    def sums(self, values: NDArray[Any]) -> Fen:
        """Return the sum of a value of each entry for each list."""
        running = np.concatenate([[0], np.cumsum(values, dtype=np.int64)])
        ends = np.cumsum(self.lengths)
        found: Fen = running[ends] - running[ends - self.lengths]
        return found

    def lists(self, order: NDArray[np.int64], *values: pa.Array) -> list[pa.Array]:
        """Return lists of values of the entries of `order`, which runs through the lists."""
        counts = np.bincount(self.rows[order], minlength=self.reader.count)
        offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
        taken = pa.array(order)
        return [pa.ListArray.from_arrays(offsets, value.take(taken)) for value in values]


class _Reader:
    """Reads the columns of one block of lists."""

    def __init__(self, top: pa.StructArray, need: Need, lines: Sequence[bytes]) -> None:
        self.top, self.need, self.count = top, need, len(top)
        self._lines = lines
        self.head = pc.struct_field(top, SETLINFO)
        self.doubtful = np.asarray(self.head.is_null()).copy()
        for name in _also(need, SETLINFO):
            self.doubt(np.asarray(pc.struct_field(self.head, name).is_valid()))

    def elsewhere(self, node: str, missing: Mask) -> Mask:
        """Return which lists lack a node and have a field as its codes are, under another key."""
        out = missing.copy()
        names = [f'"{name}"'.encode() for name in (CODE_OF[node], camel(CODE_OF[node]))]
        for row in np.flatnonzero(missing).tolist():
            line = self._lines[row]
            out[row] = any(name in line for name in names)
        return out

    def doubt(self, bad: Mask) -> None:
        """Mark some lists as doubtful."""
        self.doubtful |= bad

    def text(self, field: str) -> pa.Array:
        """Return the texts of a field of setlinfo."""
        texts, long = _texts(pc.struct_field(self.head, field))
        self.doubt(long)
        if field in NUMBERS:
            texts = _short(texts)
            plain = pc.match_substring_regex(texts, r"^(0|[1-9]\d{0,17})(\.\d{0,5}[1-9])?$")
            self.doubt(np.asarray(pc.fill_null(pc.invert(plain), False)))
        return texts

    def fen(self, field: str) -> tuple[Fen, Mask]:
        """Return the amounts of a field of setlinfo, 0 where missing, and where that is."""
        values, bad = _amounts(pc.struct_field(self.head, field))
        self.doubt(bad)
        missing = values == parse.MISSING_MONEY
        return np.where(missing, 0, values), missing

    def _icu_hours(self, stays: _Entries) -> pa.Array:
        """Return the hours in intensive care; the few who have been there are read one by one."""
        fields = (*ICU_FIELDS, ICU_SUM)
        texts = [stays.text(field).to_pylist() for field in fields]
        hours: list[str | None] = [None if none else "0" for none in stays.missing.tolist()]
        entries: dict[int, list[dict[str, str | None]]] = {}
        for row, *own in zip(stays.rows.tolist(), *texts, strict=True):
            entries.setdefault(row, []).append(dict(zip(fields, own, strict=True)))
        for row, found in entries.items():
            hours[row] = icu_hours(found)
        return pa.array(hours, pa.string())

    def table(self) -> tuple[pa.Table, Mask]:
        """Return the wanted columns and which rows are doubtful."""
        need, out = self.need, {}
        out["case_id"] = pc.coalesce(self.text("setl_id"), self.text("mdtrt_id"))
        self.doubt(np.asarray(out["case_id"].is_null()))
        for column in need.columns:
            if column in PLAIN:
                out[column] = self.text(PLAIN[column])
            elif column in WEIGHTS:
                out[column] = _unless(self.text(WEIGHTS[column]), _zeros)
        self._person(out)
        if ICUINFO in need.fields:
            stays = _Entries(self, ICUINFO)
            some = np.zeros(len(stays.rows), dtype=np.bool_)
            for field in ICU_FIELDS:
                some |= np.asarray(stays.text(field).is_valid())
            if need.has("icu"):
                words = np.where(stays.sums(some) > 0, "1", "0")
                out["icu"] = pa.array(words, pa.string(), mask=stays.missing)
            if need.has("icu_hours"):
                out["icu_hours"] = self._icu_hours(stays)
        if need.has("department"):
            last = pc.replace_substring_regex(
                self.text("dscg_caty"), f"(?s)^.*{DEPARTMENT_SIGN}", ""
            )
            out["department"] = pc.utf8_trim_whitespace(last)
        self._codes(out)
        if need.has("payment_mode"):
            out["payment_mode"] = pc.coalesce(
                _mapped(self.text("ipt_med_type"), PAYMENT_MODE_OF_STAY),
                _mapped(self.text("hi_paymtd"), PAYMENT_MODE_OF_METHOD),
            )
        if need.has("planned_readmission"):
            out["planned_readmission"] = _mapped(
                self.text("days_rinp_flag_31"), PLANNED_READMISSION
            )
        if need.has("ventilator_time"):
            out["ventilator_time"] = self.text("vent_used_dura")
            for field in VENTILATOR_PARTS:
                self.doubt(np.asarray(self.text(field).is_valid()))
        if ITEMINFO in need.fields:
            self._items(out)
        if PAYINFO in need.fields:
            self._payments(out)
        out.setdefault(OTHER_MEDICINE, pa.array(np.zeros(self.count, np.int32)))
        table = pa.table({column: out[column] for column in (*need.columns, OTHER_MEDICINE)})
        if need.settling:
            self.doubt(np.asarray(self.text("refd_setl_flag").is_valid()))
            for column in ("total_cost", "pool_fund"):
                if need.has(column):
                    self.doubt(np.asarray(table[column].combine_chunks().is_null()))
        return table, self.doubtful

    def _person(self, out: dict[str, Any]) -> None:
        need = self.need
        if need.has("patient_id"):
            first = [self.text(field) for field in ("psn_no", "hi_no")]
            number = pc.coalesce(*first)
            open_ = pc.and_not(
                pc.match_substring_regex(number, NO_CERTIFICATE),
                pc.match_substring_regex(number, MAY_BE_CERTIFICATE),
            )
            plain = np.asarray(pc.fill_null(open_, False))
            certificates = self.text("certno")
            hidden = [
                None if surely else patient_of(own, None, other, key=need.key)
                for surely, own, other in zip(
                    plain.tolist(), number.to_pylist(), certificates.to_pylist(), strict=True
                )
            ]
            out["patient_id"] = pc.if_else(pa.array(plain), number, pa.array(hidden, pa.string()))
        if need.has("sex"):
            out["sex"] = _mapped(self.text("gend"), SEX_OF)
        if need.has("age_years", "age_days"):
            years, days = self.text("age"), self.text("nwb_age")
            if need.has("age_years"):
                out["age_years"] = pc.coalesce(
                    years, pc.if_else(days.is_valid(), "0", pa.scalar(None, pa.string()))
                )
            if need.has("age_days"):
                older = np.asarray(years.is_valid()) & ~_zeros(years)
                out["age_days"] = _unless(days, lambda texts: older & _zeros(texts))

    def _codes(self, out: dict[str, Any]) -> None:
        need = self.need
        if DISEINFO in need.fields:
            node = _Entries(self, DISEINFO)
            code, kind = map(node.text, ("diag_code", "diag_type"))
            flag = node.flag("maindiag_flag")
            given = np.asarray(code.is_valid())
            node.doubt(~given)  # a name may stand without it
            known = pc.is_in(pc.fill_null(kind, ""), value_set=pa.array((*WESTERN, *TRADITIONAL)))
            node.doubt(given & ~np.asarray(known))
            western = np.asarray(pc.is_in(pc.fill_null(kind, ""), value_set=pa.array(WESTERN)))
            kept = given & western
            main = kept & _is(flag, "1")
            marked = node.sums(kept & np.asarray(flag.is_valid()))
            mains = node.sums(main)
            self.doubt((mains > 1) | ((marked > 0) & (mains == 0)))
            order = _main_first(node.rows, kept, main)
            values = [code]
            if need.has("admission_conditions"):
                values.append(pc.fill_null(node.text("adm_cond_type"), ""))
            for column, lists in zip(
                ("diagnoses", "admission_conditions"), node.lists(order, *values), strict=False
            ):
                out[column] = lists
            out[OTHER_MEDICINE] = pa.array(node.sums(given & ~western).astype(np.int32))
        if OPRNINFO in need.fields:
            node = _Entries(self, OPRNINFO)
            code, kind = node.text("oprn_oprt_code"), node.text("oprn_oprt_type")
            given = np.asarray(code.is_valid())
            node.doubt(~given)
            main = _is(kind, MAIN) | _is(node.flag("main_oprn_flag"), "1")
            order = _main_first(node.rows, given, main)
            values = [code]
            if need.has("procedure_dates"):
                values.append(pc.fill_null(node.text("oprn_oprt_date"), ""))
            for column, lists in zip(
                ("procedures", "procedure_dates"), node.lists(order, *values), strict=False
            ):
                out[column] = lists

    def _items(self, out: dict[str, Any]) -> None:
        need, node = self.need, _Entries(self, ITEMINFO)
        none = node.lengths == 0
        total = np.zeros(self.count, dtype=np.int64)
        if need.has("total_cost", "items_total", "refund"):
            fen = node.fen("amt", needed=True)
            total = node.sums(fen)
            self.doubt((node.sums(fen < 0) > 0) & (node.sums(fen > 0) > 0))
            out["total_cost"] = out["items_total"] = _money(total, none)
        if need.has("own_paid"):
            own, unknown = self.fen("psn_ownpay")
            sums = node.sums(node.fen("fulamt_ownpay_amt"))
            out["own_paid"] = _money(np.where(none, own, sums), none & unknown)
        if need.has("refund"):
            flag = self.text("refd_setl_flag")
            words = _mapped(flag, _FLAG_WORDS)
            negative = ~none & (total < 0)
            self.doubt(np.asarray(flag.is_valid()) & np.asarray(words.is_null()))
            out["refund"] = pc.if_else(pa.array(negative), "1", words)

    def _payments(self, out: dict[str, Any]) -> None:
        need, node = self.need, _Entries(self, PAYINFO)
        types = need.fund_types
        kinds = pc.fill_null(node.text("fund_pay_type"), "").dictionary_encode()
        targets = [types.get(k, types.get(REST)) for k in kinds.dictionary.to_pylist()]
        pools = sorted({t for t in (*types.values(), *POOL_OF_INSURANCE.values())
                        if t not in (ACCOUNT, OTHER)})  # fmt: skip
        names: list[str | None] = [ACCOUNT, OTHER, *pools, None]
        index = np.array([names.index(t) for t in targets], dtype=np.int64)
        index = index[np.asarray(kinds.indices)] if len(index) else np.zeros(0, np.int64)
        node.doubt(index == len(names) - 1)
        fen = node.fen("fund_payamt", needed=True)
        account, other = (node.sums(np.where(index == i, fen, 0)) for i in (0, 1))
        by_pool = np.stack([node.sums(np.where(index == i + 2, fen, 0)) for i in range(len(pools))])
        paying = by_pool != 0
        several = paying.sum(axis=0)
        self.doubt(several > 1)
        first, second = (_mapped(self.text(f), POOL_OF_INSURANCE) for f in INSURANCES)
        self.doubt(np.asarray(pc.fill_null(pc.not_equal(first, second), False)))
        insured = pc.coalesce(first, second)
        place = np.asarray(pc.fill_null(pc.index_in(insured, value_set=pa.array(pools)), -1))
        place = np.where(several > 0, paying.argmax(axis=0), place)
        self.doubt((place < 0) & (node.sums(index >= 2) > 0))
        pool = pa.array(pools, pa.string()).take(pa.array(np.maximum(place, 0)))
        out["pool"] = pc.if_else(pa.array(place >= 0), pool, pa.scalar(None, pa.string()))
        fund = np.where(place >= 0, by_pool[np.maximum(place, 0), np.arange(self.count)], 0)
        out["pool_fund"] = _money(fund, node.missing)
        out["other_paid"] = _money(other, node.missing)
        if need.has("personal_paid"):
            own, no_account = self.fen("acct_pay")
            cash, no_cash = self.fen("psn_cashpay")
            personal = cash + np.where(no_account, account, own)
            out["personal_paid"] = _money(personal, no_account & no_cash & (account == 0))


def _texts(column: pa.Array) -> tuple[pa.Array, Mask]:
    """Return trimmed texts, null where empty, and which are too long to be one."""
    if pa.types.is_decimal(column.type):
        texts = column.cast(pa.string())
        return _short(texts), np.zeros(len(texts), np.bool_)
    long = np.asarray(pc.fill_null(pc.greater(pc.utf8_length(column), MAX_TEXT), False))
    trimmed = pc.utf8_trim_whitespace(column)
    return _unless(trimmed, lambda texts: _is(texts, "")), long


def _short(numbers: pa.Array) -> pa.Array:
    """Return numbers without zeros behind the point."""
    if pc.any(pc.match_substring(numbers, ".")).as_py():
        numbers = pc.replace_substring_regex(numbers, r"(\.\d*?)0+$", r"\1")
        numbers = pc.replace_substring_regex(numbers, r"\.$", "")
    return numbers


def _amounts(column: pa.Array) -> tuple[Fen, Mask]:
    if not pa.types.is_decimal(column.type):
        # stricter than a clerk's table: the interface has plain numbers
        texts = pc.utf8_trim_whitespace(column)
        plain = pc.match_substring_regex(texts, r"^(-?\d{1,11}(\.\d{1,2})?)?$")
        values, bad = parse.money(texts)
        return values, bad | np.asarray(pc.fill_null(pc.invert(plain), False))
    return parse.money(column)


def _unless(texts: pa.Array, bad: Any) -> pa.Array:
    """Return texts, null where a mask of them says so."""
    mask = bad(texts)
    return pc.if_else(pa.array(mask), pa.scalar(None, pa.string()), texts) if mask.any() else texts


def _is(texts: pa.Array, word: str) -> Mask:
    return np.asarray(pc.fill_null(pc.equal(texts, word), False))


def _zeros(texts: pa.Array) -> Mask:
    """Return which texts are a written zero."""
    return np.asarray(pc.fill_null(pc.match_substring_regex(texts, r"^[0.]+$"), False))


def _mapped(texts: pa.Array, table: Mapping[str, str]) -> pa.Array:
    """Return what texts stand for, null for others."""
    keys: Iterable[str] = table.keys()
    at = pc.index_in(texts, value_set=pa.array(keys, pa.string()))
    return pa.array(table.values(), pa.string()).take(at)


def _main_first(rows: NDArray[np.int64], kept: Mask, main: Mask) -> NDArray[np.int64]:
    """Return the entries that are kept, list by list, the main ones first."""
    place = np.flatnonzero(kept)
    return place[np.argsort(rows[place] * 2 + ~main[place], kind="stable")]


def _money(fen: Fen, null: Mask) -> pa.Array:
    return decimal_column(np.where(null, 0, fen), 14, 2, null)
