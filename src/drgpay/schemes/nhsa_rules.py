"""The rule formulas of the national grouping workbook, put into our rule language word by word.

    rule    := "" | number | or
    or      := and ("or" and)*
    and     := not ("and" not)*
    not     := "not" not | "(" or ")" | member | compare | length
    member  := fields ["not"] "in" sets
    fields  := FIELD | "{" FIELD ("," FIELD)* "}"
    sets    := SET | "{" SET ("," SET)* "}"
    compare := SCALAR ("=" | "<" | "<=" | ">" | ">=") number
    length  := "length" "(" SET "∩" fields ")" (">=" | ">") number

The workbook names facts by the initials of their Chinese words: ZYZD is 主要诊断 and so on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from drgpay.ground.errors import Bilingual, both
from drgpay.schemes.rules import MAX_DEPTH

# what the workbook calls a set of codes of the case, and what our rules call it
FIELDS: dict[frozenset[str], tuple[str, bool]] = {
    frozenset({"ZYZD"}): ("principal", False),
    frozenset({"QTZD"}): ("secondary", False),
    frozenset({"ZYZD", "QTZD"}): ("any_diagnosis", False),
    frozenset({"ZYSS"}): ("main_procedure", True),
    frozenset({"QTSS"}): ("other_procedure", True),
    frozenset({"ZYSS", "QTSS"}): ("any_procedure", True),
}
SCALARS = {"NL": "age_years", "XSRTL": "age_days", "XSRTZ": "admission_weight_g"}
SEXES = {"1": "M", "2": "F"}
LEVELS = {"MCC": "mcc", "CC": "cc"}
ALL_VALID = "OP_ALL"
OPERATORS = {"=": "==", "<": "<", "<=": "<=", ">": ">", ">=": ">="}

_TOKEN = re.compile(
    r"\s*(?:(?P<word>[A-Za-z_]\w*)|(?P<number>\d+(?:\.0+)?)|(?P<sign><=|>=|[<>=(){},∩]))"
)
_KEYWORDS = ("AND", "OR", "NOT", "IN", "LENGTH")
_FIELD_NAMES = frozenset().union(*FIELDS)


class FormulaError(ValueError):
    """A formula cannot be read; its text says what stands where, in both languages."""

    def __init__(self, text: Bilingual) -> None:
        super().__init__(str(text))
        self.text = text


def list_name(name: str) -> str:
    """Return what a code set of the workbook is called in our tables.

    >>> list_name("OP1_AC1"), list_name("DI_B00")
    ('proc_OP1_AC1', 'dx_DI_B00')
    """
    return f"{'proc' if is_procedure_set(name) else 'dx'}_{name}"


def is_procedure_set(name: str) -> bool:
    """Return whether a set's name says that it holds procedures."""
    return name.startswith("OP")


@dataclass
class _Reader:
    text: str
    sets: Collection[str]
    tokens: list[tuple[str, str, int]] = field(default_factory=list)
    index: int = 0
    depth: int = 0
    used: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tokens = [*_tokens(self.text), ("end", "", len(self.text))]

    @property
    def kind(self) -> str:
        return self.tokens[self.index][0]

    @property
    def word(self) -> str:
        return self.tokens[self.index][1]

    def fail(self, chinese: str, english: str) -> FormulaError:
        place = self.tokens[self.index][2] + 1
        found = f"“{self.word}”" if self.word else "规则却已结束"
        found_en = repr(self.word) if self.word else "the end of the rule"
        return FormulaError(
            both(
                f"第{place}个字符处应为{chinese}，遇到{found}",
                f"expected {english} at position {place}, found {found_en}",
            )
        )

    def take(self, word: str) -> None:
        if self.word != word:
            raise self.fail(word, repr(word))
        self.index += 1

    def either(self) -> str:
        items = [self.all_of()]
        while self.word == "OR":
            self.index += 1
            items.append(self.all_of())
        return items[0] if len(items) == 1 else f"({' or '.join(items)})"

    def all_of(self) -> str:
        items = [self.negated()]
        while self.word == "AND":
            self.index += 1
            items.append(self.negated())
        return " and ".join(items)

    def negated(self) -> str:
        if self.word == "NOT":
            self.index += 1
            denied = self.deeper(self.negated)
            return f"not {denied}" if _bracketed(denied) else f"not ({denied})"
        if self.word == "(":
            self.index += 1
            inner = self.deeper(self.either)
            self.take(")")
            # `either` brackets what it joins by "or"; what "and" joins needs none
            return inner
        if self.word == "LENGTH":
            return self.length()
        if self.word == "{" or self.word in _FIELD_NAMES:
            return self.member()
        if self.word == "XB" or self.word in SCALARS:
            return self.compare()
        raise self.fail(
            "ZYZD、QTZD、ZYSS、QTSS、NL、XB、XSRTL、XSRTZ、length 或括号",
            "ZYZD, QTZD, ZYSS, QTSS, NL, XB, XSRTL, XSRTZ, length or a bracket",
        )

    def deeper(self, read: Callable[[], str]) -> str:
        """Return what `read` reads one bracket further in."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fail(f"至多{MAX_DEPTH}层括号", f"at most {MAX_DEPTH} nested brackets")
        inner = read()
        self.depth -= 1
        return inner

    def braced(self) -> list[str]:
        """Return the words of one name, or of several in braces."""
        if self.word != "{":
            return [self.name()]
        self.take("{")
        names = [self.name()]
        while self.word == ",":
            self.index += 1
            names.append(self.name())
        self.take("}")
        return names

    def name(self) -> str:
        if self.kind != "word" or self.word in _KEYWORDS:
            raise self.fail("名称", "a name")
        self.index += 1
        return self.tokens[self.index - 1][1]

    def facts(self) -> tuple[str, bool]:
        start = self.index
        names = self.braced()
        known = FIELDS.get(frozenset(names))
        if known is None:
            self.index = start
            raise self.fail(
                "诊断字段或手术字段，不能混用", "fields of one kind, diagnoses or procedures"
            )
        return known

    def set_name(self, name: str, procedure: bool) -> str:
        if name == ALL_VALID and procedure:
            return "valid_procedures"
        if name not in self.sets:
            self.index -= 1
            raise self.fail("“集合”表中的集合编号", "a set of the sheet 集合")
        if is_procedure_set(name) != procedure:
            self.index -= 1
            raise self.fail(
                "同类的集合（诊断字段用DI，手术字段用OP）",
                "a set of the same kind (DI for diagnoses, OP for procedures)",
            )
        self.used.append(name)
        return list_name(name)

    def member(self) -> str:
        fact, procedure = self.facts()
        denied = self.word == "NOT"
        if denied:
            self.index += 1
        self.take("IN")
        asked = []
        for name in self.braced():
            if name in LEVELS:
                if fact != "secondary":
                    self.index -= 1
                    raise self.fail(
                        "集合（MCC、CC只与QTZD连用）", "a set (MCC and CC go with QTZD)"
                    )
                asked.append(f"not {LEVELS[name]}" if denied else LEVELS[name])
            else:
                listed = self.set_name(name, procedure)
                asked.append(f"{fact} {'not ' if denied else ''}in {listed}")
        if len(asked) == 1:
            return asked[0]
        return f"({(' and ' if denied else ' or ').join(asked)})"

    def number(self) -> int:
        if self.kind != "number":
            raise self.fail("整数", "a whole number")
        self.index += 1
        return int(float(self.tokens[self.index - 1][1]))

    def operator(self, allowed: Collection[str]) -> str:
        if self.word not in allowed:
            raise self.fail("、".join(allowed), " or ".join(allowed))
        self.index += 1
        return self.tokens[self.index - 1][1]

    def compare(self) -> str:
        name = self.name()
        if name == "XB":
            self.operator(("=",))
            sex = SEXES.get(str(self.number()))
            if sex is None:
                self.index -= 1
                raise self.fail("1（男）或2（女）", "1 (male) or 2 (female)")
            return f'sex == "{sex}"'
        operator = self.operator(tuple(OPERATORS))
        return f"{SCALARS[name]} {OPERATORS[operator]} {self.number()}"

    def length(self) -> str:
        """Return the condition on the number of different codes of the case in a set."""
        self.take("LENGTH")
        self.take("(")
        name = self.name()
        listed = self.set_name(name, is_procedure_set(name))
        self.take("∩")
        fact, procedure = self.facts()
        if procedure != is_procedure_set(name):
            self.index -= 1
            raise self.fail("与集合同类的字段", "fields of the set's kind")
        self.take(")")
        strict = self.operator((">=", ">")) == ">"
        return f"{fact} distinct {listed} >= {self.number() + strict}"


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            rest = text[position:].strip()
            raise FormulaError(
                both(
                    f"第{position + 1}个字符起读不懂：“{rest[:40]}”",
                    f"unreadable at position {position + 1}: {rest[:40]!r}",
                )
            )
        kind = match.lastgroup or ""
        yield kind, match.group(kind).upper(), match.start(kind)
        position = match.end()


def translate(formula: str, sets: Collection[str]) -> tuple[str, tuple[str, ...]]:
    """Return a formula in our rule language, and the code sets that it names.

    `sets` are the names of the sheet 集合. An empty formula always holds. Raises FormulaError.

    >>> translate("(ZYZD in DI_M00) and (XB = 1)", {"DI_M00"})
    ('principal in dx_DI_M00 and sex == "M"', ('DI_M00',))
    """
    reader = _Reader(formula, sets)
    if reader.kind == "end":
        return "True", ()
    if reader.kind == "number" and len(reader.tokens) == 2:
        return ("True" if reader.number() else "not True"), ()
    rule = reader.either()
    if reader.kind != "end":
        raise reader.fail("and、or 或规则结束", "'and', 'or' or the end of the rule")
    if _bracketed(rule):
        rule = rule[1:-1]
    return rule, tuple(dict.fromkeys(reader.used))


def _bracketed(rule: str) -> bool:
    """Return whether one pair of brackets stands around the whole rule."""
    if not rule.startswith("("):
        return False
    depth = 0
    for place, sign in enumerate(rule):
        depth += (sign == "(") - (sign == ")")
        if depth == 0:
            return place == len(rule) - 1
    return False
