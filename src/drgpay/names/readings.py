"""Readings that the tables of some schemes leave open: their choices, and how one is asked for.

A scheme states its choices under `[options]` of its manifest. Whoever groups may ask for another
one: by `readings=`, `--reading NAME=VALUE`, or a line of `[region]` in region.toml.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from drgpay.ground.errors import Bilingual, SchemeError, both
from drgpay.ground.languages import choose, is_chinese

Readings = tuple[tuple[str, str], ...]  # (name, choice) of what was asked for, by name


@dataclass(frozen=True, slots=True)
class OpenReading:
    """A reading: what it is about, and its choices in words, the first where none is stated."""

    title: Bilingual
    choices: Mapping[str, Bilingual]


OPEN_READINGS: Mapping[str, OpenReading] = {
    "surgical_match": OpenReading(
        both("手术匹配", "which procedures rules look at"),
        {
            "main": both("只看主要手术", "rules look at the main procedure"),
            "any": both("任一手术都可匹配", "rules look at any procedure"),
        },
    ),
    "sex_and_newborn": OpenReading(
        both("性别与新生儿", "sex and newborn"),
        {
            "ambiguous": both(
                "新生儿或性别不符的病例进入歧义组",
                "newborns and cases whose sex does not fit are ambiguous groups",
            ),
            "passed_on": both(
                "新生儿或性别不符的病例转入下一MDC",
                "newborns and cases whose sex does not fit pass on to the next MDC",
            ),
        },
    ),
    "ungroupable_principals": OpenReading(
        both("不能入组的主要诊断", "principal diagnoses that cannot group"),
        {
            "tried": both(
                "灰码或不作为分组规则的主要诊断照常判断",
                "a principal diagnosis that is grey or takes no part in grouping is tried as any",
            ),
            "refused": both(
                "主要诊断是灰码或不作为分组规则，不予入组",
                "a principal diagnosis that is grey or takes no part in grouping is refused",
            ),
        },
    ),
    "valid_procedures": OpenReading(
        both("有效手术操作", "valid procedures"),
        {
            "tabled": both("有效手术操作按所附列表", "the valid procedures are those tabled"),
            "later": both(
                "有效手术操作按其后的更正", "the valid procedures are those cleaned later"
            ),
        },
    ),
    "conditions": OpenReading(
        both("名称所述条件", "conditions that names state"),
        {
            "named": both(
                "组名所述而原表未列的条件，取自同源方案",
                "conditions that a group's name states and its table lacks, from a related scheme",
            ),
            "tabled": both("条件只按原表", "conditions as tabled alone"),
        },
    ),
}
READINGS: Mapping[str, tuple[str, ...]] = {
    name: tuple(reading.choices) for name, reading in OPEN_READINGS.items()
}


def asked_readings(
    readings: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
    surgical_match: str | None = None,
    where: str | Path | None = None,
) -> Readings:
    """Return the readings asked for, sorted; `surgical_match` is a word for the one of that name.

    Raises SchemeError for a name or a choice that there is not, or two choices of one reading.

    >>> asked_readings({"valid_procedures": "later"}, "any")
    (('surgical_match', 'any'), ('valid_procedures', 'later'))
    """
    given = list(readings.items() if isinstance(readings, Mapping) else readings or ())
    if surgical_match is not None:
        given.append(("surgical_match", surgical_match))
    found: dict[str, str] = {}
    for name, choice in given:
        if name not in READINGS:
            names = [f"{one}={'|'.join(choices)}" for one, choices in READINGS.items()]
            raise SchemeError(
                both(f"没有读法“{name}”", f"there is no reading {name!r}"),
                where=where,
                remedy=both(f"可写：{'，'.join(names)}", f"there are {', '.join(names)}"),
            )
        if choice not in READINGS[name]:
            raise SchemeError(
                both(f"{name} 的值是“{choice}”", f"{name} is {choice!r}"),
                where=where,
                remedy=both(
                    f"改为 {' 或 '.join(READINGS[name])}", f"write {' or '.join(READINGS[name])}"
                ),
            )
        if found.setdefault(name, choice) != choice:
            raise SchemeError(
                both(
                    f"{name} 写了两个值：{found[name]}、{choice}",
                    f"{name} is given twice: {found[name]} and {choice}",
                ),
                where=where,
                remedy=both("只写一个", "give one of them"),
            )
    return tuple(sorted(found.items()))


def chosen_readings(
    stated: Mapping[str, object], asked: Readings, path: str | Path
) -> dict[str, str]:
    """Return the choice of each reading: as asked, as a manifest states, else the first.

    Raises SchemeError for a choice stated that there is not.
    """
    own = ((name, str(stated[name])) for name in READINGS if name in stated)
    said = dict(asked_readings(own, where=path))
    wanted = dict(asked)
    return {
        name: wanted.get(name) or said.get(name) or choices[0] for name, choices in READINGS.items()
    }


def told_readings(scheme: Mapping[str, object]) -> dict[str, str]:
    """Return the readings that a manifest of a run tells of its scheme.

    Runs of before all readings were told name `surgical_match` alone.
    """
    told = scheme.get("readings")
    if isinstance(told, Mapping):
        return {str(name): str(choice) for name, choice in told.items()}
    return {"surgical_match": str(scheme["surgical_match"])}


def differing_readings(
    told: Mapping[str, str], now: Mapping[str, str]
) -> dict[str, tuple[str, str]]:
    """Return of each reading told that is another one now both choices, the one told first."""
    return {
        name: (choice, now.get(name, ""))
        for name, choice in told.items()
        if choice != now.get(name, "")
    }


def readings_text(readings: Mapping[str, str], lang: str = "en") -> str:
    """Return readings as they are written, in Chinese by their titles.

    >>> readings_text({"surgical_match": "main", "conditions": "named"})
    'surgical_match = main, conditions = named'
    >>> readings_text({"surgical_match": "main", "conditions": "named"}, "zh")
    '手术匹配 main，名称所述条件 named'
    """
    if is_chinese(lang):
        return "，".join(f"{_title(name)} {choice}" for name, choice in readings.items())
    return ", ".join(f"{name} = {choice}" for name, choice in readings.items())


def _title(name: str) -> str:
    return OPEN_READINGS[name].title.chinese if name in OPEN_READINGS else name


def other_text(other: Mapping[str, tuple[str, str]], lang: str) -> str:
    """Return readings that differ in words, before and now.

    >>> other_text({"conditions": ("named", "tabled")}, "en")
    'conditions named → tabled'
    """
    mark = choose(lang, "、", ", ")
    return mark.join(
        f"{choose(lang, _title(name), name)} {before} → {now}"
        for name, (before, now) in other.items()
    )
