"""`drgpay simulate`: today's settlement beside trial settings."""

from __future__ import annotations

import time
from pathlib import Path

import click

from drgpay.cli.lang import LANG, t
from drgpay.cli.options import command, new_folder_option, option, region_argument, threads_option
from drgpay.cli.progress import bar_of
from drgpay.cli.told import say, settings_text
from drgpay.ground.errors import in_language


@command(
    "模拟运行：把现行清算与改变参数、方案或预算后的试算并列，写入新文件夹OUT_DIR。\n\n"
    "--set、--scheme、--budget、--coefficients、--policy 合成一项试算；--trial 另加有名称的试算，都从现行设置出发。",
    "Settle as today and under trial settings, side by side, into a new folder.\n\n"
    "--set, --scheme, --budget, --coefficients and --policy make one trial; --trial adds named "
    "ones, each from today's settings.",
)
@region_argument
@new_folder_option
@option(
    "--set",
    "parameters",
    "改变一项政策参数",
    "change a policy parameter",
    multiple=True,
    metavar="KEY=VALUE",
)
@option("--scheme", "改用另一分组方案", "another scheme")
@option(
    "--budget",
    "budgets",
    "改变一个险种的年度预算，如 310=1200000.00",
    "a pool's budget, as 310=1200000.00",
    multiple=True,
    metavar="POOL=YUAN",
)
@option(
    "--coefficients", "改用另一差异系数表（同 coefficients.csv）", "another table of coefficients"
)
@option("--policy", "改用另一政策（名称或文件）", "another policy, by name or file")
@option(
    "--trial",
    "named",
    "另一项试算；KEY 是参数、scheme、coefficients、policy 或 budget.险种；可重复",
    "a further trial; KEY is a parameter, scheme, coefficients, policy or budget.POOL; repeatable",
    multiple=True,
    metavar="NAME:KEY=VALUE,…",
)
@option(
    "--sweep",
    "sweeps",
    "让一项依次取几个值，画图；最多两项，两项时画热力图",
    "let one thing take several values, with charts; at most two, then a heat map",
    multiple=True,
    metavar="KEY=a,b,c",
)
@option(
    "--causes/--no-causes",
    "把增减分解到各项改变（最多6项，须多次清算）",
    "split changes into their causes (up to 6; takes more runs)",
    default=True,
)
@threads_option
def simulate(
    region_dir: Path,
    out: Path,
    parameters: tuple[str, ...],
    scheme: str | None,
    budgets: tuple[str, ...],
    coefficients: str | None,
    policy: str | None,
    named: tuple[str, ...],
    sweeps: tuple[str, ...],
    causes: bool,
    threads: int | None,
) -> None:
    """Simulate."""
    from drgpay.ground.money import decimal_text, yuan_text
    from drgpay.ground.outputs import new_folder
    from drgpay.trials.folder import unverified, write_simulation
    from drgpay.trials.outcome import change_of, changes, refusal
    from drgpay.trials.simulate import named_trial, sweep_of, trial_of
    from drgpay.trials.simulate import simulate as run_trials

    started = time.perf_counter()
    new_folder(out)
    own = [
        *parameters,
        *([f"scheme={scheme}"] if scheme is not None else []),
        *(f"budget.{budget}" for budget in budgets),
        *([f"coefficients={coefficients}"] if coefficients is not None else []),
        *([f"policy={policy}"] if policy is not None else []),
    ]
    trials = [trial_of(t("试算", "trial"), own)] if own else []
    trials += [named_trial(text) for text in named]
    found = run_trials(
        region_dir,
        trials,
        [sweep_of(text) for text in sweeps],
        causes=causes,
        threads=threads,
        lang=LANG,
        progress=bar_of,
    )

    def finish(folder: Path) -> None:
        from drgpay.report.simulate import write_simulation_page
        from drgpay.report.simulate_excel import write_simulation_excel

        write_simulation_page(found, folder / "simulate.html", LANG)
        write_simulation_excel(found, folder / "simulate.xlsx", LANG)

    write_simulation(found, out, finish=finish)
    say("【试算】不得用于付款", "[TRIAL] not for payment")
    for pool in found.base.pools:
        value = decimal_text(pool.point_value_fen / 100, 6)
        say(f"现行 {pool.name}：点值 {value} 元", f"today {pool.pool}: {value} yuan")
    for result in found.trials:
        settings = settings_text(s.text for s in result.trial.settings)
        click.echo(f"{result.trial.name}{t('：', ': ')}{settings}")
        if result.outcome is None:
            why = in_language(refusal(result.refused), LANG) if result.refused else ""
            click.echo("  " + t("不能清算：", "refused: ") + why)
            continue
        for pool in result.outcome.pools:
            value = decimal_text(pool.point_value_fen / 100, 6)
            say(
                f"  {pool.name}：点值 {value} 元，清算总额 {yuan_text(pool.settled_fen)} 元",
                f"  {pool.pool}: point value {value} yuan, settled {yuan_text(pool.settled_fen)}",
            )
        for pool_id, fen in changes(found.base.due_by_pool(), result.outcome.due_by_pool()).items():
            if fen:
                more = f"{'+' if fen > 0 else ''}{yuan_text(fen)}"
                say(f"  险种 {pool_id} 应付 {more} 元", f"  pool {pool_id}: dues {more} yuan")
        change = change_of(found.base, result.outcome)
        _say(t("应付", "dues"), change.due_fen, change.due_moved_fen)
        say(
            f"  本次支付 {_signed(change.payable_fen)} 元，待收回后再付 "
            f"{_signed(change.deferred_fen)} 元，应收回 {_signed(change.recover_fen)} 元",
            f"  paid now {_signed(change.payable_fen)} yuan, waiting for recoveries "
            f"{_signed(change.deferred_fen)} yuan, owed back {_signed(change.recover_fen)} yuan",
        )
        if result.no_parts is not None and causes:
            click.echo("  " + t("原因未分解：", "not split: ") + in_language(result.no_parts, LANG))
    for point in found.points:
        if point.refused is not None:
            pairs = zip(found.sweeps, point.values, strict=True)
            place = settings_text(f"{s.cause}={value}" for s, value in pairs)
            why = in_language(refusal(point.refused), LANG)
            click.echo(place + t("：不能清算：", ": refused: ") + why)
    count = len(unverified(found.base.policy))
    if count:
        say(
            f"现行清算的金额取决于 {count} 项未核实的参数，逐项见报告",
            f"today's amounts hang on {count} parameters that are not verified, listed in the "
            "report",
        )
    seconds = time.perf_counter() - started
    say(
        f"清算 {found.runs} 次，结果 {out}（{seconds:.1f} 秒），报告 {out / 'simulate.html'}",
        f"{found.runs} runs, result {out} ({seconds:.1f} s), report {out / 'simulate.html'}",
    )


def _signed(fen: int) -> str:
    from drgpay.ground.money import yuan_text

    return f"{'+' if fen > 0 else ''}{yuan_text(fen)}"


def _say(of: str, fen: int, moved_fen: int) -> None:
    """Say what the fund pays more or less, and what moves between hospitals."""
    from drgpay.ground.money import yuan_text

    change, moved = _signed(fen), yuan_text(moved_fen)
    say(
        f"  {of}合计增减（基金） {change} 元，机构之间转移 {moved} 元",
        f"  change of {of} in all (the fund): {change} yuan; {moved} yuan move between hospitals",
    )
