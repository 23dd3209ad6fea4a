"""The tables of a simulation, each said once for page and workbook."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from drgpay.ground.errors import in_language
from drgpay.ground.languages import choose, choosing
from drgpay.runs.reader import Record
from drgpay.trials import folder
from drgpay.trials.outcome import Outcome, change_of, changes, refusal
from drgpay.trials.simulate import Setting, Simulation, TrialResult, setting_rows

from . import amounts
from .sheets import Field, Sheet
from .simulate_words import (
    cause_name,
    group_names,
    setting_values,
    source_of,
    unverified_rows,
    value_words,
)

# kind: name of a row of it, title of its table on the page
GROUPS = {
    "level": (("等级", "level"), ("机构等级", "Level")),
    "mdc": (("MDC", "MDC"), ("主要诊断大类", "MDC")),
    "class": (("病例类别", "class"), ("病例类别", "Case class")),
}
SIDES = {"before": ("现行", "today"), "after": ("试算", "in the trial")}
CASH = ("payable", "deferred", "recover")
# columns that stand twice, today and in the trial, by their key with a * for the side
PAIRS = {
    "cases_*": ("病例数", "cases", "count"),
    "points_*": ("点数", "points", "points"),
    "due_*_fen": ("应付（元）", "due (yuan)", "yuan"),
    "due_share_*": ("份额", "share", "percent"),
    "available_*_fen": ("可用预算（元）", "budget (yuan)", "yuan"),
    "settled_*_fen": ("清算总额（元）", "settled (yuan)", "yuan"),
    "point_value_*": ("点值（元/点）", "point value (yuan)", "value"),
    "residual_*_fen": ("尾差（元）", "residual (yuan)", "yuan"),
    "payable_*_fen": ("本次支付（元）", "paid now (yuan)", "yuan"),
    "deferred_*_fen": ("待收回后再付（元）", "waits (yuan)", "yuan"),
    "recover_*_fen": ("应收回（元）", "owed back (yuan)", "yuan"),
}
# all other columns: Chinese, English, kind; behind them the place that alone shows a column
FIELDS = {
    "name": ("试算", "trial", "text"),
    "trial": ("试算设置", "settings", "long", "book"),
    "refused": ("不能清算的原因", "refused", "long", "book"),
    "cause_name": ("改变", "changes", "wide"),
    "cause_key": ("参数", "key", "code"),
    "before": ("现行", "today", "wide"),
    "after": ("试算为", "becomes", "wide"),
    "source_today": ("现行值的依据", "source of today's value", "long", "page"),
    "settled_fen": ("清算总额（元）", "settled (yuan)", "yuan"),
    "winners": ("增加的机构", "winners", "count", "page"),
    "losers": ("减少的机构", "losers", "count", "page"),
    "same": ("不变", "unchanged", "count", "page"),
    "side": ("", "", "text"),
    "pool": ("险种", "pool", "text"),
    "pool_name": ("险种", "pool", "text"),
    "settled_change_fen": ("清算总额增减（元）", "change (yuan)", "yuan"),
    "available_fen": ("可用预算（元）", "budget (yuan)", "yuan"),
    "recorded_fund_fen": ("统筹基金记账（元）", "recorded fund (yuan)", "yuan"),
    "points": ("点数", "points", "points"),
    "point_value": ("点值（元/点）", "point value (yuan)", "value"),
    "value_change": ("点值增减", "change", "count"),
    "residual_fen": ("尾差（元）", "residual (yuan)", "yuan"),
    "hospital_name": ("医疗机构", "hospital", "wide"),
    "hospital_id": ("编码", "id", "code"),
    "institution": ("医疗机构编码", "hospital", "text"),
    "level": ("等级", "level", "text"),
    "change_fen": ("应付增减（元）", "change of due (yuan)", "change"),
    "rate": ("增减率", "change, %", "count", "page"),
    "kind": ("分列", "by", "text"),
    "code": ("名称", "name", "wide"),
    "cause": ("原因", "cause", "wide"),
    "points_after": ("点数", "points", "points"),
    "settled_after_fen": ("清算总额（元）", "settled (yuan)", "yuan"),
    "point_value_after": ("点值（元/点）", "point value (yuan)", "value"),
    "due_after_fen": ("应付（元）", "due (yuan)", "yuan"),
    "parameter": ("参数", "parameter", "wide"),
    "key": ("代码", "key", "code"),
    "value": ("取值", "value", "wide"),
    "source": ("依据或理由", "source or reason", "long"),
    "users": ("用于", "used by", "wide"),
    "due_change_fen": ("应付合计增减（基金）（元）", "change of dues in all (the fund) (yuan)", "change"),
    "moved_fen": ("机构之间转移（元）", "moved between hospitals (yuan)", "yuan"),
    "payable_change_fen": ("本次支付增减（元）", "change of what is paid now (yuan)", "change"),
    "deferred_change_fen": (
        "待收回后再付增减（元）", "change of what waits for recoveries (yuan)", "change",
    ),
    "recover_change_fen": ("应收回增减（元）", "change of what is owed back (yuan)", "change"),
}  # fmt: skip
CHANGES_OF_CASH = "payable_change_fen deferred_change_fen recover_change_fen"
MONEY = f"due_change_fen moved_fen {CHANGES_OF_CASH}"
WIDTHS = {"cause_key": 34, "key": 24} | dict.fromkeys(MONEY.split(), 20)
CASH_PAIRS = "payable_*_fen deferred_*_fen recover_*_fen"
POINTS_AND_DUES = "points_* due_*_fen change_fen rate due_share_*"


class SimulationSheets:
    """The sheets of a simulation in one language."""

    def __init__(self, simulation: Simulation, lang: str) -> None:
        self.simulation, self.lang, self.t = simulation, lang, choosing(lang)

    def _fields(self, keys: str) -> list[Field]:
        """Columns by their keys; behind `=` the key of the words that a column has."""
        found = []
        for item in keys.split():
            if item in PAIRS:
                zh, en, kind = PAIRS[item]
                found += [
                    Field(item.replace("*", side), self.t(f"{a}{zh}", f"{en} {b}"), kind)
                    for side, (a, b) in SIDES.items()
                ]
                continue
            key, _, words = item.partition("=")
            zh, en, kind, *only = FIELDS[words or key]
            width = WIDTHS.get(words or key, 0)
            found.append(Field(key, self.t(zh, en), kind, width=width, only="".join(only)))
        return found

    def settings(self) -> Sheet:
        """What each trial changes."""
        t = self.t
        fields = self._fields("name cause_name cause=cause_key before after source=source_today")
        rows = []
        for result in self.simulation.trials:
            for row in setting_rows(self.simulation, result.trial.settings):
                before, after = setting_values(self.simulation, row, self.lang)
                rows.append(
                    {
                        "name": result.trial.name,
                        "cause_name": in_language(row.name, self.lang),
                        "cause": row.setting.cause,
                        "before": before,
                        "after": after,
                        "source": source_of(self.simulation, row.setting, self.lang),
                    }
                )
        mark = t("试算结果，不得用于付款", "TRIAL, NOT FOR PAYMENT")
        note = t(f"{mark}。每项试算从现行设置出发，只改变所列各项。", mark)
        return Sheet(t("试算设置", "settings"), fields, rows, note=note)

    def totals(self) -> Sheet:
        """T, money moved, winners and losers of each trial."""
        t, base = self.t, self.simulation.base
        fields = self._fields(f"name settled_fen {MONEY} winners losers same refused trial")
        rows = []
        for result in self.simulation.trials:
            row: Record = dict.fromkeys(field.key for field in fields)
            row |= {"name": result.trial.name, "trial": folder.trial_text(result)}
            if result.outcome is not None:
                due = changes(base.due_by_hospital(), result.outcome.due_by_hospital()).values()
                row["settled_fen"] = result.outcome.settled_fen
                row |= folder.money_of(change_of(base, result.outcome))
                row["winners"] = sum(fen > 0 for fen in due)
                row["losers"] = sum(fen < 0 for fen in due)
                row["same"] = sum(fen == 0 for fen in due)
            elif result.refused is not None:
                row["refused"] = in_language(refusal(result.refused), self.lang)
            rows.append(row)
        return Sheet(t("各试算增减", "changes"), fields, rows)

    def pools(self) -> Sheet:
        """Each pool before and after: a row a trial, for the workbook."""
        t = self.t
        fields = self._fields(
            "name pool_name points_* available_*_fen settled_*_fen settled_change_fen point_value_* "
            "residual_*_fen trial"
        )
        return Sheet(t("险种", "pools"), fields, folder.pool_rows(self.simulation))

    def pool_values(self) -> Sheet:
        """Points, T and point value of each pool, today and under each trial, for the page."""
        t, base = self.t, self.simulation.base
        fields = self._fields(
            "side name=pool available_fen recorded_fund_fen points settled_fen value=point_value "
            "change=value_change residual_fen"
        )
        today = {pool.pool: pool for pool in base.pools}
        trials = [(r.trial.name, r.outcome) for r in self.simulation.trials if r.outcome]
        rows = []
        for side, outcome in [(t("现行", "today"), base), *trials]:
            for pool in outcome.pools:
                row = {f.key: getattr(pool, f.key, None) for f in fields}
                row |= {"side": side, "value": pool.point_value_fen / 100}
                row["available_fen"] = pool.budget.available_fen
                old = today.get(pool.pool)
                if old is not None and outcome is not base and old.point_value_fen > 0:
                    share = pool.point_value_fen / old.point_value_fen - 1
                    row["change"] = amounts.percent(share.numerator, share.denominator, 3, True)
                rows.append(row)
        return Sheet("", fields, rows)

    def funds(self) -> Sheet:
        """What each fund pays: of dues, now and later, and what it is owed back."""
        t = self.t
        fields = self._fields(f"name pool due_*_fen change_fen {CASH_PAIRS} trial")
        return Sheet(t("基金收付", "funds"), fields, list(folder.fund_rows(self.simulation)))

    def hospitals(self) -> Sheet:
        """Each hospital and pool before and after, for the workbook."""
        t = self.t
        fields = self._fields(
            f"name hospital_name hospital_id level pool cases_* {POINTS_AND_DUES} {CASH_PAIRS} trial"
        )
        return Sheet(t("医疗机构", "hospitals"), fields, folder.hospital_rows(self.simulation))

    def hospitals_of(self, result: TrialResult, outcome: Outcome) -> Sheet:
        """Each hospital over all pools in one trial, the largest change first, for the page."""
        sums: dict[str, Record] = {}
        for row in folder.hospital_rows(self.simulation):
            if row["name"] == result.trial.name:
                own = sums.setdefault(row["hospital_id"], defaultdict(int))
                for key, value in row.items():
                    added = isinstance(value, int) and not isinstance(value, bool)
                    own[key] = own[key] + value if added else value
        whole = {"before": self.simulation.base.due_fen, "after": outcome.due_fen}
        rows = sorted(sums.values(), key=lambda r: (-abs(r["change_fen"]), r["hospital_id"]))
        for row in rows:
            row["hospital_name"] = row["hospital_name"] or row["hospital_id"]
            row["rate"] = rate(row["change_fen"], row["due_before_fen"])
            for side, fen in whole.items():
                row[f"due_share_{side}"] = amounts.percent(row[f"due_{side}_fen"], fen, 3)
            for key in CASH:
                row[f"{key}_change_fen"] = row[f"{key}_after_fen"] - row[f"{key}_before_fen"]
        keys = f"hospital_name hospital_id level {POINTS_AND_DUES} {CHANGES_OF_CASH}"
        return Sheet(self.t("医疗机构", "Hospitals"), self._fields(keys), rows)

    def groups(self) -> Sheet:
        """Levels, MDCs and classes before and after, over all pools."""
        t = self.t
        fields = self._fields(f"name kind code cases_* {POINTS_AND_DUES} trial")
        outcomes = {r.trial.name: r.outcome for r in self.simulation.trials}

        def rows() -> Iterator[Record]:
            for row in folder.group_rows(self.simulation):
                outcome = outcomes[row["name"]]
                assert outcome is not None  # only trials that could be settled have groups
                yield {
                    **row,
                    "of_kind": row["kind"],
                    "kind": choose(self.lang, *GROUPS[row["kind"]][0]),
                    "code": group_names(self.simulation, outcome, self.lang)(
                        row["kind"], row["code"]
                    ),
                    "rate": rate(row["change_fen"], row["due_before_fen"]),
                }

        return Sheet(t("等级、MDC、病例类别", "levels, MDCs, classes"), fields, list(rows()))

    def groups_of(self, result: TrialResult, kind: str) -> Sheet:
        """The groups of one kind in one trial, for the page."""
        every, title = self.groups(), choose(self.lang, *GROUPS[kind][1])
        name = Field("code", title)
        rows = [r for r in every.rows if (r["name"], r["of_kind"]) == (result.trial.name, kind)]
        return Sheet(title, [name, *every.fields[3:]], rows)

    def causes(self) -> Sheet:
        """The change of each hospital and pool by cause, for the workbook."""
        t, simulation = self.t, self.simulation
        fields = self._fields("name hospital_id=institution pool cause change_fen trial")
        rows = (
            {**row, "cause": cause_name(simulation, row["cause"], self.lang)}
            for row in folder.cause_rows(simulation)
        )
        return Sheet(t("原因分解", "causes"), fields, rows)

    def causes_of(self, result: TrialResult) -> Sheet:
        """The change of each hospital over all pools by cause, and of all, for the page."""
        t, known = self.t, {h.id: h.name or h.id for h in self.simulation.region.hospitals}
        causes = [setting.cause for setting in result.trial.settings]
        sums: dict[str, Record] = {}
        for (hospital, _), parts in (result.parts or {}).items():
            own = sums.setdefault(
                hospital, dict.fromkeys(causes, 0) | {"hospital": known[hospital]}
            )
            for cause, fen in parts.items():
                own[cause] += fen
        rows = []
        for hospital, row in sums.items():
            rows.append((hospital, row | {"whole": sum(row[cause] for cause in causes)}))
        rows.sort(key=lambda item: (-abs(item[1]["whole"]), item[0]))
        fields = [
            Field("hospital", t("医疗机构", "hospital")),
            *(
                Field(cause, cause_name(self.simulation, cause, self.lang), "change", total=True)
                for cause in causes
            ),
            Field("whole", t("合计增减", "whole change"), "change", total=True),
        ]
        title = t("增减的原因", "Causes of the change")
        return Sheet(title, fields, [row for _, row in rows], total=t("合计", "Total"))

    # --- sweeps

    def _heads(self) -> list[Field]:
        return [
            Field(f"value_{number}", cause_name(self.simulation, sweep.cause, self.lang), width=20)
            for number, sweep in enumerate(self.simulation.sweeps, start=1)
        ]

    def _said(self, rows: Iterator[Record]) -> list[Record]:
        """Rows of the sweep with its values in words and the names of pools."""
        sweeps = self.simulation.sweeps
        words = {
            (f"value_{n}", value): value_words(self.simulation, Setting(s.cause, value), self.lang)
            for n, s in enumerate(sweeps, start=1)
            for value in s.values
        }
        outcomes = [point.outcome for point in self.simulation.points if point.outcome]
        names = {pool.pool: pool.name for outcome in outcomes for pool in outcome.pools}
        return [
            {key: words.get((key, value), value) for key, value in row.items()}
            | {"pool_name": names.get(str(row.get("pool")), "")}
            for row in rows
        ]

    def sweep(self) -> Sheet:
        """Each place of the sweep and pool."""
        t = self.t
        pool, *rest = self._fields(
            f"pool points_after settled_after_fen point_value_after {MONEY} refused"
        )
        pools = [replace(pool, only="book"), replace(pool, key="pool_name", only="page")]
        fields = [*self._heads(), *pools, *rest]
        return Sheet(t("扫描", "sweep"), fields, self._said(folder.sweep_rows(self.simulation)))

    def sweep_hospitals(self) -> Sheet:
        """Each place of the sweep, hospital and pool, for the workbook."""
        t = self.t
        fields = [
            *self._heads(),
            *self._fields("hospital_id=institution pool due_after_fen change_fen"),
        ]
        rows = self._said(folder.sweep_hospital_rows(self.simulation))
        return Sheet(t("扫描 医疗机构", "sweep, hospitals"), fields, rows)

    def unverified(self) -> Sheet:
        """The values without a verified source, today's and the trials'."""
        t = self.t
        fields = self._fields("name=parameter key value source users")
        return Sheet(
            t("未核实参数", "unverified parameters"),
            fields,
            unverified_rows(self.simulation, self.lang),
        )


def rate(part: int, base: int) -> str:
    """Return a change in per cent of what was before; a dash unless that is above 0."""
    return amounts.percent(part, base, 2, signed=True) if base > 0 else "—"
