"""Each change leads to the group that it says, and no smaller one of the documented set does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations, product

import numpy as np
import pytest

from drgpay.grouper import Grouper
from drgpay.grouper.changes import Change, changer_of
from drgpay.grouper.explain import explain, explainer_of
from tests.explain.test_trace import grouper_of
from tests.grouper.generated import Case, Tables, case

SCHEMES = [("zj-drg-2022", "main"), ("chs-drg-2.0", "any"), ("chongqing-drg-2022", "main"),
           ("ex1-tiny", "main"), ("testland-tiny", "main"), ("testland-tiny", "any")]  # fmt: skip
NUMBERS = ("age_years", "age_days", "birth_weight_g", "los_days")


class Plain:
    """The documented changes of a scheme's cases, made one by one on plain facts."""

    def __init__(self, grouper: Grouper) -> None:
        self.grouper = grouper
        s = grouper.scheme
        self.tables = Tables(grouper, 3)
        rules = " ; ".join([r.rule for r in (*s.mdcs, *s.adrgs, *s.drgs)])
        self.cuts: dict[str, list[int]] = {}
        for name in NUMBERS:
            cuts = set()
            for operator, value in re.findall(rf"\b{name} (<=|>=|==|!=|<|>) (\d+)", rules):
                cuts |= {int(value)} if operator in ("<", ">=") else set()
                cuts |= {int(value) + 1} if operator in ("<=", ">") else set()
                cuts |= {int(value), int(value) + 1} if operator in ("==", "!=") else set()
            self.cuts[name] = sorted(cuts - {0})
        self.asks_icu = "icu" in rules
        self.asks_sex = "sex" in rules
        self.any = s.surgical_match == "any"
        listed = {code for codes in self.tables.lists.values() for code in codes}
        listed |= set(re.findall(r'"([^"]+)"', rules))
        prefixes = tuple(re.findall(r'startswith "([^"]+)"', rules)) or ("?",)
        levels = zip(
            *(s.severity[n].to_pylist() for n in ("level", "exclusion_list", "code")), strict=True
        )
        self.free: dict[str, list[tuple[str, str]]] = {"CC": [], "MCC": []}
        for level, number, code in levels:
            if code not in listed and not code.startswith(prefixes):
                self.free[level].append((code, number))

    def extra(self, given: Case, level: str) -> str | None:
        """A diagnosis of a level that counts and that no rule asks for."""
        principal = given["diagnoses"][0]
        for code, number in self.free[level]:
            if principal not in self.tables.principals.get(number, []):
                return code
        return None

    def drg(self, given: Case) -> str:
        return self.grouper.group_case(**given).drg

    def made(self, given: Case, change: Change) -> Case | None:
        """The case after one change; None when no diagnosis of the scheme can stand for it."""
        dx, px = list(given["diagnoses"]), list(given["procedures"])
        new = {**given, "diagnoses": dx, "procedures": px}
        at = change.place
        if change.kind == "secondary_less":
            del dx[at]
        elif change.kind == "principal_exchanged":
            dx[0], dx[at] = dx[at], dx[0]
        elif change.kind == "procedure_less":
            del px[at]
        elif change.kind == "main_exchanged":
            px[0], px[at] = px[at], px[0]
        elif change.kind in ("cc_more", "mcc_more"):
            code = self.extra(given, "CC" if change.kind == "cc_more" else "MCC")
            if code is None:
                return None
            dx.append(code)
        elif change.kind == "sex":
            new["sex"] = "MF"[change.after - 1]
        elif change.kind == "icu":
            new["icu"] = bool(change.after)
        else:
            new[change.fact] = change.after
        return new

    def all_made(self, given: Case, changes: tuple[Change, ...]) -> Case | None:
        # the later of two diagnoses goes first, so that places stay what they are
        new: Case | None = given
        for change in sorted(changes, key=lambda c: (c.kind == "secondary_less", -c.place)):
            new = None if new is None else self.made(new, change)
        return new

    def singles(self, given: Case) -> Iterator[Change]:
        """Every single change, smallest first."""
        dx, px = given["diagnoses"], given["procedures"]
        for at in range(1, len(dx)):
            yield Change("secondary_less", at)
        yield Change("cc_more")
        yield Change("mcc_more")
        for at in range(1, len(dx)):
            yield Change("principal_exchanged", at)
        for at in range(len(px)):
            yield Change("procedure_less", at)
        for at in range(1, len(px)):
            if not self.any:
                yield Change("main_exchanged", at)
        for name in NUMBERS:
            value = given[name]
            if value is not None:
                below = [c - 1 for c in self.cuts[name] if c <= value][-1:]
                above = [c for c in self.cuts[name] if c > value][:1]
                for after in (*below, *above):
                    yield Change("number", 0, "", name, value, after)
        if self.asks_icu:
            yield Change("icu", after=1 - int(given["icu"]))
        if self.asks_sex:
            yield Change("sex", after=2 if given["sex"] == "M" else 1)

    def pairs(self, given: Case) -> Iterator[tuple[Change, Change]]:
        """Every pair of changes."""
        dx, px = given["diagnoses"], given["procedures"]
        numbers = dict(self.tables.severity)
        less = [
            Change("secondary_less", at)
            for at in range(1, len(dx))
            if dx[at] in numbers and dx[0] not in self.tables.principals.get(numbers[dx[at]], [])
        ]
        more = [Change("cc_more"), Change("mcc_more")]
        principal = [Change("principal_exchanged", at) for at in range(1, len(dx))]
        px_less = [Change("procedure_less", at) for at in range(len(px))]
        main = [] if self.any else [Change("main_exchanged", at) for at in range(1, len(px))]
        yield from combinations(less, 2)
        yield from product(less, more[:1])
        yield from product([*principal, *px_less, *main], more)
        yield from product(px_less, less)
        yield from product(principal, main)


@pytest.fixture(scope="module", params=SCHEMES, ids="-".join)
def plain(request: pytest.FixtureRequest) -> Plain:
    return Plain(grouper_of(*request.param))


def drawn(plain: Plain, count: int) -> list[Case]:
    cases = list(plain.tables.drawn(count * 3 // 4))
    cases += plain.tables.random.sample(list(plain.tables.boundaries()), count // 4)
    # a weight of 0 is unknown: facts come to the explainer so read
    return [{**given, "birth_weight_g": given["birth_weight_g"] or None} for given in cases]


def check(plain: Plain, cases: list[Case]) -> int:
    """Fail if a change leads elsewhere, or a smaller one there; return how many were checked."""
    explainer, done = explainer_of(plain.grouper), 0
    for given in cases:
        own = plain.drg(given)
        nearest = explainer.nearest_of_one(given, most=10_000)
        reached = {n.drg: n.changes for n in nearest}
        assert own not in reached
        for drg, changes in reached.items():
            new = plain.all_made(given, changes)
            if new is not None:
                assert plain.drg(new) == drg, (given, changes)
                done += 1
        first: dict[str, Change] = {}
        for change in plain.singles(given):
            new = plain.made(given, change)
            if new is not None:
                first.setdefault(plain.drg(new), change)
        first.pop(own, None)
        for drg, change in first.items():
            smallest = reached[drg]
            assert len(smallest) == 1, (given, smallest, change)
            if plain.all_made(given, smallest) is None:
                continue  # a smaller one leads there, but no diagnosis of this scheme stands for it
            assert (smallest[0].kind, smallest[0].place, smallest[0].after) == (
                change.kind,
                change.place,
                change.after,
            ), given
        for pair in plain.pairs(given):
            new = plain.all_made(given, pair)
            if new is not None and plain.drg(new) != own:
                assert plain.drg(new) in reached, (given, pair)
    return done


def test_changes__lead_where_they_say_and_none_smaller_does(plain: Plain) -> None:
    assert check(plain, drawn(plain, 16)) > 8


@pytest.mark.long
def test_changes__of_many_cases_lead_where_they_say(plain: Plain) -> None:
    assert check(plain, drawn(plain, 1_000)) > 500


def test_nearest__has_the_same_adrg_first_and_at_most_eight(plain: Plain) -> None:
    some = 0
    for given in drawn(plain, 20):
        nearest = explain(plain.grouper, **given).nearest
        assert len(nearest) <= 8
        order = [(len(n.changes), n.step) for n in nearest]
        assert order == sorted(order)
        assert len({n.drg for n in nearest}) == len(nearest)
        some += len(nearest) > 1
    assert some > 2


def test_nearest__of_a_case_that_lacks_an_mcc() -> None:
    ex1 = grouper_of("ex1-tiny")
    e = explain(ex1, **case("M", 60, ["I25.103", "E11.900"], ["36.0700"]))
    assert e.grouping.drg == "FM13"
    same = [(n.drg, [c.kind for c in n.changes]) for n in e.nearest if n.step == 0]
    assert same == [("FM15", ["secondary_less"]), ("FM11", ["mcc_more"])]
    assert ("FR13", "procedure_less") in [(n.drg, n.changes[0].kind) for n in e.nearest]


def test_nearest__takes_two_changes_only_where_one_does_not_do() -> None:
    ex1 = grouper_of("ex1-tiny")
    e = explain(ex1, **case("M", 60, ["I25.103", "J96.000"], ["36.0700"]))
    assert e.grouping.drg == "FM11"
    changes = {n.drg: [c.kind for c in n.changes] for n in e.nearest}
    assert changes["FM15"] == ["secondary_less"]
    assert changes["FM13"] == ["secondary_less", "cc_more"]


def test_nearest__without_both_of_two_ccs() -> None:
    ex1 = grouper_of("ex1-tiny")
    e = explain(ex1, **case("M", 60, ["I20.000", "E11.900", "I50.900"], ["36.0700"]))
    assert e.grouping.drg == "FM13"
    changes = {n.drg: [(c.kind, c.place) for c in n.changes] for n in e.nearest}
    assert changes["FM15"] == [("secondary_less", 1), ("secondary_less", 2)]


def test_nearest__of_many_cases_is_that_of_each(plain: Plain) -> None:
    from drgpay.cases.encode import Faults, encode_cases
    from tests.grouper.generated import as_table

    cases = drawn(plain, 24)
    table, g = as_table(cases), plain.grouper
    encoded = encode_cases(
        table, g.compiled.encode_diagnoses, g.compiled.procedures.encode, Faults.of(table, "", 1)
    )
    changer = changer_of(g)
    found = changer.nearest(encoded, g.group_arrays(encoded).group)
    assert len(found.start) == len(cases) + 1
    for i, given in enumerate(cases):
        drgs = [changer.outcomes[o].drg for o in found.outcome[found.start[i] : found.start[i + 1]]]
        assert drgs == [n.drg for n in explain(g, **given).nearest], given
    assert np.all(np.diff(found.start) <= 8)
