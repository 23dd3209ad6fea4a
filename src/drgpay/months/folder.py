"""Write a month's run, or twelve, as a folder: tables, manifest.json, what a year end can take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa

from drgpay import __version__
from drgpay.ground.digests import file_digest
from drgpay.ground.errors import Bilingual, both, in_language
from drgpay.ground.money import decimal_text, points_text, round_half_away, yuan_text
from drgpay.months.months import MonthRun, by_key, paid_cases_table
from drgpay.names.run_tables import VALUE_PLACES, fraction_text, of_trial, rows_table
from drgpay.region.provenance import PREPAID_ORIGIN, SIMULATED, rows_digest
from drgpay.region.tables import PREPAID as PREPAID_TABLE
from drgpay.runs.manifest import (
    MONTH,
    ceiling_facts,
    check_fact,
    input_facts,
    named,
    policy_facts,
    region_facts,
    scheme_facts,
    two_languages,
)
from drgpay.runs.writer import write_result
from drgpay.settlement.by_month import MONTHS, MonthAccount
from drgpay.settlement.notes import case_notes, history_codes, readings_asked
from drgpay.settlement.totals import set_aside
from drgpay.tables.writer import write_rows

PREPAID = "prepaid.csv"


def month_tables(run: MonthRun, lang: str) -> dict[str, pa.Table]:
    """Return the tables of a month's run by name; of a trial each row says so."""
    prepared, names = run.year.prepared, {h.id: h.name for h in run.region.hospitals}
    tables = {
        "months_pools": rows_table(
            "months_pools",
            run.pools,
            **_SUMS,
            month=lambda p: run.month_text(p.month),
            point_value_fraction=lambda p: _yuan(p.value_fen, fraction_text),
            point_value=lambda p: _yuan(p.value_fen),
        ),
        "months_hospitals": rows_table(
            "months_hospitals",
            run.accounts,
            **_SUMS,
            month=lambda a: run.month_text(a.month),
            provisional_due_fen=lambda a: None if a.due_fen is None else round_half_away(a.due_fen),
            last_year_fund_fen="last_year_fen",
            recorded_fund_to_date_fen="fund_to_date_fen",
            paid_to_date_fen=lambda a: a.paid_before_fen + a.paid_fen,
            name=lambda a: names[a.hospital_id],
        ),
        "suspended": suspended_table(run),
        "adjustments": rows_table(  # where earlier months came out otherwise, to date
            "adjustments",
            run.adjustments,
            month=lambda a: run.month_text(a.month),
            of_month=lambda a: run.month_text(a.of_month),
            name=lambda a: names[a.hospital_id],
            recorded_fund_before_fen="fund_before_fen",
            recorded_fund_now_fen="fund_now_fen",
        ),
        "corrections": run.corrections,
        "quarantine": prepared.quarantine.table(lang),
        **prepared.changed_codes(),
    }
    if not run.every:  # a simulation pays nobody
        tables["paid_cases"] = paid_cases_table(run.year, run.month)
    if run.every:  # the sums of the months beside the year's
        tables["tie_out"] = rows_table(
            "tie_out",
            run.ties,
            name="name.chinese",
            name_en=lambda tie: in_language(tie.name, "en"),
            year="expected",
            difference=lambda tie: tie.months - tie.expected,
        )
    trial = "; ".join(run.policy.trial)
    return {name: of_trial(table, trial) for name, table in tables.items()}


_SUMS = {
    "correction_points": "correction",
    "recorded_fund_fen": "fund_fen",
    "not_pool_by_points_fen": "n_fen",
}


def _yuan(fen: Fraction | None, shown: Callable[[Fraction], Any] = Fraction) -> Any:
    """Return a point value in yuan, None where a month has none."""
    return None if fen is None else shown(fen / 100)


def normal_fen(account: MonthAccount, limit: Fraction) -> Fraction:
    """Return the recorded fund up to which a month is normal, exact."""
    return (account.last_year_fen or 0) * (1 + Fraction(limit))


def suspended_table(run: MonthRun) -> pa.Table:
    """Return payments of which a part is withheld, with the figures that it rests on.

    Those of months that were ordered stand as they were ordered.
    """
    first = 1 if run.orders is None else run.orders.month + 1
    limit, names = run.policy["month.growth_limit"], {h.id: h.name for h in run.region.hospitals}
    made = rows_table(
        "suspended",
        [a for a in run.suspended if a.month >= first],
        month=lambda a: run.month_text(a.month),
        recorded_fund_fen="fund_fen",
        last_year_fund_fen=lambda a: a.last_year_fen or 0,
        growth_limit=lambda a: str(limit),
        normal_fund_fen=lambda a: round_half_away(normal_fen(a, limit)),
        paid_fen=lambda a: a.payment_fen - a.suspended_fen,
        name=lambda a: names[a.hospital_id],
    )
    before = [] if run.orders is None else [dict(row) for row in run.orders.suspended]
    return pa.concat_tables([pa.Table.from_pylist(before, schema=made.schema), made])


def warnings(run: MonthRun) -> list[Bilingual]:
    """Return what the reader of the months must know."""
    return list(_warnings(run))


def _warnings(run: MonthRun) -> Iterator[Bilingual]:
    prepared, region = run.year.prepared, run.region
    yield from prepared.codes.first()
    yield from history_codes(prepared)
    yield from prepared.codes.provisos()
    aside = set_aside(prepared.pieces, len(prepared.broken), len(region.pools))
    yield from case_notes(aside, run.year.totals)
    yield from readings_asked(region)
    if prepared.left_aside:
        yield both(
            f"文件中有 {prepared.left_aside} 例晚于本月，未计入",
            f"{prepared.left_aside} cases of the files are later than the month: left aside",
        )
    for p in run.pools:
        if p.value_fen is None and p.cases:
            yield _without_value(run, p.month, p.pool)
        elif p.value_fen is not None and p.value_fen <= 0:
            yield both(
                f"险种 {p.pool} {run.month_text(p.month)} 的暂定点值不为正",
                f"pool {p.pool}, {run.month_text(p.month)}: a provisional value not above 0",
            )
    if run.policy["month.growth_limit"] is not None:
        lacking = sum(1 for a in run.accounts if a.fund_fen and a.last_year_fen is None)
        if lacking:
            yield both(
                f"{lacking} 个机构、险种、月份没有上年同月的统筹基金记账，未与其比较",
                f"{lacking} of hospital, pool and month have no recorded fund of last year's "
                "same month; nothing was compared",
            )
    yield from _of_earlier(run)
    for tie in run.ties:
        if tie.months != tie.expected:
            yield both(
                f"险种 {tie.pool}：各月实付合计 {yuan_text(tie.months)} 元，"
                f"prepaid.csv 的已预付 {yuan_text(tie.expected)} 元，年终按后者",
                f"pool {tie.pool}: the months paid {yuan_text(tie.months)} yuan, prepaid.csv "
                f"says {yuan_text(tie.expected)}, which the year end takes",
            )
    if region.ceiling is None:
        yield both(
            "region.toml 没有给出总额控制目标（[ceiling]），未与其核对",
            "region.toml gives no control target ([ceiling]); nothing was held against it",
        )
    for d in () if run.ceiling is None else run.ceiling.drawn:
        if d.drawn_fen:
            yield both(
                f"截至 {run.month_text(run.month)} 的支付超出可支付额，动用“{d.reserve.name}” "
                f"{yuan_text(d.drawn_fen)} 元，余 {yuan_text(d.left_fen)} 元",
                f"payments up to {run.month_text(run.month)} are beyond what may be paid: "
                f"{yuan_text(d.drawn_fen)} yuan are drawn from {d.reserve.name}, "
                f"{yuan_text(d.left_fen)} are left",
            )


def _of_earlier(run: MonthRun) -> Iterator[Bilingual]:
    """Say whether earlier months are what was paid, and what came out otherwise."""
    if run.every:
        yield both(
            "十二个月都按现有病例一次算出，是模拟，不是逐月实际支付的数额",
            "all twelve months are computed at once from today's cases: a simulation, not what "
            "was paid month by month",
        )
        return
    if run.recomputed:
        text = "、".join(run.month_text(m) for m in run.recomputed)
        english = text.replace("、", ", ")
        if run.orders is None:
            yield both(
                f"{text} 的支付按现有病例重新计算，不一定是当时实际支付的数额；"
                "用 --earlier 给出上月的结果文件夹，即以实付为准",
                f"the payments of {english} are recomputed from today's cases and may not be "
                "what was paid; --earlier with the folder of the month before gives the facts",
            )
        else:
            yield both(
                f"{text} 的支付，作出时没有上月的结果（--earlier），是重新计算的，不一定是实际支付的数额",
                f"the payments of {english} were recomputed by a run without --earlier and may "
                "not be what was paid",
            )
    if run.orders is None:
        return
    if not run.orders.checked:
        yield both(
            "上月的结果没有摘要码，无法查验其表是否改动过",
            "the month before has no digests: whether its tables were changed cannot be told",
        )
    scheme = run.orders.changed_scheme(run.year.prepared.main.scheme)
    if scheme is not None:
        yield both(
            f"与上月的结果相比，分组方案或其读法已变：{scheme.chinese}；以前各月按现在的重新分组，"
            "与已付的差额计入本月",
            f"the scheme or its readings differ from the month before: {scheme}; earlier months "
            "are grouped anew and the differences to what was paid go into this month",
        )
    changed = run.orders.changed_parameters(run.year.policy)
    if changed:
        yield both(
            f"与上月的结果相比，政策参数已变：{'、'.join(changed)}",
            f"parameters that differ from the month before: {', '.join(changed)}",
        )
    new = [a for a in run.adjustments if a.month == run.month]
    if new:
        amount = yuan_text(sum(a.adjustment_fen for a in new))
        files = run.orders.changed_inputs({f.name: f.sha256 for f in run.year.prepared.inputs})
        yield both(
            f"以前各月有 {len(new)} 笔按现有病例与已付的不同，共 {amount} 元，计入本月，见 adjustments.csv"
            + (f"；上月之后变动的文件：{'、'.join(files)}" if files else ""),
            f"{len(new)} payments of earlier months come out otherwise today, {amount} yuan "
            "together, which this month takes in: adjustments.csv"
            + (f"; files changed since: {', '.join(files)}" if files else ""),
        )
    left = [a for a in run.accounts if a.month == run.month and a.setoff_after_fen]
    if left:
        amount = yuan_text(sum(a.setoff_after_fen for a in left))
        last = run.month == MONTHS
        yield both(
            f"{len(left)} 个机构、险种多付 {amount} 元，本月不足冲抵，"
            + ("由年终清算结清" if last else "结转下月"),
            f"{len(left)} of hospital and pool were paid {amount} yuan too much, more than this "
            "month's payment: "
            + ("the year end settles it" if last else "the next month sets it off"),
        )


def _without_value(run: MonthRun, month: int, pool: str) -> Bilingual:
    text = run.month_text(month)
    return both(
        f"险种 {pool} {text} 的点数不大于0，没有暂定点值",
        f"pool {pool} has no points above 0 in {text}: no provisional value",
    )


def held_cases(run: MonthRun) -> int:
    """Return how many cases are held for review."""
    return sum(int((p.paid_by == 2).sum()) for p in run.year.pieces)


def checks(run: MonthRun) -> Iterator[dict[str, Any]]:
    """Yield the identities that the run was held to; each has passed, or there were no run."""
    c, held = run.year.prepared.counts, held_cases(run)
    ends = f"{c.total} = {c.total - c.quarantined - held} + {held} + {c.quarantined}"
    text = both("收到病例 = 支付 + 暂不支付 + 隔离", "cases in = paid + held + quarantined")
    yield check_fact("ends", text, ends)
    for tie in run.ties:
        if tie.months != tie.expected:
            continue  # prepaid.csv says otherwise: a warning
        whole = tie.whole or run.month == MONTHS
        of = "the year's" if whole else "those to this month"
        text = both(
            f"{tie.pool}：{_tie_text(tie.name.chinese, whole)}",
            f"{tie.pool}: {in_language(tie.name, 'en')} of the months are {of}",
        )
        yield check_fact(f"months_{tie.unit}", text, amount_text(tie.months, tie.unit))
    if run.ceiling is not None:
        drawn = sum(d.drawn_fen for d in run.ceiling.drawn)
        aside = run.ceiling.target_fen - run.ceiling.free_fen
        text = both(
            "已支付与本月拟支付之和 ≤ 总额控制目标 − 目标内预留 + 动用的预留",
            "paid and to be paid ≤ control target − reserves inside it + what was drawn from "
            "reserves",
        )
        detail = (
            f"{yuan_text(run.ceiling.total_fen)} ≤ {yuan_text(run.ceiling.target_fen)} "
            f"− {yuan_text(aside)} + {yuan_text(drawn)}"
        )
        yield check_fact("ceiling", text, detail)


def _tie_text(name: str, whole: bool) -> str:
    """Return what is held against the year, or as far as it went, its symbol in brackets.

    >>> _tie_text("预算 B", True), _tie_text("病例数", False)
    ('各月预算之和（B）与全年相符', '各月病例数之和与截至本月的合计相符')
    >>> _tie_text("实付合计 = 年终已预付", True)
    '各月合计与全年相符：实付合计 = 年终已预付'
    """
    of = "全年" if whole else "截至本月的合计"
    if "=" in name or "prepaid.csv" in name:
        return f"各月合计与{of}相符：{name}"
    text, _, symbol = name.rpartition(" ")
    return f"各月{text}之和（{symbol}）与{of}相符" if text else f"各月{name}之和与{of}相符"


def amount_text(amount: int, unit: str) -> str:
    """Return an amount of a unit as a person reads it."""
    if unit == "fen":
        return yuan_text(amount)
    return points_text(amount) if unit == "points" else f"{amount:,}"


def manifest(run: MonthRun) -> dict[str, Any]:
    """Return what a month's run was made of and what came out: no date, no path."""
    prepared, region, policy = run.year.prepared, run.region, run.policy
    held, counts = held_cases(run), prepared.counts
    return {
        "kind": MONTH,
        "drgpay_version": __version__,
        "region": region_facts(region),
        "month": run.month_text(run.month),
        "all_months": run.every,
        "earlier": _earlier(run),
        "recomputed_months": [run.month_text(m) for m in run.recomputed],
        "synthetic": region.synthetic,
        "trial": policy.trial,
        "policy": policy_facts(policy, prepared.loaded.sources),
        "scheme": scheme_facts(prepared.main.scheme),
        "inputs": input_facts(prepared.inputs),
        "counts": counts.as_dict(),
        "ends": {
            "paid": counts.total - counts.quarantined - held,
            "held": held,
            "quarantined": counts.quarantined,
        },
        "left_aside": prepared.left_aside,
        "months": [
            {
                "month": run.month_text(p.month),
                **named(p, "pool name budget_fen cases"),
                "points": points_text(p.points),
                "correction_points": points_text(p.correction),
                "recorded_fund_fen": p.fund_fen,
                "not_pool_by_points_fen": p.n_fen,
                "money_fen": p.money_fen,
                "point_value_fraction": _yuan(p.value_fen, fraction_text),
                "point_value": _yuan(p.value_fen, lambda v: decimal_text(v, VALUE_PLACES)),
                **named(p, "payment_fen suspended_fen paid_fen kept_fen adjustment_fen"),
                **named(p, "setoff_before_fen setoff_after_fen"),
            }
            for p in run.pools
        ],
        "ceiling": ceiling_facts(run.ceiling),
        "codes": prepared.codes.as_dict(),
        "warnings": [two_languages(warning) for warning in warnings(run)],
        "checks": list(checks(run)),
    }


def _earlier(run: MonthRun) -> dict[str, Any] | None:
    """What the run says of the folder of the month before; None without one."""
    o = run.orders
    if o is None:
        return None
    now = {f.name: f.sha256 for f in run.year.prepared.inputs}
    new = [a for a in run.adjustments if a.month == run.month]
    scheme = o.changed_scheme(run.year.prepared.main.scheme)
    return {
        "folder": o.folder.resolve().name,
        "manifest_sha256": o.digest,
        "month": run.month_text(o.month),
        "drgpay_version": o.manifest["drgpay_version"],
        "policy_digest": o.manifest["policy"]["digest"],
        "changed_scheme": None if scheme is None else two_languages(scheme),
        "changed_parameters": o.changed_parameters(run.year.policy),
        "changed_inputs": o.changed_inputs(now),
        "adjustments": len(new),
        "adjustment_fen": sum(a.adjustment_fen for a in new),
    }


def write_month(
    run: MonthRun,
    out: str | Path,
    *,
    lang: str = "zh",
    finish: Callable[[Path], object] | None = None,
) -> Path:
    """Write the folder `out` of a month's run, which must not exist yet; `finish` may add files.

    Raises InputError when `out` is there already or its parent is not.
    """

    def beside(folder: Path) -> None:
        if gives_prepaid(run):
            write_prepaid(run, folder / PREPAID)

    return write_result(
        out, month_tables(run, lang), lambda: manifest(run), beside=beside, finish=finish
    )


def gives_prepaid(run: MonthRun) -> bool:
    """Whether the folder has a prepaid.csv: of all months, or of the last when earlier are facts."""
    return run.every or (run.month == MONTHS and run.orders is not None)


def prepaid_rows(run: MonthRun) -> list[tuple[str, str, int, int]]:
    """Return what the months really paid and what is deposit, by hospital and pool, in fen.

    What was suspended is neither: the year end settles it. What was paid too much is no deposit.
    """
    by_fund = run.policy.says("prepay_basis", "recorded_fund", "month_value")
    own = by_key(run.accounts)
    of_cases = own if run.months.recomputed is None else by_key(run.months.recomputed)
    rows = []
    for key, months in sorted(own.items()):
        deposit = sum(a.kept_fen for a in of_cases[key])
        if by_fund:
            deposit = sum(a.fund_fen - a.payment_fen for a in of_cases[key])
        deposit -= months[-1].setoff_after_fen
        rows.append((*key, sum(a.paid_fen for a in months), max(0, deposit)))
    return rows


def write_prepaid(run: MonthRun, path: Path) -> None:
    """Write prepaid.csv as a region folder takes it; a trial's, and that of all months at once, has a
    last column that it refuses, as nobody was paid by it.

    Each row names region, year and the digest of the months' table beside the file.
    """
    rows, region = prepaid_rows(run), run.region
    months = file_digest(path.parent / "months_hospitals.parquet")
    head = (region.id, str(region.year), months, *((SIMULATED,) if run.every else ()))
    origin = (region.id, str(region.year), months, rows_digest(head, rows))
    trial = "; ".join(run.policy.trial)
    marks = ([SIMULATED] if run.every else [], ["trial"] if trial else [])
    cells = (*origin, *(["all"] if run.every else []), *([trial] if trial else []))
    columns = ("hospital_id", "pool", "prepaid_yuan", "deposit_yuan", *PREPAID_ORIGIN, *marks[0])
    write_rows(path, PREPAID_TABLE, columns, [(*row, *cells) for row in rows], more=marks[1])
