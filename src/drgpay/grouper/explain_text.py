"""Explanations in words: conditions that failed, severity, what would have changed the group."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from drgpay.cases.editions import KINDS as KINDS_OF_CODES
from drgpay.cases.editions import shown_edition
from drgpay.ground.languages import choose, is_chinese
from drgpay.ground.money import points_text, yuan_text
from drgpay.grouper.changes import MOST_CODES, Change, Price
from drgpay.grouper.trace import MEMORY, Condition, Failure, Rule, Tried, opposite
from drgpay.grouper.would_group import contradiction_text
from drgpay.names.codes import spoken
from drgpay.names.columns import CODED
from drgpay.names.readings import OPEN_READINGS
from drgpay.names.reasons import GROUPING_REASONS
from drgpay.schemes.rules import (
    REPEATED,
    Always,
    Atom,
    Compare,
    Count,
    Flag,
    Member,
    StartsWith,
    parse_rule,
)
from drgpay.schemes.words import CODES_IN_WORDS, FACTS, rule_in_words

if TYPE_CHECKING:
    from drgpay.grouper.explained import DiagnosisSeverity, Explained, Reading, UnknownCode

Texts = tuple[str, str]  # Chinese, English

WARNING: Texts = (
    "编码如实反映病历，病组由此而来：以上只说明规则怎样判断，不是改动编码的建议。",
    "Coding follows the record, and the group follows from it: this shows how the rules decide "
    "and is no advice to change a code.",
)
COLON = {"zh": "：", "en": ": "}
NO_PRICES: Texts = (
    "未给出清算结果（--run），不列点数与金额。",
    "No settled run (--run) was given: no points and no money are shown.",
)
MONEY_NOTE: Texts = (
    "金额＝点数×点值，是这一例的全部费用额度，含个人等支付部分；点数未计再住院扣减。",
    "Money is points x point value: all payment of the case, what patients and others pay "
    "included; readmissions are not counted.",
)
PRICE_NOTES: dict[str, Texts] = {
    "readmission": (
        "本例按再住院规则扣减了点数；以上点数均为扣减之前的。",
        "The readmission rule cut the points of this case; the points above are those before it.",
    ),
    "referral": (
        "本例是转诊合并为一次住院的一段，清算按合并后的费用计点并分摊；以上点数按本例单独计算。",
        "This stay is part of a referral that was settled as one stay, its points shared; the points "
        "above are those of this stay by itself.",
    ),
    "bed_day": (
        "本例按床日付费，点数与病组无关。",
        "This case is paid by bed-day: its points do not depend on the group.",
    ),
    "reviewed": (
        "本例经特病单议；其他病组的点数也按同一审核结果计算。",
        "This case was reviewed; the points in other groups take the same decision.",
    ),
}
_SETS: dict[str, Texts] = {
    "principal": ("主要诊断", "the principal diagnosis"),
    "secondary": ("其他诊断", "secondary diagnosis"),
    "any_diagnosis": ("诊断", "diagnosis"),
    "main_procedure": ("主要手术", "the main procedure"),
    "other_procedure": ("其他手术", "further procedure"),
    "any_procedure": ("手术操作", "procedure"),
}
_UNKNOWN_KINDS: dict[str, Texts] = {
    KINDS_OF_CODES[0]: ("诊断", "the diagnosis"),
    KINDS_OF_CODES[1]: ("手术操作", "the procedure"),
}
_SINGLE = ("principal", "main_procedure")
_NUMBERS: dict[str, tuple[str, str, str, str]] = {
    "age_years": ("年龄", "岁", "the age", "years"),
    "age_days": ("日龄", "天", "the age in days", "days"),
    "birth_weight_g": ("出生体重", "克", "the birth weight", "g"),
    "los_days": ("住院天数", "天", "the stay", "days"),
    "icu_hours": ("重症监护时长", "小时", "the intensive care", "hours"),
    "admission_weight_g": ("入院体重", "克", "the weight on admission", "g"),
    "trauma_sites": ("创伤部位", "个", "the number of trauma sites", "sites"),
    "procedure_count": ("手术操作数", "个", "the number of procedures", "procedures"),
}
_OPERATORS: dict[str, Texts] = {
    "==": ("等于", "equal to"),
    "!=": ("不等于", "other than"),
    "<": ("小于", "below"),
    "<=": ("不超过", "at most"),
    ">": ("大于", "above"),
    ">=": ("至少", "at least"),
}
_FLAGS: dict[str, tuple[Texts, Texts]] = {
    "mcc": (("没有计入的MCC", "no MCC that counts"), ("有计入的MCC", "an MCC that counts")),
    "cc": (("没有计入的CC", "no CC that counts"), ("有计入的CC", "a CC that counts")),
    "icu": (("没有重症监护", "no intensive care"), ("有重症监护", "intensive care")),
    "repeated": (
        ("第二手术与主要手术不同", "the second procedure is not the main one again"),
        ("第二手术与主要手术相同", "the second procedure is the main one again"),
    ),
}
# changes of facts in words: of a code, a sex, intensive care; of a number with its words
CHANGES: dict[str, Texts] = {
    "cc_more": ("多一个计入的CC", "one CC more that counts"),
    "mcc_more": ("多一个计入的MCC", "one MCC more that counts"),
    "secondary_less": ("没有其他诊断 {}", "without the secondary diagnosis {}"),
    "principal_exchanged": ("主要诊断与 {} 对调", "the principal diagnosis exchanged with {}"),
    "procedure_less": ("没有手术操作 {}", "without the procedure {}"),
    "main_exchanged": ("主要手术与 {} 对调", "the main procedure exchanged with {}"),
    "sex": ("性别为{}（仅当登记有误）", "sex {} (only if recorded wrongly)"),
    "icu": ("{}重症监护（仅当登记有误）", "{} intensive care (only if recorded wrongly)"),
    "number": (
        "{0}{5}{1}{4}（现为{6}{1}；仅当登记有误）",
        "{2} {5} {3} {4} (now {6}; only if recorded wrongly)",
    ),
}
_BOUNDS: tuple[Texts, Texts] = (("或以上", "or more"), ("或以下", "or less"))
_WITH: tuple[Texts, Texts] = (("没有", "without"), ("有", "with"))
KINDS: dict[str, Texts] = {
    "surgical": ("外科或操作组", "surgical or procedure"),
    "medical": ("内科组", "medical"),
    "ambiguous": ("歧义组", "ambiguous group"),
    "fallback": ("其余组（不算入组）", "rest group (not grouped)"),
}
# what each choice of a reading means
VERDICTS: dict[str, Texts] = {
    "counts": ("计入", "counts"),
    "excluded": (
        "不计：主要诊断{principal}在其排除表{list}中",
        "excluded: the principal {principal} is on its exclusion list {list}",
    ),
    "none": ("不属于并发症或合并症", "neither MCC nor CC"),
    "unknown": ("不在本方案的编码库中", "not in the scheme's code system"),
}


def atom_text(condition: Condition) -> str:
    """Return a condition as the rule language writes it."""
    a = condition.atom
    if isinstance(a, Always):
        text = "True"
    elif isinstance(a, Flag):
        text = f"main_procedure {a.name}" if a.name == REPEATED else a.name
    elif isinstance(a, StartsWith):
        text = f'{a.fact} startswith "{a.prefix}"'
    elif isinstance(a, Compare):
        value = f'"{_code(a)}"' if a.fact in CODED else str(a.value)
        text = f"{a.fact} {a.operator} {value}"
    elif isinstance(a, Count):
        how = "distinct" if a.distinct else "count"
        text = f"{a.fact} {how} {a.member.list_name} {a.operator} {a.value}"
    else:
        codes = ", ".join(f'"{code}"' for code in a.codes)
        what = f"{{{codes}}}" if codes else "any site" if a.any_site else a.list_name
        text = f"{a.fact} in {what}"
    return text if condition.wanted else f"not {text}"


def _code(a: Compare) -> str:
    return next(code for code, number in CODED[a.fact].items() if number == a.value)


@lru_cache(maxsize=20_000)
def condition_text(condition: Condition, lang: str) -> str:
    """Return in words that a condition does not hold, without the case's own values."""
    zh = choose(lang, 0, 1)
    a, wanted = condition.atom, condition.wanted
    if isinstance(a, Always):
        return ("从不成立", "it never holds")[zh]
    if isinstance(a, Flag):
        is_not, is_so = _FLAGS[a.name]
        return is_not[zh] if wanted else is_so[zh] + ("（须没有）", " (there must be none)")[zh]
    if isinstance(a, Compare) and a.fact == "sex":
        needed = a.value if (a.operator == "==") == wanted else 3 - a.value
        sex = CODES_IN_WORDS["sex"][needed]
        return (f"性别须为{sex[0]}", f"the sex must be {sex[1]}")[zh]
    if isinstance(a, Compare) and a.fact in CODED:
        holds = (a.operator == "==") == wanted
        fact, code = FACTS[a.fact], CODES_IN_WORDS[a.fact][a.value]
        return (
            f"{fact[0]}须{'' if holds else '不'}为{code[0]}",
            f"the {fact[1]} must {'' if holds else 'not '}be {code[1]}",
        )[zh]
    if isinstance(a, Count):
        said = rule_in_words(a, lang)
        if wanted:
            return (f"须{said}", f"there must be: {said}")[zh]
        return (f"须并非{said}", f"there must not be: {said}")[zh]
    if isinstance(a, Compare):
        operator = a.operator if wanted else opposite(a.operator)
        name, unit, english, english_unit = _NUMBERS[a.fact]
        return (
            f"{name}须{_OPERATORS[operator][0]}{a.value}{unit}",
            f"{english} must be {_OPERATORS[operator][1]} {a.value} {english_unit}",
        )[zh]
    return _membership(condition, a)[zh]


def _membership(condition: Condition, a: Member | StartsWith) -> Texts:
    owner, wanted = condition.owner, condition.wanted
    subject, english = _SETS[a.fact]
    is_in = "是"
    if isinstance(a, StartsWith):
        what, of = f"以{a.prefix}开头的编码", f"a code that begins with {a.prefix}"
    elif a.codes:
        what, of = "或".join(a.codes), " or ".join(a.codes)
    elif a.list_name == "valid_procedures":
        what, of = "有效手术操作", "a valid procedure"
    elif a.any_site:
        is_in, what = "在", f"{owner}任一创伤部位的列表中"
        of = f"on any site list of {owner}"
    else:
        is_in, what = "在", f"{owner}的列表{a.list_name}中"
        of = f"on list {a.list_name} of {owner}"
    if a.fact in _SINGLE:
        if wanted:
            return f"{subject}不{is_in}{what}", f"{english} is not {of}"
        return f"{subject}{is_in}{what}（须不{is_in}）", f"{english} is {of} (it must not be)"
    if wanted:
        return f"没有{subject}{is_in}{what}", f"no {english} is {of}"
    return f"有{subject}{is_in}{what}（须没有）", f"a {english} is {of} (none must be)"


def failed_text(step: Tried, lang: str, e: Explained | None = None) -> str:
    """Return why a rule that was tried did not take the case; with `e`, the case's values, too."""
    if step.failure is None:
        if step.took:
            return ""
        return choose(
            lang,
            "规则成立，但其中没有组接收此病例",
            "the rule holds, but no group inside takes the case",
        )
    f = step.failure
    key = id(f), lang, None if e is None else _values(f, e)
    known = _WHY.get(key)
    if known is None:
        if len(_WHY) > MEMORY:
            _WHY.clear()
        known = _WHY[key] = (f, _failed_text(f, lang, e))
    return known[1]


# why a rule failed, with each of the values that it names: cases differ little in these; the
# failure is kept with what is said of it, so that its number stays its own
_WHY: dict[tuple[Any, ...], tuple[Failure, str]] = {}
_NAMED: dict[int, tuple[Failure, tuple[Condition, ...], bool]] = {}


def _failed_text(f: Failure, lang: str, e: Explained | None) -> str:
    texts = []
    for c in f.conditions:
        text = condition_text(c, lang)
        texts.append(text if e is None else text + _here(c, e, lang))
    joined = dict.fromkeys(texts)
    return choose(lang, "，且".join(joined), ", and ".join(joined))


def _values(f: Failure, e: Explained) -> tuple[Any, ...]:
    """Return the values of a case that are named where a failure is told."""
    named = _NAMED.get(id(f))
    if named is None:
        if len(_NAMED) > MEMORY:
            _NAMED.clear()
        numbers = tuple([c for c in f.conditions if isinstance(c.atom, Compare)])
        main = any(_asks_main_procedure(c.atom) for c in f.conditions)
        named = _NAMED[id(f)] = (f, numbers, main)
    _, numbers, main = named
    if not numbers:
        return (main and not e.procedures,)
    return (main and not e.procedures, *[_value(c, e) for c in numbers])


def _value(condition: Condition, e: Explained) -> Any:
    """Return the value of the case that a comparison asks for, None where it is not known."""
    fact = getattr(condition.atom, "fact", "")
    if fact == "procedure_count":
        return len(e.procedures)
    return e.sites[condition.mdc] if fact == "trauma_sites" else e.facts[fact]


def _asks_main_procedure(atom: Atom) -> bool:
    return isinstance(atom, Member | StartsWith) and atom.fact == "main_procedure"


def _here(condition: Condition, e: Explained, lang: str) -> str:
    """Return the value of the case that a condition asked for, in parentheses."""
    a, zh = condition.atom, is_chinese(lang)
    if isinstance(a, Compare):
        value = _value(condition, e)
        if value is not None and a.fact in CODED:
            code = CODES_IN_WORDS[a.fact][CODED[a.fact][str(value)]]
            return f"（本例为{code[0]}）" if zh else f" (here {code[1]})"
        if value is None:
            return "（本例未填）" if zh else " (not given here)"
        return f"（本例{value}{_NUMBERS[a.fact][1]}）" if zh else f" (here {value})"
    if _asks_main_procedure(a) and not e.procedures:
        return "（本例没有手术操作）" if zh else " (there is none)"
    return ""


def change_text(change: Change, e: Explained, lang: str) -> str:
    """Return a change of facts in words."""
    i = choose(lang, 0, 1)
    if change.kind == "number":
        names = _NUMBERS[change.fact]
        bound = _BOUNDS[change.after < change.before][i]
        return CHANGES["number"][i].format(*names, bound, change.after, change.before)
    if change.kind in ("secondary_less", "principal_exchanged"):
        what = f"{change.code} {e.secondary[change.place - 1].name}".strip()
    elif change.kind in ("procedure_less", "main_exchanged"):
        what = " ".join(e.procedures[change.place]).strip()
    elif change.kind == "sex":
        what = CODES_IN_WORDS["sex"][change.after][i]
    else:
        what = _WITH[change.after][i]
    return CHANGES[change.kind][i].format(what)


def changes_text(changes: tuple[Change, ...], e: Explained, lang: str) -> str:
    """Return the changes that lead to a group, together."""
    return choose(lang, "，并且", ", and ").join(change_text(c, e, lang) for c in changes)


def _signed(text: str) -> str:
    return text if text.startswith("-") else "+" + text


@lru_cache(maxsize=256)
def _class_text(case_class: str, lang: str) -> str:
    return spoken("case_class", case_class).of(lang)


def price_text(price: Price, own: Price, lang: str) -> str:
    """Return points and money of a group, and how much that is above or below the case's own."""
    points, fen = points_text(price.points), yuan_text(price.fen)
    more = _signed(points_text(price.points - own.points))
    money = _signed(yuan_text(price.fen - own.fen))
    other = price.case_class if price.case_class != own.case_class else ""
    kind = _class_text(other, lang)
    if is_chinese(lang):
        return f"{points} 点（{more}），{fen} 元（{money}）{kind}".rstrip()
    return f"{points} points ({more}), {fen} yuan ({money}) {kind}".rstrip()


def own_price_text(price: Price, lang: str) -> str:
    """Return points, money and class of the case's own group."""
    kind = _class_text(price.case_class, lang)
    points, fen = points_text(price.points), yuan_text(price.fen)
    if is_chinese(lang):
        return f"{points} 点，{fen} 元（{kind}）"
    return f"{points} points, {fen} yuan ({kind})"


def direction(price: Price, own: Price) -> str:
    """Return whether a group earns `more`, `less` or the `same`."""
    return "more" if price.fen > own.fen else "less" if price.fen < own.fen else "same"


# what is said of rules that failed: most of what is said, and the same for cases of the same values
_SAID: dict[tuple[Any, ...], tuple[Failure, Rule, dict[str, Any]]] = {}


def tried_dict(step: Tried, e: Explained) -> dict[str, Any]:
    """Return a rule that was tried, and those inside it, as plain values; not to be changed."""
    f = step.failure
    if f is None or step.inner:
        return _tried_dict(step, e)
    key = id(f), id(step.rule), _values(f, e)
    known = _SAID.get(key)
    if known is None:
        if len(_SAID) > MEMORY:
            _SAID.clear()
        known = _SAID[key] = (f, step.rule, _tried_dict(step, e))
    return known[2]


def _tried_dict(step: Tried, e: Explained) -> dict[str, Any]:
    r, f = step.rule, step.failure
    made: dict[str, Any] = {
        "kind": r.kind,
        "code": r.code,
        "key": r.key,
        "name": r.name,
        "rule": r.text,
        "holds": f is None,
        "took": step.took,
    }
    if f is not None:
        made["near"] = f.near
        made["failed"] = [atom_text(c) for c in f.conditions]
    if not step.took:
        made["why_not"] = {lang: failed_text(step, lang, e) for lang in ("zh", "en")}
    if step.inner:
        made["inner"] = [tried_dict(one, e) for one in step.inner]
    return made


def nearest_dicts(e: Explained) -> list[dict[str, Any]]:
    """Return the nearest other groups as plain values."""
    made = []
    for i, n in enumerate(e.nearest):
        price = e.prices[i] if e.prices else None
        made.append(
            {
                "drg": n.drg,
                "name": n.name,
                "mdc": n.mdc,
                "adrg": n.adrg,
                "changes": [change._asdict() for change in n.changes],
                "text": {lang: changes_text(n.changes, e, lang) for lang in ("zh", "en")},
                "price": None if price is None else price._asdict(),
                "direction": direction(price, e.price) if price and e.price else None,
            }
        )
    return made


def named(code: str, name: str) -> str:
    """Return a code with its name."""
    return f"{code} {name}" if name else code


def lines(e: Explained, lang: str, changes: Sequence[str] | None = None) -> list[str]:
    """Return the lines of an explanation; `changes` are the texts of its changes, if made."""
    zh = is_chinese(lang)
    g = e.grouping
    made = [
        f"分组方案 {e.scheme}（手术匹配 {e.options['surgical_match']}）"
        if zh
        else f"scheme {e.scheme} (surgical_match {e.options['surgical_match']})",
        ("主要诊断  " if zh else "principal   ") + named(*e.principal),
    ]
    label, blank = ("手术操作  ", " " * 10) if zh else ("procedures  ", " " * 12)
    for i, item in enumerate(e.procedures):
        made.append((blank if i else label) + named(*item))
    made.append(f"→ {g.drg} {g.name}")
    reason = GROUPING_REASONS[g.reason].of(lang)
    if reason:
        made.append(f"  {reason}" + (f" {g.by_procedure}" if g.by_procedure else ""))
    if e.contradiction:
        made.append("  " + contradiction_text(e.contradiction)[0 if zh else 1])
    made += [reading_line(item, lang) for item in e.readings]
    made += [unknown_line(item, lang) for item in e.unknown]
    if e.would is not None:
        made.append("  " + e.would.texts[0 if zh else 1])
    if e.price is not None:
        made.append("  " + own_price_text(e.price, lang))
    made += _tried_lines(e, zh, lang)
    severity = "无" if g.severity == "none" else g.severity
    made.append(f"严重程度 {severity}" if zh else f"severity {g.severity}")
    made += [severity_line(s, e.principal[0], zh) for s in e.secondary]
    made += _nearest_lines(e, zh, lang, changes)
    return made


def reading_dict(item: Reading) -> dict[str, Any]:
    """Return a reading that decided as plain values."""
    conditions = [{"group": g, "words": w, "source": s} for g, w, s in item.conditions]
    names = ("option", "choice", "other", "drg", "name")
    return {**{name: getattr(item, name) for name in names}, "conditions": conditions}


def reading_line(item: Reading, lang: str) -> str:
    """Return the line of a reading that decided, and what the other choice would have made."""
    text = OPEN_READINGS[item.option].choices[item.choice]
    zh, en = text.chinese, str(text)
    if item.conditions:
        zh += "（" + "；".join(f"{g}“{w}”，取自 {s}" for g, w, s in item.conditions) + "）"
        en += " (" + "; ".join(f"{g} {w!r} from {s}" for g, w, s in item.conditions) + ")"
    if is_chinese(lang):
        return (
            f"  由方案选项 {item.option} = {item.choice} 决定：{zh}；"
            f"按 {item.other} 则为 {named(item.drg, item.name)}（假定，公布文本未定）"
        )
    return (
        f"  decided by the reading {item.option} = {item.choice}: {en}; with {item.other} it is "
        f"{named(item.drg, item.name)} (assumed, not settled by the published text)"
    )


def unknown_dict(item: UnknownCode) -> dict[str, Any]:
    """Return an unknown code as plain values."""
    near = [{"code": code, "name": name} for code, name in item.nearest]
    return {
        "kind": item.kind,
        "place": item.place,
        "code": item.code,
        "edition": item.edition,
        "nearest": near,
    }


def unknown_line(item: UnknownCode, lang: str) -> str:
    """Return the line of a code that the scheme does not know: what it may stand for."""
    near = [named(*one) for one in item.nearest]
    zh, en = _UNKNOWN_KINDS[item.kind]
    if is_chinese(lang):
        said = f"  {zh} {item.code} 不在本方案的编码库中"
        said += f"，是{shown_edition(item.edition)}编码" if item.edition else ""
        return said + (f"；相近的编码：{'、'.join(near)}" if near else "")
    said = f"  {en} {item.code} is not in the scheme's code system"
    said += f", it is one of {item.edition}" if item.edition else ""
    return said + (f"; nearest codes: {', '.join(near)}" if near else "")


def _tried_lines(e: Explained, zh: bool, lang: str) -> list[str]:
    attempts = e.trace.attempts
    last = attempts[-1]
    made = []
    if len(attempts) > 1:
        codes = "、".join(e.procedures[a.procedure][0] for a in attempts if a.procedure)
        made.append(
            f"主要手术未能入组后，其他手术逐一单独再试：{codes}"
            if zh
            else "after the main procedure, tried alone: " + codes.replace("、", ", ")
        )
    return made + _placed_lines(last.mdcs, e, lang)


_PLACED: dict[tuple[int, str], tuple[tuple[Tried, ...], bool, list[str]]] = {}


def _placed_lines(mdcs: tuple[Tried, ...], e: Explained, lang: str) -> list[str]:
    """Return the lines of MDCs and what is inside; kept where no value of the case is in them."""
    key = (id(mdcs), lang)
    kept = _PLACED.get(key)
    if kept is None:
        if len(_PLACED) > MEMORY:
            _PLACED.clear()
        kept = _PLACED[key] = (mdcs, _names_values(mdcs), _mdcs_lines(mdcs, e, lang))
        return kept[2]
    return _mdcs_lines(mdcs, e, lang) if kept[1] else kept[2]


def _names_values(steps: Sequence[Tried]) -> bool:
    """Whether some reason names the value of a number or of the sex."""
    return any(
        (s.failure is not None and any(isinstance(c.atom, Compare) for c in s.failure.conditions))
        or _names_values(s.inner)
        for s in steps
    )


def _mdcs_lines(mdcs: tuple[Tried, ...], e: Explained, lang: str) -> list[str]:
    zh, colon = is_chinese(lang), COLON[lang]
    made = [f"MDC：试了{len(mdcs)}个" if zh else f"MDCs tried: {len(mdcs)}"]
    plain = []
    for step in mdcs:
        if only_principal(step):
            plain.append(step)
        elif step.failure is not None:
            made.append(
                f"  ✗ {named(step.rule.code, step.rule.name)}{colon}{failed_text(step, lang, e)}"
            )
    if plain:
        codes = ("、" if zh else ", ").join(s.rule.code for s in plain)
        why = "主要诊断不在其列表中" if zh else "the principal diagnosis is not on its list"
        made.append(f"  ✗ {codes}{colon}{why}")
    for step in mdcs:
        if step.failure is None:
            made += _mdc_lines(step, e, zh, lang)
    return made


@lru_cache(maxsize=8192)
def rule_text(rule: str, lang: str) -> str:
    """Return a rule as it is shown: in words in Chinese, as the tables write it in English."""
    return rule_in_words(parse_rule(rule)) if is_chinese(lang) else rule


def only_principal(step: Tried) -> bool:
    """Whether an MDC failed for nothing but the list of principal diagnoses."""
    conditions = step.failure.conditions if step.failure else ()
    if len(conditions) != 1:
        return False
    atom = conditions[0].atom
    return (
        isinstance(atom, Member)
        and atom.fact == "principal"
        and not atom.any_site
        and conditions[0].wanted
    )


def _mdc_lines(mdc: Tried, e: Explained, zh: bool, lang: str) -> list[str]:
    rule, colon = "规则 " if zh else "rule ", COLON[lang]
    mark = "✓" if mdc.took else "○"
    made = [
        f"  {mark} MDC   {named(mdc.rule.code, mdc.rule.name)}",
        f"          {rule}{rule_text(mdc.rule.text, lang)}",
    ]
    failed = [s for s in mdc.inner if s.failure is not None]
    near = [s for s in failed if s.failure is not None and s.failure.near]
    if mdc.inner:
        made.append(f"  ADRG：试了{len(mdc.inner)}个" if zh else f"  ADRGs tried: {len(mdc.inner)}")
    made += [
        f"    ✗ {named(s.rule.key, s.rule.name)}{colon}{failed_text(s, lang, e)}" for s in near
    ]
    rest = len(failed) - len(near)
    if rest:
        made.append(
            f"    ✗ {'另有' if near else ''}{rest}个：第一个条件即不成立"
            if zh
            else f"    ✗ {rest} {'more ' if near else ''}failed at their first condition"
        )
    for step in mdc.inner:
        if step.failure is not None:
            continue
        kind = KINDS[step.rule.kind][0 if zh else 1]
        mark = "✓" if step.took else "○"
        head = f"    {mark} ADRG  {named(step.rule.key, step.rule.name)}"
        head += f"（{kind}）" if zh else f" ({kind})"
        made += [head, f"            {rule}{rule_text(step.rule.text, lang)}"]
        made += [
            f"      ✗ {named(s.rule.code, s.rule.name)}{colon}{failed_text(s, lang, e)}"
            for s in step.inner
            if not s.took
        ]
        made += [
            line
            for s in step.inner
            if s.took
            for line in (
                f"      ✓ DRG   {named(s.rule.code, s.rule.name)}",
                f"              {rule}{rule_text(s.rule.text, lang)}",
            )
        ]
    return made


def severity_line(s: DiagnosisSeverity, principal: str, zh: bool) -> str:
    verdict = VERDICTS[s.verdict][0 if zh else 1]
    if s.verdict == "excluded":
        verdict = verdict.format(list=s.exclusion_list, principal=principal)
    mark = ("  ← 决定严重程度" if zh else "  ← decides") if s.decisive else ""
    return f"  {named(s.code, s.name)}{'：' if zh else ': '}{s.level + ' ' if s.level else ''}{verdict}{mark}"


def _nearest_lines(e: Explained, zh: bool, lang: str, changes: Sequence[str] | None) -> list[str]:
    if (
        not e.nearest
        and sum(len(e.facts[name]) for name in ("diagnoses", "procedures")) > MOST_CODES
    ):
        many = (
            f"诊断与手术超过{MOST_CODES}个，不找邻近的组"
            if zh
            else f"more than {MOST_CODES} codes: other groups are not looked for"
        )
        return [many, WARNING[0 if zh else 1]]
    if not e.nearest:
        none = (
            "所试的改变（一处或一对事实）都不会使病组不同；本例没有的主要诊断和手术操作不在所试之列"
            if zh
            else "no change that is tried, of one fact or of a pair, makes another group; principal "
            "diagnoses and procedures that the case does not have are not tried"
        )
        return [none, WARNING[0 if zh else 1]]
    made = [
        "怎样的事实会入别的组（相近的在前）"
        if zh
        else "what would have made another group (nearest first)"
    ]
    for i, n in enumerate(e.nearest):
        text = changes[i] if changes is not None else changes_text(n.changes, e, lang)
        made.append(f"  {named(n.drg, n.name)}{COLON[lang]}{text}")
        if e.prices and e.price is not None:
            made.append(f"      {price_text(e.prices[i], e.price, lang)}")
    if e.price is None:
        made.append(NO_PRICES[0 if zh else 1])
    else:
        made.append(MONEY_NOTE[0 if zh else 1])
        if e.price.note:
            made.append(PRICE_NOTES[e.price.note][0 if zh else 1])
    made.append(WARNING[0 if zh else 1])
    return made
