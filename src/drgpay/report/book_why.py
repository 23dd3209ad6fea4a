"""Why a balance of the book is what it is: its entries, each by its figures, rules, parameters, clause.

Nothing is computed: the entries hold every figure that they came from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.ground.money import yuan_text
from drgpay.ground.times import moment
from drgpay.ledger.approvals import Proposal
from drgpay.ledger.book import Reading
from drgpay.ledger.entries import Entry, Line
from drgpay.ledger.paid_cases import REGISTER, TAKEN_BACK
from drgpay.monitoring.indicators import indicators
from drgpay.names.assessed import DIRECTIONS, STATES
from drgpay.names.book_figures import FIGURES, RESULTS, SECTIONS
from drgpay.names.choices import WORDS as CHOICES
from drgpay.names.codes import UNVERIFIED
from drgpay.names.ledger import ACCOUNTS, ENTRY_KINDS, METHODS, POINTS_POLICY
from drgpay.names.plan import (
    BLOCKS,
    BUDGET_FACTORS,
    CARE,
    CHANGES,
    DEDUCTIONS,
    INDEX_FACTORS,
    OUTCOMES,
    PAYERS,
    RESERVES,
)

from .sheets import Field, Sheet

TEXTS: Mapping[str, Bilingual] = {
    "entries": both("分录", "Entries"),
    "figures": both("所依据的数", "Figures"),
    "parameters": both("参数", "Parameters"),
    "papers": both("附件", "Papers"),
    "number": both("号", "No."),
    "at": both("时间", "At"),
    "kind": both("种类", "Kind"),
    "subject": both("事由", "Subject"),
    "clause": both("依据", "Clause"),
    "people": both("经办、复核、审批", "Maker, checker, approver"),
    "place": both("机构与险种", "Institution and pool"),
    "detail": both("明细", "Detail"),
    "debit": both("借方（元）", "Debit, yuan"),
    "credit": both("贷方（元）", "Credit, yuan"),
    "balance": both("余额（元，借方为正）", "Balance, yuan, debit above 0"),
    "part": both("部分", "Part"),
    "rule": both("计算规则", "Rule"),
    "figure": both("项目", "Figure"),
    "value": both("数值", "Value"),
    "name": both("名称", "Name"),
    "key": both("参数", "Parameter"),
    "source": both("出处", "Source"),
    "digest": both("摘要", "Digest"),
    "total": both("合计", "Total"),
}
CODES: Mapping[str, Bilingual] = {
    **BUDGET_FACTORS, **DEDUCTIONS, **RESERVES, **INDEX_FACTORS, **CHANGES, **OUTCOMES, **PAYERS,
    **CARE, **BLOCKS,
    **METHODS, **STATES, **DIRECTIONS, **{code: own.name for code, own in indicators().items()}, **RESULTS, **{code: account.word for code, account in ACCOUNTS.items()},
}  # fmt: skip
AT_ONCE = 500  # entries that are read together


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked: the lines of an account, of a pool, institution, detail and year; "" for all."""

    account: str
    pool: str = ""
    hospital: str = ""
    detail: str = ""
    year: int | None = None

    def has(self, line: Line) -> bool:
        """Whether a line is one of those."""
        given = (self.account, self.pool, self.hospital, self.detail)
        own = (line.account, line.pool, line.hospital_id, line.detail)
        return all(not a or a == b for a, b in zip(given, own, strict=True))


def account_of(text: str) -> str:
    """Return an account by its code or a word for it; raises InputError for none."""
    for code, account in ACCOUNTS.items():
        if text in (code, account.word.chinese, str(account.word)):
            return code
    raise InputError(
        both(f"没有科目“{text}”", f"no account {text!r}"),
        remedy=both(
            "、".join(f"{a.word.chinese}（{code}）" for code, a in ACCOUNTS.items()),
            ", ".join(ACCOUNTS),
        ),
    )


def why_account(
    reading: Reading, asked: Asked, people: Mapping[int, Proposal], lang: str
) -> list[Sheet]:
    """Return what made a balance: its lines with the sum so far, and the figures of their entries.

    Raises InputError where there is no line.
    """
    numbers = reading.posted(
        asked.account, year=asked.year, pool=asked.pool, hospital_id=asked.hospital,
        detail=asked.detail,
    )  # fmt: skip
    found = [
        entry
        for at in range(0, len(numbers), AT_ONCE)
        for entry in reading.entries(numbers=numbers[at : at + AT_ONCE])
    ]
    if not found:
        raise InputError(
            both("账上没有这样的分录", "the book has no such line"),
            remedy=both("余额见 drgpay budget balances", "balances: drgpay budget balances"),
        )
    lines = [(entry, line) for entry in found for line in entry.lines if asked.has(line)]
    return [
        _lines_sheet(lines, people, lang),
        *_explained(found, asked.pool, asked.hospital, lang),
    ]


def why_entry(
    entry: Entry, people: Mapping[int, Proposal], lang: str, hospital: str = ""
) -> list[Sheet]:
    """Return what an entry posted and what it came from, of one institution where one is named.

    Of a proposal: what it would post.
    """
    entry = in_effect(entry)
    lines = [(entry, x) for x in entry.lines if hospital in ("", x.hospital_id)]
    return [_lines_sheet(lines, people, lang), *_explained([entry], "", hospital, lang)]


def in_effect(entry: Entry) -> Entry:
    """Return a proposal as the entry that it would be, others as they are."""
    if entry.kind != "proposed":
        return entry
    draft = Proposal(entry, "proposed", ()).draft
    return replace(entry, kind=draft.kind, body=draft.body, lines=draft.lines)


def explained_in(
    entry: Entry, lang: str, rows: int, hospital: str = ""
) -> tuple[Sheet, Sheet, int]:
    """Return an entry's figures, so many rows of them, its parameters, and how many rows there are."""
    figures, parameters, *_ = _explained([in_effect(entry)], "", hospital, lang)
    every = list(figures.rows)
    return replace(figures, rows=every[:rows]), parameters, len(every)


def _explained(entries: Sequence[Entry], pool: str, hospital: str, lang: str) -> Iterator[Sheet]:
    keys = ("number", "part", "rule", "place", "figure", "value")
    figures = [row for entry in entries for row in figure_rows(entry, pool, hospital, lang)]
    yield _sheet("figures", keys, figures, lang, {"figure": "wide", "value": "wide"})
    yield _sheet(
        "parameters",
        ("rule", "key", "name", "value", "source"),
        list(_parameters(entries, lang)),
        lang,
        {"source": "long"},
    )
    papers = [
        {"number": str(e.number), "name": d.name, "digest": d.digest}
        for e in entries
        for d in e.documents
    ]
    if papers:
        yield _sheet("papers", ("number", "name", "digest"), papers, lang, {"digest": "wide"})


def _sheet(
    title: str, keys: Sequence[str], rows: Sequence[Mapping[str, Any]], lang: str,
    kinds: Mapping[str, str],
) -> Sheet:  # fmt: skip
    word = TEXTS[title].of(lang)
    fields = [Field(key, TEXTS[key].of(lang), kinds.get(key, "text")) for key in keys]
    return Sheet(word, fields, rows, lead=(word,))


def _lines_sheet(
    lines: Sequence[tuple[Entry, Line]], people: Mapping[int, Proposal], lang: str
) -> Sheet:
    rows, so_far = [], 0
    for entry, line in lines:
        so_far += line.amount_fen
        made = people.get(entry.about or 0)
        rows.append(
            {
                "number": str(entry.number), "at": moment(entry.at),
                "kind": ENTRY_KINDS[entry.kind].word.of(lang), "subject": entry.subject,
                "place": " ".join(filter(None, (line.hospital_id, line.pool))),
                "detail": " ".join(
                    (ACCOUNTS[line.account].word.of(lang), _code(line.detail, lang))
                ).strip(),
                "debit": max(line.amount_fen, 0), "credit": max(-line.amount_fen, 0),
                "balance": so_far, "clause": entry.clause,
                "people": "、".join(who for _, who in made.by) if made else entry.who,
            }
        )  # fmt: skip
    money = ("debit", "credit", "balance")
    keys = ("number", "at", "kind", "subject", "place", "detail", *money, "people", "clause")
    fields = [
        Field(
            key, TEXTS[key].of(lang), "yuan" if key in money else "text",
            total=key in ("debit", "credit"),
        )
        for key in keys
    ]  # fmt: skip
    lead = both(f"余额 {yuan_text(so_far)} 元", f"balance {yuan_text(so_far)} yuan").of(lang)
    title = TEXTS["entries"].of(lang)
    return Sheet(title, fields, rows, lead=(lead,), total=TEXTS["total"].of(lang))


# --- the figures of an entry


def sections_of(entry: Entry) -> Iterator[tuple[str, Bilingual, tuple[str, ...], list[Any]]]:
    """Return the lists of an entry's body: key, word, rules, rows."""
    for key, value in entry.body.items():
        if not (isinstance(value, list) and value and isinstance(value[0], Mapping)):
            continue
        own = f"{key}.{entry.kind}.{entry.body.get('method', '')}"
        if key == "figures" and entry.kind == "reopening":
            own = "figures.clearing.points"
        word, rules = SECTIONS.get(own) or SECTIONS.get(key) or (both(key, key), ())
        yield key, word, rules, value


def figure_rows(entry: Entry, pool: str, hospital: str, lang: str) -> Iterator[dict[str, str]]:
    """Return the figures of an entry that are of a pool and an institution, "" for all."""
    for _, word, rules, rows in sections_of(entry):
        for row in _chosen(rows, pool, hospital):
            place = " ".join(str(row[k]) for k in ("hospital_id", "pool") if k in row)
            for figure, value in _figures(row, lang, pool, hospital):
                yield {
                    "number": str(entry.number), "part": word.of(lang), "rule": "、".join(rules),
                    "place": place, "figure": figure, "value": value,
                }  # fmt: skip
    for key in (REGISTER, TAKEN_BACK):  # whoever asks of one case: `drgpay budget paid`
        if key in entry.body and not pool and not hospital:
            told = FIGURES[key].of(lang)
            yield {
                "number": str(entry.number), "part": FIGURES["register"].of(lang), "rule": "",
                "place": "", "figure": told, "value": str(entry.body[key]["cases"]),
            }  # fmt: skip


def _chosen(rows: Iterable[Mapping[str, Any]], pool: str, hospital: str) -> Iterator[Any]:
    for row in rows:
        inside = row.get("rows", ())
        own = row.get("hospital_id")
        if pool and row.get("pool") not in (None, pool):
            continue
        if hospital and own not in (None, hospital):
            continue
        if hospital and inside and not any(one.get("hospital_id") == hospital for one in inside):
            continue
        yield row


def _figures(
    row: Mapping[str, Any], lang: str, pool: str, hospital: str, before: str = ""
) -> Iterator[tuple[str, str]]:
    for key, value in row.items():
        if key in ("hospital_id", "pool"):
            continue
        word = before + (FIGURES[key].of(lang) if key in FIGURES else key)
        if isinstance(value, Mapping):
            yield from _figures(value, lang, pool, hospital, f"{word}·")
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            for at, one in enumerate(_chosen(value, pool, hospital), 1):
                name = one.get("hospital_id") or at
                yield from _figures(one, lang, pool, hospital, f"{word} {name}·")
        elif isinstance(value, list):
            yield word, "；".join(_value(key, item, lang) for item in value) or "—"
        else:
            yield word, _value(key, value, lang)


def _value(key: str, value: Any, lang: str) -> str:
    """Return a value as people read it: fen as yuan, codes as words."""
    if isinstance(value, bool):
        return both("是", "yes").of(lang) if value else both("否", "no").of(lang)
    if isinstance(value, int) and (key.endswith("_fen") or key in ("months", "parts", *OF_FEN)):
        return yuan_text(value)
    if isinstance(value, list):
        return " ".join(_value(key, item, lang) for item in value)
    return "—" if value is None or value == "" else _code(str(value), lang)


OF_FEN = ("deducted", "reserves")  # lists of code and amount


def _code(text: str, lang: str) -> str:
    if text in CODES:
        return CODES[text].of(lang)
    return both(CHOICES.get(text, text), text).of(lang)


def _parameters(entries: Iterable[Entry], lang: str) -> Iterator[dict[str, str]]:
    """Return the parameters that entries hang on, each once as it was then."""
    seen = set()
    for entry in entries:
        policies = (entry.body.get(part) for part in ("policy", POINTS_POLICY))
        for policy, own in (
            (asked, each)
            for asked in policies
            if isinstance(asked, Mapping)  # of a run: its manifest has them
            for each in asked.get("parameters", ())
        ):
            told = (policy["id"], own["key"], own["value"])
            if told in seen:
                continue
            seen.add(told)
            mark = "" if own["verified"] else UNVERIFIED.of(lang)
            yield {
                "rule": own["rule"], "key": own["key"],
                "name": both(own["name"], own["key"]).of(lang), "value": own["value"],
                "source": both(own["source_zh"] or own["source"], own["source"]).of(lang) + mark,
            }  # fmt: skip
