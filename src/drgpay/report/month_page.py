"""month.html: a month's payments as a page, made from the month's folder alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from drgpay.ground.languages import choosing
from drgpay.runs.reader import Record

from . import amounts
from .amounts import points, yuan
from .charts import month_bars
from .month_folder import MonthFolder, value_fraction
from .pages import Banner, PageSection, Tile, chart, folded, table, write_page
from .sections import parameter_value, source_text
from .texts import UNITS, Words

NAME = "month.html"
LISTED = 200  # correction entries shown; the table holds all
PLACES = 6


def write_month_page(folder: Path, lang: str = "zh") -> Path:
    """Write `month.html` into a month's folder and return its path; the same folder, same bytes."""
    return _Page(MonthFolder(folder), lang).write()


def shown_value(row: Record, places: int = PLACES) -> str:
    """The provisional point value, a dash without one."""
    value = value_fraction(row)
    return "—" if value is None else amounts.fixed(amounts.rounded(value, places), places)


class _Page:
    """The parts of one page."""

    def __init__(self, run: MonthFolder, lang: str) -> None:
        self.run, self.lang, self.w = run, lang, Words(lang)
        self.t = choosing(lang)

    def write(self) -> Path:
        """Write the page."""
        run, m, t, w = self.run, self.run.manifest, self.t, self.w
        year = m["region"]["year"]
        what = t("各月预付与全年对账", "Twelve months and the year end") if run.every else t(
            "月度预付", "Monthly payment"
        )  # fmt: skip
        when = str(year) if run.every else run.month
        sections = [
            self._value(),
            self._hospitals(),
            self._suspended(),
            self._corrections(),
            *([self._adjustments()] if run.earlier is not None else []),
            *([self._ties()] if run.every else []),
            self._ceiling(),
            self._checks(),
            self._parameters(),
            self._inputs(),
        ]
        marks = [w("print_trial")] * bool(m["trial"])
        marks += [w("print_synthetic")] * bool(m["synthetic"])
        return write_page(
            run.folder / NAME,
            lang=self.lang,
            title=f"{what} {when}",
            kicker=m["region"]["name"],
            facts=[
                (w("scheme"), m["scheme"]["title"], f"{m['scheme']['id']} {m['scheme']['digest'][:12]}"),
                (w("policy"), m["policy"]["title"], f"{m['policy']['id']} {m['policy']['digest'][:12]}"),
                (w("run_id"), run.digest[:12], w("run_id_help")),
                (w("engine"), f"drgpay {m['drgpay_version']}", self._basis()),
            ],
            sections=sections,
            banners=self._banners(),
            tiles=self._tiles(),
            mark=" · ".join(marks),
        )  # fmt: skip

    def _basis(self) -> str:
        ratio = self.run.value_of("prepay_ratio")
        if self.run.by_fund:
            return self.t(f"按统筹基金记账的 {ratio} 预付", f"{ratio} of the recorded fund")
        return self.t(f"按月度点值应付的 {ratio} 预付", f"{ratio} of the month's value")

    def _banners(self) -> list[Banner]:
        m, w, t = self.run.manifest, self.w, self.t
        found = []
        if m["trial"]:
            found.append(Banner("danger", w("banner_trial"), "; ".join(m["trial"])))
        if m["synthetic"]:
            found.append(Banner("danger", w("banner_synthetic"), w("banner_synthetic_text")))
        now = self._shown(self.run.suspended)
        if now:
            amount = yuan(sum(r["suspended_fen"] for r in now))
            found.append(
                Banner(
                    "warning",
                    t(f"暂停支付 {len(now)} 笔", f"{len(now)} payments cut"),
                    t(
                        f"统筹基金记账异常增长，共暂停 {amount} 元，由年终清算结清。",
                        f"The recorded fund grew abnormally: {amount} yuan are withheld until the "
                        "year end.",
                    ),
                )
            )
        told = [warning[self.lang] for warning in m["warnings"]]
        if told:
            found.append(Banner("warning", w("banner_notes", n=len(told)), "", tuple(told)))
        if self.run.unverified:
            found.append(
                Banner(
                    "warning",
                    w("banner_unverified", n=len(self.run.unverified)),
                    w("banner_unverified_text"),
                    (),
                    "parameters",
                    w("s_parameters"),
                )
            )
        return found

    def _shown(self, rows: Sequence[Record]) -> list[Record]:
        """The rows that the page is about: of the month, or of all months."""
        return list(rows) if self.run.every else self.run.now(list(rows))

    def _tiles(self) -> list[Tile]:
        t, run = self.t, self.run
        rows = self._shown(run.pools)
        paid = sum(r["paid_fen"] for r in rows)
        cut = sum(r["suspended_fen"] for r in rows)
        found = [
            Tile(t("病例", "Cases"), f"{sum(r['cases'] for r in rows):,}"),
            Tile(
                t("点数", "Points"),
                points(sum(r["points"] for r in rows)),
                t("含再住院冲正", "with corrections"),
            ),
            Tile(
                t("统筹基金记账（元）", "Recorded fund (yuan)"),
                yuan(sum(r["recorded_fund_fen"] for r in rows)),
            ),
            Tile(t("实付（元）", "Paid (yuan)"), yuan(paid), self._basis(), "key"),
            Tile(t("暂停支付（元）", "Suspended (yuan)"), yuan(cut), "", "loss" if cut else ""),
        ]
        if run.earlier is not None:
            adjusted = sum(r["adjustment_fen"] for r in rows)
            found.append(Tile(t("以前月份调整（元）", "Adjustments (yuan)"), yuan(adjusted)))
        if not run.every:
            found += [
                Tile(
                    t(f"{r['name']} 暂定点值", f"{r['name']}: provisional value"),
                    shown_value(r),
                    t("元/点", "yuan a point"),
                    "key",
                )
                for r in rows
            ]
        return found

    # --- sections

    def _value(self) -> PageSection:
        t, run = self.t, self.run
        lead = [
            t(
                "暂定点值 =（月度预算 − 点数外应付 + 按点数病例的非统筹支付）÷ 当月点数；"
                "当月点数 = 病例点数 + 再住院冲正点数。它只用于预付，年终另行清算。",
                "Provisional value = (budget of the month − due outside of points + what the pool "
                "did not pay of the cases by points) / points of the month, corrections included. "
                "It serves prepayment alone; the year end settles.",
            ),
            self.w("money_unit"),
        ]
        columns = [
            (t("月份", "month"), "code"), (t("险种", "pool"), "text"),
            (t("月度预算", "budget"), "num"), (t("点数外应付", "outside of points"), "num"),
            (t("非统筹支付", "not-pool"), "num"), (t("病例", "cases"), "num"),
            (t("病例点数", "points of cases"), "num"), (t("冲正点数", "corrections"), "num"),
            (t("点数", "points"), "num"), (t("暂定点值", "provisional value"), "num"),
            (t("应预付", "payment"), "num"), (t("暂停", "suspended"), "num"),
            *self._adjusted_columns(), (t("实付", "paid"), "num"),
        ]  # fmt: skip
        rows = [
            [
                r["month"], f"{r['name']} {r['pool']}", yuan(r["budget_fen"]), yuan(r["money_fen"]),
                yuan(r["not_pool_by_points_fen"]), r["cases"], points(r["points_before"]),
                points(r["correction_points"]), points(r["points"]), shown_value(r),
                yuan(r["payment_fen"]), yuan(r["suspended_fen"]), *self._adjusted(r),
                yuan(r["paid_fen"]),
            ]
            for r in run.pools
        ]  # fmt: skip
        body = table(columns, rows, self.lang, "wide")
        if len({r["month"] for r in run.pools}) > 1:
            body = self._bars() + body
        return PageSection("value", t("暂定点值", "Provisional point value"), lead, body)

    def _bars(self) -> Markup:
        """Bars of the provisional values, one a month, a drawing a pool."""
        title = self.t("各月暂定点值（元/点）", "Provisional value by month, yuan a point")
        drawn = []
        for pool in sorted({r["pool"] for r in self.run.pools}):
            rows = [r for r in self.run.pools if r["pool"] == pool]
            bars = [(str(r["month"]), value_fraction(r), shown_value(r, 2)) for r in rows]
            drawn.append(month_bars(bars, f"{rows[0]['name']} {pool}"))
        return chart(title, "".join(drawn))

    def _hospitals(self) -> PageSection:
        t = self.t
        rows = self._by_hospital()
        columns = [
            (t("医疗机构", "hospital"), "text"), (t("险种", "pool"), "code"),
            (t("病例", "cases"), "num"), (t("点数", "points"), "num"),
            (t("统筹基金记账", "recorded fund"), "num"), (t("非统筹支付", "not-pool"), "num"),
            (t("暂定应付", "provisional due"), "num"), (t("应预付", "payment"), "num"),
            (t("暂停", "suspended"), "num"), *self._adjusted_columns(), (t("实付", "paid"), "num"),
            (t("以前已付", "paid before"), "num"), (t("累计已付", "paid to date"), "num"),
        ]  # fmt: skip
        lead = [
            t(
                "暂定应付 = 点数 × 暂定点值 − 按点数病例的非统筹支付 + 点数外应付。",
                "Provisional due = points x provisional value − not-pool of cases by points + due "
                "outside of points.",
            )
        ]
        if self.run.earlier is not None:
            lead.append(
                t(
                    "实付 = 应预付 − 暂停 + 以前月份调整 − 上月结转待抵 + 结转下月待抵；不小于0。",
                    "Paid = payment − suspended + adjustments − to be set off from the month before "
                    "+ left to be set off; never below 0.",
                )
            )
        body = [
            [
                r["name"], r["pool"], r["cases"], points(r["points"]), yuan(r["recorded_fund_fen"]),
                yuan(r["not_pool_by_points_fen"]),
                "—" if r["provisional_due_fen"] is None else yuan(r["provisional_due_fen"]),
                yuan(r["payment_fen"]), yuan(r["suspended_fen"]), *self._adjusted(r),
                yuan(r["paid_fen"]), yuan(r["paid_before_fen"]), yuan(r["paid_to_date_fen"]),
            ]
            for r in rows
        ]  # fmt: skip
        total = [self.w("total"), "", sum(r["cases"] for r in rows)]
        total.append(points(sum(r["points"] for r in rows)))
        for key in (
            "recorded_fund_fen", "not_pool_by_points_fen", "provisional_due_fen", "payment_fen",
            "suspended_fen", *self._adjusted_keys(), "paid_fen", "paid_before_fen",
            "paid_to_date_fen",
        ):  # fmt: skip
            total.append(yuan(sum(r[key] or 0 for r in rows)))
        body.append(total)
        return PageSection(
            "hospitals",
            t("各机构", "Hospitals"),
            lead,
            table(columns, body, self.lang, "wide"),
        )

    def _by_hospital(self) -> list[Record]:
        """Rows of the month; of twelve months, their sums by hospital and pool."""
        if not self.run.every:
            return self.run.now(self.run.hospitals)
        sums: dict[tuple[str, str], Record] = {}
        for row in self.run.hospitals:
            key = (row["pool"], row["hospital_id"])
            own = sums.get(key)
            if own is None:
                sums[key] = {**row, "paid_before_fen": 0}
                continue
            for name in (
                "cases", "points", "recorded_fund_fen", "not_pool_by_points_fen", "payment_fen",
                "suspended_fen", "paid_fen",
            ):  # fmt: skip
                own[name] += row[name]
            own["provisional_due_fen"] = _sum(
                own["provisional_due_fen"], row["provisional_due_fen"]
            )
            own["paid_to_date_fen"] = row["paid_to_date_fen"]
        return [sums[key] for key in sorted(sums)]

    def _adjusted_keys(self) -> list[str]:
        if self.run.earlier is None:
            return []
        return ["adjustment_fen", "setoff_before_fen", "setoff_after_fen"]

    def _adjusted_columns(self) -> list[tuple[str, str]]:
        t = self.t
        heads = [t("以前月份调整", "adjustments"), t("上月待抵", "to set off"),
                 t("结转待抵", "left to set off")]  # fmt: skip
        return [(head, "num") for head, _ in zip(heads, self._adjusted_keys(), strict=False)]

    def _adjusted(self, row: Record) -> list[str]:
        return [yuan(row[key]) for key in self._adjusted_keys()]

    def _adjustments(self) -> PageSection:
        """Where earlier months came out otherwise than they were booked: of this month."""
        t, earlier = self.t, self.run.earlier or {}
        every = self.run.adjustments
        rows = self.run.now(every)
        lead = [
            t(
                f"以前各月的实付取自上月的结果 {earlier['folder']}"
                f"（manifest.json {earlier['manifest_sha256'][:12]}），不重新计算。"
                "按现有病例与当时不同的，差额计入本月。",
                f"What earlier months paid is taken from {earlier['folder']} (manifest.json "
                f"{earlier['manifest_sha256'][:12]}) and not computed again. Where today's cases "
                "give another payment, this month takes in the difference.",
            ),
            t(
                f"本月 {len(rows):,} 笔，合计 {yuan(sum(r['adjustment_fen'] for r in rows))} 元；"
                f"连同以前各月发现的共 {len(every):,} 笔，见 adjustments.csv。",
                f"{len(rows):,} found this month, {yuan(sum(r['adjustment_fen'] for r in rows))} "
                f"yuan together; with those of earlier months {len(every):,}: adjustments.csv.",
            ),
        ]
        if earlier["changed_inputs"]:
            files = self.w("list_comma").join(earlier["changed_inputs"])
            lead.append(
                t(
                    f"上月之后变动的文件（只增加新病例属正常）：{files}。",
                    f"Files changed since (new cases alone are as it should be): {files}.",
                )
            )
        if earlier["changed_parameters"]:
            keys = self.w("list_comma").join(earlier["changed_parameters"])
            lead.append(t(f"已变的政策参数：{keys}。", f"Parameters that changed: {keys}."))
        columns = [
            (t("所属月份", "of month"), "code"), (t("医疗机构", "hospital"), "text"),
            (t("险种", "pool"), "code"), (t("原病例", "cases then"), "num"),
            (t("现病例", "cases now"), "num"), (t("原记账", "recorded then"), "num"),
            (t("现记账", "recorded now"), "num"), (t("原应付", "booked as paid"), "num"),
            (t("现应付", "due to be paid now"), "num"), (t("调整", "adjustment"), "num"),
        ]  # fmt: skip
        body = [
            [
                r["of_month"], r["name"], r["pool"], r["cases_before"], r["cases_now"],
                yuan(r["recorded_fund_before_fen"]), yuan(r["recorded_fund_now_fen"]),
                yuan(r["paid_before_fen"]), yuan(r["paid_now_fen"]), yuan(r["adjustment_fen"]),
            ]
            for r in rows[:LISTED]
        ]  # fmt: skip
        if len(rows) > LISTED:
            lead.append(
                t(
                    f"只列前 {LISTED} 笔，其余见 adjustments.csv。",
                    f"The first {LISTED} are listed, the others are in adjustments.csv.",
                )
            )
        made = table(columns, body, self.lang, "wide") if body else Markup()
        title = t("以前月份调整", "Adjustments of earlier months")
        return PageSection("adjustments", title, lead, made)

    def _parameters(self) -> PageSection:
        """The parameters without a verified source that the months hang on."""
        w, rows = self.w, self.run.unverified
        title = w("s_parameters")
        if not rows:
            return PageSection("parameters", title, [w("p_all_verified")])
        columns = [
            (w("p_name"), "text"), (w("p_value"), "text"), (w("p_unit"), "text"),
            (w("p_source"), "wide"), (w("p_period"), "text"),
        ]  # fmt: skip
        body = [
            [
                f"{p.get('name') or p['key']} {p['key']}",
                parameter_value(p["value"], p.get("unit") or "", w, p["key"])
                + (f"{w('colon')}{w('p_trial')}" if p.get("trial") else ""),
                w.of(UNITS, p.get("unit") or ""),
                source_text(p, w),
                f"{p.get('from') or ''} – {p.get('to') or w('open_end')}",
            ]
            for p in rows
        ]
        lead = [w("p_lead", n=len(rows), used=len(rows))]
        return PageSection("parameters", title, lead, table(columns, body, self.lang, "parameters"))

    def _suspended(self) -> PageSection:
        t, rows = self.t, self.run.suspended
        limit = self.run.value_of("month.growth_limit")
        if limit == "none":
            lead = [t("政策没有规定增幅上限。", "The policy sets no limit of growth.")]
            return PageSection("suspended", t("暂停支付", "Suspended"), lead)
        lead = [
            t(
                f"统筹基金记账超过上年同月 ×（1 + {limit}）的，按正常额度占当月记账的比例支付，"
                "其余暂停，由年终清算结清。",
                f"Where the recorded fund is above last year's month x (1 + {limit}), the payment "
                "is cut in the proportion normal / recorded fund; the rest waits for the year end.",
            )
        ]
        if not rows:
            lead.append(t("没有暂停支付。", "Nothing is withheld."))
            return PageSection("suspended", t("暂停支付", "Suspended"), lead)
        columns = [
            (t("月份", "month"), "code"), (t("医疗机构", "hospital"), "text"),
            (t("险种", "pool"), "code"), (t("当月记账", "recorded fund"), "num"),
            (t("上年同月", "last year"), "num"), (t("增长", "growth"), "num"),
            (t("正常额度", "normal up to"), "num"), (t("应预付", "payment"), "num"),
            (t("暂停", "suspended"), "num"), (t("实付", "paid"), "num"),
        ]  # fmt: skip
        body = [
            [
                r["month"], r["name"], r["pool"], yuan(r["recorded_fund_fen"]),
                yuan(r["last_year_fund_fen"]),
                amounts.percent(
                    r["recorded_fund_fen"] - r["last_year_fund_fen"], r["last_year_fund_fen"], 2,
                    signed=True,
                ),
                yuan(r["normal_fund_fen"]), yuan(r["payment_fen"]), yuan(r["suspended_fen"]),
                yuan(r["paid_fen"]),
            ]
            for r in rows
        ]  # fmt: skip
        return PageSection(
            "suspended", t("暂停支付", "Suspended"), lead, table(columns, body, self.lang, "wide")
        )

    def _corrections(self) -> PageSection:
        t, rows = self.t, self._of_month(self.run.corrections)
        lead = [
            t(
                "住院后按政策天数内再住院的，前一次的点数在后一次所属的月份冲正。",
                "Where a readmission follows within the policy's days, the points of the earlier "
                "stay are corrected in the month of the later one.",
            ),
            t(f"共 {len(rows):,} 笔。", f"{len(rows):,} entries."),
        ]
        columns = [
            (t("病例号", "case"), "code"), (t("医疗机构", "hospital"), "code"),
            (t("险种", "pool"), "code"), (t("病组", "DRG"), "code"),
            (t("病例月份", "month of the stay"), "code"),
            (t("冲正月份", "month of the correction"), "code"),
            (t("原点数", "before"), "num"), (t("冲正", "correction"), "num"),
            (t("冲正后", "after"), "num"),
        ]  # fmt: skip
        body = [
            [
                r["case_id"], r["hospital_id"], r["pool"], r["drg"], r["month"],
                r["correction_month"], points(r["points_before"]), points(r["correction_points"]),
                points(r["points_after"]),
            ]
            for r in rows[:LISTED]
        ]  # fmt: skip
        if len(rows) > LISTED:
            lead.append(
                t(
                    f"只列前 {LISTED} 笔，其余见 corrections.csv。",
                    f"The first {LISTED} are listed, the others are in corrections.csv.",
                )
            )
        made = table(columns, body, self.lang) if body else Markup()
        return PageSection("corrections", t("再住院冲正", "Correction entries"), lead, made)

    def _of_month(self, rows: Sequence[Record]) -> list[Record]:
        if self.run.every:
            return list(rows)
        return [r for r in rows if r["correction_month"] == self.run.month]

    def _ties(self) -> PageSection:
        t = self.t
        columns = [
            (t("项目", "what"), "text"), (t("险种", "pool"), "code"),
            (t("各月合计", "months"), "num"), (t("全年", "year"), "num"),
            (t("差额", "difference"), "num"),
        ]  # fmt: skip
        units: dict[str, Callable[[int], str]] = {
            "fen": yuan,
            "points": points,
            "cases": lambda n: f"{n:,}",
        }
        body = []
        for r in self.run.ties:
            show = units[r["unit"]]
            name = t(r["name"], r["name_en"])
            body.append(
                [name, r["pool"], show(r["months"]), show(r["year"]), show(r["difference"])]
            )
        differ = any(r["difference"] for r in self.run.ties)
        lead = [
            t(
                "统筹区文件夹的 prepaid.csv 与各月实付不同，年终按 prepaid.csv；其余逐分相符。",
                "The region folder's prepaid.csv is not what the months paid; the year end takes "
                "prepaid.csv. All else agrees to the fen.",
            )
            if differ
            else t(
                "十二个月与年终清算逐分相符。",
                "Twelve months and the year end agree to the fen.",
            ),
            t(
                "这里的各月都按现有病例一次算出（模拟）。逐月办理支付的，年终用十二月份结果（--earlier）中的 "
                "prepaid.csv，其中是实付；本文件夹的 prepaid.csv 是模拟数。",
                "All months are computed at once from today's cases: a simulation. Where months were "
                "paid one by one, the year end takes the prepaid.csv of December's run with "
                "--earlier, which has what was paid; the one of this folder is simulated.",
            ),
        ]
        return PageSection(
            "year", t("各月与全年", "Months and year"), lead, table(columns, body, self.lang)
        )

    def _ceiling(self) -> PageSection:
        t, found = self.t, self.run.manifest["ceiling"]
        title = t("总额控制", "Ceiling")
        if found is None:
            lead = [t("没有给出总额控制目标。", "No control target was given.")]
            return PageSection("ceiling", title, lead)
        from drgpay.names.codes import MODES

        columns = [(t("项目", "what"), "text"), (t("金额", "amount"), "num")]
        body: list[list[Any]] = []
        for p in found["payments"]:
            mode = MODES[p["mode"]]
            name = mode.of(self.lang)
            body.append([f"{name} {p['name']}".strip(), yuan(p["amount_fen"])])
        body.append([t("合计", "together"), yuan(found["total_fen"])])
        body.append([t("总额控制目标", "control target"), yuan(found["control_target_fen"])])
        for text, fen in ceiling_lines(found, self.t):
            body.append([text, yuan(fen)])
        share = amounts.percent(found["total_fen"], found["control_target_fen"], 2)
        lead = [
            t(
                f"已支付、本月拟支付与其他方式的支付合计，为目标的 {share}。",
                f"Paid, to be paid now and paid in other ways: {share} of the target.",
            )
        ]
        if found["excess_fen"]:
            lead.append(
                t(
                    f"超出可支付额 {yuan(found['excess_fen'])} 元，由预留承担。",
                    f"{yuan(found['excess_fen'])} yuan are beyond what may be paid and come from "
                    "reserves.",
                )
            )
        return PageSection("ceiling", title, lead, table(columns, body, self.lang))

    def _checks(self) -> PageSection:
        t, lang = self.t, self.lang
        columns = [
            (t("核对", "check"), "text"), (t("数目", "figures"), "num"), (t("结果", "result"), "text"),
        ]  # fmt: skip
        body = [
            [c[f"text_{lang}"], c["detail"], t("通过", "passed") if c["passed"] else t("未通过", "FAILED")]
            for c in self.run.manifest["checks"]
        ]  # fmt: skip
        return PageSection("checks", t("核对", "Checks"), [], table(columns, body, lang))

    def _inputs(self) -> PageSection:
        t = self.t
        columns = [
            (t("文件", "file"), "code"), (t("行数", "rows"), "num"), (t("字节", "bytes"), "num"),
            ("SHA-256", "code"),
        ]  # fmt: skip
        body = [
            [f["file"], "" if f["rows"] is None else f["rows"], f["bytes"], f["sha256"]]
            for f in self.run.manifest["inputs"]
        ]
        made = folded(t("文件及其摘要码", "Files and digests"), f"{len(body):,}",
                      table(columns, body, self.lang))  # fmt: skip
        return PageSection("inputs", t("输入", "Inputs"), [], made)


def ceiling_lines(found: Record, t: Callable[[str, str], str]) -> list[tuple[str, int]]:
    """What stands below the control target: reserves inside it, what may be paid, what is drawn."""
    lines = [
        (t(f"减：目标内预留“{r['name']}”", f"less {r['name']}, inside it"), -r["amount_fen"])
        for r in found["reserves"]
        if r["inside_target"]
    ]
    if lines:
        lines.append((t("可支付额", "what may be paid"), found["free_fen"]))
    left = found["free_fen"] - found["total_fen"]
    lines.append((t("可支付额 − 合计", "what may be paid − together"), left))
    return lines + [
        (t(f"动用预留“{r['name']}”", f"drawn from {r['name']}"), r["drawn_fen"])
        for r in found["reserves"]
    ]


def _sum(a: int | None, b: int | None) -> int | None:
    return None if a is None and b is None else (a or 0) + (b or 0)
