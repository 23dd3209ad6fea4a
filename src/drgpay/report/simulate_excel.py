"""The workbook of a simulation: numbers in yuan, Chinese headers, one sheet a table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drgpay.ground.errors import in_language
from drgpay.ground.languages import choose, choosing
from drgpay.trials import folder
from drgpay.trials.outcome import Outcome, change_of, refusal
from drgpay.trials.simulate import Setting, Simulation, setting_rows

from .sheets import Field
from .simulate_words import (
    CHANGES,
    cause_name,
    group_names,
    setting_values,
    unverified_rows,
    value_words,
)
from .workbook import Book

GROUP_KINDS = {"level": ("等级", "level"), "mdc": ("MDC", "MDC"), "class": ("病例类别", "class")}
MONEY = (
    "due_change_fen", "moved_fen", "payable_change_fen", "deferred_change_fen",
    "recover_change_fen",
)  # fmt: skip
CASH = (
    ("payable", "本次支付（元）", "paid now (yuan)"),
    ("deferred", "待收回后再付（元）", "waits (yuan)"),
    ("recover", "应收回（元）", "owed back (yuan)"),
)
SIDES = (("before", "现行", "today"), ("after", "试算", "in the trial"))


def write_simulation_excel(simulation: Simulation, path: Path, lang: str = "zh") -> Path:
    """Write the workbook; return its path."""
    t = choosing(lang)
    region = simulation.region
    mark = t("试算结果，不得用于付款", "TRIAL, NOT FOR PAYMENT")
    book = Book(
        str(path),
        title=t(
            f"模拟运行 {region.name} {region.year}年", f"Simulation {region.name} {region.year}"
        ),
        mark=mark,
        digest=simulation.base.policy.digest[:12],
        page=t("第 &P 页，共 &N 页", "page &P of &N"),
    )

    def pairs(key: str, zh: str, en: str, kind: str, ending: str = "") -> list[Field]:
        return [
            Field(f"{key}_{side}{ending}", t(f"{side_zh}{zh}", f"{en} {side_en}"), kind)
            for side, side_zh, side_en in SIDES
        ]

    trial = Field("name", t("试算", "trial"), "text")
    settings = Field("trial", t("试算设置", "settings"), "long")
    change = Field("change_fen", t("应付增减（元）", "change of due (yuan)"), "yuan")
    amounts = [
        *pairs("points", "点数", "points", "points"),
        *pairs("due", "应付（元）", "due (yuan)", "yuan", "_fen"),
        change,
        *pairs("due_share", "份额", "share", "percent"),
    ]
    cash = [field for key, zh, en in CASH for field in pairs(key, zh, en, "yuan", "_fen")]
    note = t(f"{mark}。每项试算从现行设置出发，只改变所列各项。", mark)
    book.listing(
        t("试算设置", "settings"),
        [
            trial,
            Field("cause_name", t("改变", "changes"), "wide"),
            Field("cause", t("参数", "key"), "wide"),
            Field("before", t("现行", "today"), "wide"),
            Field("after", t("试算为", "becomes"), "wide"),
        ],
        (_in_words(simulation, row, lang) for row in folder.settings_rows(simulation)),
        note=lambda shown: note,
    )
    if simulation.trials:
        _totals_sheet(simulation, book, lang)
    book.listing(
        t("险种", "pools"),
        [
            trial,
            Field("pool_name", t("险种", "pool"), "text"),
            *pairs("points", "点数", "points", "points"),
            *pairs("available", "可用预算（元）", "budget (yuan)", "yuan", "_fen"),
            *pairs("settled", "清算总额（元）", "settled (yuan)", "yuan", "_fen"),
            Field("settled_change_fen", t("清算总额增减（元）", "change (yuan)"), "yuan"),
            *pairs("point_value", "点值（元/点）", "point value (yuan)", "value"),
            *pairs("residual", "尾差（元）", "residual (yuan)", "yuan", "_fen"),
            settings,
        ],
        folder.pool_rows(simulation),
    )
    book.listing(
        t("基金收付", "funds"),
        [
            trial,
            Field("pool", t("险种", "pool"), "text"),
            *pairs("due", "应付（元）", "due (yuan)", "yuan", "_fen"),
            change,
            *cash,
            settings,
        ],
        folder.fund_rows(simulation),
    )
    book.listing(
        t("医疗机构", "hospitals"),
        [
            trial,
            Field("hospital_name", t("医疗机构", "hospital"), "wide"),
            Field("hospital_id", t("编码", "id"), "text"),
            Field("level", t("等级", "level"), "text"),
            Field("pool", t("险种", "pool"), "text"),
            *pairs("cases", "病例数", "cases", "count"),
            *amounts,
            *cash,
            settings,
        ],
        folder.hospital_rows(simulation),
    )
    book.listing(
        t("等级、MDC、病例类别", "levels, MDCs, classes"),
        [
            trial,
            Field("kind", t("分列", "by"), "text"),
            Field("code", t("名称", "name"), "wide"),
            *pairs("cases", "病例数", "cases", "count"),
            *amounts,
            settings,
        ],
        (_named_group(simulation, row, lang) for row in folder.group_rows(simulation)),
    )
    if any(result.parts for result in simulation.trials):
        book.listing(
            t("原因分解", "causes"),
            [
                trial,
                Field("hospital_id", t("医疗机构编码", "hospital"), "text"),
                Field("pool", t("险种", "pool"), "text"),
                Field("cause", t("原因", "cause"), "wide"),
                change,
                settings,
            ],
            (
                {**row, "cause": cause_name(simulation, row["cause"], lang)}
                for row in folder.cause_rows(simulation)
            ),
        )
    if simulation.points:
        _sweep_sheet(simulation, book, lang)
    _unverified_sheet(simulation, book, lang)
    book.close()
    return path


def _in_words(simulation: Simulation, row: Mapping[str, Any], lang: str) -> dict[str, Any]:
    """A row of settings with both values as the page has them."""
    result = next(r for r in simulation.trials if r.trial.name == row["name"])
    setting = next(s for s in setting_rows(simulation, result.trial.settings)
                   if s.setting.cause == row["cause"])  # fmt: skip
    before, after = setting_values(simulation, setting, lang)
    return {**row, "before": before, "after": after}


def _totals_sheet(simulation: Simulation, book: Book, lang: str) -> None:
    t = choosing(lang)
    rows: list[dict[str, Any]] = []
    for result in simulation.trials:
        row: dict[str, Any] = {"name": result.trial.name, "trial": folder.trial_text(result)}
        if result.outcome is not None:
            row["settled_fen"] = result.outcome.settled_fen
            row |= folder.money_of(change_of(simulation.base, result.outcome))
        elif result.refused is not None:
            row["refused"] = in_language(refusal(result.refused), lang)
        rows.append(row)
    book.listing(
        t("各试算增减", "changes"),
        [
            Field("name", t("试算", "trial"), "text"),
            Field("settled_fen", t("清算总额（元）", "settled (yuan)"), "yuan"),
            *(
                Field(key, t(f"{name[0]}（元）", f"{name[1]} (yuan)"), "yuan", width=20)
                for key, name in zip(MONEY, CHANGES, strict=True)
            ),
            Field("refused", t("不能清算的原因", "refused"), "long"),
            Field("trial", t("试算设置", "settings"), "long"),
        ],
        rows,
    )


def _unverified_sheet(simulation: Simulation, book: Book, lang: str) -> None:
    t = choosing(lang)
    keys = ("name", "key", "value", "source", "users")
    book.listing(
        t("未核实参数", "unverified parameters"),
        [
            Field("name", t("参数", "parameter"), "wide"),
            Field("key", t("代码", "key"), width=24),
            Field("value", t("取值", "value"), "wide"),
            Field("source", t("依据或理由", "source or reason"), "long"),
            Field("users", t("用于", "used by"), "wide"),
        ],
        (dict(zip(keys, row, strict=True)) for row in unverified_rows(simulation, lang)),
    )


def _named_group(simulation: Simulation, row: Mapping[str, Any], lang: str) -> dict[str, Any]:
    outcome: Outcome = next(
        r.outcome for r in simulation.trials if r.trial.name == row["name"] and r.outcome
    )
    name = group_names(simulation, outcome, lang)
    kind = choose(lang, *GROUP_KINDS[row["kind"]])
    return {**row, "kind": kind, "code": name(row["kind"], row["code"])}


def _sweep_sheet(simulation: Simulation, book: Book, lang: str) -> None:
    t = choosing(lang)
    heads = [
        Field(f"value_{number}", cause_name(simulation, sweep.cause, lang), "text", width=20)
        for number, sweep in enumerate(simulation.sweeps, start=1)
    ]
    words = [
        {value: value_words(simulation, Setting(s.cause, value), lang) for value in s.values}
        for s in simulation.sweeps
    ]

    def said(row: Mapping[str, Any]) -> dict[str, Any]:
        names = {f"value_{n}": known[row[f"value_{n}"]] for n, known in enumerate(words, start=1)}
        return {**row, **names}

    book.listing(
        t("扫描", "sweep"),
        [
            *heads,
            Field("pool", t("险种", "pool"), "text"),
            Field("points_after", t("点数", "points"), "points"),
            Field("settled_after_fen", t("清算总额（元）", "settled (yuan)"), "yuan"),
            Field("point_value_after", t("点值（元/点）", "point value (yuan)"), "value"),
            *(
                Field(key, t(f"{name[0]}（元）", f"{name[1]} (yuan)"), "yuan", width=20)
                for key, name in zip(MONEY, CHANGES, strict=True)
            ),
            Field("refused", t("不能清算的原因", "refused"), "long"),
        ],
        map(said, folder.sweep_rows(simulation)),
    )
    book.listing(
        t("扫描 医疗机构", "sweep, hospitals"),
        [
            *heads,
            Field("hospital_id", t("医疗机构编码", "hospital"), "text"),
            Field("pool", t("险种", "pool"), "text"),
            Field("due_after_fen", t("应付（元）", "due (yuan)"), "yuan"),
            Field("change_fen", t("应付增减（元）", "change of due (yuan)"), "yuan"),
        ],
        map(said, folder.sweep_hospital_rows(simulation)),
    )
