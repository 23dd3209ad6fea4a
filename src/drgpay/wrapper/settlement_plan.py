"""The settlement plan of a year (清算方案, S0 32-33): the parameters that it is cleared by, on the book.

Shares of surplus and overspending, compensation, deposits: proposed, checked and approved before the
clearing, which is refused where it hangs on others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.ledger.book import Reading
from drgpay.ledger.entries import Draft, Entry
from drgpay.names.codes import UNVERIFIED
from drgpay.names.ledger import POINTS_POLICY
from drgpay.policy import YearPolicy, load_policy
from drgpay.policy.year import shown
from drgpay.wrapper.planning import AskedPolicy, asked_policy, budget_policy, policy_facts

KIND = "settlement_plan"
# chapters of docs/rules.md whose parameters decide a clearing: of indices, and of points
BY_INDEX, BY_POINTS = ("20",), ("9", "10", "11")


def settlement_plan_draft(
    reading: Reading, year: int, policy_name: str, who: str, points_policy: str = ""
) -> Draft:
    """Return the entry of a year's settlement plan: the parameters in force, each with its source.

    `points_policy`: the policy of what is paid by points, where the plan is to hold it as well.
    Raises InputError for a year that is cleared already.
    """
    if reading.entries(("clearing",), year=year):
        raise InputError(
            both(
                f"{year}年已清算入账，不能再定清算方案", f"{year} is cleared: too late for a plan"
            ),
            remedy=both(
                "更正用重新清算（drgpay budget reopen）", "corrections: drgpay budget reopen"
            ),
        )
    body: dict[str, Any] = {"policy": _facts(budget_policy(policy_name, year), BY_INDEX)}
    if points_policy:
        points = asked_policy(load_policy(points_policy).for_year(year))
        body[POINTS_POLICY] = _facts(points, BY_POINTS)
    return Draft(
        KIND, year, who, "maker", body, clause="S0 32; S0 33 (3)", subject=f"{year}"
    )  # fmt: skip


def _facts(policy: AskedPolicy, chapters: Iterable[str]) -> dict[str, Any]:
    for key in policy.parameters:
        if policy.known[key].rule.partition(".")[0] in chapters:
            policy.asked.add(key)
    return policy_facts(policy)


def told(body: Mapping[str, Any]) -> Iterator[Bilingual]:
    """Yield a line for each parameter of a plan, those that are not verified marked."""
    for part in ("policy", POINTS_POLICY):
        for own in body.get(part, {}).get("parameters", ()):
            zh, en = ("", "") if own["verified"] else (UNVERIFIED.chinese, str(UNVERIFIED))
            yield both(
                f"{own['name']}（{own['key']}）：{own['value']}{zh}",
                f"{own['key']}: {own['value']}{en}",
            )


def plan_of(reading: Reading, year: int) -> Entry | None:
    """Return the settlement plan of a year that stands, the last one; None without any."""
    found = reading.entries((KIND,), year=year)
    return found[-1] if found else None


def hold_to_plan(reading: Reading, year: int, policy: YearPolicy) -> None:
    """Raise InputError where a clearing by index hangs on other parameters than the year's plan."""
    own = {key: each.raw for key, each in policy.parameters.items()}
    _refuse_others(plan_of(reading, year), "policy", own)


def hold_points_to_plan(reading: Reading, year: int, values: Mapping[str, Any]) -> None:
    """Raise InputError where a settled run hangs on others; `values` by key, as its manifest has them."""
    _refuse_others(plan_of(reading, year), POINTS_POLICY, values)


def _refuse_others(plan: Entry | None, part: str, values: Mapping[str, Any]) -> None:
    if plan is None or part not in plan.body:
        return
    faults = [
        both(
            f"{own['name']}（{own['key']}）：方案为 {own['value']}，清算为 {value}",
            f"{own['key']}: {own['value']} in the plan, {value} in the clearing",
        )
        for own in plan.body[part]["parameters"]
        for value in (shown(values[own["key"]]) if own["key"] in values else "—",)
        if value != own["value"]
    ]
    if faults:
        raise InputError(
            both(
                f"清算所用的参数与第 {plan.number} 号清算方案不符",
                f"the clearing hangs on other parameters than the plan of entry {plan.number}",
            ),
            faults=faults,
            remedy=both(
                "按方案的政策清算；方案有误的，先另定方案（drgpay budget settlement-plan）并审批",
                "clear by the plan's policy; where the plan is wrong, have another approved first "
                "(drgpay budget settlement-plan)",
            ),
        )
