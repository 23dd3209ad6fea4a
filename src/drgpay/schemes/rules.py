"""The rule language of the scheme tables: tokens, grammar, syntax tree.

    expression := term ("or" term)*
    term       := factor ("and" factor)*
    factor     := "not" factor | "(" expression ")" | atom
    atom       := "True" | "mcc" | "cc" | "icu" | "main_procedure" "repeated"
                | SET ["not"] "in" (LIST | "any" "site" | "{" STRING ("," STRING)* "}")
                | SET "startswith" STRING
                | SEVERAL ("count" | "distinct") LIST OP INTEGER
                | NUMBER_FACT OP INTEGER | CODED_FACT ("==" | "!=") STRING

SEVERAL are the sets but the principal diagnosis and the main procedure; coded facts are sex, way
of discharge and special charge.

A rule is never evaluated by Python: the parser knows these words and no others.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeVar

from drgpay.ground.errors import both, in_language
from drgpay.names.columns import CODED

DIAGNOSIS_FACTS = ("principal", "secondary", "any_diagnosis")
PROCEDURE_FACTS = ("main_procedure", "other_procedure", "any_procedure")
SET_FACTS = DIAGNOSIS_FACTS + PROCEDURE_FACTS
SEVERAL = tuple(fact for fact in SET_FACTS if fact not in ("principal", "main_procedure"))
# facts of a case that are columns of numbers, and facts counted from its codes
CASE_NUMBERS = (
    "age_years", "age_days", "birth_weight_g", "los_days", "icu_hours", "admission_weight_g",
)  # fmt: skip
COUNTED_NUMBERS = ("trauma_sites", "procedure_count")
NUMBER_FACTS = (*CASE_NUMBERS, *COUNTED_NUMBERS)
FLAGS = ("icu", "mcc", "cc")
REPEATED = "repeated"  # the second procedure is the main one again
COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
OPERATORS = tuple(COMPARE)
MAX_CONSTANT = 100_000
MAX_LENGTH = 2_000
MAX_DEPTH = 50

_TOKEN = re.compile(
    r"\s*(?:(?P<word>[A-Za-z_][A-Za-z_0-9]*)|(?P<text>\"[^\"]*\")|(?P<number>\d+)"
    r"|(?P<op>==|!=|<=|>=|<|>|[(){},]))"
)


T = TypeVar("T")


class RuleSyntaxError(ValueError):
    """A rule does not parse; the text says what stands where."""


@dataclass(frozen=True, slots=True)
class Always:
    """`True`."""


@dataclass(frozen=True, slots=True)
class Flag:
    """`icu`, `mcc` or `cc`; `repeated` for `main_procedure repeated`."""

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
class Count:
    """`fact count LIST >= 2`: how many of its codes are in the list, `distinct` each but once."""

    member: Member
    operator: str
    value: int
    distinct: bool = False

    @property
    def fact(self) -> str:
        """The set whose codes are counted."""
        return self.member.fact


@dataclass(frozen=True, slots=True)
class Compare:
    """`fact op number`; of a coded fact with the number of its code, as 1 for M and 2 for F."""

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


Atom = Always | Flag | Member | StartsWith | Count | Compare
Node = Atom | Not | And | Or

FACT = both("事实（如 principal、age_years）", "a fact")
BEGINNING = both("引号中的编码开头", "a quoted beginning")
CODE = both("引号中的编码", "a quoted code")
END = both(" and、or 或规则结束", "'and', 'or' or the end of the rule")
COMPARISON = both("比较符号", "a comparison")


class TokenReader:
    """The tokens of a rule by a pattern with named kinds, and the one that is read next.

    `refusal` is what a fault raises, `upper` whether words count whatever their letters' case.
    """

    def __init__(
        self,
        rule: str,
        pattern: re.Pattern[str],
        refusal: type[ValueError],
        upper: bool = False,
    ) -> None:
        self.refusal = refusal
        self.tokens: list[tuple[str, str, int]] = []
        self.index = self.depth = 0
        text, place = rule.rstrip(), 0
        while place < len(text):
            match = pattern.match(text, place)
            if match is None:
                rest = text[place:]
                raise refusal(
                    both(
                        f"第{place + 1}个字符起读不懂：“{rest.strip()}”",
                        f"unreadable at position {place + 1}: {rest!r}",
                    )
                )
            kind = match.lastgroup or ""
            word = match.group(kind)
            self.tokens.append((kind, word.upper() if upper else word, match.start(kind)))
            place = match.end()
        self.tokens.append(("end", "", len(rule)))

    @property
    def word(self) -> str:
        """What is read next."""
        return self.tokens[self.index][1]

    @property
    def kind(self) -> str:
        """The kind of what is read next."""
        return self.tokens[self.index][0]

    def fail(self, expected: str, back: int = 0) -> ValueError:
        """Return the fault that something else was expected, here or some tokens back."""
        _, word, place = self.tokens[self.index - back]
        found = repr(word) if word else "the end of the rule"
        chinese = f"却是 {word}" if word else "规则却已结束"
        return self.refusal(
            both(
                f"第{place + 1}个字符处应为{in_language(expected, 'zh')}，{chinese}",
                f"expected {expected} at position {place + 1}, found {found}",
            )
        )

    def skip(self, word: str) -> bool:
        """Read a word if it comes next; return whether it did."""
        found = self.word == word
        self.index += found
        return found

    def take(self, word: str | None = None, kind: str | None = None, expected: str = "") -> str:
        """Read and return what must come next."""
        if (word is not None and self.word != word) or (kind is not None and self.kind != kind):
            raise self.fail(expected or repr(word) if word else expected)
        self.index += 1
        return self.tokens[self.index - 1][1]

    def joined(self, word: str, read: Callable[[], T]) -> list[T]:
        """Return what `read` reads, several times with a word between."""
        items = [read()]
        while self.skip(word):
            items.append(read())
        return items

    def deeper(self, read: Callable[[], T]) -> T:
        """Return what `read` reads one bracket or negation further in."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            text = f"至多{MAX_DEPTH}层 not 和括号", f"at most {MAX_DEPTH} nested 'not' and '('"
            raise self.fail(both(*text), 1)
        inner = read()
        self.depth -= 1
        return inner


class _Parser(TokenReader):
    def __init__(self, rule: str) -> None:
        super().__init__(rule, _TOKEN, RuleSyntaxError)

    def expression(self) -> Node:
        items = self.joined("or", self.term)
        return items[0] if len(items) == 1 else Or(tuple(items))

    def term(self) -> Node:
        items = self.joined("and", self.factor)
        return items[0] if len(items) == 1 else And(tuple(items))

    def factor(self) -> Node:
        if self.skip("not"):
            return Not(self.deeper(self.factor))
        if self.skip("("):
            inner = self.deeper(self.expression)
            self.take(")", expected="')'")
            return inner
        return self.atom()

    def atom(self) -> Node:
        name = self.take(kind="word", expected=FACT)
        if name == "True":
            return Always()
        if name in FLAGS:
            return Flag(name)
        if name in SET_FACTS:
            return self.membership(name)
        if name in CODED:
            return self.coded(name)
        if name in NUMBER_FACTS:
            return self.comparison(name)
        raise self.fail(both("规则语言中的事实", "a fact of the rule language"), 1)

    def membership(self, fact: str) -> Node:
        if self.skip("startswith"):
            prefix = self.take(kind="text", expected=BEGINNING)[1:-1]
            return StartsWith(fact, prefix)
        if fact == "main_procedure" and self.skip(REPEATED):
            return Flag(REPEATED)
        if fact in SEVERAL and self.word in ("count", "distinct"):
            return self.count(fact, self.take() == "distinct")
        negated = self.skip("not")
        self.take(
            "in",
            expected=both(" in、not in 或 startswith", "'in', 'not in' or 'startswith'"),
        )
        member = self.list_of(fact)
        return Not(member) if negated else member

    def list_of(self, fact: str) -> Member:
        if self.skip("{"):
            codes = self.joined(",", lambda: self.take(kind="text", expected=CODE)[1:-1])
            self.take("}", expected="'}'")
            return Member(fact, codes=tuple(codes))
        name = self.take(kind="word", expected=both("列表名", "a list"))
        if name == "any" and self.skip("site"):
            return Member(fact, any_site=True)
        return Member(fact, list_name=name)

    def coded(self, fact: str) -> Compare:
        numbers = CODED[fact]
        chinese = "、".join(f'"{code}"' for code in numbers)
        english = " or ".join(f'"{code}"' for code in numbers)
        sign = self.take(kind="op", expected=both(" == 或 !=", "'==' or '!='"))
        value = self.take(kind="text", expected=both(f" {chinese}之一", english))[1:-1]
        if sign not in ("==", "!=") or value not in numbers:
            raise self.fail(both(f" {fact} == {chinese}之一", f"{fact} == {english}"), 1)
        return Compare(fact, sign, numbers[value])

    def count(self, fact: str, distinct: bool) -> Count:
        member = self.list_of(fact)
        if member.any_site or member.codes:
            raise self.fail(both("列表名", "a list"), 1)
        compared = self.comparison(fact)
        return Count(member, compared.operator, compared.value, distinct)

    def comparison(self, fact: str) -> Compare:
        sign = self.take(kind="op", expected=COMPARISON)
        if sign not in OPERATORS:
            raise self.fail(COMPARISON, 1)
        value = int(self.take(kind="number", expected=both("整数", "a whole number")))
        if value > MAX_CONSTANT:
            raise self.fail(both(f"不大于{MAX_CONSTANT}的数", f"a number up to {MAX_CONSTANT}"), 1)
        return Compare(fact, sign, value)


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
        raise parser.fail(END)
    return node


def atoms(node: Node) -> Iterator[Atom]:
    """Yield the atoms of a tree, left to right."""
    if isinstance(node, Not):
        yield from atoms(node.item)
    elif isinstance(node, And | Or):
        for item in node.items:
            yield from atoms(item)
    else:
        yield node


def members(node: Node) -> Iterator[Member]:
    """Yield what a tree asks of lists, those counted included, left to right."""
    for atom in atoms(node):
        if isinstance(atom, Member):
            yield atom
        elif isinstance(atom, Count):
            yield atom.member


def any_procedure_reading(node: Node) -> Node:
    """Return the tree with every `main_procedure` read as `any_procedure`.

    The reading `surgical_match = any` of the published Zhejiang text.
    """
    if isinstance(node, Not):
        return Not(any_procedure_reading(node.item))
    if isinstance(node, And | Or):
        return replace(node, items=tuple(any_procedure_reading(item) for item in node.items))
    if isinstance(node, Member | StartsWith) and node.fact == "main_procedure":
        return replace(node, fact="any_procedure")
    return node
