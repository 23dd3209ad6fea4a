"""Policy files: dated parameters, each with unit, period, source and whether it is verified.

An unknown key, a missing one, an overlap, a gap inside a year, a date before the first period, a
missing source: each is an error, never a default.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from drgpay.ground.errors import Bilingual, PolicyError, both, fault_at, located, quoted
from drgpay.ground.inputs import TOML_BYTES, parse_toml, read_input
from drgpay.ground.reference import resolve
from drgpay.policy.catalogue import Known
from drgpay.policy.catalogues import CATALOGUES, EVERY, PAYMENT_FILES, TITLES
from drgpay.policy.year import InForce, YearPolicy


class Faults(list[Bilingual]):
    """What is wrong with a policy, all of it."""

    def at(self, where: object, chinese: str, english: str) -> None:
        """Note a fault."""
        self.append(fault_at(where, chinese, english))


@dataclass(frozen=True, slots=True)
class Period:
    """A value of a parameter and the days on which it is in force, both ends included.

    `alternative` is the nearest other value, as written; None when the file names none.
    """

    start: dt.date
    end: dt.date
    raw: Any
    value: Any
    source: str
    verified: bool
    source_zh: str = ""
    alternative: Any = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a policy with all its periods."""

    key: str
    name: str
    description: str
    unit: str
    periods: tuple[Period, ...]


OPEN_END = dt.date(9999, 12, 31)


@dataclass(frozen=True)
class Policy:
    """A policy file, checked."""

    id: str
    title: str
    path: Path
    digest: str
    sources: Mapping[str, str]
    parameters: Mapping[str, Parameter]
    catalogue: str = PAYMENT_FILES

    @property
    def known(self) -> Mapping[str, Known]:
        """The parameters of its catalogue."""
        return CATALOGUES[self.catalogue]

    def for_year(self, year: int, overrides: Sequence[str] = ()) -> YearPolicy:
        """Return the values in force from 1 January to 31 December of a year.

        `overrides` are texts `KEY=VALUE` of a trial run. Raises PolicyError for a parameter without
        one single value in that year, and for an override that does not fit.
        """
        faults = Faults()
        chosen: dict[str, InForce] = {}
        first, last = dt.date(year, 1, 1), dt.date(year, 12, 31)
        for key, parameter in self.parameters.items():
            covering = [p for p in parameter.periods if p.start <= first and p.end >= last]
            if not covering:
                touching = [p for p in parameter.periods if p.start <= last and p.end >= first]
                begin = parameter.periods[0].start
                what = (
                    both(
                        "年内有变动，年度清算只能用一个值",
                        "changes within the year; a year-end run needs one value",
                    )
                    if touching
                    else both(
                        f"{year}年没有值，最早的一段自 {begin} 起",
                        f"has no value in {year}; its first period begins {begin}",
                    )
                )
                faults.append(located(named(key, parameter.name), what))
                continue
            p = covering[0]
            chosen[key] = InForce(
                key,
                parameter.name,
                parameter.unit,
                p.raw,
                p.value,
                p.source,
                p.verified,
                p.start.isoformat(),
                "" if p.end == OPEN_END else p.end.isoformat(),
                used=not self.known[key].sometimes,
                source_zh=p.source_zh,
                alternative=p.alternative,
            )
        if len(faults) == len(self.parameters) and len(faults) > 1:
            starts = min(p.periods[0].start for p in self.parameters.values())
            faults[:] = [
                both(
                    f"{len(self.parameters)} 项参数在{year}年都没有值，最早的一段自 {starts} 起",
                    f"none of its {len(self.parameters)} parameters has a value in {year}; "
                    f"the first period begins {starts}",
                )
            ]
        if faults:
            raise PolicyError(
                both(f"政策不能用于{year}年", f"the policy cannot be used for {year}"),
                where=self.path,
                faults=faults,
            )
        made = YearPolicy(self.id, self.title, self.digest, year, chosen, self.catalogue)
        for text in overrides:
            made = _overridden(made, text, faults)
        if faults:
            raise PolicyError(
                both("试算的参数设置有误", "the trial's settings do not fit"),
                faults=faults,
                remedy=both(
                    "写作 参数=值，如 keep_ratio=0.7；各参数的含义见清算报告的“政策参数”一节和 docs/glossary.md",
                    "write KEY=VALUE, as keep_ratio=0.7; docs/glossary.md explains the keys",
                ),
            )
        return made


def _overridden(policy: YearPolicy, text: str, faults: Faults) -> YearPolicy:
    """Return a policy with `KEY=VALUE` set; notes what does not fit."""
    key, equals, word = (part.strip() for part in text.partition("="))
    known, where = policy.known.get(key), f"--set {text}"
    if not equals or known is None:
        what = both(
            f"没有政策参数“{key}”；可用：{'、'.join(policy.known)}"
            if known is None
            else f"缺少等号；写成 {key}=值",
            f"no parameter {key!r}; known: {', '.join(policy.known)}",
        )
        faults.append(located(where, what))
        return policy
    try:
        made = policy.with_value(key, known.typed(word))
    except ValueError as error:
        faults.append(located(where, error))
        return policy
    if policy.parameters[key].trial:
        faults.at(where, f"{key} 已设过一次", f"{key} is set twice")
        return policy
    return made


def named(key: str, name: str) -> Bilingual:
    return both(f"{key}（{name}）" if name else key, key)


def missing_parameter(key: str) -> Bilingual:
    """Return the fault of a policy that lacks a parameter."""
    return located(named(key, EVERY[key].name), both("缺少", "missing"))


def load_policy(
    name: str | Path,
    base: Path | None = None,
    *,
    complete: bool = True,
    catalogue: str | None = PAYMENT_FILES,
) -> Policy:
    """Return the policy of a bundled name or a file (relative to `base`), every parameter checked.

    `catalogue`: the one that its parameters must be of; None takes any.
    Raises PolicyError that lists all faults at once, each with its key; missing parameters are
    none with `complete=False`, which is for looking at a policy, never for a run.
    """
    path = resolve("policies", name, base, ".toml")
    policy = _checked(read_input(path, PolicyError, TOML_BYTES), path, complete)
    if catalogue not in (None, policy.catalogue):
        is_, wanted = TITLES[policy.catalogue], TITLES[str(catalogue)]
        raise PolicyError(
            both(
                f"这是{is_.chinese}，这里要的是{wanted.chinese}",
                f"this is a {is_}; what is asked for here is a {wanted}",
            ),
            where=path,
            remedy=both(
                "换一份政策；[policy] 中的 catalogue 说明是哪一种",
                "name another policy; `catalogue` in [policy] says which kind it is",
            ),
        )
    return policy


@lru_cache(maxsize=16)  # a run asks for its policy several times, a service with every request
def _checked(raw: bytes, path: Path, complete: bool) -> Policy:
    """Return the policy that the bytes of a file say."""
    data = parse_toml(raw, path, PolicyError)
    head, entries = data.get("policy", {}), data.get("parameters", {})
    faults = Faults()
    if not isinstance(head, dict) or not isinstance(entries, dict):
        raise PolicyError(
            both("policy 和 parameters 都须是表", "policy and parameters must be tables"),
            where=path,
        )
    faults += [
        both(f"[policy] 缺少 {word}", f"[policy] has no {word}")
        for word in ("id", "title")
        if word not in head
    ]
    if not isinstance(head.get("sources", {}), dict):
        faults.append(located("[policy.sources]", NOT_A_TABLE))
    catalogue = head.get("catalogue", PAYMENT_FILES)
    known = _catalogue(catalogue, path)
    unknown = both("没有这个参数", "unknown parameter")
    faults += [located(key, unknown) for key in entries if key not in known]
    if complete:
        missing = [missing_parameter(key) for key in known if key not in entries]
        faults += missing
    parameters = {}
    for key, entry in entries.items():
        if key in known:
            parameter = _parameter(known[key], entry, faults)
            if parameter is not None:
                parameters[key] = parameter
    if faults:
        raise PolicyError(
            both("政策不完整", "the policy is not complete"),
            where=path,
            faults=faults,
            remedy=both(
                "参数的写法见 docs/formats.md 第4节",
                "docs/formats.md, section 4, shows the form of an entry",
            ),
        )
    ordered = {key: parameters[key] for key in known if key in parameters}
    digest = hashlib.sha256(raw).hexdigest()
    sources = {str(k): str(v) for k, v in head.get("sources", {}).items()}
    return Policy(str(head["id"]), str(head["title"]), path, digest, sources, ordered, catalogue)


def _catalogue(name: Any, path: Path) -> Mapping[str, Known]:
    """Return the parameters of a catalogue that a file names."""
    if not isinstance(name, str) or name not in CATALOGUES:
        offered = [(word, TITLES[word].chinese) for word in CATALOGUES]
        raise PolicyError(
            both(
                f"没有{quoted(name)}这种政策；可写："
                + "、".join(f"{word}（{chinese}）" for word, chinese in offered),
                f"no catalogue {name!r}; there is {', '.join(CATALOGUES)}",
            ),
            where=path,
            remedy=both("改正 [policy] 中的 catalogue", "correct `catalogue` in [policy]"),
        )
    return CATALOGUES[name]


def _unknown_entry(word: str) -> Bilingual:
    return both(f"没有“{word}”这一项", f"unknown entry {word!r}")


NOT_A_TABLE = both("不是表", "not a table")


def _parameter(known: Known, entry: Any, faults: Faults) -> Parameter | None:
    before = len(faults)
    key = known.key
    own = entry.get("name") if isinstance(entry, dict) else None
    here = named(key, str(own or known.name))
    if not isinstance(entry, dict):
        faults.append(located(here, NOT_A_TABLE))
        return None
    unit = entry.get("unit")
    if unit != known.unit:
        faults.at(
            here,
            f"unit {'未写' if unit is None else '是' + quoted(unit)}，应为“{known.unit}”",
            f"unit is {unit!r}, must be {known.unit!r}",
        )
    if not entry.get("name"):
        faults.at(here, "缺少 name（中文名称）", "no Chinese name")
    strange = set(entry) - {"name", "description", "unit", "values"}
    faults.extend(located(here, _unknown_entry(word)) for word in sorted(strange))
    periods = []
    values = entry.get("values", [])
    if not isinstance(values, list):
        faults.at(
            here,
            f"值须写在 [[parameters.{key}.values]] 之下",
            "values must stand under [[parameters.….values]]",
        )
        return None
    for number, item in enumerate(values, start=1):
        where = both(f"{here.chinese} 第{number}个值", f"{key}, value {number}")
        period = _period(known, item, where, faults)
        if period is not None:
            periods.append(period)
    if not values:
        faults.at(here, "没有值", "no values")
    periods.sort(key=lambda p: p.start)
    for a, b in pairwise(periods):
        if b.start <= a.end:
            faults.at(
                here,
                f"自 {a.start} 与自 {b.start} 的两段日期重叠",
                f"the periods from {a.start} and from {b.start} overlap",
            )
        elif b.start != a.end + dt.timedelta(days=1):
            faults.at(
                here,
                f"{a.end} 与 {b.start} 之间没有值",
                f"no value between {a.end} and {b.start}",
            )
    if len(faults) > before:
        return None
    return Parameter(
        key, str(entry["name"]), str(entry.get("description", "")), known.unit, tuple(periods)
    )


def _is_day(value: Any) -> bool:
    return isinstance(value, dt.date) and not isinstance(value, dt.datetime)


def _period(known: Known, item: Any, where: Bilingual, faults: Faults) -> Period | None:
    if not isinstance(item, dict):
        faults.append(located(where, NOT_A_TABLE))
        return None
    before = len(faults)
    start, end = item.get("from"), item.get("to", OPEN_END)
    if not _is_day(start) or not _is_day(end):
        faults.at(where, "from 和 to 须是日期，如 2024-01-01", "from and to must be dates")
    elif start > end:
        faults.at(where, "to 早于 from", "ends before it begins")
    if not str(item.get("source", "")).strip():
        faults.at(
            where,
            "没有 source；写文件与条款，或 assumed: 理由",
            "no source; give document and clause, or 'assumed: <reason>'",
        )
    if not isinstance(item.get("verified"), bool):
        faults.at(where, "verified 须为 true 或 false", "verified must be true or false")
    elif item["verified"] and str(item.get("source", "")).startswith("assumed"):
        faults.at(
            where, "source 为 assumed 的值不能 verified", "an assumed value cannot be verified"
        )
    strange = set(item) - {
        "from", "to", "value", "source", "source_zh", "verified", "alternative",
    }  # fmt: skip
    faults.extend(located(where, _unknown_entry(word)) for word in sorted(strange))
    value = None
    try:
        if "value" not in item:
            raise ValueError(both("缺少 value", "no value"))
        value = known.read(item["value"])
    except (ValueError, TypeError) as error:
        faults.append(located(where, error))
    if "alternative" in item:
        _alternative(known, item, value, where, faults)
    if len(faults) > before or not isinstance(start, dt.date) or not isinstance(end, dt.date):
        return None  # isinstance again for the type checker
    return Period(
        start,
        end,
        item["value"],
        value,
        str(item["source"]),
        bool(item["verified"]),
        str(item.get("source_zh", "")),
        item.get("alternative"),
    )


def _alternative(known: Known, item: Any, value: Any, where: Bilingual, faults: Faults) -> None:
    """Note what is wrong with the alternative of a value."""
    try:
        other = known.read(item["alternative"])
        if "value" in item and other == value:
            raise ValueError(both("与 value 相同", "the same as the value"))
    except (ValueError, TypeError) as error:
        faults.append(located(where, located("alternative", error)))
