"""A derivation in words: numbered steps, where each number comes from, and the parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from drgpay.ground.errors import both, in_language
from drgpay.ground.languages import choose, is_chinese
from drgpay.ground.numbers import Figure, Fixed, Given, Leaf, Result
from drgpay.ground.sentences import sentences
from drgpay.policy.choice_words import choices_text
from drgpay.policy.year import shown
from drgpay.why.model import UNITS, Derivation, Step, place
from drgpay.why.words import TABLE


@cache
def heads(lang: str) -> Mapping[str, str]:
    """Return the words of a derivation's frame, by name, in a language."""
    return {name: both(*pair).of(lang) for name, pair in sentences(TABLE)["frame"].items()}


def lines(d: Derivation, lang: str = "zh") -> Iterator[str]:
    """Yield the derivation line by line."""
    w = heads(lang)
    where = d.head.get("region", "")
    yield in_language(d.title, lang) + (f"  {where}" if where else "")
    if d.policy.trial:
        yield w["trial_run"] + "; ".join(d.policy.trial)
    for fact in d.facts:
        yield f"  {in_language(fact.label, lang)}{w['colon']}{in_language(fact.text, lang).strip()}"
    numbers = {step.key: i + 1 for i, step in enumerate(d.steps)}
    for section in d.sections:
        title = in_language(section.title, lang)
        yield ""
        if title:
            yield choose(lang, f"【{title}】", f"{title}")
        for step in section.steps:
            yield from _step(d, step, numbers, lang)
    yield ""
    if d.cited:
        yield f"{w['parameters']}{w['colon']}".rstrip()
        for key in d.cited:
            yield f"  {parameter_line(d, key, lang)}"
    for note in d.notes:
        yield in_language(note, lang)
    yield w["clauses"]
    if d.disagreements:
        yield f"✗ {w['differ']}{w['colon']}".rstrip()
        yield from (f"  - {in_language(text, lang)}" for text in d.disagreements)
    else:
        yield f"✓ {w['sums']}"


def _step(d: Derivation, step: Step, numbers: dict[str, int], lang: str) -> Iterator[str]:
    w = heads(lang)
    holds = "" if step.holds is None else f"  {w['yes'] if step.holds else w['no']}"
    words = in_language(step.note, lang)
    head = f"({numbers[step.key]}) {in_language(step.title, lang)}"
    if not step.formula:
        gap = " " if head.endswith(("？", "?")) else w["colon"]
        yield f"  {head}{gap}{words}  {w['rule']} {step.rule}"
    else:
        yield f"  {head}  {w['rule']} {step.rule}"
        unit = in_language(UNITS[step.unit], lang)
        yield f"      {step.formula}{' ' + unit if unit else ''}{holds}"
        if words:
            yield f"      {words}"
    yield from (f"      {line}" for line in sources(d, step, numbers, lang))


def sources(d: Derivation, step: Step, numbers: dict[str, int], lang: str) -> list[str]:
    """Return where the numbers of a step come from, and the parameters that it rests on."""
    w = heads(lang)
    made = []
    told = dict.fromkeys(_leaf(d, leaf, numbers, lang) for leaf in step.leaves)
    if texts := [text for text in told if text]:
        made.append(f"{w['from']} {w['semicolon'].join(texts)}")
    shown_here = {leaf.source.key for leaf in step.leaves if isinstance(leaf.source, Given)}
    if marks := [_mark(d, key, lang) for key in step.parameters if key not in shown_here]:
        made.append(w["semicolon"].join(marks))
    return made


def _leaf(d: Derivation, leaf: Leaf, numbers: dict[str, int], lang: str) -> str:
    w = heads(lang)
    label = in_language(leaf.label, lang)
    source = leaf.source
    if isinstance(source, Fixed):
        return f"{leaf.text} {label}" if label else ""
    if isinstance(source, Result):
        return f"{leaf.text} = ({numbers[source.key]})"
    if isinstance(source, Figure):
        return f"{leaf.text} {label}{w['open']}{place(source, lang)}{w['close']}"
    p = d.policy.parameters[source.key]
    name = choose(lang, f"{p.name} {p.key}", p.key)
    mark = "" if p.verified else f"{w['comma']}{w['unverified']}"
    return f"{leaf.text} {name}{mark}"


def _mark(d: Derivation, key: str, lang: str) -> str:
    """Return a parameter that a step rests on without being a number of its formula."""
    w = heads(lang)
    p = d.policy.parameters[key]
    mark = "" if p.verified else f"{w['open']}{w['unverified']}{w['close']}"
    return f"{key} = {choices_text(key, shown(p.raw), lang)}{mark}"


def parameter_line(d: Derivation, key: str, lang: str) -> str:
    """Return a parameter with its value, its source and whether it is verified."""
    w = heads(lang)
    p = d.policy.parameters[key]
    name = choose(lang, f"{key} {p.name}", key)
    state = w["verified"] if p.verified else w["unverified"]
    if p.trial:
        state = w["trial"]
    source = p.source_zh if is_chinese(lang) and p.source_zh else p.source
    value = choices_text(key, shown(p.raw), lang)
    return f"{name} = {value}{w['open']}{state}{w['close']} {source}"
