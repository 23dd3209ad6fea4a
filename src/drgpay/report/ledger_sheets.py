"""The book as sheets: entries, balances, proposals, payment orders, vouchers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from drgpay.ground.errors import Bilingual, both
from drgpay.ground.times import moment
from drgpay.ledger.approvals import Proposal
from drgpay.ledger.book import Balance
from drgpay.ledger.entries import Entry, Line
from drgpay.ledger.orders import ORDER_STATES, Order
from drgpay.ledger.status import COLUMNS, Row
from drgpay.names.codes import MODES
from drgpay.names.ledger import ACCOUNTS, BOOK_ROLES, ENTRY_KINDS, METHODS
from drgpay.names.plan import RESERVES

from .sheets import Field, Sheet

WORDS: Mapping[str, Bilingual] = {
    "entries": both("账目", "Entries"),
    "balances": both("科目余额", "Balances"),
    "proposals": both("待办", "What waits"),
    "steps": both("程序进度", "Procedures"),
    "orders": both("拨付单", "Payment orders"),
    "voucher": both("记账凭证", "Voucher"),
    "number": both("号", "No."),
    "at": both("时间", "At"),
    "year": both("年度", "Year"),
    "kind": both("种类", "Kind"),
    "who": both("经手人", "Who"),
    "role": both("角色", "Role"),
    "clause": both("依据", "Clause"),
    "subject": both("事由", "Subject"),
    "about": both("关于", "About"),
    "account": both("科目", "Account"),
    "pool": both("险种", "Pool"),
    "hospital": both("医疗机构编码", "Institution"),
    "detail": both("明细", "Detail"),
    "amount": both("金额（元）", "Yuan"),
    "debit": both("借方（元）", "Debit, yuan"),
    "credit": both("贷方（元）", "Credit, yuan"),
    "state": both("状态", "State"),
    "people": both("经办、复核、审批", "Maker, checker, approver"),
    "basis": both("依据记录号", "Entries it rests on"),
    "paid_on": both("支付日期", "Paid on"),
    "reference": both("银行流水号", "Bank reference"),
    "days_open": both("未付天数", "Days unpaid"),
    "waits_for": both("待", "Waits for"),
    "total": both("合计", "Total"),
    "digest": both("摘要", "Digest"),
    "areas": both("异地清算", "Other areas"),
    "area": both("参保地", "Insured in"),
    "claimed_fen": both("应付（元）", "Owed, yuan"),
    "paid_fen": both("已付（元）", "Paid, yuan"),
    "open_fen": both("未付（元）", "Open, yuan"),
    "since": both("最早未付月份", "Open since"),
    "days": both("未付天数", "Days open"),
}


def _field(key: str, lang: str, kind: str = "text", *, total: bool = False) -> Field:
    return Field(key, WORDS[key].of(lang), kind, total=total)


def entries_sheet(entries: Iterable[Entry], lang: str) -> Sheet:
    """Return entries, one a row, without what they say in full."""
    fields = [
        _field("number", lang, "code"), _field("at", lang), _field("year", lang, "code"),
        _field("kind", lang), _field("subject", lang), _field("who", lang), _field("role", lang),
        _field("about", lang, "code"), _field("clause", lang, "long"),
    ]  # fmt: skip
    rows = [
        {
            "number": str(e.number), "at": moment(e.at), "year": str(e.year),
            "kind": ENTRY_KINDS[e.kind].word.of(lang), "subject": e.subject, "who": e.who,
            "role": BOOK_ROLES[e.role].of(lang), "about": "" if e.about is None else str(e.about),
            "clause": e.clause,
        }
        for e in entries
    ]  # fmt: skip
    return Sheet(WORDS["entries"].of(lang), fields, rows)


def balances_sheet(balances: Iterable[Balance], lang: str) -> Sheet:
    """Return what stands on the accounts, each on its side."""
    fields = [
        _field("account", lang), _field("pool", lang), _field("hospital", lang, "code"),
        _field("detail", lang), _field("debit", lang, "yuan", total=True),
        _field("credit", lang, "yuan", total=True),
    ]  # fmt: skip
    rows = [
        {
            "account": ACCOUNTS[b.account].word.of(lang), "pool": b.pool,
            "hospital": b.hospital_id or "—", "detail": _detail(b.detail, lang),
            "debit": max(b.amount_fen, 0), "credit": max(-b.amount_fen, 0),
        }
        for b in balances
        if b.amount_fen
    ]  # fmt: skip
    return Sheet(WORDS["balances"].of(lang), fields, rows, total=WORDS["total"].of(lang))


def voucher_sheet(entry: Entry, lang: str) -> Sheet:
    """Return an entry's posting as a voucher: its lines, and who, when, under which clause."""
    fields = [
        _field("account", lang), _field("pool", lang), _field("hospital", lang, "code"),
        _field("detail", lang), _field("debit", lang, "yuan", total=True),
        _field("credit", lang, "yuan", total=True),
    ]  # fmt: skip
    rows = [_line(line, lang) for line in sorted(entry.lines, key=lambda x: x.amount_fen < 0)]
    lead = [
        f"{WORDS['number'].of(lang)} {entry.number}  {moment(entry.at)}  "
        f"{ENTRY_KINDS[entry.kind].word.of(lang)}  {entry.subject}",
        f"{BOOK_ROLES[entry.role].of(lang)} {entry.who}  {WORDS['clause'].of(lang)} {entry.clause}",
        f"{WORDS['digest'].of(lang)} {entry.digest}",
    ]
    title, total = WORDS["voucher"].of(lang), WORDS["total"].of(lang)
    return Sheet(title, fields, rows, lead=lead, total=total)


def status_sheet(rows: Iterable[Row], lang: str) -> Sheet:
    """Return the steps of the year's procedures as they stand."""
    fields = [Field(key, word.of(lang), "wide") for key, word in COLUMNS.items()]
    shown = [{key: str(cell) for key, cell in row.cells(lang).items()} for row in rows]
    return Sheet(WORDS["steps"].of(lang), fields, shown)


def areas_sheet(rows: Iterable[Mapping[str, Any]], lang: str) -> Sheet:
    """Return what other areas owe, paid, and since when it is open."""
    fields = [
        _field("area", lang, "code"), _field("pool", lang),
        _field("claimed_fen", lang, "yuan", total=True), _field("paid_fen", lang, "yuan", total=True),
        _field("open_fen", lang, "yuan", total=True), _field("since", lang, "code"),
        _field("days", lang, "code"),
    ]  # fmt: skip
    shown = [{**r, "days": "" if r["days"] is None else str(r["days"])} for r in rows]
    return Sheet(WORDS["areas"].of(lang), fields, shown, total=WORDS["total"].of(lang))


def _line(line: Line, lang: str) -> dict[str, object]:
    return {
        "account": ACCOUNTS[line.account].word.of(lang), "pool": line.pool,
        "hospital": line.hospital_id or "—", "detail": _detail(line.detail, lang),
        "debit": max(line.amount_fen, 0), "credit": max(-line.amount_fen, 0),
    }  # fmt: skip


def _detail(detail: str, lang: str) -> str:
    word = MODES.get(detail) or RESERVES.get(detail) or METHODS.get(detail)
    return word.of(lang) if word else detail


def proposals_sheet(waiting: Mapping[str, Sequence[Proposal]], lang: str) -> Sheet:
    """Return the proposals that wait, and for which role."""
    fields = [
        _field("number", lang, "code"), _field("waits_for", lang), _field("kind", lang),
        _field("subject", lang), _field("people", lang), _field("at", lang),
    ]  # fmt: skip
    rows = [
        {
            "number": str(p.number), "waits_for": BOOK_ROLES[role].of(lang),
            "kind": ENTRY_KINDS[p.draft.kind].word.of(lang), "subject": p.entry.subject,
            "people": "、".join(who for _, who in p.by), "at": moment(p.entry.at),
        }
        for role, found in waiting.items()
        for p in found
    ]  # fmt: skip
    return Sheet(WORDS["proposals"].of(lang), fields, rows)


def orders_sheet(orders: Iterable[Order], today: dt.date, lang: str) -> Sheet:
    """Return payment orders, with the age of those that are unpaid."""
    fields = [
        _field("number", lang, "code"), _field("pool", lang), _field("hospital", lang, "code"),
        _field("amount", lang, "yuan", total=True), _field("state", lang),
        _field("days_open", lang, "code"), _field("paid_on", lang), _field("reference", lang, "code"),
        _field("basis", lang, "code"), _field("people", lang),
    ]  # fmt: skip
    rows = [
        {
            "number": o.number, "pool": o.pool, "hospital": o.hospital_id, "amount": o.amount_fen,
            "state": ORDER_STATES[o.state].of(lang),
            "days_open": str(o.days_open(today)) if o.state == "open" else "",
            "paid_on": o.paid_on, "reference": o.reference,
            "basis": "、".join(map(str, o.basis)), "people": "、".join(who for _, who in o.people),
        }
        for o in orders
    ]  # fmt: skip
    return Sheet(WORDS["orders"].of(lang), fields, rows, total=WORDS["total"].of(lang))
