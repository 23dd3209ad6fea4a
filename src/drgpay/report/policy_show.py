"""The parameters of a policy as records and as lines of text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from drgpay.ground.errors import PolicyError, both
from drgpay.ground.languages import choose
from drgpay.policy import Policy
from drgpay.policy.choice_words import choices_text
from drgpay.policy.files import OPEN_END, Parameter, Period
from drgpay.policy.year import shown

from .sheets import Field, Sheet, text_lines
from .texts import UNITS, Words

Record = dict[str, Any]
NEAR = 5  # names that are shown instead of one that is not known


def listed(policy: Policy, year: int | None = None, keys: Sequence[str] = ()) -> list[Record]:
    """Return the values of a policy, one record for each period, in the order of the catalogue.

    `year` leaves only what is in force on one of its days. `keys` are keys, first parts of keys or
    parts of Chinese names. Raises PolicyError for one of `keys` that fits no parameter.
    """
    chosen = {key for word in keys for key in _matching(policy, word)} if keys else None
    return [
        _record(parameter, period)
        for parameter in policy.parameters.values()
        if chosen is None or parameter.key in chosen
        for period in parameter.periods
        if year is None or (period.start <= dt.date(year, 12, 31) and period.end.year >= year)
    ]


def _matching(policy: Policy, word: str) -> list[str]:
    found = [p.key for p in policy.parameters.values() if p.key == word]
    found = found or [
        p.key
        for p in policy.parameters.values()
        if p.key.startswith(word.rstrip(".") + ".") or word in p.name
    ]
    if not found:
        near = _near(policy, word)
        raise PolicyError(
            both(f"没有政策参数“{word}”", f"no parameter {word!r}"),
            where=policy.path.name,
            remedy=both(
                (f"相近的有：{'、'.join(near)}；" if near else "")
                + "可写参数名、前缀（如 trim）或中文名称的一部分；不带 --key 列出全部参数",
                (f"near: {', '.join(near)}; " if near else "")
                + "give a key, its first part (as trim) or a part of the Chinese name; without "
                "--key all are listed",
            ),
        )
    return found


def _near(policy: Policy, word: str) -> list[str]:
    """Return the parameters whose key, a part of it, or Chinese name is near to a word, at most five."""
    words: dict[str, str] = {}
    for p in policy.parameters.values():
        for text in (p.key, *p.key.split("."), p.name):
            words.setdefault(text.casefold(), p.key)
    hits = get_close_matches(word.casefold(), words, n=2 * NEAR, cutoff=0.5)
    return list(dict.fromkeys(words[hit] for hit in hits))[:NEAR]


def _record(parameter: Parameter, period: Period) -> Record:
    return {
        "key": parameter.key,
        "name": parameter.name,
        "description": parameter.description,
        "value": period.raw,
        "unit": parameter.unit,
        "from": period.start.isoformat(),
        "to": "" if period.end == OPEN_END else period.end.isoformat(),
        "source": period.source,
        "source_zh": period.source_zh,
        "verified": period.verified,
        "alternative": period.alternative,
    }


def value_text(key: str, raw: Any, w: Words) -> str:
    """Return a value on one line, in Chinese with the words of choices beside the codes."""
    return w.of(EMPTY, "empty") if raw == [] else choices_text(key, shown(raw), w.lang)


EMPTY = {"empty": ("（空）", "(empty)")}
HEADINGS = {
    "zh": ("参数", "名称", "值", "备选值", "单位", "期间", "核实", "依据"),
    "en": ("key", "name", "value", "alternative", "unit", "period", "verified", "source"),
}


def source_of(entry: Record, lang: str) -> str:
    """Return the source of a value in a language, as far as the policy gives it."""
    return str(choose(lang, entry["source_zh"], "") or entry["source"])


def show_lines(policy: Policy, entries: Sequence[Record], lang: str = "zh") -> Iterator[str]:
    """Yield the parameters as a table for the terminal, and what is verified."""
    w = Words(lang)
    yield f"{policy.id}  {policy.title}"
    rows = (
        {
            "key": e["key"],
            "name": e["name"],
            "value": value_text(e["key"], e["value"], w),
            "alternative": None
            if e["alternative"] is None
            else value_text(e["key"], e["alternative"], w),
            "unit": w.of(UNITS, e["unit"]),
            "period": f"{e['from']} – {e['to']}".rstrip(),
            "verified": w("yes" if e["verified"] else "no"),
            "source": source_of(e, lang),
        }
        for e in entries
    )
    fields = [
        Field(key, heading) for key, heading in zip(HEADINGS["en"], HEADINGS[lang], strict=True)
    ]
    yield from text_lines(Sheet(policy.title, fields, rows))
    verified = sum(e["verified"] for e in entries)
    rest = len(entries) - verified
    yield {
        "zh": f"共 {len(entries)} 项值：已核实 {verified}，未核实 {rest}",
        "en": f"{len(entries)} values: {verified} verified, {rest} not verified",
    }[lang]
