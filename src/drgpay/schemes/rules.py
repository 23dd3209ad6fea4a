"""The rule language of the scheme tables: tokens, grammar, syntax tree.

    expression := term ("or" term)*
    term       := factor ("and" factor)*
    factor     := "not" factor | "(" expression ")" | atom
    atom       := "True" | "mcc" | "cc" | "icu"
                | SET ["not"] "in" (LIST | "any" "site" | "{" STRING ("," STRING)* "}")
                | SET "startswith" STRING
                | NUMBER_FACT OP INTEGER | "sex" ("==" | "!=") STRING

A rule is never evaluated by Python: the parser knows these words and no others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from drgpay.errors import both, in_language

DIAGNOSIS_FACTS = ("principal", "secondary", "any_diagnosis")
PROCEDURE_FACTS = ("main_procedure", "any_procedure")
SET_FACTS = DIAGNOSIS_FACTS + PROCEDURE_FACTS
NUMBER_FACTS = ("age_years", "age_days", "birth_weight_g", "los_days", "trauma_sites")
FLAGS = ("icu", "mcc", "cc")
OPERATORS = ("==", "!=", "<=", ">=", "<", ">")
MAX_CONSTANT = 100_000
MAX_LENGTH = 2_000
MAX_DEPTH = 50

_TOKEN = re.compile(
    r"\s*(?:(?P<word>[A-Za-z_][A-Za-z_0-9]*)|(?P<text>\"[^\"]*\")|(?P<number>\d+)"
    r"|(?P<op>==|!=|<=|>=|<|>|[(){},]))"
)


class RuleSyntaxError(ValueError):
    """A rule does not parse; the text says what stands where."""


@dataclass(frozen=True, slots=True)
class Always:
    """`True`."""


@dataclass(frozen=True, slots=True)
class Flag:
    """`icu`, `mcc` or `cc`."""

    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """`fact in list`: `list_name` of the rule's owner, literal `codes`, or any site list."""

    fact: str
    list_name: str | None = None
    codes: tuple[str, ...] = ()
    any_site: bool = False


@dataclass(frozen=True, slots=True)
class StartsWith:
    """`fact startswith "P07."`."""

    fact: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Compare:
    """`fact op number`, or `sex == "M"` with the number 1 for M and 2 for F."""

    fact: str
    operator: str
    value: int


@dataclass(frozen=True, slots=True)
class Not:
    """Negation."""

    item: Node


@dataclass(frozen=True, slots=True)
class And:
    """All of the items."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Some of the items."""

    items: tuple[Node, ...]


Node = Always | Flag | Member | StartsWith | Compare | Not | And | Or

SEX_CODES = {"M": 1, "F": 2}
FACT = both("事实（如 principal、age_years）", "a fact")
BEGINNING = both("引号中的编码开头", "a quoted beginning")
CODE = both("引号中的编码", "a quoted code")
COMPARISON = both("比较符号", "a comparison")


def _tokens(rule: str) -> Iterator[tuple[str, str, int]]:
    position = 0
    text = rule.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise RuleSyntaxError(
                both(
                    f"第{position + 1}个字符起读不懂：“{text[position:].strip()}”",
                    f"unreadable at position {position + 1}: {text[position:]!r}",
                )
            )
        kind = match.lastgroup or ""
        yield kind, match.group(kind), match.start(kind)
        position = match.end()


class _Parser:
    def __init__(self, rule: str) -> None:
        self.rule = rule
        self.tokens = [*_tokens(rule), ("end", "", len(rule))]
        self.index = 0
        self.depth = 0

    @property
    def word(self) -> str:
        return self.tokens[self.index][1]

    @property
    def kind(self) -> str:
        return self.tokens[self.index][0]

    def fail(self, expected: str) -> RuleSyntaxError:
        found = repr(self.word) if self.word else "the end of the rule"
        chinese = f"却是 {self.word}" if self.word else "规则却已结束"
        position = self.tokens[self.index][2] + 1
        return RuleSyntaxError(
            both(
                f"第{position}个字符处应为{in_language(expected, 'zh')}，{chinese}",
                f"expected {expected} at position {position}, found {found}",
            )
        )

    def take(self, word: str | None = None, kind: str | None = None, expected: str = "") -> str:
        if (word is not None and self.word != word) or (kind is not None and self.kind != kind):
            raise self.fail(expected or repr(word) if word else expected)
        self.index += 1
        return self.tokens[self.index - 1][1]

    def expression(self) -> Node:
        items = [self.term()]
        while self.word == "or":
            self.index += 1
            items.append(self.term())
        return items[0] if len(items) == 1 else Or(tuple(items))

    def term(self) -> Node:
        items = [self.factor()]
        while self.word == "and":
            self.index += 1
            items.append(self.factor())
        return items[0] if len(items) == 1 else And(tuple(items))

    def factor(self) -> Node:
        if self.word not in ("not", "("):
            return self.atom()
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fail(
                both(f"至多{MAX_DEPTH}层 not 和括号", f"at most {MAX_DEPTH} nested 'not' and '('")
            )
        if self.take() == "not":
            inner: Node = Not(self.factor())
        else:
            inner = self.expression()
            self.take(")", expected="')'")
        self.depth -= 1
        return inner

    def atom(self) -> Node:
        name = self.take(kind="word", expected=FACT)
        if name == "True":
            return Always()
        if name in FLAGS:
            return Flag(name)
        if name in SET_FACTS:
            return self.membership(name)
        if name == "sex":
            return self.sex()
        if name in NUMBER_FACTS:
            return self.comparison(name)
        self.index -= 1
        raise self.fail(both("规则语言中的事实", "a fact of the rule language"))

    def membership(self, fact: str) -> Node:
        if self.word == "startswith":
            self.index += 1
            prefix = self.take(kind="text", expected=BEGINNING)[1:-1]
            return StartsWith(fact, prefix)
        negated = self.word == "not"
        if negated:
            self.index += 1
        self.take(
            "in",
            expected=both(" in、not in 或 startswith", "'in', 'not in' or 'startswith'"),
        )
        member = self.list_of(fact)
        return Not(member) if negated else member

    def list_of(self, fact: str) -> Member:
        if self.word == "{":
            self.index += 1
            codes = [self.take(kind="text", expected=CODE)[1:-1]]
            while self.word == ",":
                self.index += 1
                codes.append(self.take(kind="text", expected=CODE)[1:-1])
            self.take("}", expected="'}'")
            return Member(fact, codes=tuple(codes))
        name = self.take(kind="word", expected=both("列表名", "a list"))
        if name == "any" and self.word == "site":
            self.index += 1
            return Member(fact, any_site=True)
        return Member(fact, list_name=name)

    def sex(self) -> Compare:
        operator = self.take(kind="op", expected=both(" == 或 !=", "'==' or '!='"))
        value = self.take(kind="text", expected=both(' "M" 或 "F"', '"M" or "F"'))[1:-1]
        if operator not in ("==", "!=") or value not in SEX_CODES:
            self.index -= 1
            raise self.fail(both(' sex == "M" 或 "F"', 'sex == "M" or "F"'))
        return Compare("sex", operator, SEX_CODES[value])

    def comparison(self, fact: str) -> Compare:
        operator = self.take(kind="op", expected=COMPARISON)
        if operator not in OPERATORS:
            self.index -= 1
            raise self.fail(COMPARISON)
        value = int(self.take(kind="number", expected=both("整数", "a whole number")))
        if value > MAX_CONSTANT:
            self.index -= 1
            raise self.fail(both(f"不大于{MAX_CONSTANT}的数", f"a number up to {MAX_CONSTANT}"))
        return Compare(fact, operator, value)


@lru_cache(maxsize=4096)
def parse_rule(rule: str) -> Node:
    """Return the syntax tree of a rule; raises RuleSyntaxError.

    A rule has at most 2,000 characters and 50 levels of `not` and parentheses.

    >>> parse_rule("principal in dx and age_days <= 28").items[1]
    Compare(fact='age_days', operator='<=', value=28)
    """
    if len(rule) > MAX_LENGTH:
        raise RuleSyntaxError(
            both(
                f"规则有{len(rule)}个字符，至多{MAX_LENGTH}个",
                f"{len(rule)} characters; a rule has at most {MAX_LENGTH}",
            )
        )
    parser = _Parser(rule)
    node = parser.expression()
    if parser.kind != "end":
        raise parser.fail(both(" and、or 或规则结束", "'and', 'or' or the end of the rule"))
    return node


def atoms(node: Node) -> Iterator[Always | Flag | Member | StartsWith | Compare]:
    """Yield the atoms of a tree, left to right."""
    if isinstance(node, Not):
        yield from atoms(node.item)
    elif isinstance(node, And | Or):
        for item in node.items:
            yield from atoms(item)
    else:
        yield node


def any_procedure_reading(node: Node) -> Node:
    """Return the tree with every `main_procedure` read as `any_procedure`.

    The reading `surgical_match = any` of the published Zhejiang text.
    """
    if isinstance(node, Not):
        return Not(any_procedure_reading(node.item))
    if isinstance(node, And):
        return And(tuple(any_procedure_reading(item) for item in node.items))
    if isinstance(node, Or):
        return Or(tuple(any_procedure_reading(item) for item in node.items))
    if isinstance(node, Member) and node.fact == "main_procedure":
        return Member("any_procedure", node.list_name, node.codes, node.any_site)
    if isinstance(node, StartsWith) and node.fact == "main_procedure":
        return StartsWith("any_procedure", node.prefix)
    return node
