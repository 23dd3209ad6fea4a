"""What differs between two policies: as lines of text or a page."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from drgpay.ground.errors import PolicyError, both, in_language
from drgpay.ground.languages import choose, choosing
from drgpay.policy import Policy
from drgpay.policy.catalogues import TITLES
from drgpay.policy.files import OPEN_END, Period

from .pages import folded, page_parts, table, write_page
from .policy_show import value_text
from .texts import UNITS, Words

DAY = dt.timedelta(days=1)
KINDS = {
    "changed": both("值改变", "changed"),
    "added": both("新增", "added"),
    "removed": both("取消", "removed"),
    "source": both("值相同，依据不同", "same value, another source"),
}
FOLDED_FROM = 40


@dataclass(frozen=True)
class PolicyChange:
    """A parameter that differs from `start` to `end`; a or b is None where a policy has no value."""

    kind: str
    key: str
    name: str
    unit: str
    start: dt.date
    end: dt.date
    a: Period | None
    b: Period | None


@dataclass(frozen=True)
class PolicyDiff:
    """Two policies and their differences, in the order of the catalogue."""

    a: Policy
    b: Policy
    year: int | None
    same: int
    changes: tuple[PolicyChange, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many differences there are of each kind."""
        found = Counter(change.kind for change in self.changes)
        return {kind: found[kind] for kind in KINDS}


def first_day(policy: Policy) -> dt.date:
    """Return the first day on which a policy has any value."""
    return min(p.periods[0].start for p in policy.parameters.values())


def diff_policies(a: Policy, b: Policy, year: int | None = None) -> PolicyDiff:
    """Return what differs in a year, or on all days since both policies are in force.

    Raises PolicyError for a policy without any parameter, and for policies of two catalogues.
    """
    for policy in (a, b):
        if not policy.parameters:
            raise PolicyError(
                both("政策没有任何参数", "the policy has no parameter"), where=policy.path
            )
    if a.catalogue != b.catalogue:
        one, other = TITLES[a.catalogue], TITLES[b.catalogue]
        raise PolicyError(
            both(
                f"{a.id} 是{one.chinese}，{b.id} 是{other.chinese}，没有共同的参数表",
                f"{a.id} is a {one}, {b.id} a {other}: they have no catalogue in common",
            ),
            remedy=both("比较同一种政策", "compare policies of one kind"),
        )
    if year is None:
        first, last = max(first_day(a), first_day(b)), OPEN_END
    else:
        first, last = dt.date(year, 1, 1), dt.date(year, 12, 31)
    changes: list[PolicyChange] = []
    same = 0
    for key in a.known:
        found = list(_of_key(key, a, b, first, last))
        changes += found
        same += not found and (key in a.parameters or key in b.parameters)
    return PolicyDiff(a, b, year, same, tuple(changes))


def _of_key(
    key: str, a: Policy, b: Policy, first: dt.date, last: dt.date
) -> Iterator[PolicyChange]:
    sides = [p.parameters[key].periods if key in p.parameters else () for p in (a, b)]
    named = b.parameters.get(key) or a.parameters.get(key)
    if named is None:
        return
    starts = {first}
    for periods in sides:
        for period in periods:
            starts.add(period.start)
            if period.end < OPEN_END:
                starts.add(period.end + DAY)
    days = sorted(day for day in starts if first <= day <= last)
    for i, start in enumerate(days):
        end = days[i + 1] - DAY if i + 1 < len(days) else last
        before, after = (
            next((p for p in periods if p.start <= start <= p.end), None) for periods in sides
        )
        kind = _kind(before, after)
        if kind:
            yield PolicyChange(kind, key, named.name, named.unit, start, end, before, after)


def _kind(a: Period | None, b: Period | None) -> str:
    if a is None or b is None:
        return "" if a is b else "added" if a is None else "removed"
    if a.value != b.value:
        return "changed"
    return "source" if (a.source, a.verified) != (b.source, b.verified) else ""


def _title(diff: PolicyDiff, lang: str) -> str:
    year = "" if diff.year is None else choose(lang, f"（{diff.year}年）", f" ({diff.year})")
    arrow = f"{diff.a.id} → {diff.b.id}{year}"
    return choose(lang, f"政策对比：{arrow}", arrow)


def _period(change: PolicyChange) -> str:
    end = "" if change.end == OPEN_END else change.end.isoformat()
    return f"{change.start.isoformat()} – {end}".rstrip()


def _side(key: str, period: Period | None, lang: str) -> tuple[str, str, str]:
    """Return value, source and whether it is verified."""
    if period is None:
        return "—", "", ""
    w = Words(lang)
    source = choose(lang, period.source_zh, "") or period.source
    return value_text(key, period.raw, w), source, w("yes" if period.verified else "no")


def _since(policy: Policy, lang: str) -> str:
    day = first_day(policy).isoformat()
    return choose(lang, f"{policy.id}：自 {day} 起", f"{policy.id}: from {day} on")


def diff_lines(diff: PolicyDiff, lang: str = "zh") -> Iterator[str]:
    """Yield the differences as text: counts, then each with the sources of both."""
    t = choosing(lang)
    yield _title(diff, lang)
    yield from (f"  {_since(policy, lang)}" for policy in (diff.a, diff.b))
    counts = [f"{in_language(KINDS[k], lang)} {n}" for k, n in diff.counts.items() if n]
    same = t(f"相同 {diff.same}", f"same {diff.same}")
    yield "  " + (t("，", ", ")).join([*counts, same])
    for kind, title in KINDS.items():
        chosen = [change for change in diff.changes if change.kind == kind]
        if not chosen:
            continue
        yield ""
        yield f"== {in_language(title, lang)} =="
        for change in chosen:
            (old, source_a, _), (new, source_b, _) = (
                _side(change.key, change.a, lang), _side(change.key, change.b, lang),
            )  # fmt: skip
            value = old if kind == "source" else f"{old} → {new}"
            yield f"  {change.key}  {change.name}  {value}  [{_period(change)}]"
            for policy, source in ((diff.a, source_a), (diff.b, source_b)):
                if source:
                    yield f"      {policy.id}{t('：', ': ')}{source}"


def write_diff_page(diff: PolicyDiff, path: Path, lang: str = "zh") -> Path:
    """Write the differences as a page; return its path."""
    t = choosing(lang)
    sides = ((t("前", "from"), diff.a), (t("后", "to"), diff.b))
    return write_page(
        path,
        lang=lang,
        title=_title(diff, lang),
        kicker=t("支付政策", "Payment policies compared"),
        facts=[
            (name, policy.title, f"{_since(policy, lang)} · {policy.digest[:12]}")
            for name, policy in sides
        ],
        **page_parts(
            "policy_diff.html.j2",
            lang,
            diff=diff,
            kinds=KINDS,
            unverified=sum(c.b is not None and not c.b.verified for c in diff.changes),
            body=lambda kind: _section(diff, kind, lang),
        ),
    )


PLAIN_UNITS = ("choice", "switch", "list", "bands", "tiers", "table", "weights", "quartile_type")


def _section(diff: PolicyDiff, kind: str, lang: str) -> Markup:
    t = choosing(lang)
    sides = {"added": (diff.b,), "removed": (diff.a,)}.get(kind, (diff.a, diff.b))
    heads = [(t("名称", "name"), "text"), (t("参数", "parameter"), "code")]
    if kind == "source":
        heads.append((t("值", "value"), "text"))
    else:
        heads += [(f"{policy.id} {t('值', 'value')}", "text") for policy in sides]
    heads += [(f"{policy.id} {t('依据', 'source')}", "wide") for policy in sides]
    if diff.year is None:
        heads.append((t("期间", "period"), "code"))
    rows: list[list[Any]] = []
    for change in diff.changes:
        if change.kind != kind:
            continue
        found = [change.a if policy is diff.a else change.b for policy in sides]
        values = [
            _with_unit(_side(change.key, period, lang)[0], change.unit, lang) for period in found
        ]
        row: list[Any] = [change.name, change.key]
        row += values[:1] if kind == "source" else values
        row += [_marked_source(period, lang) for period in found]
        rows.append(row if diff.year is not None else [*row, _period(change)])
    body = table(heads, rows, lang)
    if kind == "source" and len(rows) > FOLDED_FROM:
        return folded(in_language(KINDS[kind], lang), f"{len(rows):,}", body)
    return body


def _with_unit(value: str, unit: str, lang: str) -> str:
    if unit in PLAIN_UNITS or value in ("none", "无", "—"):
        return value
    return f"{value} {Words(lang).of(UNITS, unit)}"


def _marked_source(period: Period | None, lang: str) -> str:
    _, source, _ = _side("", period, lang)
    if period is None or not period.verified:
        return source
    return source + choose(lang, "【已核实】", " [verified]")
