"""Procedures: every declared step is walked, refused where it must be, and what is read is checked."""

from __future__ import annotations

import datetime as dt
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drgpay.ground.errors import Bilingual, InputError, PolicyError
from drgpay.ledger.calendar import load_calendar
from drgpay.ledger.procedure_reader import TABLE, load_procedures, read_procedures
from drgpay.ledger.procedures import (
    BEGINS,
    LATENESS,
    MATTERS,
    NAMED,
    STATES,
    Act,
    Matter,
    Procedure,
    Step,
    StepState,
    Terms,
    progress,
    states,
)
from drgpay.ledger.step_checks import CHECKS, check_step
from drgpay.names.ledger import BOOK_ROLES
from drgpay.policy import load_policy

VALUES = {
    "deadline.weekend": "next_working_day",
    "persons.distinct": "three_persons",
    "community.transfer_by": (1, 15),
    "community.adjust_by": (1, 20),
    "community.clear_by": (1, 31),
    "community.rebalance_by": (2, 10),
}
TERMS = Terms(calendar=load_calendar(), values=VALUES)
KNOWN = load_procedures().by_id
STEPS = [(procedure, step) for procedure in KNOWN.values() for step in procedure.steps.values()]
IDS = [f"{procedure.id}.{step.id}" for procedure, step in STEPS]
PARTIES = ("H1", "H2")
EARLY = dt.date(2025, 1, 2)  # before every last day of 2025


def terms(**changed: Any) -> Terms:
    return replace(
        TERMS, values={**VALUES, **{k.replace("_", ".", 1): v for k, v in changed.items()}}
    )


def matter(procedure: Procedure, month: int = 3) -> Matter:
    return Matter(
        procedure=procedure.id,
        year=2025,
        month=month if procedure.per == "month" else 0,
        subject="甲" if procedure.per in NAMED else "",
        parties=PARTIES,
    )


def act(step: Step, day: dt.date = EARLY, **changed: Any) -> Act:
    """What does a step rightly, by a person of its own."""
    made = Act(step=step.id, role=step.role, who=f"{step.id}者", day=day, papers=tuple(step.papers))
    return replace(made, **changed)


def acts_of(step: Step, day: dt.date = EARLY) -> list[Act]:
    return [act(step, day, party=party) for party in (PARTIES if step.each else ("",))]


def earlier(procedure: Procedure, step: Step) -> list[Act]:
    """All that must come before a step, done rightly."""
    before = [s for s in procedure.steps.values() if step.id in procedure.later[s.id]]
    return [one for s in before for one in acts_of(s)]


def refused(procedure: Procedure, done: Sequence[Act], one: Act, by: Terms = TERMS) -> str:
    with pytest.raises(InputError) as caught:
        check_step(procedure, matter(procedure), done, one, by)
    found = caught.value
    assert re.search("[一-鿿]", found.text("zh")) and found.where
    return found.text("en")


# ---- every declaration


@pytest.mark.parametrize("procedure", KNOWN.values(), ids=list(KNOWN))
def test_procedure__can_be_gone_through(procedure: Procedure) -> None:
    done: list[Act] = []
    for step in procedure.steps.values():
        for one in acts_of(step):
            checked = check_step(procedure, matter(procedure), done, one, TERMS)
            assert checked.step == step and not checked.late
            done.append(one)
    found = states(procedure, matter(procedure), done, TERMS, dt.date(2026, 12, 31))
    assert {state.state for state in found} == {"done"}


@pytest.mark.parametrize("procedure", KNOWN.values(), ids=list(KNOWN))
def test_procedure__can_be_gone_through_without_what_is_optional(procedure: Procedure) -> None:
    done: list[Act] = []
    for step in procedure.steps.values():
        if step.optional or (step.when and step.when not in {one.step for one in done}):
            continue
        for one in acts_of(step):
            check_step(procedure, matter(procedure), done, one, TERMS)
            done.append(one)
    found = states(procedure, matter(procedure), done, TERMS, EARLY)
    assert {s.state for s in found} <= {"done", "optional", "lapsed", "not_asked"}


@pytest.mark.parametrize("procedure, step", STEPS, ids=IDS)
def test_step__has_words_in_both_languages(procedure: Procedure, step: Step) -> None:
    texts: list[Bilingual] = [procedure.name, procedure.clause.told, step.name, step.clause.told]
    texts += step.papers.values()
    if step.limit:
        texts += [step.limit.clause.told, *([step.limit.assumed] if step.limit.assumed else [])]
    for text in texts:
        assert re.search("[一-鿿]", text.chinese), text
        assert re.search("[a-z]", str(text)), text
        assert not re.search(
            "[一-鿿]", re.sub("[渝虞]?[医政]?保?发〔\\d+〕\\d+号", "", str(text))
        ), text


@pytest.mark.parametrize("procedure, step", STEPS, ids=IDS)
def test_step__is_refused_to_every_other_role(procedure: Procedure, step: Step) -> None:
    done = earlier(procedure, step)
    for role in [*BOOK_ROLES, "nobody"]:
        if role != step.role:
            told = refused(procedure, done, act(step, party="H1", role=role))
            assert "to do, not the" in told and step.clause.told in told


@pytest.mark.parametrize("procedure, step", STEPS, ids=IDS)
def test_step__is_refused_without_each_of_its_papers(procedure: Procedure, step: Step) -> None:
    done = earlier(procedure, step)
    for paper, name in step.papers.items():
        rest = tuple(p for p in step.papers if p != paper)
        told = refused(procedure, done, act(step, party="H1", papers=rest))
        assert str(name) in told and f"({paper}): put it on file" in told


@pytest.mark.parametrize("procedure, step", STEPS, ids=IDS)
def test_step__is_refused_before_each_that_comes_first(procedure: Procedure, step: Step) -> None:
    for id in step.before:
        first = procedure.steps[id]
        if first.optional and id != step.when:
            continue
        gone = {id, *procedure.later[id]}
        done = [one for one in earlier(procedure, step) if one.step not in gone]
        told = refused(procedure, done, act(step, party="H1"))
        assert str(first.name) in told and "do that first" in told


@pytest.mark.parametrize("procedure, step", STEPS, ids=IDS)
def test_step__is_refused_twice(procedure: Procedure, step: Step) -> None:
    done = [*earlier(procedure, step), *acts_of(step)]
    assert "was done on 2025-01-02" in refused(procedure, done, act(step, party="H1"))


@pytest.mark.parametrize("procedure, step", STEPS, ids=IDS)
def test_step__is_refused_where_a_later_one_is_done(procedure: Procedure, step: Step) -> None:
    for id in procedure.later[step.id]:
        later = procedure.steps[id]
        if step.each or not step.optional or later.when == step.id:
            continue
        # the later one was done, this one left out
        done = [one for one in earlier(procedure, later) if one.step != step.id]
        if all(procedure.steps[s].when not in (step.id,) for s in {one.step for one in done}):
            told = refused(procedure, [*done, *acts_of(later)], act(step))
            assert "have that sent back first" in told
            break


@pytest.mark.parametrize("procedure, step", STEPS, ids=IDS)
def test_step__after_its_last_day(procedure: Procedure, step: Step) -> None:
    done = earlier(procedure, step)
    due = progress(procedure, matter(procedure), done, TERMS).due(step)
    assert (due is None) == (step.limit is None)
    if due is None or step.limit is None:
        return
    one = act(step, due.day, party="H1")
    assert not check_step(procedure, matter(procedure), done, one, TERMS).late
    one = act(step, due.day + dt.timedelta(days=1), party="H1")
    if step.late == "refuse":
        told = refused(procedure, done, one)
        assert f"the last day was {due.day}" in told and step.limit.clause.told in told
    else:
        checked = check_step(procedure, matter(procedure), done, one, TERMS)
        assert checked.late
        assert step.limit.clause.told in checked.notes[-1]
        (state,) = [
            s
            for s in states(procedure, matter(procedure), [*done, one], TERMS, one.day)
            if s.step == step
        ]
        assert state.state in ("done_late", "overdue") and state.late


@pytest.mark.parametrize("procedure, step", STEPS, ids=IDS)
def test_step__sent_back_opens_what_was_done(procedure: Procedure, step: Step) -> None:
    done = earlier(procedure, step)
    back = act(step, returned=True, papers=(), party="H1", note="数据有误")
    if not step.returns_to:
        assert "sends nothing back" in refused(procedure, done, back)
        return
    check_step(procedure, matter(procedure), done, back, TERMS)
    assert "say why" in refused(procedure, done, replace(back, note=" "))
    found = {
        s.step.id: s for s in states(procedure, matter(procedure), [*done, back], TERMS, EARLY)
    }
    again = {step.returns_to, *procedure.later[step.returns_to]}
    for other in procedure.steps.values():
        if other.id in again:
            assert not found[other.id].acts
        elif other.id in {one.step for one in done}:
            assert found[other.id].acts
    assert found[step.returns_to].state in ("due", "optional")


def test_three_persons__are_asked_for_wherever_money_is_approved() -> None:
    tried = 0
    for procedure in KNOWN.values():
        for group in procedure.persons:
            for number, id in enumerate(group[1:], 1):
                step = procedure.steps[id]
                done = earlier(procedure, step)
                for other in group[:number]:
                    same = act(step, who=f"{other}者")
                    assert "another person must do this" in refused(procedure, done, same)
                    check_step(
                        procedure,
                        matter(procedure),
                        done,
                        same,
                        terms(persons_distinct="not_asked"),
                    )
                    some = terms(persons_distinct="maker_and_approver")
                    if (other, id) == (group[0], group[-1]):
                        refused(procedure, done, same, some)
                    else:
                        check_step(procedure, matter(procedure), done, same, some)
                    tried += 1
    assert tried >= 10
    approvals = {p.id for p, s in STEPS if s.role == "approver" and s.id != "appeal_answer"}
    assert approvals == {p.id for p in KNOWN.values() if p.persons}


def test_rules_of_persons__that_there_are_not_are_refused() -> None:
    procedure = KNOWN["advance"]
    step = procedure.steps["approve"]
    with pytest.raises(PolicyError, match=r"persons\.distinct"):
        check_step(
            procedure,
            matter(procedure),
            earlier(procedure, step),
            act(step),
            terms(persons_distinct="two"),
        )


def test_words__of_choices_stand_in_both_languages() -> None:
    for words in (MATTERS, BEGINS, STATES, LATENESS, BOOK_ROLES):
        for word in words.values():
            assert re.search("[一-鿿]", word.chinese) and re.search("[a-z]", str(word))
    assert {procedure.per for procedure in KNOWN.values()} == set(MATTERS)
    assert {procedure.begins for procedure in KNOWN.values()} == set(BEGINS)
    for check in CHECKS:
        assert (check.__doc__ or "").startswith("Fail if"), check


# ---- what texts say, clause by clause


def clauses(id: str) -> str:
    return " ".join(step.clause.place.of("en") for step in KNOWN[id].steps.values())


def test_texts__each_step_of_the_national_rules_is_there() -> None:
    assert re.findall(r"33 \((\d)\)", clauses("clearing")) == list("12345678")
    assert sorted(set(re.findall(r"20 \((\d)\)", clauses("yearly_plan")))) == list("123456")
    assert re.findall(r"7 \((\d)\)", clauses("yearly_plan")) == list("112")
    for number, id in ((3, "mid_year"), (4, "clearing")):
        assert f"art. 7 ({number})" in clauses(id)
    assert sorted(set(re.findall(r"\((\d)\)", clauses("community_filing")))) == list("123")
    assert sorted(set(re.findall(r"\((\d)\)", clauses("community_year")))) == list("4567")


def last_days(id: str, month: int = 3, by: Terms = TERMS) -> Mapping[str, str]:
    procedure = KNOWN[id]
    every = [one for step in procedure.steps.values() for one in acts_of(step)]
    found = states(procedure, matter(procedure, month), every, by, EARLY)
    return {s.step.id: s.due.day.isoformat() for s in found if s.due}


def test_texts__last_days_of_communities() -> None:
    values = load_policy("chongqing-budget", catalogue="budget").for_year(2025)
    assert last_days("community_year", by=replace(TERMS, values=values)) == {
        "transfer": "2026-01-15",
        "adjust": "2026-01-20",
        "clear": "2026-02-02",  # the 31st is a Saturday
        "rebalance": "2026-02-10",
    }
    assert (
        last_days("community_year", by=terms(deadline_weekend="previous_working_day"))["clear"]
        == "2026-01-30"
    )
    assert last_days("community_year", by=terms(deadline_weekend="same_day"))["clear"] == (
        "2026-01-31"
    )


def test_texts__last_days_of_months() -> None:
    assert last_days("shangyu_reports") == {
        "institution": "2025-04-10",
        "health": "2025-04-15",
        "others": "2025-04-15",
    }
    assert last_days("shangyu_reports", 12)["others"] == "2026-01-15"
    # thirty working days after 10 April 2025, over Labour Day: 27 April is worked
    assert last_days("monthly_settlement") == {"declare": "2025-04-10", "pay": "2025-05-26"}
    assert last_days("clearing") == {"clear": "2026-06-30"}


# ---- single situations


def by_id(found: Sequence[StepState]) -> Mapping[str, StepState]:
    return {state.step.id: state for state in found}


def test_parties__that_are_late_hold_nobody_up_and_are_named() -> None:
    procedure = KNOWN["monthly_settlement"]
    about, declare, review = matter(procedure), *list(procedure.steps.values())[:2]
    done = [act(declare, dt.date(2025, 4, 8), party="H1")]
    found = by_id(states(procedure, about, done, TERMS, dt.date(2025, 4, 10)))
    assert found["declare"].state == "due" and found["declare"].missing == ("H2",)
    assert found["review"].state == "waiting"
    assert "comes after" in refused(procedure, done, act(review, dt.date(2025, 4, 10)))
    assert "(open: H2)" in refused(procedure, done, act(review, dt.date(2025, 4, 10)))
    found = by_id(states(procedure, about, done, TERMS, dt.date(2025, 4, 11)))
    assert found["declare"].state == "overdue" and found["review"].state == "due"
    done.append(act(review, dt.date(2025, 4, 11)))
    # the late one may still come
    late = act(declare, dt.date(2025, 4, 14), party="H2")
    assert check_step(procedure, about, done, late, TERMS).late
    found = by_id(states(procedure, about, [*done, late], TERMS, dt.date(2025, 4, 15)))
    assert found["declare"].state == "done_late" and not found["declare"].missing
    assert "'H9'" in refused(procedure, done, act(declare, party="H9"))


def test_parties__none_of_whom_has_come_hold_the_month_up() -> None:
    procedure = KNOWN["monthly_settlement"]
    found = by_id(states(procedure, matter(procedure), [], TERMS, dt.date(2025, 6, 1)))
    assert found["declare"].state == "overdue" and found["review"].state == "waiting"
    assert [s.id for s in found["review"].waits_for] == ["declare"]


def test_step__that_hangs_on_another_is_asked_for_with_it_alone() -> None:
    procedure = KNOWN["objections"]
    given = [*earlier(procedure, procedure.steps["object"])]
    found = by_id(states(procedure, matter(procedure), given, TERMS, EARLY))
    assert found["object"].state == "optional"
    assert found["answer"].state == found["effect"].state == "not_asked"
    assert "is there only after" in refused(procedure, given, act(procedure.steps["answer"]))
    # ten working days after 2 January 2025
    assert found["object"].due and found["object"].due.day == dt.date(2025, 1, 16)
    after = by_id(states(procedure, matter(procedure), given, TERMS, dt.date(2025, 1, 17)))
    assert after["object"].state == "lapsed"
    given.append(act(procedure.steps["object"], dt.date(2025, 1, 16)))
    # ten working days on: over the spring festival, with 26 January worked
    found = by_id(states(procedure, matter(procedure), given, TERMS, dt.date(2025, 2, 6)))
    assert found["answer"].state == "due"
    assert found["answer"].due and found["answer"].due.day == dt.date(2025, 2, 6)
    found = by_id(states(procedure, matter(procedure), given, TERMS, dt.date(2025, 2, 7)))
    assert found["answer"].state == "overdue" and found["effect"].state == "waiting"


def test_optional_step__left_out_is_no_longer_possible() -> None:
    procedure = KNOWN["community_year"]
    done = [act(procedure.steps["clear"])]
    check_step(procedure, matter(procedure), [], done[0], TERMS)
    found = by_id(states(procedure, matter(procedure), done, TERMS, EARLY))
    assert found["transfer"].state == "lapsed"
    assert "sent back" in refused(procedure, done, act(procedure.steps["transfer"]))


def test_step__dated_before_the_one_before_is_refused() -> None:
    procedure = KNOWN["clearing"]
    step = procedure.steps["decide"]
    told = refused(procedure, earlier(procedure, step), act(step, dt.date(2025, 1, 1)))
    assert "is dated 2025-01-01, before" in told


@pytest.mark.parametrize(
    "id, changed, told",
    [
        ("monthly_settlement", {"month": 0}, "has month 0"),
        ("monthly_settlement", {"month": 13}, "has month 13"),
        ("clearing", {"month": 1}, "has month 1"),
        ("community_year", {"subject": " "}, "does not say which community"),
        ("mid_year", {"subject": ""}, "does not say which community or application"),
        ("clearing", {"subject": "甲"}, "is about no community"),
    ],
)
def test_matter__that_is_not_named_rightly_is_refused(
    id: str, changed: Mapping[str, Any], told: str
) -> None:
    procedure = KNOWN[id]
    first = next(iter(procedure.steps.values()))
    about = replace(matter(procedure), **changed)
    with pytest.raises(InputError, match=told):
        check_step(procedure, about, [], act(first, party="H1"), TERMS)


def test_step__by_nobody_is_refused() -> None:
    step = KNOWN["clearing"].steps["analyse"]
    assert "names nobody" in refused(KNOWN["clearing"], [], act(step, who=" "))


def test_step__that_there_is_not_is_refused_by_name() -> None:
    procedure = KNOWN["clearing"]
    one = Act(step="clera", role="maker", who="甲", day=EARLY)
    for tried in (
        lambda: check_step(procedure, matter(procedure), [], one, TERMS),
        lambda: states(procedure, matter(procedure), [one], TERMS, EARLY),
    ):
        with pytest.raises(InputError, match=r"'clera'(.|\n)*analyse"):
            tried()


def test_refusal__tells_everything_at_once() -> None:
    step = KNOWN["advance"].steps["approve"]
    told = refused(KNOWN["advance"], [], act(step, role="maker", who="", papers=()))
    for part in ("to do, not the maker", "names nobody", "lacks the paper", "do that first"):
        assert part in told


def test_deadline__in_an_unverified_year_is_noted() -> None:
    procedure = KNOWN["community_year"]
    about = replace(matter(procedure), year=2026)
    one = act(procedure.steps["transfer"], dt.date(2027, 1, 10))
    _, note = check_step(procedure, about, [], one, TERMS).notes
    assert "2027" in note and "未经核实" in note.chinese


def test_deadline__that_no_text_states_says_so() -> None:
    procedure = KNOWN["community_year"]
    for policy, assumed in (("chongqing-budget", False), ("hangzhou-budget", True)):
        by = Terms.of(load_policy(policy, catalogue="budget").for_year(2025), load_calendar())
        found = by_id(states(procedure, matter(procedure), [], by, EARLY))
        day, weekend = found["clear"].notes  # 31 January 2026 is a Saturday
        assert day.chinese.startswith("期限由政策参数 community.clear_by 给出")
        assert ("假定" in day.chinese) is ("assumed" in day) is assumed
        assert weekend.chinese.startswith("2026-01-31 放假，移至 2026-02-02：假定")
        assert len(found["transfer"].notes) == 1
    assert not by_id(states(procedure, matter(procedure), [], TERMS, EARLY))["carry"].notes


def test_random_clerks__break_no_order() -> None:
    """What check_step lets through never breaks what a plain reading of the declarations asks."""
    drawn, let_through = random.Random(2025), 0
    for procedure in KNOWN.values():
        about = matter(procedure)
        for _ in range(10):
            done: list[Act] = []
            day = EARLY
            for _ in range(80):
                step = drawn.choice(list(procedure.steps.values()))
                day += dt.timedelta(days=drawn.choice((0, 0, 0, 1, 9)))
                one = act(
                    step,
                    day,
                    role=step.role if drawn.random() < 0.8 else drawn.choice(list(BOOK_ROLES)),
                    who=drawn.choice("甲乙丙丁戊"),
                    party=drawn.choice(PARTIES) if step.each else "",
                    returned=drawn.random() < 0.15,
                    note="有误",
                )
                try:
                    check_step(procedure, about, done, one, TERMS)
                except InputError:
                    continue
                let_through += 1
                _holds(procedure, done, one)
                done.append(one)
    assert let_through > 600


def _holds(procedure: Procedure, done: Sequence[Act], one: Act) -> None:
    step = procedure.steps[one.step]
    assert one.role == step.role
    standing: list[Act] = []
    for earlier_act in done:
        if earlier_act.returned:
            gone = procedure.steps[earlier_act.step].returns_to
            dropped = {gone, *procedure.later[gone]}
            standing = [a for a in standing if a.step not in dropped]
        else:
            standing.append(earlier_act)
    there = {a.step for a in standing}
    for id in step.before:
        before = procedure.steps[id]
        skipped = before.optional or (before.when and before.when not in there)
        assert id in there or (skipped and id != step.when)
    assert (one.step, one.party) not in {(a.step, a.party) for a in standing}
    if not step.each:
        assert not procedure.later[step.id] & there
    for group in procedure.persons:
        if one.step in group:
            assert one.who not in {a.who for a in standing if a.step in group}


# ---- the reader

OWN = """\
[texts.T]
name = ["某办法", "some rules"]
whole = true
[papers]
plan = ["方案", "plan"]
[procedure.p]
name = ["程序", "procedure"]
clause = ["T", "第一条", "art. 1"]
per = "month"
persons = [["a", "b"]]
[[procedure.p.step]]
id = "a"
name = ["甲步", "first"]
clause = ["T", "第一条", "art. 1"]
role = "maker"
papers = ["plan"]
deadline = { day = 10, month = 1 }
late = "mark"
[[procedure.p.step]]
id = "b"
name = ["乙步", "second"]
clause = ["T", "第二条", "art. 2"]
role = "approver"
papers = ["plan"]
after = ["a"]
returns_to = "a"
deadline = { working_days = 5, after = "a" }
late = "refuse"
"""


def test_own_file__is_read(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(OWN, encoding="utf-8")
    (found,) = read_procedures(path).by_id.values()
    assert list(found.steps) == ["a", "b"] and found.later == {
        "a": frozenset("b"),
        "b": frozenset(),
    }


def test_step__behind_one_left_out_still_waits(tmp_path: Path) -> None:
    third = OWN[OWN.rindex("[[procedure.p.step]]") :]
    third = third.replace('"b"', '"c"').replace('after = ["a"]', 'after = ["b"]')
    path = tmp_path / "own.toml"
    path.write_text(
        OWN.replace('returns_to = "a"', "optional = true") + third.replace("乙步", "丙步"),
        encoding="utf-8",
    )
    (found,) = read_procedures(path).by_id.values()
    assert "comes after 'first'" in refused(found, [], act(found.steps["c"], who="丙"))
    done = [act(found.steps["a"])]
    check_step(found, matter(found), done, act(found.steps["c"], who="丙"), TERMS)


@pytest.mark.parametrize(
    "old, new, told",
    [
        ('id = "a"', 'id = "a"\nrank = 1', "unknown key 'rank'"),
        ('per = "month"', 'per = "month"\nx = 1', "unknown key 'x'"),
        ("[papers]", "x = 1\n[papers]", "unknown key 'x'"),
        ('per = "month"', 'per = "week"', "'per' must be one of"),
        ('per = "month"', 'per = "month"\nbegins = "soon"', "'begins' must be one of"),
        ('per = "month"', 'per = "year"', "a day of a month is for procedures of a month"),
        ('role = "maker"', 'role = "boss"', "'role' must be one of"),
        ('role = "maker"\n', "", "'role' must be one of"),
        ('after = ["a"]', 'after = ["c"]', "'after' names 'c'"),
        ('after = ["a"]', 'after = ["b"]', "'after' names 'b'"),
        ('after = ["a"]', 'after = ["a", "a"]', "names 'a' twice"),
        ('papers = ["plan"]\ndead', 'papers = ["plan"]\nafter = ["b"]\ndead', "without a circle"),
        ('papers = ["plan"]\nafter', "papers = []\nafter", "asks for no paper"),
        ('papers = ["plan"]\nafter', 'papers = ["plans"]\nafter', "'papers' names 'plans'"),
        (
            'plan = ["方案", "plan"]',
            'plan = ["方案", "plan"]\no = ["a", "b"]',
            "asked for by no step",
        ),
        ('["方案", "plan"]', '["方案"]', "'plan' must be two texts"),
        ('["甲步", "first"]', '["甲步", ""]', "'name' must be two texts"),
        ('["T", "第二条", "art. 2"]', '["U", "第二条", "art. 2"]', "'clause' must be a text (T)"),
        ('["T", "第二条", "art. 2"]', '["T", "第二条"]', "'clause' must be a text (T)"),
        ("whole = true", "whole = 1", "'whole' must be true or false"),
        ('returns_to = "a"', 'returns_to = "z"', "'returns_to' names 'z'"),
        ('returns_to = "a"', "optional = 1", "'optional' must be true or false"),
        ('returns_to = "a"', 'when = "z"', "'when' names 'z'"),
        ('late = "mark"', 'late = "shrug"', "'late' must be one of"),
        ('late = "mark"\n', "", "deadline and late stand together"),
        ("day = 10,", "day = 31,", "'day' must be 1 to 28"),
        ("day = 10,", "day = true,", "'day' must be 1 to 28"),
        ("{ day = 10, month = 1 }", "{ day = 10, year = 1 }", "must have one of by"),
        ("{ day = 10, month = 1 }", "{ month = 1 }", "must have one of by"),
        ("{ day = 10, month = 1 }", '{ by = "02-30" }', "must be MM-DD"),
        ("{ day = 10, month = 1 }", '{ parameter = "deposit.ratio" }', "holds a day"),
        ("working_days = 5", "working_days = 0", "'working_days' must be 1 to"),
        (', after = "a"', "", "'after' names None"),
        (', after = "a"', ', after = "a", counted = "x"', "'counted' must be one of"),
        ('["a", "b"]]', '["a", "z"]]', "must be groups"),
        ('["a", "b"]]', '["a"]]', "must be groups"),
        ('id = "b"', 'id = "a"', "stands twice"),
        ('id = "b"\n', "", "a step has no id"),
        ("[texts.T]", "[texts.T", "not TOML"),
    ],
)
def test_own_file__that_is_faulty_is_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in OWN
    path = tmp_path / "own.toml"
    path.write_text(OWN.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_procedures(path)
    assert told in str(caught.value)


@pytest.mark.parametrize("cut", range(0, len(OWN), 23))
def test_own_file__that_is_cut_off_is_read_or_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "own.toml"
    path.write_text(OWN[:cut], encoding="utf-8")
    try:
        read_procedures(path)
    except InputError as error:
        assert str(path) in str(error)


def test_table__is_read_once_and_whole() -> None:
    assert load_procedures() is load_procedures()
    assert TABLE.read_text(encoding="utf-8").count("[[procedure.") == len(STEPS)


DOCS = Path(__file__).parents[2] / "docs"


def test_pages__name_every_procedure_with_its_steps_and_days() -> None:
    chinese = (DOCS / "budget-year.zh-CN.md").read_text(encoding="utf-8").splitlines()
    english = (DOCS / "budget-year.md").read_text(encoding="utf-8").splitlines()
    for procedure in KNOWN.values():
        steps = procedure.steps.values()
        (row,) = [line for line in chinese if line.startswith(f"| {procedure.name.chinese} |")]
        assert f"| {procedure.clause.told.chinese} | {MATTERS[procedure.per].chinese} |" in row
        assert f"| {len(steps)} |" in row
        assert all(step.name.chinese in row for step in steps if step.limit)
        (row,) = [line for line in english if line.startswith(f"| `{procedure.id}`: ")]
        assert f"| {procedure.clause.told} | {MATTERS[procedure.per]} | {len(steps)} |" in row
        assert all(str(step.name) in row for step in steps if step.limit)
        assumed = [s for s in steps if s.limit and s.limit.assumed]
        assert row.count("(assumed)") == len(assumed)


def test_pages__example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (DOCS / "budget-year.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(example, "docs/budget-year.md", "exec"), {})
    assert capsys.readouterr().out.splitlines() == [
        "0 steps overdue, 1 due, 1 that may be done; the next last day is 2026-02-02",
        "clear the members' year 2026-02-02 20",
        "file the table of transfers 2026-01-15 8",
    ]
