"""The words of a simulation's page and workbook: what is changed, to what, and what is assumed."""

from __future__ import annotations

from collections.abc import Callable

from drgpay.ground.errors import PolicyError
from drgpay.ground.languages import choose, choosing
from drgpay.names.codes import word
from drgpay.policy.year import InForce
from drgpay.trials.folder import unverified
from drgpay.trials.outcome import LEVEL, MDC, Outcome
from drgpay.trials.simulate import (
    BUDGET,
    COEFFICIENTS,
    POLICY,
    SCHEME,
    Setting,
    SettingRow,
    Simulation,
    SweepPoint,
)

from .sections import parameter_value
from .texts import Words


def cause_name(simulation: Simulation, cause: str, lang: str) -> str:
    """Return what a cause is called."""
    head, _, pool = cause.partition(".")
    t = choosing(lang)
    if cause == SCHEME:
        return t("分组方案", "scheme")
    if cause == POLICY:
        return t("支付政策", "policy")
    if cause == COEFFICIENTS:
        return t("差异系数表", "coefficients")
    if head == BUDGET:
        name = next((p.name for p in simulation.region.pools if p.id == pool), pool)
        return t(f"{name}预算", f"budget {pool}")
    return t(simulation.base.policy.parameters[cause].name, cause)


def source_of(simulation: Simulation, setting: Setting, lang: str) -> str:
    """Return where today's value comes from, marked when it is not verified."""
    if not setting.is_parameter:
        return ""
    parameter = simulation.base.policy.parameters[setting.cause]
    mark = "" if parameter.verified else choosing(lang)("【未核实】", "[not verified] ")
    return mark + _said_source(parameter, lang)


def _said_source(parameter: InForce, lang: str) -> str:
    return choose(lang, parameter.source_zh, "") or parameter.source


def setting_values(simulation: Simulation, row: SettingRow, lang: str) -> tuple[str, str]:
    """What a setting replaces and what by, as the report of a year writes parameters."""
    if not row.setting.is_parameter:
        return row.before, row.after
    w, old = Words(lang), simulation.base.policy.parameters[row.setting.cause]
    before = parameter_value(old.raw, old.unit, w, old.key)
    return before, value_words(simulation, row.setting, lang)


def value_words(simulation: Simulation, setting: Setting, lang: str) -> str:
    """The value of a setting, as the report of a year writes it; as typed when it does not fit."""
    if not setting.is_parameter:
        return setting.value
    try:
        policy = simulation.loaded.for_year(simulation.region.year, [setting.text])
    except PolicyError:
        return setting.value
    new = policy.parameters[setting.cause]
    return parameter_value(new.raw, new.unit, Words(lang), new.key)


def point_words(simulation: Simulation, point: SweepPoint, lang: str) -> list[str]:
    """The values of a place of the sweep, as the report of a year writes parameters."""
    return [
        value_words(simulation, Setting(sweep.cause, value), lang)
        for sweep, value in zip(simulation.sweeps, point.values, strict=True)
    ]


def group_names(simulation: Simulation, outcome: Outcome, lang: str) -> Callable[[str, str], str]:
    """Return what names a level, an MDC or a class."""
    mdcs = {**simulation.base.mdc_names, **outcome.mdc_names}
    t, w = choosing(lang), Words(lang)

    def name(kind: str, code: str) -> str:
        if kind == MDC:
            return f"{code} {mdcs.get(code, '')}" if code else t("未入组", "ungrouped")
        return code or "—" if kind == LEVEL else word("case_class", code, w.lang)

    return name


def unverified_rows(simulation: Simulation, lang: str) -> list[dict[str, str]]:
    """Name, key, value, source and users of each unverified value: today's, then the trials'.

    What a trial sets is not among them: it stands among its settings.
    """
    t, w = choosing(lang), Words(lang)
    sides = [(t("现行", "today"), simulation.base.policy)] + [
        (r.trial.name, r.outcome.policy) for r in simulation.trials if r.outcome is not None
    ]
    users: dict[tuple[str, str], list[str]] = {}
    found: dict[tuple[str, str], InForce] = {}
    for name, policy in sides:
        for p in unverified(policy):
            if not p.trial:
                value = parameter_value(p.raw, p.unit, w, p.key)
                users.setdefault((p.key, value), []).append(name)
                found.setdefault((p.key, value), p)
    everyone = {len(sides): t("全部", "all")}
    return [
        {
            "name": p.name,
            "key": key,
            "value": value,
            "source": _said_source(p, lang),
            "users": everyone.get(len(names), w("list_comma").join(names)),
        }
        for (key, value), p in found.items()
        for names in [users[key, value]]
    ]
