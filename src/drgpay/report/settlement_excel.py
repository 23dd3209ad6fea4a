"""settlement.xlsx: a settled year for accountants, made from the run folder alone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from drgpay.budget import formulas
from drgpay.ground.languages import is_chinese
from drgpay.ground.money import divide_rounded
from drgpay.ground.numbers import Number, fixed, line, spreadsheet
from drgpay.names.codes import CASE_CLASSES, word
from drgpay.names.columns import both_names
from drgpay.names.run_columns import in_order, label
from drgpay.names.run_columns import title as table_title
from drgpay.runs.reader import Record
from drgpay.settlement import account as account_formulas

from . import amounts
from .classes import split
from .derive import derivation
from .notes import first_notes
from .reopened import WORDS as REOPENED
from .reopened import differences, has_whole, is_reopened, mark_text, note_text
from .run import Account, CaseSum, Run, sum_of, total_of
from .sections import ceiling_facts, parameter_value, source_text
from .sensitivity import sheet_fields, sheet_rows, tried
from .sheets import Field, exact
from .texts import UNITS, Words
from .value import Settlement, is_inside, pool_formulas, reason_of, settlements, sharing_text
from .workbook import MAX_ROWS, Book, Total, letters, points_units, quoted, sheet_names

NAME = "settlement.xlsx"
LISTED = MAX_ROWS - 3  # rows of a list, beside its header, its total and a note
LISTED_WITH_HOSPITALS = 100_000  # the same when a sheet for each hospital keeps all in memory
TOP_DRGS = 20
DIFFERENCE = "{due}-{recorded}"
MONEY_KEYS = (
    "not_pool", "money", "recorded", "due", "difference", "prepaid", "deposit", "forfeited",
    "shared", "violation", "carried", "final", "payable", "waits", "recover",
)  # fmt: skip


def write_settlement_excel(
    folder: Path, lang: str = "zh", *, sheets_per_hospital: bool = False, run: Run | None = None
) -> Path:
    """Write `settlement.xlsx` into a run folder and return its path.

    Arguments: folder, a run folder of docs/formats.md section 6; lang, "zh" or "en";
    sheets_per_hospital, whether each hospital gets a sheet of its own; run, the folder already read.
    Every amount equals its fen; sums and final payments are formulas that carry their values. The
    same folder gives the same bytes.
    """
    target = folder / NAME
    part = folder / f".{NAME}.{os.getpid()}.part"
    try:
        _Workbook(run or Run(folder), Words(lang), part, sheets_per_hospital).write()
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


class _Workbook:
    """The sheets of one workbook."""

    def __init__(self, run: Run, w: Words, path: Path, sheets_per_hospital: bool) -> None:
        self.run, self.w, self.each = run, w, sheets_per_hospital
        self.limit = LISTED_WITH_HOSPITALS if sheets_per_hospital else LISTED
        region = run.manifest["region"]
        marks = [w("print_trial") + w("colon") + w("semicolon").join(run.trial)] * bool(run.trial)
        short = [w("print_trial")] * bool(run.trial)
        for texts in (marks, short):
            texts += [w("print_synthetic")] if run.manifest["synthetic"] else []
        self.mark = " · ".join(marks)
        self.title = f"{region['name']} {w('year', year=region['year'])} {w('title')}"
        self.book = Book(
            str(path),
            title=self.title,
            mark=self.mark,
            short_mark=" · ".join(short),
            digest=f"{w('run_id')} {run.digest[:12]}",
            page=w("x_page"),
            streamed=not sheets_per_hospital,
        )
        self.accounts = sorted(run.accounts, key=lambda a: (a.pool, a.hospital))
        self.parts = settlements(run)
        self.formulas = pool_formulas(run, self.parts)
        self.places: dict[str, int] = {}  # rows of the summary's steps, from 0

    def write(self) -> None:
        """Write all sheets and close the file."""
        w = self.w
        summary = self.book.sheet(w("x_summary"), repeat=None)
        hospitals = self._place(w("x_hospitals"), self._hospital_fields(), len(self.accounts))
        self._summary(summary, hospitals)
        self._recovery()
        self._notes()
        totals = {
            "hospitals": self._hospitals(),
            "totals": self._totals(),
            "drgs": self._drgs(),
            "classes": self._classes(),
        }
        if totals["hospitals"].columns != hospitals.columns:
            raise ValueError("the sheet of hospitals is not where the summary looks for it")
        self._table("funds", table_title("funds", w.lang))
        self._ceiling()
        self._bed_days()
        self._table("perdiem", w("x_perdiem"))
        self._table("referrals", table_title("referrals", w.lang))
        self._capitation()
        self._reviews()
        self._quarantine()
        self._table("coefficients", w("x_coefficients"))
        self._table("quality", w("x_quality"))
        self._sensitivity()
        self._parameters()
        self._checks(totals)
        if self.each:
            self._each_hospital()
        self.book.close()

    def _trial(self, fields: list[Field]) -> list[Field]:
        mark = Field("trial", label("", "trial", self.w.lang), "mark")
        return [*fields, mark] if self.run.trial else fields

    def _marked(self, record: Record) -> Record:
        if self.run.trial:
            record["trial"] = "; ".join(self.run.trial)
        return record

    def _place(self, name: str, fields: Sequence[Field], rows: int) -> Total:
        columns = {field.key: place for place, field in enumerate(fields)}
        return Total(name, 2, rows + 1, columns, {})

    # --- pools ---------------------------------------------------------------------------------

    def _summary(self, sheet: Any, hospitals: Total) -> None:
        """The steps of the point value, a column a pool."""
        w, book = self.w, self.book
        sheet.set_column(0, 0, 40)
        sheet.set_column(1, 1, 44)
        sheet.set_column(2, 1 + len(self.parts), 26)
        sheet.write_string(0, 0, self.title, book.format(bold=True, font_size=14))
        line = 1
        first = []
        if is_reopened(self.run):
            first = [f"{mark_text(self.run, w)}{w('semicolon')}{note_text(self.run, w)}"]
        for text in (*first, self.mark, w("x_money_note")):
            if text:
                red: dict[str, Any] = (
                    {"font_color": "#B3261E", "bold": True} if text in (*first, self.mark) else {}
                )
                sheet.write_string(line, 0, text, book.format(**red))
                line += 1
        head = [w("step"), w("letter_how"), *(s.name for s in self.parts)]
        for column, text in enumerate(head):
            sheet.write_string(line, column, text, book.head)
        sheet.freeze_panes(line + 1, 1)
        steps = self._steps()
        places = {key: line + 1 + number for number, (key, *_) in enumerate(steps)}
        self.places = places
        for key, title, how, kind, formula in steps:
            at = places[key]
            strong: dict[str, Any] = (
                {"bold": True} if key in ("available", "settled", "value", "due") else {}
            )
            book.put(sheet, at, 0, title, "text", **strong)
            book.put(sheet, at, 1, how, "text", text_wrap=True)
            for column, s in enumerate(self.parts, start=2):
                amount = self._amount(s, key)
                text = self._step_formula(s, key, formula, column, places, hospitals)
                if text:
                    book.formula(sheet, at, column, text, amount, kind, **strong)
                else:
                    sheet.write_number(at, column, float(amount), book.format(kind, **strong))
        last = line + 1 + len(steps)
        fraction = w("v_fraction")
        book.put(sheet, last, 0, fraction, "text")
        for column, s in enumerate(self.parts, start=2):
            text = f"{s.value.numerator}/{s.value.denominator}"
            book.put(sheet, last, column, text, "text", align="right")

    def _steps(self) -> list[tuple[str, str, str, str, str]]:
        """Key, title, explanation, kind and formula of each step."""
        w, run = self.w, self.run
        ratio = run.fraction("reserve_ratio")
        how = "" if ratio is None else w("v_reserve_how", ratio=amounts.trimmed(ratio))
        steps = [
            ("budget", w("v_budget"), "", "yuan", ""),
            ("reserve", w("v_reserve"), how, "yuan", ""),
        ]
        if is_inside(run):
            steps.append(("out_of_area", w("v_out_of_area"), "", "yuan", ""))
        if any(s.provision for s in self.parts):
            how = w("v_provision_how")
            steps.append(("provision", w("v_provision"), how, "yuan", ""))
        sharing = w("semicolon").join(
            dict.fromkeys(filter(None, (sharing_text(run, s, w) for s in self.parts)))
        )
        steps += [
            ("available", w("v_available"), "", "yuan", "available"),
            ("recorded", w("v_recorded"), w("v_recorded_how"), "yuan", ""),
            ("balance", w("v_balance"), "B − F", "yuan", "balance"),
            ("settled", w("v_settled"), sharing, "yuan", "settled"),
            ("money", w("v_money"), w("v_money_how"), "yuan", ""),
            ("not_pool", w("v_not_pool"), w("v_not_pool_how"), "yuan", ""),
            ("sum", w("v_sum_money"), "T − M + N", "yuan", "sum"),
            ("gross", w("v_gross"), w("v_gross_how"), "points", ""),
            ("deducted", w("v_deducted"), "", "points", ""),
            ("points", w("v_points"), "", "points", "points"),
            *self._value_steps(),
            ("due", w("v_due"), w("v_due_how"), "yuan", "due"),
            ("residual", w("v_residual"), "", "yuan", ""),
            ("difference", w("v_difference"), "", "yuan", "difference"),
        ]
        return steps

    def _value_steps(self) -> list[tuple[str, str, str, str, str]]:
        """V; where bounds or rounding make it another than the quotient, the quotient first."""
        w = self.w
        reasons = [reason_of(self.run, s, w) for s in self.parts]
        how = "(T − M + N) ÷ ΣP"
        if not any(reasons):
            return [("value", w("v_decimal"), how, "value", "quotient")]
        told = [
            f"{s.name}{w('colon')}{reason or how}"
            for s, reason in zip(self.parts, reasons, strict=True)
        ]
        return [
            ("quotient", w("v_quotient"), how, "value", "quotient"),
            ("value", w("v_decimal"), w("semicolon").join(told), "value", ""),
        ]

    def _amount(self, s: Settlement, key: str) -> Fraction:
        """What a step comes to, exactly."""
        fen = {
            "budget": s.budget,
            "reserve": s.reserve,
            "out_of_area": s.out_of_area,
            "provision": s.provision,
            "available": s.available,
            "recorded": s.recorded,
            "balance": s.available - s.recorded,
            "settled": s.settled,
            "money": s.money,
            "not_pool": s.by_points.not_pool,
            "sum": s.for_points,
            "due": s.due,
            "residual": s.residual,
            "difference": s.difference,
        }
        units = {"gross": s.points + s.deducted, "deducted": s.deducted, "points": s.points}
        if key in fen:
            return exact(fen[key], "yuan")
        if key == "quotient":
            quotient = s.exact_value()
            return s.value if quotient is None else quotient
        return exact(units[key], "points") if key in units else s.value

    def _step_formula(
        self, s: Settlement, key: str, formula: str, column: int, places: Mapping[str, int],
        hospitals: Total,
    ) -> str:  # fmt: skip
        """A step's formula in a pool's column; empty when the step is given or no formula holds."""
        cells = {name: f"{letters(column)}{row + 1}" for name, row in places.items()}
        lines = {name: line(name, self._amount(s, name)) for name in places}
        if formula == "due":
            if not self.accounts:
                return ""
            pools = sorted({a.pool for a in self.accounts if self.run.settled_in(a.pool) == s.pool})
            amount, names = hospitals.range("due"), hospitals.range("pool")
            parts = [
                f'SUMPRODUCT(({names}="{pool.replace(chr(34), chr(34) * 2)}")*{amount})'
                for pool in pools
            ]
            return "=" + "+".join(parts) if parts else ""
        made = None
        if formula == "settled":
            made = self._sharing(s, lines)
        elif formula and (formula != "quotient" or s.points):
            made = self.formulas[formula](lines)
        if made is None or made.value != self._amount(s, key):
            return ""
        return "=" + spreadsheet(made).format(**cells)

    def _sharing(self, s: Settlement, lines: Mapping[str, Number]) -> Number | None:
        """T of F and B, by one ratio; None with tiers, or where the ratio has no end."""
        ratio = s.ratio(self.run)
        if ratio is None or s.recomputed(self.run) != s.settled or "/" in amounts.trimmed(ratio):
            return None
        f, b = lines["recorded"], lines["available"]
        balance = formulas.balance(f, b, surplus=s.surplus)
        return formulas.settled(f if s.surplus else b, fixed(ratio) * balance)

    def _notes(self) -> None:
        """What the reader must know, with its amounts, as the report has it first."""
        w, run = self.w, self.run
        told = [*first_notes(run, w), *(str(n[w.lang]) for n in run.manifest.get("warnings") or ())]
        if told:
            fields = [
                Field("number", w("line"), "count", width=7),
                Field("note", w("x_notes"), "long"),
            ]
            fields[1] = replace(fields[1], width=120)
            rows = (
                self._marked({"number": number, "note": text})
                for number, text in enumerate(told, start=1)
            )
            self._listing(w("x_notes"), self._trial(fields), rows)

    def _recovery(self) -> None:
        """What a reopened year recovers and adds, against the version before."""
        w, run = self.w, self.run
        if not is_reopened(run):
            return
        fields = [
            Field("id", label("", "hospital_id", w.lang)),
            Field("hospital", w("hospital"), "wide"),
            Field("pool", w("pool"), width=8),
            Field("before", w.of(REOPENED, "before"), "yuan"),
            Field("after", w.of(REOPENED, "after"), "yuan"),
            Field("fen", w.of(REOPENED, "difference"), "yuan", "{after}-{before}"),
            Field("to_recover", w.of(REOPENED, "to_recover"), "yuan", total=True),
            Field("to_add", w.of(REOPENED, "to_add"), "yuan", total=True),
        ]
        whole = has_whole(differences(run))
        if whole:
            formula = "{paid_first}-{after}"
            fields += [
                Field("paid_first", w.of(REOPENED, "paid_first"), "yuan", total=True),
                Field("to_carry", w.of(REOPENED, "to_carry"), "yuan", formula),
                Field(
                    "back", w.of(REOPENED, "carry_back"), "yuan", "MAX(0,{to_carry})", total=True
                ),
                Field(
                    "more", w.of(REOPENED, "carry_more"), "yuan", "MAX(0,-{to_carry})", total=True
                ),
            ]

        def rows() -> Iterator[Record]:
            for d in differences(run):
                keys = ["pool", "before", "after", "fen", "to_recover", "to_add"]
                keys += ["paid_first", "to_carry"] if whole else []
                who = {"id": d.hospital, "hospital": run.hospital_name(d.hospital)}
                carried = {"back": max(0, d.carry), "more": max(0, -d.carry)} if whole else {}
                yield self._marked(who | {key: getattr(d, key) for key in keys} | carried)

        self._listing(w.of(REOPENED, "sheet"), self._trial(fields), rows())

    # --- hospitals -----------------------------------------------------------------------------

    def _hospital_fields(self) -> list[Field]:
        w = self.w
        fields = [
            Field("id", label("", "hospital_id", w.lang)),
            Field("hospital", w("hospital"), "wide"),
            Field("level", w("level"), width=8),
            Field("pool", w("pool"), width=8),
            Field("pool_name", w("x_pool_name"), width=12),
            Field("cases", w("cases"), "count", total=True),
            Field("points", w("points"), "points", total=True),
            Field("deducted", self._label("points_deducted"), "points", total=True),
            Field("value", w("l_value"), "value"),
            Field("by_points", w("x_points_not_pool"), "yuan", total=True),
            Field("money", self._label("money_fen"), "yuan", total=True),
            Field("recorded", self._label("recorded_fund_fen"), "yuan", total=True),
            Field("due", w("due"), "yuan", total=True),
            Field("difference", w("difference"), "yuan", DIFFERENCE, total=True),
            Field("prepaid", w("prepaid"), "yuan", total=True),
            Field("deposit", self._label("deposit_fen"), "yuan", total=True),
            Field("forfeited", w("forfeited"), "yuan", total=True),
            *[Field("shared", w("shared"), "yuan", total=True)] * self.run.shares,
            Field("violation", w("violations"), "yuan", total=True),
            Field("carried", self._label("carried_fen"), "yuan", total=True),
            *self._cash_fields(),
            Field("bound", self._label("bound"), width=8),
            Field("held", self._label("held_cases"), "count", total=True),
            Field("held_fund", self._label("held_fund_fen"), "yuan", total=True),
        ]
        return self._trial(fields)

    def _cash_fields(self) -> list[Field]:
        """What is payable now, waits and is to be recovered stand apart; finals have no total.

        A sum of finals would net what some are paid with what others owe back.
        """
        w, again = self.w, "_again" if is_reopened(self.run) else ""
        final = Field("final", self._final_name(), "yuan", self._final_formula())
        waits = Field("waits", w("waits"), "yuan", total=True)
        paid = account_formulas.payable(
            line("final", 0), line("waits", 0) if self.run.total.waits else None
        )
        owed = account_formulas.recover(line("final", 0))
        return [
            final,
            *[waits] * bool(self.run.total.waits),
            Field("payable", w("payable" + again), "yuan", spreadsheet(paid), total=True),
            Field("recover", w("recover" + again), "yuan", spreadsheet(owed), total=True),
        ]

    def _final_name(self) -> str:
        again = is_reopened(self.run)
        return self.w.of(REOPENED, "final_name") if again else self.w("final")

    def _final_formula(self) -> str:
        names = {key: line(key, 0) for key in ("violation", "carried", "shared")}
        if not self.run.shares:
            del names["shared"]
        paid = (line(key, 0) for key in ("due", "prepaid", "forfeited"))
        return spreadsheet(account_formulas.final(*paid, **names))

    def _label(self, column: str) -> str:
        return label("hospitals", column, self.w.lang)

    def _who(self, account: Account) -> Record:
        facts = self.run.hospitals.get(account.hospital, {})
        return {
            "id": account.hospital,
            "hospital": self.run.hospital_name(account.hospital),
            "level": str(facts.get("level") or ""),
        }

    @staticmethod
    def _money(account: Account) -> Record:
        a = account.amounts
        own = {key: getattr(a, key) for key in MONEY_KEYS}
        return own | {
            "cases": a.cases,
            "points": a.points,
            "deducted": a.deducted,
            "held": a.held,
            "held_fund": a.held_fund,
        }

    def _hospitals(self) -> Total:
        run = self.run

        def rows() -> Iterator[Record]:
            for account in self.accounts:
                parts = run.parts_of[account.hospital, account.pool]
                not_pool = sum_of(p for p in parts if p.paid_by == "points").not_pool
                yield self._marked(
                    {
                        **self._who(account),
                        **self._money(account),
                        "pool": account.pool,
                        "pool_name": run.pool_name(account.pool, code=False),
                        "value": run.point_values.get(run.settled_in(account.pool)),
                        "by_points": not_pool,
                        "bound": word("bound", account.bound, self.w.lang),
                    }
                )

        return self._listing(self.w("x_hospitals"), self._hospital_fields(), rows())

    def _listing(
        self, name: str, fields: list[Field], rows: Iterable[Record], file: str = "", all_rows: int = 0
    ) -> Total:  # fmt: skip
        """A list with totals; `file` has all rows where only some fit."""
        w = self.w

        def note(shown: int) -> str:
            if all_rows <= shown:
                return ""
            return w("x_cut", shown=f"{shown:,}", all=f"{all_rows:,}", file=file)

        total = w("x_all") if any(field.total for field in fields) else ""
        return self.book.listing(name, fields, rows, note=note, total=total, limit=self.limit)

    def _totals(self) -> Total:
        """Each hospital over all pools."""
        w, run = self.w, self.run
        costs: dict[str, CaseSum] = {}
        for part in run.parts:
            if part.paid_by != "held":
                costs[part.hospital] = costs.get(part.hospital, CaseSum()) + part.sums
        taken = {"id", "hospital", "level", "cases", "points", "deducted", *MONEY_KEYS}
        taken |= {"held", "held_fund"}
        fields = [f for f in self._hospital_fields() if f.key in taken - {"final"}]
        fields = [replace(f, formula="") if f.key in ("payable", "recover") else f for f in fields]
        fields.insert(6, Field("cost", w("total_cost"), "yuan", total=True))
        place = next(i for i, f in enumerate(fields) if f.key == "difference")
        ratio = Field("ratio", w("x_ratio"), "percent", "{due}/{recorded}")
        fields.insert(place + 1, ratio)

        def rows() -> Iterator[Record]:
            for account in sorted(run.by_hospital, key=lambda a: a.hospital):
                a = account.amounts
                yield self._marked(
                    {
                        **self._who(account),
                        **self._money(account),
                        "cost": costs.get(account.hospital, CaseSum()).cost,
                        "ratio": Fraction(a.due, a.recorded) if a.recorded else None,
                    }
                )

        return self._listing(w("x_totals"), self._trial(fields), rows())

    # --- groups and classes --------------------------------------------------------------------

    def _drgs(self) -> Total:
        w, lang = self.w, self.w.lang
        records = self.run.records("drgs")
        fields = [
            Field("drg", w("drg"), width=9),
            Field("name", w("drg_name"), "wide"),
            Field("cases", w("cases"), "count", total=True),
            Field("points", w("points"), "points", total=True),
            Field("cost", w("total_cost"), "yuan", total=True),
            Field("mean", w("x_mean"), "yuan", "ROUND({cost}/{cases},2)"),
            Field("group_mean", w("group_mean"), "yuan"),
            Field("base_points", w("base_points"), "points"),
            Field("stable", w("stable"), width=7),
        ]
        plain = {
            "n_before": "count", "n_after": "count", "trimmed": "count", "cv_before": "ratio",
            "cv_after": "ratio", "mean_before_fen": "yuan", "median_before_fen": "yuan",
            "median_after_fen": "yuan", "weight": "ratio", "origin": "text",
        }  # fmt: skip
        there = [n for n in plain if records and n in records[0]]
        if all(r.get("weight") is None for r in records):
            there = [n for n in there if n != "weight"]
        fields += [Field(n, label("drgs", n, lang), plain[n]) for n in there]

        def rows() -> Iterator[Record]:
            for r in sorted(records, key=lambda r: r["drg"]):
                cost, cases = r["total_cost_fen"], r["cases"]
                record = {
                    "drg": r["drg"],
                    "name": r["name"] or "",
                    "cases": cases,
                    "points": points_units(r["points"]),
                    "cost": cost,
                    "mean": divide_rounded(cost, cases) if cases else None,
                    "group_mean": r["group_mean_fen"],
                    "base_points": None
                    if r["base_points"] is None
                    else points_units(r["base_points"]),
                    "stable": None if r["stable"] is None else w("yes" if r["stable"] else "no"),
                }
                for name in there:
                    value = r[name]
                    if isinstance(value, str):
                        value = word(name, value, lang, "drgs")
                    elif name.endswith("_fen") and value is not None:
                        value = Fraction(value)
                    record[name] = value
                yield self._marked(record)

        return self._listing(w("x_drgs"), self._trial(fields), rows())

    def _classes(self) -> Total:
        w = self.w
        sums: dict[str, CaseSum] = {}
        for part in self.run.parts:
            if part.paid_by != "held":
                sums[part.case_class] = sums.get(part.case_class, CaseSum()) + part.sums
        fields = [
            Field("class", w("class"), "wide"),
            Field("cases", w("cases"), "count", total=True),
            Field("before", label("", "points_before_readmission", w.lang), "points", total=True),
            Field("points", w("points"), "points", total=True),
            Field("cost", w("total_cost"), "yuan", total=True),
            Field("fund", label("", "pool_fund_fen", w.lang), "yuan", total=True),
            Field("not_pool", w("class_not_pool"), "yuan", total=True),
            Field("price", w("price"), "yuan", total=True),
            Field("mean", w("mean_cost"), "yuan", "ROUND({cost}/{cases},2)"),
        ]

        def rows() -> Iterator[Record]:
            for name in [*CASE_CLASSES, *sorted(set(sums) - set(CASE_CLASSES))]:
                if name in sums:
                    s = sums[name]
                    yield self._marked(
                        {
                            "class": word("case_class", name, w.lang),
                            "cases": s.cases,
                            "before": s.before,
                            "points": s.points,
                            "cost": s.cost,
                            "fund": s.fund,
                            "not_pool": s.not_pool,
                            "price": s.price,
                            "mean": divide_rounded(s.cost, s.cases),
                        }
                    )

        return self._listing(w("x_classes"), self._trial(fields), rows())

    def _bed_days(self) -> None:
        w, run = self.w, self.run
        parts = [p for p in run.parts if p.case_class == "bed_day" and p.paid_by != "held"]
        if not parts:
            return
        fields = [
            Field("id", label("", "hospital_id", w.lang)),
            Field("hospital", w("hospital"), "wide"),
            Field("pool", w("pool"), width=8),
            Field("paid_by", w("letter_paid_by")),
            Field("cases", w("cases"), "count", total=True),
            Field("days", w("days"), "count", total=True),
            Field("points", w("points"), "points", total=True),
            Field("cost", w("total_cost"), "yuan", total=True),
            Field("price", w("price"), "yuan", total=True),
            Field("a_day", w("x_mean") + "/" + w("days"), "yuan", "ROUND({cost}/{days},2)"),
        ]

        def rows() -> Iterator[Record]:
            for p in parts:
                s = p.sums
                yield self._marked(
                    {
                        "id": p.hospital,
                        "hospital": run.hospital_name(p.hospital),
                        "pool": p.pool,
                        "paid_by": word("paid_by", p.paid_by, w.lang),
                        "cases": s.cases,
                        "days": s.days,
                        "points": s.points,
                        "cost": s.cost,
                        "price": s.price,
                        "a_day": divide_rounded(s.cost, s.days) if s.days else None,
                    }
                )

        self._listing(w("x_bed_days"), self._trial(fields), rows())

    def _ceiling(self) -> None:
        """All payments beside the control target, reserves inside it taken off, and the draws."""
        w, facts = self.w, ceiling_facts(self.run, self.w)
        if facts is None:
            return
        paid, target, reserves = facts
        whole = sum(fen for _, fen in paid)
        lines = [*paid, (w("g_total"), whole), (w("g_target"), target)]
        inside = [r for r in reserves if r.get("inside_target")]
        lines += [(w("g_inside", name=r["name"]), -int(r["amount_fen"])) for r in inside]
        free = target - sum(int(r["amount_fen"]) for r in inside)
        lines += [(w("g_free"), free)] * bool(inside) + [(w("g_left"), free - whole)]
        lines += [
            (w("g_drawn", name=str(r.get("name") or "")), int(r["drawn_fen"]))
            for r in reserves
            if r.get("drawn_fen") is not None
        ]
        fields = [Field("name", w("g_item"), "long"), Field("amount", w("g_amount"), "yuan")]
        rows = (self._marked({"name": name, "amount": fen}) for name, fen in lines)
        self._listing(w("x_ceiling"), self._trial(fields), rows)

    # --- tables as they stand in the run folder ------------------------------------------------

    def _table(self, name: str, title: str) -> None:
        """A table of the run folder as it is: headings in words, fen in yuan."""
        path = self.run.folder / f"{name}.parquet"
        if not path.exists():
            return
        schema = pq.read_schema(path)
        fields = []
        for column in schema:
            kind = "text"
            if column.name.endswith("_fen"):
                kind = "yuan"
            elif column.name in ("points", "base_points", "correction_points") or (
                column.name.startswith("points_")
            ):
                kind = "points"
            elif str(column.type).startswith(("int", "uint")):
                kind = "count"
            elif str(column.type).startswith(("double", "float", "decimal")):
                kind = "ratio"
            elif column.name == "trial":
                kind = "mark"
            elif column.name in ("name", "message", "note", "reason", "mode"):
                kind = "wide"
            total = kind == "yuan" and str(column.type) == "int64"
            fields.append(
                Field(column.name, label(name, column.name, self.w.lang), kind, total=total)
            )
        names = dict.fromkeys(column.name for column in schema)
        if "hospital_id" in names and "hospital_name" not in names:
            hospital = Field("hospital_name", self.w("hospital"), "wide")
            fields.insert(list(names).index("hospital_id") + 1, hospital)
        kinds = {field.key: field.kind for field in fields}

        def rows() -> Iterator[Record]:
            for batch in pq.ParquetFile(path).iter_batches():
                for record in batch.to_pylist():
                    for key, value in list(record.items()):
                        if kinds[key] == "points" and value is not None:
                            record[key] = points_units(value)
                        elif (name, key) == ("quality", "mdc") and not value:
                            record[key] = self.w("every_mdc")
                        elif key == "bed_day_class" and value:
                            record[key] = self.run.bed_day_name(str(value), self.w.lang)
                        elif isinstance(value, str):
                            record[key] = word(key, value, self.w.lang, name)
                        elif isinstance(value, list | dict | bool) or (
                            kinds[key] in ("text", "wide", "mark") and value is not None
                        ):
                            record[key] = parameter_value(value, "", self.w)
                    if "hospital_id" in names:
                        hospital = self.run.hospital_name(str(record["hospital_id"] or ""))
                        record.setdefault("hospital_name", hospital)
                    yield record

        every = pq.ParquetFile(path).metadata.num_rows
        self._listing(title, fields, rows(), f"{name}.csv", every)

    def _sensitivity(self) -> None:
        if tried(self.run):
            rows = (self._marked(record) for record in sheet_rows(self.run, self.w))
            self._listing(self.w("x_sensitivity"), self._trial(sheet_fields(self.w)), rows)

    def _capitation(self) -> None:
        tables = in_order(
            p.stem
            for p in self.run.folder.glob("capitation*.parquet")
            if not p.stem.endswith("_persons")
        )
        wanted = [table_title(table, self.w.lang) for table in tables]
        for table, name in zip(tables, sheet_names(wanted), strict=True):
            self._table(table, name)

    # --- lists of cases ------------------------------------------------------------------------

    def _reviews(self) -> None:
        w, lang, run = self.w, self.w.lang, self.run
        path = run.folder / "reviews.parquet"
        if not path.exists() or not pq.ParquetFile(path).metadata.num_rows:
            return
        given = pq.read_schema(path).names
        names = ["case_id", "hospital_id"]
        fields = [Field(name, label("", name, lang)) for name in names]
        fields += [
            Field("hospital", w("hospital"), "wide"),
            Field("pool", w("pool"), width=8),
            Field("drg", w("drg"), width=9),
            Field("decision", label("", "decision", lang), width=9),
            Field("unreasonable", label("", "unreasonable_fen", lang), "yuan", total=True),
            Field("class", w("class"), width=16),
            Field("paid_by", w("letter_paid_by"), width=10),
            Field("cost", w("total_cost"), "yuan", total=True),
            Field("points", w("points"), "points", total=True),
        ]
        if "points" in given:
            fields.append(Field("set_points", w("reviews_points"), "points"))

        def rows() -> Iterator[Record]:
            for r in run.case_sums.reviews(self.limit).to_pylist():
                set_points = r.get("points")
                yield self._marked(
                    {
                        "case_id": r["case_id"],
                        "hospital_id": r["hospital_id"] or "",
                        "hospital": run.hospital_name(r["hospital_id"] or ""),
                        "pool": r["pool"] or "",
                        "drg": r["drg"] or "",
                        "decision": word("decision", r["decision"] or "", lang),
                        "unreasonable": r["unreasonable_fen"],
                        "class": word("case_class", r["case_class"] or "", w.lang),
                        "paid_by": word("paid_by", r["paid_by"] or "", lang),
                        "cost": r["total_cost_fen"],
                        "points": None
                        if r["case_points"] is None
                        else points_units(r["case_points"]),
                        "set_points": None if set_points is None else points_units(set_points),
                    }
                )

        every = pq.ParquetFile(path).metadata.num_rows
        self._listing(w("x_reviews"), self._trial(fields), rows(), "reviews.csv", every)

    def _quarantine(self) -> None:
        w, lang = self.w, self.w.lang
        path = self.run.folder / "quarantine.parquet"
        names = ("file", "row", "case_id", "column", "value", "reason", "message", "remedy")
        kinds = {"row": "count", "message": "long", "remedy": "long", "reason": "wide"}
        fields = [Field(n, label("", n, lang), kinds.get(n, "text")) for n in names]

        def rows() -> Iterator[Record]:
            for batch in pq.ParquetFile(path).iter_batches():
                for r in batch.to_pylist():
                    record = {name: r.get(name) for name in names}
                    record["reason"] = word("reason", r["reason"] or "", w.lang, "quarantine")
                    if is_chinese(lang):
                        record["column"] = both_names(r["column"] or "")
                    yield self._marked(record)

        every = pq.ParquetFile(path).metadata.num_rows
        title = w("x_quarantine")
        self._listing(title, self._trial(fields), rows(), "quarantine.csv", every)

    # --- parameters and checks -----------------------------------------------------------------

    def _parameters(self) -> None:
        w = self.w
        fields = [
            Field("name", w("p_name"), "wide"),
            Field("key", label("", "key", w.lang), width=24),
            Field("value", w("p_value"), "wide"),
            Field("unit", w("p_unit"), width=12),
            Field("verified", w("x_verified"), width=9),
            Field("source", w("p_source"), "long"),
            Field("period", w("p_period"), width=24),
            Field("used", w("p_used"), width=9),
        ]

        def rows() -> Iterator[Record]:
            for p in self.run.parameters:
                yield self._marked(
                    {
                        "name": str(p.get("name") or p["key"]),
                        "key": p["key"],
                        "value": parameter_value(p["value"], p.get("unit") or "", w, p["key"]),
                        "unit": w.of(UNITS, p.get("unit") or ""),
                        "verified": w("yes" if p["verified"] else "no"),
                        "source": source_text(p, w),
                        "period": f"{p.get('from') or ''} – {p.get('to') or w('open_end')}",
                        "used": w("yes" if p.get("used", True) else "no"),
                    }
                )

        self._listing(w("x_parameters"), self._trial(fields), rows())

    def _checks(self, totals: Mapping[str, Total]) -> None:
        """Identities as formulas, then what the run itself was held to."""
        w, book = self.w, self.book
        sheet = book.sheet(w("x_checks"))
        heads = (w("k_check"), w("x_left"), w("x_right"), w("x_difference"), w("x_result"))
        for column, (text, width) in enumerate(zip(heads, (64, 26, 26, 18, 14), strict=True)):
            sheet.write_string(0, column, text, book.head)
            sheet.set_column(column, column, width)
        sheet.freeze_panes(1, 1)
        at = 0
        for text, kind, left, right in self._identities(totals):
            at += 1
            row = at + 1
            book.put(sheet, at, 0, text, "text", text_wrap=True)
            book.formula(sheet, at, 1, "=" + left[0], left[1], kind)
            book.formula(sheet, at, 2, "=" + right[0], right[1], kind)
            book.formula(sheet, at, 3, f"=ROUND(B{row}-C{row},4)", left[1] - right[1], kind)
            result = w("x_equal" if left[1] == right[1] else "x_unequal")
            formula = f'=IF(D{row}=0,"{w("x_equal")}","{w("x_unequal")}")'
            book.formula(sheet, at, 4, formula, result, "text")
        for check in self.run.manifest["checks"]:
            at += 1
            text = check.get(f"text_{w.lang}") or check["name"]
            book.put(sheet, at, 0, str(text), "text", text_wrap=True)
            book.put(sheet, at, 1, str(check.get("detail") or ""), "text", text_wrap=True)
            book.put(sheet, at, 4, w("passed" if check["passed"] else "failed"), "text")

    def _in_summary(self, key: str, column: int) -> str:
        """The cell of a step of the summary, where it was written."""
        return f"{quoted(self.w('x_summary'))}!{letters(column)}{self.places[key] + 1}"

    def _identities(
        self, totals: Mapping[str, Total]
    ) -> Iterator[tuple[str, str, tuple[str, Fraction], tuple[str, Fraction]]]:
        w = self.w
        h, t, classes, drgs = (totals[k] for k in ("hospitals", "totals", "classes", "drgs"))
        if not self.accounts:
            return
        for column, s in enumerate(self.parts, start=2):
            place = {key: self._in_summary(key, column) for key in self.places}
            left = exact(s.due + s.residual, "yuan")
            yield (
                w("x_k_due", pool=s.name), "yuan",
                (f"{place['due']}+{place['residual']}", left),
                (place["settled"], exact(s.settled, "yuan")),
            )  # fmt: skip
        waits = ["waits"] * bool(self.run.total.waits)
        keys = ["payable", *waits, "prepaid", "forfeited", "violation", "carried"]
        off = ["recover", *["shared"] * self.run.shares]
        whole = sum((h.values[key] for key in keys), Fraction(0))
        whole -= sum((h.values[key] for key in off), Fraction(0))
        text = "+".join(h.cell(key) for key in keys) + "".join(f"-{h.cell(key)}" for key in off)
        names = {f.key: f.label for f in self._hospital_fields()}
        title = " + ".join(names[key] for key in keys)
        title += "".join(f" − {names[key]}" for key in off) + f" = {w('due')}"
        yield title, "yuan", (text, whole), (h.cell("due"), h.values["due"])
        yield (
            w("x_k_totals"), "yuan",
            (t.cell("due"), t.values["due"]), (h.cell("due"), h.values["due"]),
        )  # fmt: skip
        columns = range(2, 2 + len(self.parts))
        pools = "+".join(self._in_summary("points", column) for column in columns)
        points = exact(sum(s.points for s in self.parts), "points")
        yield w("x_k_points"), "points", (h.cell("points"), h.values["points"]), (pools, points)
        if classes.last > classes.first - 1:
            left = classes.values["points"] - h.values["deducted"]
            yield (
                w("x_k_classes"), "points",
                (f"{classes.cell('points')}-{h.cell('deducted')}", left),
                (h.cell("points"), h.values["points"]),
            )  # fmt: skip
            if drgs.last > drgs.first - 1:
                beds = [
                    (p.case_class, p.sums.points) for p in self.run.parts if p.paid_by != "held"
                ]
                bed = exact(sum(units for name, units in beds if name == "bed_day"), "points")
                if drgs.values["points"] == classes.values["points"]:
                    bed = Fraction(0)
                shown = f"{float(bed):.4f}"
                yield (
                    w("x_k_drgs"), "points",
                    (f"{drgs.cell('points')}+{shown}", drgs.values["points"] + bed),
                    (classes.cell("points"), classes.values["points"]),
                )  # fmt: skip

    # --- a sheet a hospital --------------------------------------------------------------------

    def _each_hospital(self) -> None:
        w = self.w
        fixed = (
            [w(key) for key in LETTER_SHEETS]
            + [w.of(REOPENED, "sheet")]
            + [ws.get_name() for ws in self.book.book.worksheets()]
        )
        hospitals = sorted(a.hospital for a in self.run.by_hospital)
        names = sheet_names([self.run.hospital_name(h) for h in hospitals], fixed)
        groups: dict[str, list[Record]] = {}
        for r in self.run.case_sums.top_groups(TOP_DRGS).to_pylist():
            groups.setdefault(r["hospital_id"], []).append(r)
        titles = {r["drg"]: r["name"] or "" for r in self.run.records("drgs")}
        for hospital, name in zip(hospitals, names, strict=True):
            self._hospital_sheet(hospital, name, groups.get(hospital, []), titles)

    def _hospital_sheet(
        self, hospital: str, name: str, groups: list[Record], titles: Mapping[str, str]
    ) -> None:
        w, book, run = self.w, self.book, self.run
        sheet = book.sheet(name, repeat=None, portrait=True)
        for column, width in enumerate((40, 46, 22, 17, 17, 17, 17, 17)):
            sheet.set_column(column, column, width)
        title = f"{run.hospital_name(hospital)}（{hospital}）"
        book.put(sheet, 0, 0, title, "text", bold=True, font_size=13)
        book.put(sheet, 1, 0, self.mark, "text", bold=True, font_color="#B3261E")
        at = 2
        own = [a for a in self.accounts if a.hospital == hospital]
        paid, owed = [], []
        for account in own:
            at, final, payable = self._account(sheet, at, account)
            paid.append(f"MAX(0,{payable})")
            owed.append(f"MAX(0,-{final})")
            at = self._class_rows(sheet, at, account)
        if len(own) > 1:
            again, a = "_again" if is_reopened(run) else "", total_of(own)
            for key, terms, fen in (("payable", paid, a.payable), ("recover", owed, a.recover)):
                text = w(key + again) + w("colon") + w("all_pools")
                book.put(sheet, at, 0, text, "text", bold=True)
                made, whole = "=" + "+".join(terms), exact(fen, "yuan")
                book.formula(sheet, at, 2, made, whole, "yuan", bold=True)
                at += 1
            at += 1
        if groups:
            heads = [
                "x_top_drgs",
                "drg_name",
                "pool",
                "cases",
                "points",
                "total_cost",
                "letter_worth",
            ]
            at = self._heads(sheet, at, [w(key) for key in heads])
            for r in groups:
                ends = run.case_bounds.of_group(hospital, r["pool"], r["drg"] or "")
                worth = run.worth(points_units(r["points"]), r["pool"], ends) + int(r["price_fen"])
                cells = (
                    (r["drg"], "text"), (titles.get(r["drg"], ""), "text"), (r["pool"], "text"),
                    (r["cases"], "count"), (points_units(r["points"]), "points"),
                    (int(r["total_cost_fen"]), "yuan"), (worth, "yuan"),
                )  # fmt: skip
                for column, (value, kind) in enumerate(cells):
                    book.put(sheet, at, column, value, kind)
                at += 1

    def _heads(self, sheet: Any, at: int, texts: Sequence[str]) -> int:
        for column, text in enumerate(texts):
            sheet.write_string(at, column, text, self.book.head)
        return at + 1

    def _account(self, sheet: Any, at: int, account: Account) -> tuple[int, str, str]:
        """The derivation of a pool's payment; the next free row, the cells of final and payable."""
        w, book = self.w, self.book
        pool = w("letter_pool", pool=self.run.pool_name(account.pool))
        at = self._heads(sheet, at, [pool, w("letter_how"), w("letter_amount")])
        steps = derivation(self.run, account, w)
        cells = {step.key: f"C{at + 1 + number}" for number, step in enumerate(steps)}
        for step in steps:
            strong: dict[str, Any] = {"bold": True} if step.strong else {}
            book.put(sheet, at, 0, step.name, "text", text_wrap=True, **strong)
            book.put(sheet, at, 1, step.note, "text", text_wrap=True)
            kind = {"money": "yuan", "points": "points", "value": "value"}.get(step.kind, "ratio")
            if step.made is not None:
                text = "=" + spreadsheet(step.made).format(**cells)
                book.formula(sheet, at, 2, text, step.amount, kind, **strong)
            else:
                sheet.write_number(at, 2, float(step.amount), book.format(kind, **strong))
            at += 1
        return (
            at + 1,
            cells["final"],
            cells.get("payable", cells.get("payable_again", cells["final"])),
        )

    def _class_rows(self, sheet: Any, at: int, account: Account) -> int:
        w, book = self.w, self.book
        parts = self.run.parts_of[account.hospital, account.pool]
        if not parts:
            return at
        heads = (
            "class",
            "letter_paid_by",
            "cases",
            "points",
            "total_cost",
            "class_not_pool",
            "letter_worth",
            "due",
        )
        at = first = self._heads(sheet, at, [w(key) for key in heads])
        found, a = split(self.run, account), account.amounts
        kinds = ("text", "text", "count", "points", "yuan", "yuan", "yuan", "yuan")
        rows: list[tuple[Any, ...]] = []
        for one in found.lines:
            p, s = one.part, one.part.sums
            names = (word("case_class", p.case_class, w.lang), word("paid_by", p.paid_by, w.lang))
            rows.append((*names, s.cases, s.points, s.cost, s.not_pool, one.worth, one.due))
        for key, fen in found.rest:
            taken = -a.deducted if key == "split_deducted" else None
            rows.append((w(key), "", None, taken, None, None, fen, fen))
        for values in rows:
            for column, (value, kind) in enumerate(zip(values, kinds, strict=True)):
                book.put(sheet, at, column, value, kind)
            at += 1
        if rows:
            book.put(sheet, at, 0, w("total"), "text", bold=True)
            for column, kind in enumerate(kinds[2:], start=2):
                whole = sum(values[column] or 0 for values in rows)
                of = letters(column)
                text = f"=SUM({of}{first + 1}:{of}{at})"
                amount = Fraction(whole) if kind == "count" else exact(whole, kind)
                book.formula(sheet, at, column, text, amount, kind, bold=True)
            at += 1
        for p in parts:
            if p.paid_by == "held":
                names = (
                    word("case_class", p.case_class, w.lang),
                    word("paid_by", p.paid_by, w.lang),
                )
                values = (*names, p.sums.cases, None, p.sums.cost, p.sums.not_pool, None, None)
                for column, (value, kind) in enumerate(zip(values, kinds, strict=True)):
                    book.put(sheet, at, column, value, kind)
                at += 1
        return at + 1


LETTER_SHEETS = (
    "x_summary", "x_notes", "x_hospitals", "x_totals", "x_drgs", "x_classes", "x_ceiling", "x_bed_days",
    "x_perdiem", "x_capitation", "x_reviews", "x_quarantine", "x_coefficients", "x_quality",
    "x_sensitivity", "x_parameters", "x_checks",
)  # fmt: skip
