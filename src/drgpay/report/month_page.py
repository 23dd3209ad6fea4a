"""month.html: a month's payments as a page, made from the month's folder alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from markupsafe import Markup

from drgpay.ground.languages import choosing
from drgpay.runs.reader import Record

from . import amounts
from .amounts import points, yuan
from .charts import month_bars
from .month_folder import MonthFolder, value_fraction
from .month_sheets import MonthSheets
from .pages import Banner, PageSection, Tile, chart, folded, grid, table, write_page
from .sheets import page_table
from .texts import Words

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
        self.sheets = MonthSheets(run, self.w)

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
        body = grid(page_table(self.sheets.pools(), "wide"))
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
        title = t("各机构", "Hospitals")
        made = replace(self.sheets.payments(), title=title)
        return PageSection("hospitals", title, lead, grid(page_table(made, "wide")))

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
        if len(rows) > LISTED:
            lead.append(
                t(
                    f"只列前 {LISTED} 笔，其余见 adjustments.csv。",
                    f"The first {LISTED} are listed, the others are in adjustments.csv.",
                )
            )
        title = t("以前月份调整", "Adjustments of earlier months")
        made = replace(self.sheets.adjustments(), title=title, rows=rows[:LISTED], total="")
        body = grid(page_table(made, "wide")) if rows else Markup()
        return PageSection("adjustments", title, lead, body)

    def _parameters(self) -> PageSection:
        """The parameters without a verified source that the months hang on."""
        w, rows = self.w, self.run.unverified
        title = w("s_parameters")
        if not rows:
            return PageSection("parameters", title, [w("p_all_verified")])
        lead = [w("p_lead", n=len(rows), used=len(rows))]
        made = page_table(self.sheets.parameters(rows), "parameters")
        return PageSection("parameters", title, lead, grid(made))

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
        made = self.sheets.suspended()
        return PageSection("suspended", made.title, lead, grid(page_table(made, "wide")))

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
        if len(rows) > LISTED:
            lead.append(
                t(
                    f"只列前 {LISTED} 笔，其余见 corrections.csv。",
                    f"The first {LISTED} are listed, the others are in corrections.csv.",
                )
            )
        made = replace(self.sheets.corrections(), rows=rows[:LISTED], total="")
        body = grid(page_table(made)) if rows else Markup()
        return PageSection("corrections", t("再住院冲正", "Correction entries"), lead, body)

    def _of_month(self, rows: Sequence[Record]) -> list[Record]:
        if self.run.every:
            return list(rows)
        return [r for r in rows if r["correction_month"] == self.run.month]

    def _ties(self) -> PageSection:
        t = self.t
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
        made = self.sheets.ties()
        return PageSection("year", made.title, lead, grid(page_table(made)))

    def _ceiling(self) -> PageSection:
        t, found = self.t, self.run.manifest["ceiling"]
        title = t("总额控制", "Ceiling")
        made = self.sheets.ceiling()
        if made is None:
            lead = [t("没有给出总额控制目标。", "No control target was given.")]
            return PageSection("ceiling", title, lead)
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
        return PageSection("ceiling", title, lead, grid(page_table(made)))

    def _checks(self) -> PageSection:
        made = self.sheets.checks()
        return PageSection("checks", made.title, [], grid(page_table(made)))

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
