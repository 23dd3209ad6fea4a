"""The identities that a settled year was held to, as its manifest tells of them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from drgpay.ground.errors import both
from drgpay.ground.money import points_text, yuan_text
from drgpay.runs.manifest import check_fact
from drgpay.settlement.year_end import YearEnd


def payment_facts(run: YearEnd) -> dict[str, int]:
    """Return what is paid now, waits, is carried and is to be recovered in all; nothing is netted."""
    names = ("prepaid_fen", "payable_fen", "deferred_fen", "recover_fen", "carried_fen", "cash_fen")
    return {name: sum(getattr(fund, name) for fund in run.funds) for name in names}


def checks(run: YearEnd) -> list[dict[str, Any]]:
    """Return the identities that the run was held to; each has passed, or there were no run."""
    c = run.counts
    points = points_text(sum(p.points + p.points_deducted for p in run.pools))
    shared = any(h.shared_fen for h in run.hospitals)
    return [
        check_fact(
            "counts",
            both(
                "收到病例 = 入组 + 歧义 + 未入组 + 隔离",
                "cases in = grouped + ambiguous + ungroupable + quarantined",
            ),
            f"{c.total} = {c.grouped} + {c.ambiguous} + {c.ungroupable} + {c.quarantined}",
        ),
        check_fact(
            "points",
            both(
                "病例点数之和 = 机构点数之和 = 险种点数之和 = 病组点数之和 = 各月点数之和（机构、险种加回违规扣点）",
                "points of cases = of hospitals = of pools = of groups = of months (with what "
                "violations deducted)",
            ),
            points,
        ),
        check_fact(
            "dues",
            both(
                "应付之和 + 尾差 = 清算总额，逐分相符",
                "dues + residual = settled total, to the fen",
            ),
            "; ".join(f"{p.pool}: {yuan_text(p.settled_fen)}" for p in run.pools),
        ),
        check_fact(
            "payments",
            both(
                "最终支付 + 已预付 + 扣罚保证金"
                f"{' − 分得的扣罚保证金' if shared else ''} + 违规扣款 + 结转扣回 = 应付",
                "final + prepaid + forfeited"
                f"{' − shared' if shared else ''} + violations + carried = due",
            ),
            yuan_text(sum(h.due_fen for h in run.hospitals)),
        ),
        check_fact(
            "ends",
            both("收到病例 = 支付 + 暂不支付 + 隔离", "cases in = paid + held + quarantined"),
            f"{c.total} = {c.total - c.quarantined - run.totals.held_cases} + {run.totals.held_cases} + {c.quarantined}",
        ),
        _unsettled_check(run),
        *_corrected_check(run),
        *_cash_checks(run),
        *_ceiling_check(run),
    ]


def _unsettled_check(run: YearEnd) -> dict[str, Any]:
    """Return whether what is quarantined and held is provided for; beyond its share is no run."""
    stopped, fund = run.counts.quarantined, sum(h.sums.held_fund_fen for h in run.hospitals)
    fund += sum(fen for _, fen in run.set_aside.by_pool)
    provision = sum(p.budget.provision_fen for p in run.pools)
    share = f"{float(Fraction(run.policy['unsettled_share_max']) * 100):g} %"
    return check_fact(
        "unsettled",
        both(
            f"隔离和暂不支付的病例不超过 {share}，其记账已预提（unsettled_share_max、provision）",
            f"quarantined and held cases are at most {share}, their recorded fund is provided "
            "for (unsettled_share_max, provision)",
        ),
        f"{stopped} + {run.totals.held_cases}: {yuan_text(fund)}, {yuan_text(provision)}",
        passed=provision >= fund,
    )


def replaced(run: YearEnd) -> dict[str, int]:
    corrected = run.region.corrected
    return {} if corrected is None else {"replaced": len(corrected.replaced)}


def _corrected_check(run: YearEnd) -> list[dict[str, Any]]:
    corrected = run.region.corrected
    if corrected is None:
        return []
    c, gone, new = run.counts, len(corrected.replaced), len(corrected.rows)
    paid = c.total - c.quarantined - run.totals.held_cases
    return [
        check_fact(
            "corrected",
            both(
                "病例文件的行 + 更正的行 = 支付 + 暂不支付 + 隔离 + 被更正替代",
                "rows of the case files + corrected rows = paid + held + quarantined + "
                "replaced by corrections",
            ),
            f"{c.total + gone - new} + {new} = {paid} + {run.totals.held_cases} + {c.quarantined} + {gone}",
        )
    ]


def _cash_checks(run: YearEnd) -> list[dict[str, Any]]:
    """Payments and claims make up the final payments of each fund; each is within its own target."""
    facts = payment_facts(run)
    final = sum(h.final_fen for h in run.hospitals)
    found: list[dict[str, Any]] = [
        check_fact(
            "cash",
            both(
                "本次支付 + 待收回后再付 − 应收回 = 各笔最终支付的代数和（支付时不相抵）",
                "payable now + waiting − to be recovered = the algebraic sum of final payments (paid apart)",
            ),
            f"{yuan_text(facts['payable_fen'])} + {yuan_text(facts['deferred_fen'])} − "
            f"{yuan_text(facts['recover_fen'])} = {yuan_text(final)}",
        )
    ]
    for fund in run.funds:
        c = fund.ceiling
        if c is not None:
            drawn = sum(d.drawn_fen for d in c.drawn)
            found.append(
                check_fact(
                    "fund_ceiling",
                    both(
                        f"险种 {fund.pool} 按现金：流出之和 ≤ 本险种控制目标 − 目标内预留 + 动用的预留",
                        f"pool {fund.pool} in cash: all that leaves it ≤ its control target − "
                        "reserves inside it + what was drawn from reserves",
                    ),
                    f"{yuan_text(fund.cash_fen)} ≤ {yuan_text(c.target_fen)} − "
                    f"{yuan_text(c.target_fen - c.free_fen)} + {yuan_text(drawn)}",
                )
            )
    return found


def _ceiling_check(run: YearEnd) -> list[dict[str, Any]]:
    if run.ceiling is None:
        return []
    drawn = sum(d.drawn_fen for d in run.ceiling.drawn)
    aside = run.ceiling.target_fen - run.ceiling.free_fen
    return [
        check_fact(
            "ceiling",
            both(
                "按现金：已预付、本次支付与其他支出之和 ≤ 总额控制目标 − 目标内预留 + 动用的预留",
                "in cash: prepaid, payable now and all else ≤ control target − reserves inside "
                "it + what was drawn from reserves",
            ),
            f"{yuan_text(run.ceiling.total_fen)} ≤ {yuan_text(run.ceiling.target_fen)} "
            f"− {yuan_text(aside)} + {yuan_text(drawn)}",
        )
    ]
