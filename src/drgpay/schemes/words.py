"""Rules in words, and the closed list of words that rules may be written in.

`rule_in_words` says a rule as a sentence; `rule_of_words` reads such a sentence back into the rule
language. Whatever the one says in Chinese the other understands; it also knows the short words of
published tables (伴MCC, 不伴, 年龄<17岁).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from drgpay.ground.errors import both
from drgpay.ground.languages import choose
from drgpay.names.columns import CODED
from drgpay.schemes.rules import (
    MAX_LENGTH,
    REPEATED,
    SET_FACTS,
    Always,
    And,
    Compare,
    Count,
    Flag,
    Member,
    Node,
    Not,
    Or,
    RuleSyntaxError,
    StartsWith,
)

FACTS: Mapping[str, tuple[str, str]] = {
    "principal": ("主要诊断", "the principal diagnosis"),
    "secondary": ("其他诊断", "a secondary diagnosis"),
    "any_diagnosis": ("任一诊断", "some diagnosis"),
    "main_procedure": ("主要手术", "the main procedure"),
    "other_procedure": ("其他手术", "a further procedure"),
    "any_procedure": ("任一手术", "some procedure"),
    "age_years": ("年龄", "age"),
    "age_days": ("日龄", "age in days"),
    "birth_weight_g": ("出生体重", "birth weight"),
    "los_days": ("住院天数", "stay"),
    "icu_hours": ("重症监护时长", "hours of intensive care"),
    "admission_weight_g": ("入院体重", "weight on admission"),
    "trauma_sites": ("创伤部位数", "number of trauma sites"),
    "procedure_count": ("手术操作数", "number of procedures"),
    "sex": ("性别", "sex"),
    "discharge_way": ("离院方式", "way of discharge"),
    "special_charge": ("特殊收费", "special charge"),
}
UNITS: Mapping[str, tuple[str, str]] = {
    "age_years": ("岁", " years"),
    "age_days": ("天", " days"),
    "birth_weight_g": ("克", " g"),
    "los_days": ("天", " days"),
    "icu_hours": ("小时", " hours"),
    "admission_weight_g": ("克", " g"),
    "trauma_sites": ("个", ""),
    "procedure_count": ("个", ""),
}
FLAGS: Mapping[str, tuple[str, str]] = {
    "icu": ("入住重症监护", "intensive care"),
    "mcc": ("伴MCC", "with MCC"),
    "cc": ("伴CC", "with CC"),
}
ADRG_KINDS: Mapping[str, tuple[str, str]] = {
    "surgical": ("外科或操作", "surgical"),
    "medical": ("内科", "medical"),
    "ambiguous": ("歧义组", "ambiguous"),
    "fallback": ("其余，不算入组", "rest, not grouped"),
}
SIGNS = {"==": "=", "!=": "≠", "<": "<", "<=": "≤", ">": ">", ">=": "≥"}
# the codes of coded facts in words, by their numbers
CODES_IN_WORDS: Mapping[str, Mapping[int, tuple[str, str]]] = {
    "sex": {1: ("男", "male"), 2: ("女", "female")},
    "discharge_way": {
        1: ("1医嘱离院", "1 on advice"),
        2: ("2转院", "2 to another hospital"),
        3: ("3转社区", "3 to community care"),
        4: ("4非医嘱离院", "4 against advice"),
        5: ("5死亡", "5 died"),
        9: ("9其他", "9 other"),
    },
    "special_charge": {
        1: ("1人工血管", "1 artificial vessel"),
        2: ("2连续性血液净化", "2 continuous blood purification"),
        3: ("3血液透析超过5次", "3 haemodialysis more than 5 times"),
    },
}
REPEATED_WORDS = (
    ("第二手术与主要手术相同", "the second procedure is the main one again"),
    ("第二手术与主要手术不同", "the second procedure is not the main one again"),
)
NO_CONDITION = ("无条件", "no condition")


def rule_in_words(node: Node, lang: str = "zh") -> str:
    """Return a rule as a sentence in Chinese or English.

    >>> from drgpay.schemes.rules import parse_rule
    >>> rule_in_words(parse_rule('principal in dx and age_days <= 28 and not mcc'))
    '主要诊断在列表dx中，且 日龄≤28天，且 不伴MCC'
    >>> rule_in_words(parse_rule('main_procedure in {"96.0400", "96.7201"} or icu'), "en")
    'the main procedure is 96.0400 or 96.7201, or intensive care'
    """
    return _said(node, choose(lang, 0, 1))


def _said(node: Node, i: int) -> str:
    if isinstance(node, And | Or):
        joint = (("，且 ", ", and ") if isinstance(node, And) else ("，或 ", ", or "))[i]
        return joint.join(_inner(item, i) for item in node.items)
    if isinstance(node, Not):
        return _negated(node.item, i)
    return _atom(node, i, True)


def _inner(node: Node, i: int) -> str:
    text = _said(node, i)
    if not isinstance(node, And | Or):
        return text
    return f"（{text}）" if i == 0 else f"({text})"


def _negated(node: Node, i: int) -> str:
    if isinstance(node, Flag | Member | StartsWith):
        return _atom(node, i, False)
    said = _said(node, i)
    return f"并非（{said}）" if i == 0 else f"not ({said})"


def _atom(node: Node, i: int, holds: bool) -> str:
    if isinstance(node, Always):
        return NO_CONDITION[i]
    if isinstance(node, Flag) and node.name == REPEATED:
        return REPEATED_WORDS[not holds][i]
    if isinstance(node, Flag):
        text = FLAGS[node.name][i]
        return text if holds else (f"不{text}", f"not {text}")[i]
    if isinstance(node, Compare):
        if node.fact in CODED:
            return _coded(node, i)
        sign, unit = SIGNS[node.operator], UNITS[node.fact][i]
        fact = FACTS[node.fact][i]
        return f"{fact}{sign}{node.value}{unit}" if i == 0 else f"{fact} {sign} {node.value}{unit}"
    if isinstance(node, StartsWith):
        fact = FACTS[node.fact][i]
        return (
            f"{fact}{'' if holds else '不'}以{node.prefix}开头",
            f"{fact} {'begins' if holds else 'does not begin'} with {node.prefix}",
        )[i]
    if isinstance(node, Count):
        return _count(node, i)
    assert isinstance(node, Member)
    return _member(node, i, holds)


def _coded(node: Compare, i: int) -> str:
    number, operator = node.value, node.operator
    if node.fact == "sex" and operator == "!=":
        number, operator = 3 - number, "=="
    fact, code = FACTS[node.fact][i], CODES_IN_WORDS[node.fact][number][i]
    if operator == "==":
        return f"{fact}为{code}" if i == 0 else f"{fact} is {code}"
    return f"{fact}不为{code}" if i == 0 else f"{fact} is not {code}"


def _count(node: Count, i: int) -> str:
    fact, sign = FACTS[node.fact][i], SIGNS[node.operator]
    if i == 0:
        what = "不同编码数" if node.distinct else "编码数"
        return f"{fact}在{_place(node.member, 0)}中的{what}{sign}{node.value}"
    what = "different codes" if node.distinct else "codes"
    return f"{what} of {fact} in {_place(node.member, 1)} {sign} {node.value}"


def _place(node: Member, i: int) -> str:
    if node.any_site:
        return ("任一创伤部位列表", "a list of trauma sites")[i]
    if node.list_name == "valid_procedures":
        return ("有效手术操作", "the valid procedures")[i]
    return (f"列表{node.list_name}", f"list {node.list_name}")[i]


def _member(node: Member, i: int, holds: bool) -> str:
    fact = FACTS[node.fact][i]
    if node.codes:
        codes = ("、" if i == 0 else " or ").join(node.codes)
        return (
            f"{fact}{'' if holds else '不'}为{codes}",
            f"{fact} is {'' if holds else 'not '}{codes}",
        )[i]
    place = _place(node, i)
    return (
        f"{fact}{'' if holds else '不'}在{place}中",
        f"{fact} {'' if holds else 'not '}in {place}",
    )[i]


# --- words to rules ------------------------------------------------------------------------------

_FACT_WORDS = {
    **{chinese: name for name, (chinese, _) in FACTS.items() if name not in CODED},
    "次要诊断": "secondary",
    "主诊断": "principal",
    "主要手术操作": "main_procedure",
    "任一手术操作": "any_procedure",
    "其他手术操作": "other_procedure",
    "ICU时长": "icu_hours",
    "新生儿入院体重": "admission_weight_g",
    "周岁": "age_years",
    "新生儿出生体重": "birth_weight_g",
    "住院日": "los_days",
}


def _alternatives(sets: bool) -> str:
    words = [w for w, name in _FACT_WORDS.items() if (name in SET_FACTS) == sets]
    return "|".join(sorted(words, key=len, reverse=True))


_CODE = r"[A-Za-z0-9.+*]+"
_LEVELS = {
    "严重并发症或合并症": "mcc",
    "一般并发症或合并症": "cc",
    "并发症或合并症": "(mcc or cc)",
    "MCC或CC": "(mcc or cc)",
    "MCC": "mcc",
    "CC": "cc",
}
_SIGN = r"(?:<=|>=|!=|==|[<>=≤≥≠＜＞＝]|小于|大于|不小于|不大于|至少|至多|等于)"
_PHRASES = re.compile(
    r"(?P<open>[（(])|(?P<close>[）)])"
    r"|(?P<and>[，,]?\s*(?:并且|且|and))|(?P<or>[，,]?\s*(?:或者|或|or))"
    r"|(?P<not>并非|非(?=[（(]))"
    rf"|(?P<severity>(?P<without>不)?伴(?P<level>{'|'.join(_LEVELS)}))"
    r"|(?P<rest>不伴|其他(?!诊断|手术)|其余|无条件|全部)"
    r"|(?P<noicu>不)?(?P<icu>(?:入住)?(?:重症监护|ICU)(?!时长))"
    rf"|(?P<repeated>{REPEATED_WORDS[0][0]})|(?P<unrepeated>{REPEATED_WORDS[1][0]})"
    r"|离院方式(?P<noway>不)?为(?P<way>[123459])[一-龥]*"
    r"|特殊收费(?P<nocharge>不)?为(?P<charge>[123])[一-龥]*[0-9]*[一-龥]*"
    r"|(?:性别[为=]?\s*)?(?P<sex>[男女])性?"
    rf"|(?P<number>{_alternatives(False)})\s*(?P<sign>{_SIGN})"
    r"\s*(?P<value>\d+)\s*(?:周岁|岁|天|日|克|g|小时|个)?"
    rf"|(?P<set>{_alternatives(True)})(?P<no>不)?(?:"
    rf"在(?:列表)?\s*(?P<counted>[A-Za-z_][A-Za-z_0-9]*|有效手术操作)中的(?P<distinct>不同)?编码数"
    rf"\s*(?P<countsign>{_SIGN})\s*(?P<least>\d+)个?"
    r"|在(?P<site>任一创伤部位列表|任一部位)中?"
    r"|在(?P<valid>有效手术操作|有效手术)中?"
    r"|在(?:列表)?\s*(?P<list>[A-Za-z_][A-Za-z_0-9]*)中?"
    rf"|以\s*[“\"]?(?P<prefix>{_CODE})[”\"]?\s*开头"
    rf"|为\s*(?P<codes>{_CODE}(?:\s*[、/]\s*{_CODE})*))"
)
_SIGN_WORDS = {
    "≤": "<=", "≥": ">=", "≠": "!=", "＜": "<", "＞": ">", "＝": "==", "=": "==", "小于": "<",
    "大于": ">", "不小于": ">=", "不大于": "<=", "至少": ">=", "至多": "<=", "等于": "==",
}  # fmt: skip


def rule_of_words(text: str) -> str:
    """Return the rule of a sentence made of the known words; raises RuleSyntaxError.

    >>> rule_of_words("伴MCC或CC"), rule_of_words("年龄<17岁"), rule_of_words("不伴")
    ('(mcc or cc)', 'age_years < 17', 'True')
    >>> rule_of_words("主要诊断在列表dx中，且 性别为男")
    'principal in dx and sex == "M"'
    """
    if len(text) > MAX_LENGTH:
        raise RuleSyntaxError(both("条件过长", "the condition is too long"))
    words: list[str] = []
    place = 0
    body = text.strip()
    while place < len(body):
        if body[place].isspace():
            place += 1
            continue
        match = _PHRASES.match(body, place)
        if match is None:
            rest = body[place : place + 20]
            raise RuleSyntaxError(
                both(
                    f"第{place + 1}个字起“{rest}”不在可用的词中",
                    f"{rest!r} at position {place + 1} is none of the known words",
                )
            )
        words.append(_rule_word(match))
        place = match.end()
    return " ".join(words).replace("( ", "(").replace(" )", ")") or "True"


def _rule_word(match: re.Match[str]) -> str:
    found = match.groupdict()
    for key, word in (("open", "("), ("close", ")"), ("and", "and"), ("or", "or"), ("not", "not")):
        if found[key]:
            return word
    if found["rest"]:
        return "True"
    if found["icu"]:
        return "not icu" if found["noicu"] else "icu"
    if found["sex"]:
        return f'sex == "{"M" if found["sex"] == "男" else "F"}"'
    if found["severity"]:
        return _severity(found["level"], bool(found["without"]))
    if found["repeated"] or found["unrepeated"]:
        return f"{'' if found['repeated'] else 'not '}main_procedure {REPEATED}"
    for key, fact in (("way", "discharge_way"), ("charge", "special_charge")):
        if found[key]:
            return f'{fact} {"!=" if found["no" + key] else "=="} "{found[key]}"'
    if found["number"]:
        sign = _SIGN_WORDS.get(found["sign"], found["sign"])
        return f"{_FACT_WORDS[found['number']]} {sign} {found['value']}"
    return _set_word(found)


def _severity(level: str, without: bool) -> str:
    if without and level == "并发症或合并症":
        return "True"  # what the other groups of its ADRG leave
    return f"not {_LEVELS[level]}" if without else _LEVELS[level]


def _set_word(found: dict[str, str]) -> str:
    fact = _FACT_WORDS[found["set"]]
    negative = bool(found["no"])
    if found["prefix"]:
        rule = f'{fact} startswith "{found["prefix"]}"'
        return f"not {rule}" if negative else rule
    if found["counted"]:
        sign = _SIGN_WORDS.get(found["countsign"], found["countsign"])
        name = "valid_procedures" if found["counted"] == "有效手术操作" else found["counted"]
        how = "distinct" if found["distinct"] else "count"
        return f"{fact} {how} {name} {sign} {found['least']}"
    relation = "not in" if negative else "in"
    if found["codes"]:
        codes = ", ".join(f'"{code.strip()}"' for code in re.split("[、/]", found["codes"]))
        return f"{fact} {relation} {{{codes}}}"
    if found["site"]:
        return f"{fact} {relation} any site"
    return f"{fact} {relation} {'valid_procedures' if found['valid'] else found['list']}"
