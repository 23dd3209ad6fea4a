"""What is wrong with a policy file, what it lacks, and how much of it is verified."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from drgpay.ground.errors import Bilingual, PolicyError, both, in_language, located
from drgpay.ground.languages import choosing
from drgpay.policy import Policy, YearPolicy, load_policy
from drgpay.policy.catalogues import BUDGET_FILES, EVERY, PAYMENT_FILES, TITLES
from drgpay.policy.files import missing_parameter


@dataclass
class PolicyCheck:
    """The findings of a check: `missing` parameters, other `faults`, and counts of values."""

    name: str
    year: int | None
    title: str = ""
    catalogue: str = PAYMENT_FILES
    missing: list[Bilingual] = field(default_factory=list)
    faults: list[Bilingual] = field(default_factory=list)
    values: int = 0
    verified: int = 0
    alternatives: int = 0

    @property
    def faulty(self) -> bool:
        """Whether a run would refuse the policy."""
        return bool(self.missing or self.faults)


def check_policy(name: str | Path, year: int | None = None) -> PolicyCheck:
    """Return everything that is wrong with a policy, by itself and, if given, in a year.

    Raises PolicyError or InputError only when there is no such policy.
    """
    found = PolicyCheck(str(name), year)
    try:
        policy = load_policy(name, catalogue=None)
    except PolicyError as error:
        lacking = {missing_parameter(key) for key in EVERY}
        found.missing = [fault for fault in error.faults if fault in lacking]
        found.faults = [fault for fault in error.faults if fault not in lacking]
        if not error.faults:
            found.faults = [error.what]
        return found
    found.title, found.catalogue = policy.title, policy.catalogue
    if year is None:
        _count(found, policy)
        return found
    try:
        chosen = policy.for_year(year)
    except PolicyError as error:
        found.faults = list(error.faults)
        _count(found, policy)
        return found
    found.faults = disagreements(chosen)
    found.values = len(chosen.parameters)
    found.verified = sum(p.verified for p in chosen.parameters.values())
    found.alternatives = sum(p.alternative is not None for p in chosen.parameters.values())
    return found


def _count(found: PolicyCheck, policy: Policy) -> None:
    periods = [period for p in policy.parameters.values() for period in p.periods]
    found.values = len(periods)
    found.verified = sum(period.verified for period in periods)
    found.alternatives = sum(period.alternative is not None for period in periods)


def disagreements(policy: YearPolicy) -> list[Bilingual]:
    """Return where values that are each right do not fit together."""
    of_kind = {PAYMENT_FILES: _of_payment, BUDGET_FILES: _of_budget}
    checks = of_kind[policy.catalogue](policy)
    return [located(key, what) for wrong, key, what in checks if wrong]


Disagreement = tuple[bool, str, Bilingual]


def _deposit_bands(policy: YearPolicy) -> Disagreement:
    return (
        policy.says("deposit_score", "bands", "linear") and policy["deposit_bands"] is None,
        "deposit_bands",
        both("deposit_score 为 bands 时须有分档", "none, though deposit_score is bands"),
    )


def _of_budget(policy: YearPolicy) -> tuple[Disagreement, ...]:
    dates = [
        policy[f"community.{step}_by"] for step in ("transfer", "adjust", "clear", "rebalance")
    ]
    ratios = [
        policy[key]
        for name, key in (
            ("mid_year", "target.mid_year_ratio"),
            ("year_end", "target.year_end_ratio"),
            ("deposit", "deposit.ratio"),
        )
        if name in policy["target.reserves"]
    ]
    return (
        (
            dates != sorted(dates),
            "community.transfer_by",
            both(
                "备案、调整、清算、再平衡四个截止日不是先后次序",
                "the days of transfer, adjustment, clearing and rebalancing do not follow each other",
            ),
        ),
        (
            sum(ratios) >= 1,
            "target.reserves",
            both("各项预留比例合计达到1", "the ratios of the reserves add up to 1 or more"),
        ),
        _deposit_bands(policy),
    )


def _of_payment(policy: YearPolicy) -> tuple[Disagreement, ...]:
    return (
        (
            policy.says("coef.source", "components", "given", "level")
            and len(policy["coef.weights"]) != len(policy["coef.components"]),
            "coef.weights",
            both(
                "权重的个数与 coef.components 不同",
                "not as many weights as there are coef.components",
            ),
        ),
        (
            policy.says("coef.source", "components", "given", "level")
            and sum(policy["coef.weights"]) != 1,
            "coef.weights",
            both("权重合计不是1", "the weights do not add up to 1"),
        ),
        (
            policy["trim.lower_percentile"] > policy["trim.upper_percentile"],
            "trim.lower_percentile",
            both("下界百分位高于上界百分位", "above trim.upper_percentile"),
        ),
        (
            policy.says("history.weighting", "yearly_means", "pooled")
            and len(policy["history.year_weights"]) < policy["history_years"],
            "history.year_weights",
            both("权重的个数少于 history_years", "fewer weights than history_years"),
        ),
        _deposit_bands(policy),
        (
            policy.says("referral.rule", "one_stay", "separate")
            and policy.says("referral.deductible", "standards", "highest_paid")
            and not policy["referral.deductible_standards"],
            "referral.deductible_standards",
            both(
                "referral.deductible 为 standards 时须列出各等级的标准",
                "empty, though referral.deductible is standards",
            ),
        ),
    )


def check_lines(found: PolicyCheck, lang: str = "zh") -> Iterator[str]:
    """Yield the findings as text."""
    t = choosing(lang)
    year = "" if found.year is None else t(f"（{found.year}年）", f" ({found.year})")
    kind = in_language(TITLES[found.catalogue], lang) if found.title else ""
    yield "  ".join(part for part in (found.name, found.title + year, kind) if part)
    for title, faults in (
        (t(f"缺少 {len(found.missing)} 项参数：", f"{len(found.missing)} parameters missing:"),
         found.missing),
        (t(f"错误 {len(found.faults)} 处：", f"{len(found.faults)} faults:"), found.faults),
    ):  # fmt: skip
        if faults:
            yield title
            yield from (f"  - {in_language(fault, lang)}" for fault in faults)
    if found.values:
        rest = found.values - found.verified
        yield (
            t(
                f"共 {found.values} 项值：已核实 {found.verified}，未核实 {rest}，有备选值 {found.alternatives}",
                f"{found.values} values: {found.verified} verified, {rest} not verified, "
                f"{found.alternatives} with an alternative",
            )
        )
    if found.faulty:
        yield (
            t(
                "→ 清算会拒绝这份政策；参数的写法见 docs/formats.md 第4节",
                "→ a run refuses this policy; docs/formats.md, section 4, shows the form of an entry",
            )
        )
    else:
        yield t("可以使用", "can be used")
