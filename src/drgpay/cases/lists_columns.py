"""What settlement lists mean: many of them at once, by columns, to rows of ours.

Lists come here in one of two ways: parsed by Arrow as they stand in a file of one list a line, or
made plain one by one (`lists_map.plain_nodes`). A list that this meets anything odd in is marked
doubtful in the first way, and comes again in the second; there nothing is odd, and what is
doubtful is refused with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases import parse
from drgpay.cases.arrays import lengths_of, of_lengths, sums_of
from drgpay.cases.lists_codes import (
    ACCOUNT,
    DEPARTMENT_SIGN,
    FLAGS,
    INSURANCES,
    MAIN,
    OTHER,
    PAYMENT_MODE_OF_METHOD,
    PAYMENT_MODE_OF_STAY,
    POOL_OF_INSURANCE,
    REST,
    TRADITIONAL,
    WESTERN,
)
from drgpay.cases.lists_map import (
    CODE_OF,
    ICU_FIELDS,
    ICU_SUM,
    ICU_TIMES,
    MAX_ENTRIES,
    MAX_TEXT,
    NUMBERS,
    OTHER_MEDICINE,
    PLAIN,
    VENTILATOR_PARTS,
    WEIGHTS,
    WORDS,
    Need,
    other_fields,
)
from drgpay.cases.parse import minutes_of, moment_of
from drgpay.cases.pseudonyms import ONCE, certificate_of, pseudonym
from drgpay.cases.quarantine import RowNote
from drgpay.ground.arrow import decimal_column
from drgpay.names.interface import DISEINFO, ICUINFO, ITEMINFO, OPRNINFO, PAYINFO, SETLINFO, camel

Mask = NDArray[np.bool_]
Fen = NDArray[np.int64]
Said = Callable[[int], str]  # what is shown of the list of a number
MAX_SAID = 60
_FLAG_WORDS = {word: str(int(flag)) for word, flag in FLAGS.items()}
# short numbers, and long ones that hold no day of birth, are surely no certificate numbers
NO_CERTIFICATE = r"^([0-9A-Za-z]{1,14}|[0-9]{19,40})$"
MAY_BE_CERTIFICATE = r"[1-9][0-9]{5}(19|20)[0-9]{2}(0[1-9]|1[0-2])[0-3][0-9][0-9]{3}[0-9X]"
_PLAIN_NUMBER = r"^(0|[1-9]\d{0,17})(\.\d{0,5}[1-9])?$"
# stricter than a clerk's table: the interface has plain numbers
_PLAIN_AMOUNT = r"^(-?\d{1,11}(\.\d{1,2})?)?$"


class Lists:
    """The lists of one block: their columns, and which of them are `doubtful`.

    `lines` are the texts that they were parsed from, None for lists that were made plain; `notes`
    has by number why a list is refused. A doubtful list's values mean nothing.
    """

    def __init__(
        self, top: pa.StructArray, need: Need, lines: Sequence[bytes] | None = None
    ) -> None:
        self.top, self.need, self.lines, self.count = top, need, lines, len(top)
        self.doubtful = np.zeros(self.count, dtype=np.bool_)
        self.notes: dict[int, RowNote] = {}
        self.head = Node(self, SETLINFO)
        self.case_id = pc.coalesce(self.head.text("setl_id"), self.head.text("mdtrt_id"))

    def odd(self, bad: Mask) -> None:
        """Mark some lists as doubtful, unless they were made plain."""
        if self.lines is not None:
            self.doubtful |= bad

    def fault(self, bad: Mask, reason: str, field: str, said: Said = lambda row: "") -> None:
        """Refuse some lists that nothing was found in so far."""
        for row in np.flatnonzero(bad & ~self.doubtful).tolist():
            self.doubtful[row] = True
            case_id = self.case_id[row].as_py() or ""
            self.notes[row] = RowNote(said(row), reason, field, case_id)

    def table(self) -> pa.Table:
        """Return the wanted columns and `other_medicine`."""
        need, head, out = self.need, self.head, {"case_id": self.case_id}
        self.odd(np.asarray(self.case_id.is_null()))
        if need.settling:
            refunded = _is(head.flag("refd_setl_flag"), "1")
            self.fault(refunded, "refund_not_netted", "refd_setl_flag")
        for column in need.columns:
            if column in PLAIN:
                out[column] = head.text(PLAIN[column])
            elif column in WEIGHTS:  # a zero stands for none
                out[column] = _unless(head.text(WEIGHTS[column]), _zeros)
            elif column in WORDS:
                field, words = WORDS[column]
                out[column] = _mapped(head.text(field), words)
        self._person(out)
        if ICUINFO in need.fields:
            self._icu(out)
        if need.has("department"):
            last = pc.replace_substring_regex(
                head.text("dscg_caty"), f"(?s)^.*{DEPARTMENT_SIGN}", ""
            )
            out["department"] = pc.utf8_trim_whitespace(last)
        if DISEINFO in need.fields:
            self._diagnoses(out)
        if OPRNINFO in need.fields:
            self._procedures(out)
        if need.has("payment_mode"):
            out["payment_mode"] = pc.coalesce(
                _mapped(head.text("ipt_med_type"), PAYMENT_MODE_OF_STAY),
                _mapped(head.text("hi_paymtd"), PAYMENT_MODE_OF_METHOD),
            )
        if need.has("ventilator_time"):
            for field in VENTILATOR_PARTS:
                self.odd(np.asarray(head.text(field).is_valid()))
        if ITEMINFO in need.fields:
            self._items(out)
        if PAYINFO in need.fields:
            self._payments(out)
        for column, node in (("total_cost", ITEMINFO), ("pool_fund", PAYINFO)):
            if need.settling and need.has(column):
                self.fault(np.asarray(out[column].is_null()), "list_without_money", node)
        out.setdefault(OTHER_MEDICINE, pa.array(np.zeros(self.count, np.int32)))
        return pa.table({column: out[column] for column in (*need.columns, OTHER_MEDICINE)})

    def _person(self, out: dict[str, pa.Array]) -> None:
        need, head = self.need, self.head
        if need.has("patient_id"):
            number = pc.coalesce(head.text("psn_no"), head.text("hi_no"))
            open_ = pc.and_not(
                pc.match_substring_regex(number, NO_CERTIFICATE),
                pc.match_substring_regex(number, MAY_BE_CERTIFICATE),
            )
            plain = np.asarray(pc.fill_null(open_, False))
            certificates = head.text("certno")
            hidden = [
                None if surely else patient_of(own, None, other, key=need.key)
                for surely, own, other in zip(
                    plain.tolist(), number.to_pylist(), certificates.to_pylist(), strict=True
                )
            ]
            out["patient_id"] = pc.if_else(pa.array(plain), number, pa.array(hidden, pa.string()))
        if need.has("age_years", "age_days"):
            years, days = head.text("age"), head.text("nwb_age")
            zero = pc.if_else(days.is_valid(), "0", pa.scalar(None, pa.string()))
            out["age_years"] = pc.coalesce(years, zero)
            # a filler for those of a year and more is not the day of birth
            older = np.asarray(years.is_valid()) & ~_zeros(years)
            out["age_days"] = _unless(days, lambda texts: older & _zeros(texts))

    def _icu(self, out: dict[str, pa.Array]) -> None:
        stays = Node(self, ICUINFO)
        fields = (*ICU_FIELDS, ICU_SUM)
        texts = {field: stays.text(field) for field in fields}
        if self.need.has("icu"):
            some = np.zeros(len(stays.rows), dtype=np.bool_)
            for field in ICU_FIELDS:
                some |= np.asarray(texts[field].is_valid())
            words = np.where(stays.sums(some) > 0, "1", "0")
            out["icu"] = pa.array(words, pa.string(), mask=stays.missing)
        if self.need.has("icu_hours"):  # the few who have been there are read one by one
            hours: list[str | None] = [None if none else "0" for none in stays.missing.tolist()]
            of_row: dict[int, list[dict[str, str | None]]] = {}
            every = [texts[field].to_pylist() for field in fields]
            for row, *own in zip(stays.rows.tolist(), *every, strict=True):
                of_row.setdefault(row, []).append(dict(zip(fields, own, strict=True)))
            for row, entries in of_row.items():
                hours[row] = icu_hours(entries)
            out["icu_hours"] = pa.array(hours, pa.string())

    def _diagnoses(self, out: dict[str, pa.Array]) -> None:
        node = Node(self, DISEINFO)
        code, kind = node.text("diag_code"), pc.fill_null(node.text("diag_type"), "")
        given = np.asarray(code.is_valid())
        node.odd(~given)  # a name may stand without it
        western, other = (
            np.asarray(pc.is_in(kind, value_set=pa.array(kinds)))
            for kinds in (WESTERN, TRADITIONAL)
        )
        node.fault(given & ~western & ~other, "list_diagnosis_type", "diag_type", kind)
        kept = given & western
        flag = node.flag("maindiag_flag", kept)
        main = kept & _is(flag, "1")
        mains, marked = node.sums(main), node.sums(kept & np.asarray(flag.is_valid()))
        told = "maindiag_flag"
        self.fault(mains > 1, "list_principal_several", told, node.joined(code, main))
        unmarked = (marked > 0) & (mains == 0)
        self.fault(unmarked, "list_principal_unmarked", told, node.joined(code, kept))
        beside = {"admission_conditions": "adm_cond_type"}
        node.put(out, _main_first(node.rows, kept, main), {"diagnoses": code}, beside)
        out[OTHER_MEDICINE] = pa.array(node.sums(given & ~western).astype(np.int32))

    def _procedures(self, out: dict[str, pa.Array]) -> None:
        node = Node(self, OPRNINFO)
        code = node.text("oprn_oprt_code")
        given = np.asarray(code.is_valid())
        node.odd(~given)
        main = _is(node.text("oprn_oprt_type"), MAIN) | _is(node.flag("main_oprn_flag", given), "1")
        beside = {"procedure_dates": "oprn_oprt_date"}
        node.put(out, _main_first(node.rows, given, main), {"procedures": code}, beside)

    def _items(self, out: dict[str, pa.Array]) -> None:
        need, node = self.need, Node(self, ITEMINFO)
        none = node.lengths == 0
        total = np.zeros(self.count, dtype=np.int64)
        if need.has("total_cost", "items_total", "refund"):
            fen, _ = node.fen("amt", needed=True)
            total = node.sums(fen)
            signs = (node.sums(fen < 0) > 0) & (node.sums(fen > 0) > 0)
            self.fault(signs, "list_amount_sign", "amt")
            out["total_cost"] = out["items_total"] = _money(total, none)
        if need.has("own_paid"):
            own, unknown = self.head.fen("psn_ownpay", none)
            sums = node.sums(node.fen("fulamt_ownpay_amt")[0])
            out["own_paid"] = _money(np.where(none, own, sums), none & unknown)
        if need.has("refund"):
            words = self.head.flag("refd_setl_flag")
            out["refund"] = pc.if_else(pa.array(~none & (total < 0)), "1", words)

    def _payments(self, out: dict[str, pa.Array]) -> None:
        need, head, node = self.need, self.head, Node(self, PAYINFO)
        types = need.fund_types
        kinds = pc.fill_null(node.text("fund_pay_type"), "").dictionary_encode()
        targets = [types.get(k, types.get(REST)) for k in kinds.dictionary.to_pylist()]
        every = {*types.values(), *POOL_OF_INSURANCE.values()} - {ACCOUNT, OTHER}
        pools = sorted(every)
        names: list[str | None] = [ACCOUNT, OTHER, *pools, None]
        index = np.array([names.index(t) for t in targets], dtype=np.int64)
        index = index[np.asarray(kinds.indices)] if len(index) else np.zeros(0, np.int64)
        unknown = index == len(names) - 1
        node.fault(unknown, "list_fund_type", "fund_pay_type", kinds.dictionary_decode())
        fen, _ = node.fen("fund_payamt", needed=True)
        account, other = (node.sums(np.where(index == i, fen, 0)) for i in (0, 1))
        of_pool = [index == i + 2 for i in range(len(pools))]
        by_pool = np.stack([node.sums(np.where(own, fen, 0)) for own in of_pool])
        paying = by_pool != 0
        several = paying.sum(axis=0)
        self.fault(
            several > 1,
            "list_pools",
            "fund_pay_type",
            lambda row: "|".join(np.array(pools)[paying[:, row]]),
        )
        insured, twice = self._insured()
        self.fault(
            (several == 0) & twice,
            "list_pools",
            "、".join(INSURANCES),
            lambda row: "|".join(head.text(field)[row].as_py() or "" for field in INSURANCES),
        )
        place = np.asarray(pc.fill_null(pc.index_in(insured, value_set=pa.array(pools)), -1))
        named = np.stack([node.sums(own) > 0 for own in of_pool])
        alone = (place < 0) & (named.sum(axis=0) == 1)  # named, and paid nothing
        place = np.where(alone, named.argmax(axis=0), place)
        place = np.where(several > 0, paying.argmax(axis=0), place)
        pool = pa.array(pools, pa.string()).take(pa.array(np.maximum(place, 0)))
        out["pool"] = pc.if_else(pa.array(place >= 0), pool, pa.scalar(None, pa.string()))
        fund = np.where(place >= 0, by_pool[np.maximum(place, 0), np.arange(self.count)], 0)
        out["pool_fund"] = _money(fund, node.missing)
        out["other_paid"] = _money(other, node.missing)
        if need.has("personal_paid"):
            own, no_account = head.fen("acct_pay")
            cash, no_cash = head.fen("psn_cashpay")
            personal = cash + np.where(no_account, account, own)
            out["personal_paid"] = _money(personal, no_account & no_cash & (account == 0))

    def _insured(self) -> tuple[pa.Array, Mask]:
        """Return the pool that the insurance of each list stands for, and where it names two."""
        first, second = (_mapped(self.head.text(f), POOL_OF_INSURANCE) for f in INSURANCES)
        twice = np.asarray(pc.fill_null(pc.not_equal(first, second), False))
        return pc.coalesce(first, second), twice


def plain_table(
    lists: Sequence[Mapping[str, Any]], need: Need
) -> tuple[pa.Table, Mask, dict[int, RowNote]]:
    """Return lists that were made plain as rows, which of them are good, why others are refused."""
    kinds = [(node, pa.struct([(f, pa.string()) for f in fs])) for node, fs in need.fields.items()]
    kind = pa.struct([(n, k if n == SETLINFO else pa.list_(k)) for n, k in kinds])
    read = Lists(pa.array(lists, kind), need)
    table, good = read.table(), ~read.doubtful
    return table.filter(pa.array(good)), good, read.notes


class Node:
    """The entries of a node of all lists, end to end, and of which list each is; one of setlinfo."""

    def __init__(self, lists: Lists, node: str) -> None:
        self.lists = lists
        column = pc.struct_field(lists.top, node)
        self.missing = np.asarray(column.is_null())
        if node == SETLINFO:
            self.entries, self.lengths = column, np.ones(lists.count, dtype=np.int64)
        else:
            self.entries = column.flatten()
            self.lengths = lengths_of(column)
        self.rows = np.repeat(np.arange(lists.count), self.lengths)
        if lists.lines is not None:
            self._look(node, lists.lines)

    def _look(self, node: str, lines: Sequence[bytes]) -> None:
        """Mark what columns do not see: other names, other keys, entries that are none."""
        need = self.lists.need
        if node in CODE_OF:
            names = [f'"{name}"'.encode() for name in (CODE_OF[node], camel(CODE_OF[node]))]
            elsewhere = self.missing.copy()
            for row in np.flatnonzero(self.missing).tolist():
                elsewhere[row] = any(name in lines[row] for name in names)
            self.lists.odd(elsewhere)
        self.lists.odd(self.lengths > MAX_ENTRIES)
        self.odd(np.asarray(self.entries.is_null()))
        for name in other_fields(need, node):
            self.odd(np.asarray(pc.struct_field(self.entries, name).is_valid()))
        if node != SETLINFO:  # without any field it may have them under other names
            nothing = np.ones(len(self.entries), dtype=np.bool_)
            for name in need.fields[node]:
                nothing &= np.asarray(pc.struct_field(self.entries, name).is_null())
            self.odd(nothing)

    def odd(self, bad: Mask) -> None:
        """Mark the lists of some entries as doubtful, unless they were made plain."""
        if self.lists.lines is not None and bad.any():
            self.lists.doubtful[self.rows[bad]] = True

    def fault(self, bad: Mask, reason: str, field: str, values: pa.Array) -> None:
        """Refuse the lists of some entries, for the value of the first one in each."""
        at = np.flatnonzero(bad)
        if not len(at):
            return
        rows, first = np.unique(self.rows[at], return_index=True)
        mask = np.zeros(self.lists.count, dtype=np.bool_)
        mask[rows] = True
        said = dict(zip(rows.tolist(), values.take(pa.array(at[first])).to_pylist(), strict=True))
        self.lists.fault(mask, reason, field, lambda row: (said[row] or "")[:MAX_SAID])

    def joined(self, values: pa.Array, chosen: Mask) -> Said:
        """Return what gives the values of some entries of a list with bars between them."""
        return lambda row: "|".join(
            values.filter(pa.array(chosen & (self.rows == row))).to_pylist()
        )

    def text(self, field: str) -> pa.Array:
        """Return the texts of a field, trimmed, null where empty; numbers as they are written."""
        column = pc.struct_field(self.entries, field)
        if self.lists.lines is None:
            return column
        if pa.types.is_decimal(column.type):
            texts = column.cast(pa.string())
        else:
            long = pc.greater(pc.utf8_length(column), MAX_TEXT)
            self.odd(np.asarray(pc.fill_null(long, False)))
            texts = _unless(pc.utf8_trim_whitespace(column), lambda found: _is(found, ""))
        if field in NUMBERS:
            texts = _short(texts)
            plain = pc.match_substring_regex(texts, _PLAIN_NUMBER)
            self.odd(np.asarray(pc.fill_null(pc.invert(plain), False)))
        return texts

    def fen(
        self, field: str, where: Mask | None = None, *, needed: bool = False
    ) -> tuple[Fen, Mask]:
        """Return the amounts of a field, 0 where missing, and where that is.

        A fault is what is no amount, and a missing one that is needed, among entries of `where`.
        """
        column = pc.struct_field(self.entries, field)
        if pa.types.is_decimal(column.type):
            values, bad = parse.money(column)
        else:
            column = pc.utf8_trim_whitespace(column)
            plain = pc.match_substring_regex(column, _PLAIN_AMOUNT)
            values, bad = parse.money(column)
            bad |= np.asarray(pc.fill_null(pc.invert(plain), False))
        missing = values == parse.MISSING_MONEY
        wrong = bad | missing if needed else bad
        wrong = wrong if where is None else wrong & where
        self.fault(wrong, "list_amount", field, column.cast(pa.string()))
        return np.where(missing, 0, values), missing

    def flag(self, field: str, where: Mask | None = None) -> pa.Array:
        """Return a field of flags as 1 and 0; another word among entries of `where` is a fault."""
        words = self.text(field)
        flags = _mapped(words, _FLAG_WORDS)
        strange = np.asarray(words.is_valid()) & np.asarray(flags.is_null())
        self.fault(strange if where is None else strange & where, "list_field_kind", field, words)
        return flags

    def sums(self, values: NDArray[Any]) -> Fen:
        """Return the sum of a value of each entry for each list."""
        return sums_of(values, self.lengths)

    def put(
        self,
        out: dict[str, pa.Array],
        order: NDArray[np.int64],
        columns: dict[str, pa.Array],
        beside: dict[str, str],
    ) -> None:
        """Put columns of lists of the entries of `order`; `beside` them fields that are wanted."""
        texts = {
            name: pc.fill_null(self.text(field), "")
            for name, field in beside.items()
            if self.lists.need.has(name)
        }
        counts = np.bincount(self.rows[order], minlength=self.lists.count)
        for name, values in (columns | texts).items():
            out[name] = of_lengths(values.take(pa.array(order)), counts)


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


def icu_hours(stays: Sequence[Mapping[str, str | None]]) -> str | None:
    """Return the hours of all stays in intensive care, one begun as a whole one.

    None where one of them is not known. What cannot be read is returned as it stands, with its
    path: reading the column refuses it under a scheme that asks for the hours.
    """
    seconds, known = 0, True
    for number, entry in enumerate(stays, 1):
        if not any(entry[field] for field in (*ICU_FIELDS, ICU_SUM)):
            continue
        own, wrong = _icu_seconds(entry)
        if wrong:
            return f"{ICUINFO}[{number}].{wrong}: {(entry[wrong] or '')[:40]}"
        known = known and own is not None
        seconds += own or 0
    return str(-(-seconds // 3600)) if known else None


def _icu_seconds(entry: Mapping[str, str | None]) -> tuple[int | None, str]:
    """Return the seconds of a stay, None when not known, and the field that cannot be read.

    They are those stated as days/hours/minutes, else those from entry to exit.
    """
    stated = entry[ICU_SUM]
    minutes = minutes_of(stated or "")
    if minutes > 0:
        return minutes * 60, ""
    moments = []
    for field in ICU_TIMES:
        text = entry[field]
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


def _short(numbers: pa.Array) -> pa.Array:
    """Return numbers without zeros behind the point."""
    if pc.any(pc.match_substring(numbers, ".")).as_py():
        numbers = pc.replace_substring_regex(numbers, r"(\.\d*?)0+$", r"\1")
        numbers = pc.replace_substring_regex(numbers, r"\.$", "")
    return numbers


def _unless(texts: pa.Array, bad: Callable[[pa.Array], Mask]) -> pa.Array:
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
    at = pc.index_in(texts, value_set=pa.array(table.keys(), pa.string()))
    return pa.array(table.values(), pa.string()).take(at)


def _main_first(rows: NDArray[np.int64], kept: Mask, main: Mask) -> NDArray[np.int64]:
    """Return the entries that are kept, list by list, the main ones first."""
    place = np.flatnonzero(kept)
    return place[np.argsort(rows[place] * 2 + ~main[place], kind="stable")]


def _money(fen: Fen, null: Mask) -> pa.Array:
    return decimal_column(np.where(null, 0, fen), 14, 2, null)
