"""Entries of the book: what one says, how it is written, and its digest in the chain.

The digest of an entry is that of its canonical JSON (keys in order, no spaces, UTF-8, no floats),
which holds the digest of the entry before: whoever changes one must change all that follow, and the
last one is printed on every paper that leaves the agency.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from json.encoder import encode_basestring as quoted
from typing import Any

from drgpay.ground.errors import BooksError, InputError, both
from drgpay.ground.money import yuan_text
from drgpay.names.ledger import ACCOUNTS, BOOK_ROLES, ENTRY_KINDS

DIGESTS = ("sha256", "sm3")
NOTHING_BEFORE = "0" * 64
MAX_TEXT, MAX_BODY = 1_000, 16_000_000


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """A line of a posting, in fen: debit above zero, credit below."""

    account: str
    pool: str
    hospital_id: str
    detail: str
    amount_fen: int


def debit(
    account: str, pool: str, amount_fen: int, hospital_id: str = "", detail: str = ""
) -> Line:
    """Return a line on the debit side (a negative amount: on the other)."""
    return Line(account, pool, hospital_id, detail, amount_fen)


def credit(
    account: str, pool: str, amount_fen: int, hospital_id: str = "", detail: str = ""
) -> Line:
    """Return a line on the credit side (a negative amount: on the other)."""
    return Line(account, pool, hospital_id, detail, -amount_fen)


@dataclass(frozen=True, slots=True)
class Document:
    """A document that an entry rests on: its name, bytes and digest."""

    name: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry before it stands in the book.

    `year` is the year of the budget, `subject` what it is about, `clause` under which rule;
    `about` the number of the entry that it checks, approves, corrects, answers.
    """

    kind: str
    year: int
    who: str
    role: str
    body: Mapping[str, Any]
    clause: str = ""
    subject: str = ""
    documents: tuple[Document, ...] = ()
    lines: tuple[Line, ...] = ()
    about: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the book. `at`: seconds since 1970, as the clock of the writer had it."""

    number: int
    at: int
    kind: str
    year: int
    who: str
    role: str
    clause: str
    subject: str
    body: Mapping[str, Any]
    documents: tuple[Document, ...]
    lines: tuple[Line, ...]
    about: int | None
    previous: str
    digest: str


def canonical(value: Any) -> str:
    """Return plain JSON in its one form: keys in order, no spaces.

    >>> canonical({"b_fen": 1, "a": ["甲"]})
    '{"a":["甲"],"b_fen":1}'

    Raises InputError for what such JSON cannot say, floats among it.
    """
    _plain(value, "")
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _plain(value: Any, where: str) -> None:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _plain(inner, f"{where}.{key}" if isinstance(key, str) else "?")
            if not isinstance(key, str):
                raise _not_plain(where, key)
    elif isinstance(value, list | tuple):
        for inner in value:
            _plain(inner, f"{where}[]")
    elif isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise _not_plain(where, value) from None
        if "\0" in value:  # PostgreSQL keeps none
            raise _not_plain(where, value)
    elif not (value is None or isinstance(value, bool | int)):
        raise _not_plain(where, value)


def _not_plain(where: str, value: object) -> InputError:
    return InputError(
        both(f"账中不能记 {value!r}", f"the book cannot hold {value!r}"),
        where=where.lstrip(".") or None,
        remedy=both("金额记整数分，其余记文字或整数", "amounts as whole fen, the rest as text"),
    )


def told(
    number: int,
    at: int,
    year: int,
    kind: str,
    who: str,
    role: str,
    clause: str,
    subject: str,
    body: str,
    documents: str,
    about: int | None,
    previous: str,
    lines: str,
) -> str:
    """Return the canonical JSON of an entry, whose body, documents and lines are in that form.

    Its arguments but for the lines are the columns of the book's table, in their order.
    """
    return (
        f'{{"about":{"null" if about is None else int(about)},"at":{at:d},"body":{body},'
        f'"clause":{quoted(clause)},"documents":{documents},"kind":{quoted(kind)},"lines":{lines},'
        f'"number":{number:d},"previous":{quoted(previous)},"role":{quoted(role)},'
        f'"subject":{quoted(subject)},"who":{quoted(who)},"year":{year:d}}}'
    )  # fmt: skip


def digest_of(text: str, algorithm: str) -> str:
    """Return the digest of an entry's canonical JSON."""
    return hashlib.new(algorithm, text.encode("utf-8")).hexdigest()


def lines_text(lines: Sequence[Line]) -> str:
    """Return the lines of a posting in canonical JSON."""
    return canonical([[*_fields(line)] for line in lines]) if lines else "[]"


def _fields(line: Line) -> tuple[str, str, str, str, int]:
    return line.account, line.pool, line.hospital_id, line.detail, line.amount_fen


def documents_text(documents: Sequence[Document]) -> str:
    """Return what an entry rests on in canonical JSON."""
    return canonical([[d.name, d.size, d.digest] for d in documents]) if documents else "[]"


def joined(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Return lines in order, those of one place as one, without what comes to nothing."""

    def place(line: Line) -> tuple[str, str, str, str]:
        return line.account, line.pool, line.hospital_id, line.detail

    found = [
        Line(*where, sum(line.amount_fen for line in own))
        for where, own in groupby(sorted(lines), key=place)
    ]
    return tuple(line for line in found if line.amount_fen)


def check_draft(draft: Draft) -> None:
    """Fail if an entry may not be made so: its kind, role, texts, lines.

    Raises InputError, and BooksError for lines that do not balance.
    """
    kind = ENTRY_KINDS.get(draft.kind)
    if kind is None:
        raise InputError(
            both(f"没有“{draft.kind}”这种记录", f"there is no entry of kind {draft.kind!r}"),
            remedy=both("见 docs/budget-year.md", "see docs/budget-year.md"),
        )
    if draft.role not in BOOK_ROLES:
        raise InputError(
            both(f"没有“{draft.role}”这一角色", f"there is no role {draft.role!r}"),
            remedy=both(f"可用：{'、'.join(BOOK_ROLES)}", f"known: {', '.join(BOOK_ROLES)}"),
        )
    if draft.role not in kind.roles:
        allowed = [BOOK_ROLES[role] for role in kind.roles]
        raise InputError(
            both(
                f"{BOOK_ROLES[draft.role].chinese}不能作“{kind.word.chinese}”",
                f"{BOOK_ROLES[draft.role]} may not make “{kind.word}”",
            ),
            where=draft.who,
            remedy=both(
                f"由{'、'.join(word.chinese for word in allowed)}办理",
                f"by {', '.join(map(str, allowed))}",
            ),
        )
    for name, text in (("who", draft.who), ("clause", draft.clause), ("subject", draft.subject)):
        if len(text) > MAX_TEXT:
            raise InputError(
                both(f"文字超过{MAX_TEXT}字", f"longer than {MAX_TEXT} characters"), where=name
            )
    if not draft.who.strip():
        raise InputError(
            both("没有写明经手人", "nobody is named who makes the entry"),
            remedy=both("写明姓名：--as 姓名", "name the person: --as NAME"),
        )
    _check_lines(draft, kind.posts)


def _check_lines(draft: Draft, posts: bool) -> None:
    """Fail if lines stand where none may, on no account, or do not balance in each pool."""
    if draft.lines and not posts:
        raise BooksError(
            both(f"“{draft.kind}”不能记账", f"an entry of kind {draft.kind!r} moves no money")
        )
    for line in draft.lines:
        account = ACCOUNTS.get(line.account)
        if account is None:
            raise BooksError(both(f"没有科目 {line.account}", f"no account {line.account!r}"))
        wrong = account.hospital is not None and account.hospital != bool(line.hospital_id)
        if wrong or bool(account.detail) != bool(line.detail):
            raise BooksError(
                both(
                    f"科目“{account.word.chinese}”的分录缺少或多写了机构、明细：{line}",
                    f"a line of “{account.word}” lacks or has too much of institution, detail: {line}",
                )
            )
    for (pool, memo), left in _sums(draft.lines):
        if left:
            raise BooksError(
                both(
                    f"分录借贷不平，险种 {pool}{'（额度）' if memo else ''}相差 {yuan_text(left)} 元",
                    f"the posting does not balance: {yuan_text(left)} yuan in pool {pool}"
                    f"{' (memorandum)' if memo else ''}",
                ),
                where=draft.subject or draft.kind,
            )


def _sums(lines: Sequence[Line]) -> Iterator[tuple[tuple[str, bool], int]]:
    sums: dict[tuple[str, bool], int] = {}
    for line in lines:
        place = line.pool, ACCOUNTS[line.account].memo
        sums[place] = sums.get(place, 0) + line.amount_fen
    yield from sums.items()
