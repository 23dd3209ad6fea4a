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
from collections.abc import Collection

from drgpay.ground.errors import Bilingual, both
from drgpay.schemes.rules import END, TokenReader

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


class _Reader(TokenReader):
    def __init__(self, formula: str, sets: Collection[str]) -> None:
        super().__init__(formula, _TOKEN, FormulaError, upper=True)
        self.sets, self.used = sets, list[str]()

    def either(self) -> str:
        items = self.joined("OR", self.all_of)
        return items[0] if len(items) == 1 else f"({' or '.join(items)})"

    def all_of(self) -> str:
        return " and ".join(self.joined("AND", self.negated))

    def negated(self) -> str:
        if self.skip("NOT"):
            denied = self.deeper(self.negated)
            return f"not {denied}" if _bracketed(denied) else f"not ({denied})"
        if self.skip("("):
            inner = self.deeper(self.either)
            self.take(")", expected="')'")
            # `either` brackets what it joins by "or"; what "and" joins needs none
            return inner
        if self.word == "LENGTH":
            return self.length()
        if self.word == "{" or self.word in _FIELD_NAMES:
            return self.member()
        if self.word == "XB" or self.word in SCALARS:
            return self.compare()
        raise self.fail(
            both(
                "ZYZD、QTZD、ZYSS、QTSS、NL、XB、XSRTL、XSRTZ、length 或括号",
                "ZYZD, QTZD, ZYSS, QTSS, NL, XB, XSRTL, XSRTZ, length or a bracket",
            )
        )

    def braced(self) -> list[str]:
        """Return the words of one name, or of several in braces."""
        if not self.skip("{"):
            return [self.name()]
        names = self.joined(",", self.name)
        self.take("}", expected="'}'")
        return names

    def name(self) -> str:
        if self.kind != "word" or self.word in _KEYWORDS:
            raise self.fail(both("名称", "a name"))
        return self.take()

    def facts(self) -> tuple[str, bool]:
        start = self.index
        names = self.braced()
        known = FIELDS.get(frozenset(names))
        if known is None:
            self.index = start
            raise self.fail(
                both("诊断字段或手术字段，不能混用", "fields of one kind, diagnoses or procedures")
            )
        return known

    def set_name(self, name: str, procedure: bool) -> str:
        if name == ALL_VALID and procedure:
            return "valid_procedures"
        if name not in self.sets:
            raise self.fail(both("“集合”表中的集合编号", "a set of the sheet 集合"), 1)
        if is_procedure_set(name) != procedure:
            raise self.fail(
                both(
                    "同类的集合（诊断字段用DI，手术字段用OP）",
                    "a set of the same kind (DI for diagnoses, OP for procedures)",
                ),
                1,
            )
        self.used.append(name)
        return list_name(name)

    def member(self) -> str:
        fact, procedure = self.facts()
        denied = self.skip("NOT")
        self.take("IN")
        asked = []
        for name in self.braced():
            if name in LEVELS:
                if fact != "secondary":
                    raise self.fail(
                        both("集合（MCC、CC只与QTZD连用）", "a set (MCC and CC go with QTZD)"), 1
                    )
                asked.append(f"not {LEVELS[name]}" if denied else LEVELS[name])
            else:
                listed = self.set_name(name, procedure)
                asked.append(f"{fact} {'not ' if denied else ''}in {listed}")
        if len(asked) == 1:
            return asked[0]
        return f"({(' and ' if denied else ' or ').join(asked)})"

    def number(self) -> int:
        return int(float(self.take(kind="number", expected=both("整数", "a whole number"))))

    def operator(self, allowed: Collection[str]) -> str:
        if self.word not in allowed:
            raise self.fail(both("、".join(allowed), " or ".join(allowed)))
        return self.take()

    def compare(self) -> str:
        name = self.name()
        if name == "XB":
            self.operator(("=",))
            sex = SEXES.get(str(self.number()))
            if sex is None:
                raise self.fail(both("1（男）或2（女）", "1 (male) or 2 (female)"), 1)
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
            raise self.fail(both("与集合同类的字段", "fields of the set's kind"), 1)
        self.take(")")
        strict = self.operator((">=", ">")) == ">"
        return f"{fact} distinct {listed} >= {self.number() + strict}"


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
        raise reader.fail(END)
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
