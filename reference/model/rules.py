"""The rule language of docs/formats.md section 1: a rule's text becomes a question to a case.

    rule       := conjunction ( "or" conjunction )*
    conjunction:= negation ( "and" negation )*
    negation   := "not" negation | "(" rule ")" | condition
    condition  := "True" | "icu" | "mcc" | "cc" | "main_procedure" "repeated"
                | CODES [ "not" ] "in" ( LIST | "{" TEXT ( "," TEXT )* "}" | "any" "site" )
                | CODES "startswith" TEXT
                | SEVERAL ( "count" | "distinct" ) LIST COMPARISON INTEGER
                | NUMBER_FACT COMPARISON INTEGER
                | CODED_FACT ( "==" | "!=" ) TEXT

Text is never handed to Python's own interpreter.
"""

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

SINGLE_CODES = ("principal", "main_procedure")
CODE_SETS = ("secondary", "any_diagnosis", "other_procedure", "any_procedure")
NUMBERS = (
    "age_years",
    "age_days",
    "birth_weight_g",
    "los_days",
    "icu_hours",
    "admission_weight_g",
    "trauma_sites",
    "procedure_count",
)
CODED = {
    "sex": ("M", "F"),
    "discharge_way": ("1", "2", "3", "4", "5", "9"),
    "special_charge": ("1", "2", "3"),
}
FLAGS = ("icu", "mcc", "cc")
WORDS = ("and", "or", "not", "in", "any", "site", "startswith", "True", "repeated", "distinct")
RESERVED = frozenset((*SINGLE_CODES, *CODE_SETS, *NUMBERS, *CODED, *FLAGS, *WORDS, "count"))
COMPARISONS: dict[str, Callable[..., bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
LIST_NAME = re.compile(r"(dx|proc)\d*(_\d+)?|site_\d+")
DEEPEST = 50
TOKEN = re.compile(
    r'(?P<text>"[^"]*")|(?P<integer>\d+)|(?P<word>[A-Za-z_]\w*)|(?P<sign>[=!<>]=|[<>(){},])'
)


class RuleError(ValueError):
    """A rule that cannot be read: its text, and what is wrong where."""


@dataclass(slots=True)
class Facts:
    """What a rule may ask of a case. `None` is unknown (or, for a code, absent).

    `repeated`: the second procedure is the main one again, a code that the scheme knows.
    """

    principal: str
    secondary: tuple[str, ...]
    any_diagnosis: tuple[str, ...]
    main_procedure: str | None
    any_procedure: tuple[str, ...]
    sex: str | None = None
    age_years: int | None = None
    age_days: int | None = None
    birth_weight_g: int | None = None
    los_days: int | None = None
    icu_hours: int | None = None
    admission_weight_g: int | None = None
    discharge_way: str | None = None
    special_charge: str | None = None
    repeated: bool = False
    icu: bool | None = None
    mcc: bool = False
    cc: bool = False

    @property
    def other_procedure(self) -> tuple[str, ...]:
        """The procedures but the first."""
        return self.any_procedure[1:]

    @property
    def procedure_count(self) -> int:
        """How many procedures the case has, repeated ones counted each time."""
        return len(self.any_procedure)


Question = Callable[[Facts], bool]
CodeList = frozenset[str]


@dataclass
class Names:
    """The lists a rule may name: those of its owner, and the trauma sites of its MDC."""

    lists: dict[str, CodeList]
    sites: tuple[CodeList, ...] = ()
    any_procedure: bool = False  # surgical_match = any: main_procedure reads any_procedure
    missing: set[str] = field(default_factory=set)  # lists that are named but have no code


def parse_rule(text: str, names: Names) -> Question:
    """The question that a rule's text asks of a case's facts."""
    return _Parser(text, names).rule_to_the_end()


class _Parser:
    def __init__(self, text: str, names: Names) -> None:
        self.text = text
        self.names = names
        self.depth = 0
        self.at = 0
        self.tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(text):
            if text[position].isspace():
                position += 1
                continue
            found = TOKEN.match(text, position)
            if found is None:
                raise RuleError(f"rule {text!r}: {text[position]!r} at {position} is not allowed")
            self.tokens.append((str(found.lastgroup), found.group()))
            position = found.end()

    # --- tokens

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else "the end"

    def kind(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else "end"

    def take(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def accept(self, token: str) -> bool:
        if self.kind() != "text" and self.peek() == token:
            self.at += 1
            return True
        return False

    def expect(self, token: str) -> None:
        if not self.accept(token):
            raise self.error(f"expected {token!r}, found {self.peek()!r}")

    def error(self, message: str) -> RuleError:
        return RuleError(f"rule {self.text!r}, word {self.at + 1}: {message}")

    def quoted(self) -> str:
        if self.kind() != "text":
            raise self.error(f"expected a quoted text, found {self.peek()!r}")
        text = self.take()[1:-1]
        if not text:
            raise self.error("an empty text is not a code")
        return text

    # --- grammar

    def rule_to_the_end(self) -> Question:
        question = self.rule()
        if self.kind() != "end":
            raise self.error(f"nothing may follow here, found {self.peek()!r}")
        return question

    def rule(self) -> Question:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.error("nested too deeply")
        questions = [self.conjunction()]
        while self.accept("or"):
            questions.append(self.conjunction())
        self.depth -= 1
        return questions[0] if len(questions) == 1 else _either(questions)

    def conjunction(self) -> Question:
        questions = [self.negation()]
        while self.accept("and"):
            questions.append(self.negation())
        return questions[0] if len(questions) == 1 else _all(questions)

    def negation(self) -> Question:
        turned = False
        while self.accept("not"):
            turned = not turned
        if self.accept("("):
            question = self.rule()
            self.expect(")")
        else:
            question = self.condition()
        return _opposite(question) if turned else question

    def condition(self) -> Question:
        if self.kind() != "word":
            raise self.error(f"expected a fact, found {self.peek()!r}")
        fact = self.take()
        if fact == "main_procedure" and self.names.any_procedure:
            fact = "any_procedure"
        if fact == "True":
            return lambda _facts: True
        if fact in FLAGS:
            return lambda facts: getattr(facts, fact) is True
        if fact in SINGLE_CODES or fact in CODE_SETS:
            return self.code_condition(fact)
        if fact in NUMBERS or fact in CODED:
            return self.comparison(fact)
        self.at -= 1
        raise self.error(f"{fact!r} is not a fact of a case")

    def code_condition(self, fact: str) -> Question:
        if self.accept("startswith"):
            return _begins(fact, self.quoted())
        if fact == "main_procedure" and self.accept("repeated"):
            return lambda facts: facts.repeated
        if fact in CODE_SETS and self.peek() in ("count", "distinct"):
            return self.count(fact, self.take() == "distinct")
        outside = self.accept("not")
        self.expect("in")
        inside = _member(fact, self.code_list())
        return _opposite(inside) if outside else inside

    def code_list(self) -> CodeList:
        if self.accept("{"):
            codes = [self.quoted()]
            while self.accept(","):
                codes.append(self.quoted())
            self.expect("}")
            return frozenset(codes)
        if self.accept("any"):
            self.expect("site")
            if not self.names.sites:
                raise self.error("'any site' in an MDC without site lists")
            return frozenset().union(*self.names.sites)
        if self.kind() != "word" or self.peek() in RESERVED:
            raise self.error(f"expected the name of a list, found {self.peek()!r}")
        name = self.take()
        if name not in self.names.lists:
            if not LIST_NAME.fullmatch(name):
                self.at -= 1
                raise self.error(f"{name!r} is not the name of a list")
            self.names.missing.add(name)
        return self.names.lists.get(name, frozenset())

    def count(self, fact: str, distinct: bool) -> Question:
        """How many codes of a set are in a list, each time or each code once."""
        if self.kind() != "word" or self.peek() in RESERVED:
            raise self.error(f"expected the name of a list, found {self.peek()!r}")
        codes = self.code_list()
        compare, number = self.compared(fact)
        codes_of = operator.attrgetter(fact)

        def question(facts: Facts) -> bool:
            found = [code for code in codes_of(facts) if code in codes]
            return compare(len(set(found)) if distinct else len(found), number)

        return question

    def compared(self, fact: str) -> tuple[Callable[..., bool], int]:
        """A comparison sign and the integer behind it."""
        sign = self.peek()
        if sign not in COMPARISONS or self.kind() != "sign":
            raise self.error(f"expected a comparison of {fact}, found {sign!r}")
        self.take()
        if self.kind() != "integer":
            raise self.error(f"expected an integer, found {self.peek()!r}")
        return COMPARISONS[sign], int(self.take())

    def comparison(self, fact: str) -> Question:
        if fact in CODED:
            sign = self.peek()
            if sign not in ("==", "!=") or self.kind() != "sign":
                raise self.error(f"expected == or != behind {fact}, found {sign!r}")
            self.take()
            code = self.quoted()
            if code not in CODED[fact]:
                self.at -= 1
                raise self.error(f"{fact} is one of {', '.join(CODED[fact])}")
            return _known(operator.attrgetter(fact), COMPARISONS[sign], code)
        compare, number = self.compared(fact)
        if fact == "trauma_sites":
            if not self.names.sites:
                raise self.error("'trauma_sites' in an MDC without site lists")
            sites = self.names.sites
            return lambda facts: compare(_sites_hurt(facts, sites), number)
        return _known(operator.attrgetter(fact), compare, number)


def _all(questions: list[Question]) -> Question:
    if len(questions) == 2:
        first, second = questions
        return lambda facts: first(facts) and second(facts)
    return lambda facts: all(question(facts) for question in questions)


def _either(questions: list[Question]) -> Question:
    return lambda facts: any(question(facts) for question in questions)


def _opposite(question: Question) -> Question:
    return lambda facts: not question(facts)


def _member(fact: str, codes: CodeList) -> Question:
    """`in`: at least one of the fact's codes is in the list; an absent code is in none."""
    if fact == "principal":
        return lambda facts: facts.principal in codes
    if fact == "main_procedure":
        return lambda facts: facts.main_procedure in codes
    codes_of = operator.attrgetter(fact)
    return lambda facts: not codes.isdisjoint(codes_of(facts))


def _begins(fact: str, start: str) -> Question:
    def question(facts: Facts) -> bool:
        value: str | Iterable[str] | None = getattr(facts, fact)
        codes = (value,) if isinstance(value, str) else value or ()
        return any(code.startswith(start) for code in codes)

    return question


def _known(
    value_of: Callable[[Facts], int | str | None], compare: Callable[..., bool], with_: int | str
) -> Question:
    """A comparison; with an unknown value it is false."""

    def question(facts: Facts) -> bool:
        value = value_of(facts)
        return value is not None and compare(value, with_)

    return question


def _sites_hurt(facts: Facts, sites: tuple[CodeList, ...]) -> int:
    """How many of the MDC's site lists hold at least one of all diagnoses."""
    return sum(not site.isdisjoint(facts.any_diagnosis) for site in sites)
