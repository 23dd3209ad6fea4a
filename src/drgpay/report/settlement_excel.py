"""settlement.xlsx: a settled year for accountants, made from the run folder alone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
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
from .run import Account, CaseSum, Part, Run, sum_of, total_of
from .sections import ceiling_facts, ceiling_lines, ceiling_sheet, parameter_rows, parameter_value
from .sensitivity import sheet_fields, sheet_rows, tried
from .sheets import Field, exact
from .texts import Words
from .value import (
    Settlement,
    is_inside,
    pool_formulas,
    reason_of,
    settlements,
    sharing_text,
    step_notes,
)
from .workbook import MAX_ROWS, Book, Total, letters, points_units, quoted, sheet_names

NAME = "settlement.xlsx"
LISTED = MAX_ROWS - 3  # rows of a list, beside its header, its total and a note
LISTED_WITH_HOSPITALS = 100_000  # the same when a sheet for each hospital keeps all in memory
TOP_DRGS = 20
DIFFERENCE = "{due}-{recorded}"
# kinds and widths of the columns of lists; all others are texts of their usual width
_KINDS = {
    "count": "number cases days held",
    "points": "points deducted before_readmission base_points set_points",
    "yuan": """by_points money recorded due difference prepaid deposit forfeited shared violation
        carried final waits payable recover held_fund cost mean group_mean fund not_pool price a_day
        unreasonable""",
    "value": "value",
    "percent": "ratio",
    "wide": "hospital name class",
    "long": "note source",
}
KINDS = {key: kind for kind, keys in _KINDS.items() for key in keys.split()}
WIDTHS = {
    "number": 7, "note": 120, "level": 8, "pool": 8, "pool_name": 12, "bound": 8, "drg": 9,
    "stable": 7, "decision": 9, "key": 24, "unit": 12, "verified": 9, "period": 24, "used": 9,
}  # fmt: skip
FORMULAS = {
    "difference": DIFFERENCE,
    "ratio": "{due}/{recorded}",
    "mean": "ROUND({cost}/{cases},2)",
    "a_day": "ROUND({cost}/{days},2)",
}


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


DRG_COLUMNS = (
    "n_before", "n_after", "trimmed", "cv_before", "cv_after", "mean_before_fen",
    "median_before_fen", "median_after_fen", "weight", "origin",
)  # fmt: skip


def _kind(column: pa.Field) -> str:
    """The kind of a column of the run folder's tables."""
    name, kind = column.name, str(column.type)
    if name.endswith("_fen"):
        return "yuan"
    if name in ("points", "base_points", "correction_points") or name.startswith("points_"):
        return "points"
    if kind.startswith(("int", "uint")):
        return "count"
    if kind.startswith(("double", "float", "decimal")):
        return "ratio"
    if name == "trial":
        return "mark"
    return "wide" if name in ("name", "message", "note", "reason", "mode") else "text"


# the steps of the point value in the summary; amounts in yuan but for these
STEPS = (
    "budget", "reserve", "out_of_area", "provision", "available", "recorded", "balance", "settled",
    "money", "not_pool", "sum", "gross", "deducted", "points", "quotient", "value", "due", "residual",
    "difference",
)  # fmt: skip
KINDS_OF_STEPS = {
    "gross": "points", "deducted": "points", "points": "points", "quotient": "value",
    "value": "value",
}  # fmt: skip


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
        hospitals = self._place(
            w("x_hospitals"), self._trial(self._hospital_fields()), len(self.accounts)
        )
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
        self.places = {key: line + 1 + number for number, (key, *_) in enumerate(steps)}
        for key, title, how, kind in steps:
            at = self.places[key]
            strong: dict[str, Any] = (
                {"bold": True} if key in ("available", "settled", "value", "due") else {}
            )
            book.put(sheet, at, 0, title, "text", **strong)
            book.put(sheet, at, 1, how, "text", text_wrap=True)
            for column, s in enumerate(self.parts, start=2):
                amount = self._amount(s, key)
                text = self._step_formula(s, key, column, hospitals)
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

    def _steps(self) -> list[tuple[str, str, str, str]]:
        """Key, title, explanation and kind of each step, in order."""
        w, run = self.w, self.run
        sharing = (sharing_text(run, s, w) for s in self.parts)
        told = step_notes(run, w) | {
            "balance": "B − F",
            "settled": w("semicolon").join(dict.fromkeys(filter(None, sharing))),
            "sum": "T − M + N",
            "quotient": "(T − M + N) ÷ ΣP",
            "value": "(T − M + N) ÷ ΣP",
        }
        reasons = [reason_of(run, s, w) for s in self.parts]
        if any(reasons):
            told["value"] = w("semicolon").join(
                f"{s.name}{w('colon')}{reason or told['quotient']}"
                for s, reason in zip(self.parts, reasons, strict=True)
            )
        left_out = {
            "out_of_area": not is_inside(run),
            "provision": not any(s.provision for s in self.parts),
            "quotient": not any(reasons),
        }
        names = {"sum": "v_sum_money", "value": "v_decimal"}
        return [
            (key, w(names.get(key, f"v_{key}")), told.get(key, ""), KINDS_OF_STEPS.get(key, "yuan"))
            for key in STEPS
            if not left_out.get(key)
        ]

    def _amount(self, s: Settlement, key: str) -> Fraction:
        """What a step comes to, exactly."""
        if key == "quotient":
            quotient = s.exact_value()
            return s.value if quotient is None else quotient
        of = {
            "balance": s.available - s.recorded,
            "not_pool": s.by_points.not_pool,
            "sum": s.for_points,
            "gross": s.points + s.deducted,
        }
        return exact(of.get(key, getattr(s, key, 0)), KINDS_OF_STEPS.get(key, "yuan"))

    def _step_formula(self, s: Settlement, key: str, column: int, hospitals: Total) -> str:
        """A step's formula in a pool's column; empty when the step is given or no formula holds."""
        if key == "due":
            pools = sorted({a.pool for a in self.accounts if self.run.settled_in(a.pool) == s.pool})
            amount, names = hospitals.range("due"), hospitals.range("pool")
            parts = [
                f'SUMPRODUCT(({names}="{pool.replace(chr(34), chr(34) * 2)}")*{amount})'
                for pool in pools
            ]
            return "=" + "+".join(parts) if parts else ""
        if key == "value" and "quotient" in self.places:
            return ""
        lines = {name: line(name, self._amount(s, name)) for name in self.places}
        formula = "quotient" if key == "value" else key
        made = None
        if formula == "settled":
            made = self._sharing(s, lines)
        elif formula in self.formulas and (formula != "quotient" or s.points):
            made = self.formulas[formula](lines)
        if made is None or made.value != self._amount(s, key):
            return ""
        cells = {name: f"{letters(column)}{row + 1}" for name, row in self.places.items()}
        return "=" + spreadsheet(made).format(**cells)

    def _sharing(self, s: Settlement, lines: Mapping[str, Number]) -> Number | None:
        """T of F and B, by one ratio; None with tiers, or where the ratio has no end."""
        ratio = s.ratio(self.run)
        if ratio is None or s.recomputed(self.run) != s.settled or "/" in amounts.trimmed(ratio):
            return None
        f, b = lines["recorded"], lines["available"]
        balance = formulas.balance(f, b, surplus=s.surplus)
        return formulas.settled(f if s.surplus else b, fixed(ratio) * balance)

    # --- lists ---------------------------------------------------------------------------------

    def _fields(self, spec: str, formulas: Mapping[str, str] = FORMULAS) -> list[Field]:
        """Columns by their keys; behind `=` the word that they have, `+` where they have a total."""
        found = []
        for item in spec.split():
            key, _, name = item.rstrip("+").partition("=")
            kind, width = KINDS.get(key, "text"), WIDTHS.get(key, 0)
            formula, total = formulas.get(key, ""), item.endswith("+")
            found.append(Field(key, self.w(name or key), kind, formula, total, width))
        return found

    def _trial(self, fields: list[Field]) -> list[Field]:
        mark = Field("trial", label("", "trial", self.w.lang), "mark")
        return [*fields, mark] if self.run.trial else fields

    def _listing(
        self, name: str, fields: list[Field], rows: Iterable[Record], file: str = "", all_rows: int = 0
    ) -> Total:  # fmt: skip
        """A list with totals; `file` has all rows where only some fit. A trial's rows say so."""
        w = self.w
        if self.run.trial and fields[-1].key != "trial":
            fields = self._trial(fields)
            rows = ({**row, "trial": "; ".join(self.run.trial)} for row in rows)

        def note(shown: int) -> str:
            if all_rows <= shown:
                return ""
            return w("x_cut", shown=f"{shown:,}", all=f"{all_rows:,}", file=file)

        total = w("total") if any(field.total for field in fields) else ""
        return self.book.listing(name, fields, rows, note=note, total=total, limit=self.limit)

    def _notes(self) -> None:
        """What the reader must know, with its amounts, as the report has it first."""
        w, run = self.w, self.run
        told = [*first_notes(run, w), *(str(n[w.lang]) for n in run.manifest.get("warnings") or ())]
        if told:
            rows = ({"number": number, "note": text} for number, text in enumerate(told, start=1))
            self._listing(w("x_notes"), self._fields("number=line note=x_notes"), rows)

    def _recovery(self) -> None:
        """What a reopened year recovers and adds, against the version before."""
        w, run = self.w, self.run
        if not is_reopened(run):
            return
        found = differences(run)
        spec = "before after difference to_recover+ to_add+"
        if has_whole(found):
            spec += " paid_first+ to_carry carry_back+ carry_more+"
        formulas = {
            "difference": "{after}-{before}",
            "to_carry": "{paid_first}-{after}",
            "carry_back": "MAX(0,{to_carry})",
            "carry_more": "MAX(0,-{to_carry})",
        }
        fields = self._fields("id hospital pool")
        for item in spec.split():
            key = item.rstrip("+")
            name, total = w.of(REOPENED, key), item.endswith("+")
            fields.append(Field(key, name, "yuan", formulas.get(key, ""), total))
        rows = (
            {"id": d.hospital, "hospital": run.hospital_name(d.hospital), "pool": d.pool}
            | {field.key: getattr(d, field.key) for field in fields[3:]}
            for d in found
        )
        self._listing(w.of(REOPENED, "sheet"), fields, rows)

    # --- hospitals -----------------------------------------------------------------------------

    def _money_spec(self) -> str:
        shared = "shared+" if self.run.shares else ""
        return (
            "money+ recorded=f_recorded+ due+ difference+ prepaid+ deposit+ forfeited+ "
            f"{shared} violation=violations+ carried+"
        )

    def _cash_spec(self) -> str:
        """What is payable now, waits and is to be recovered stand apart."""
        again = "_again" if is_reopened(self.run) else ""
        waits = "waits+" if self.run.total.waits else ""
        return f"{waits} payable=payable{again}+ recover=recover{again}+"

    def _hospital_fields(self) -> list[Field]:
        """Finals have no total: it would net what some are paid with what others owe back."""
        run = self.run
        names = {key: line(key, 0) for key in ("violation", "carried", "shared")}
        if not run.shares:
            del names["shared"]
        due, prepaid, forfeited = (line(key, 0) for key in ("due", "prepaid", "forfeited"))
        final, waits = line("final", 0), line("waits", 0) if run.total.waits else None
        formulas = {
            **FORMULAS,
            "final": spreadsheet(account_formulas.final(due, prepaid, forfeited, **names)),
            "payable": spreadsheet(account_formulas.payable(final, waits)),
            "recover": spreadsheet(account_formulas.recover(final)),
        }
        spec = (
            "id hospital level pool pool_name=x_pool_name cases+ points+ deducted+ value=l_value "
            f"by_points=x_points_not_pool+ {self._money_spec()} final {self._cash_spec()} "
            "bound held+ held_fund+"
        )
        fields = self._fields(spec, formulas)
        if is_reopened(run):
            name = self.w.of(REOPENED, "final_name")
            fields = [replace(f, label=name) if f.key == "final" else f for f in fields]
        return fields

    def _who(self, account: Account) -> Record:
        facts = self.run.hospitals.get(account.hospital, {})
        return {
            "id": account.hospital,
            "hospital": self.run.hospital_name(account.hospital),
            "level": str(facts.get("level") or ""),
            **vars(account.amounts),
            "difference": account.amounts.difference,
        }

    def _hospitals(self) -> Total:
        run = self.run

        def rows() -> Iterator[Record]:
            for account in self.accounts:
                parts = run.parts_of[account.hospital, account.pool]
                yield {
                    **self._who(account),
                    "pool": account.pool,
                    "pool_name": run.pool_name(account.pool, code=False),
                    "value": run.point_values.get(run.settled_in(account.pool)),
                    "by_points": sum_of(p for p in parts if p.paid_by == "points").not_pool,
                    "bound": word("bound", account.bound, self.w.lang),
                }

        return self._listing(self.w("x_hospitals"), self._hospital_fields(), rows())

    def _totals(self) -> Total:
        """Each hospital over all pools."""
        run = self.run
        costs: dict[str, int] = {}
        for part in run.parts:
            if part.paid_by != "held":
                costs[part.hospital] = costs.get(part.hospital, 0) + part.sums.cost
        spec = f"id hospital level cases+ points+ deducted+ cost=total_cost+ {self._money_spec()} "
        spec = spec.replace("difference+", "difference+ ratio=x_ratio")

        def rows() -> Iterator[Record]:
            for account in sorted(run.by_hospital, key=lambda a: a.hospital):
                a = account.amounts
                ratio = Fraction(a.due, a.recorded) if a.recorded else None
                cost = costs.get(account.hospital, 0)
                yield {**self._who(account), "cost": cost, "ratio": ratio}

        fields = self._fields(f"{spec} {self._cash_spec()} held+ held_fund+")
        return self._listing(self.w("x_totals"), fields, rows())

    # --- groups and classes --------------------------------------------------------------------

    def _drgs(self) -> Total:
        w, lang = self.w, self.w.lang
        records = self.run.records("drgs")
        fields = self._fields(
            "drg name=drg_name cases+ points+ cost=total_cost+ mean=mean_cost group_mean base_points stable"
        )
        schema = pq.read_schema(self.run.folder / "drgs.parquet")
        for name in (name for name in DRG_COLUMNS if records and name in schema.names):
            if name != "weight" or any(r["weight"] is not None for r in records):
                fields.append(Field(name, label("drgs", name, lang), _kind(schema.field(name))))

        def rows() -> Iterator[Record]:
            for r in sorted(records, key=lambda r: r["drg"]):
                cost, cases, base = r["total_cost_fen"], r["cases"], r["base_points"]
                yield {
                    **r,
                    "origin": r.get("origin") and word("origin", r["origin"], lang, "drgs"),
                    "name": r["name"] or "",
                    "points": points_units(r["points"]),
                    "cost": cost,
                    "mean": divide_rounded(cost, cases) if cases else None,
                    "group_mean": r["group_mean_fen"],
                    "base_points": None if base is None else points_units(base),
                    "stable": None if r["stable"] is None else w("yes" if r["stable"] else "no"),
                }

        return self._listing(w("x_drgs"), fields, rows())

    def _classes(self) -> Total:
        w = self.w
        sums: dict[str, CaseSum] = {}
        for part in self.run.parts:
            if part.paid_by != "held":
                sums[part.case_class] = sums.get(part.case_class, CaseSum()) + part.sums
        fields = self._fields(
            "class cases+ before_readmission+ points+ cost=total_cost+ fund+ not_pool=class_not_pool+ "
            "price+ mean=mean_cost"
        )
        rows = (
            {
                **vars(sums[name]),
                "class": word("case_class", name, w.lang),
                "before_readmission": sums[name].before,
                "mean": divide_rounded(sums[name].cost, sums[name].cases),
            }
            for name in [*CASE_CLASSES, *sorted(set(sums) - set(CASE_CLASSES))]
            if name in sums
        )
        return self._listing(w("x_classes"), fields, rows)

    def _bed_days(self) -> None:
        w, run = self.w, self.run
        parts = [p for p in run.parts if p.case_class == "bed_day" and p.paid_by != "held"]
        if not parts:
            return
        fields = self._fields(
            "id hospital pool paid_by=letter_paid_by cases+ days+ points+ cost=total_cost+ price+ "
            "a_day=mean_cost"
        )
        fields[-1] = replace(fields[-1], label=f"{w('mean_cost')}/{w('days')}")
        rows = (
            {
                **vars(p.sums),
                "id": p.hospital,
                "hospital": run.hospital_name(p.hospital),
                "pool": p.pool,
                "paid_by": word("paid_by", p.paid_by, w.lang),
                "a_day": divide_rounded(p.sums.cost, p.sums.days) if p.sums.days else None,
            }
            for p in parts
        )
        self._listing(w("x_bed_days"), fields, rows)

    def _ceiling(self) -> None:
        """All payments beside the control target, reserves inside it taken off, and the draws."""
        facts = ceiling_facts(self.run, self.w)
        if facts is not None:
            made = ceiling_sheet(ceiling_lines(*facts, self.w), self.w)
            self._listing(made.title, list(made.fields), map(dict, made.rows))

    # --- tables as they stand in the run folder ------------------------------------------------

    def _table(self, name: str, title: str) -> None:
        """A table of the run folder as it is: headings in words, fen in yuan."""
        path = self.run.folder / f"{name}.parquet"
        if not path.exists():
            return
        fields = []
        for column in pq.read_schema(path):
            kind = _kind(column)
            total = kind == "yuan" and str(column.type) == "int64"
            heading = label(name, column.name, self.w.lang)
            fields.append(Field(column.name, heading, kind, total=total))
        kinds = {field.key: field.kind for field in fields}
        if "hospital_id" in kinds and "hospital_name" not in kinds:
            hospital = Field("hospital_name", self.w("hospital"), "wide")
            fields.insert(list(kinds).index("hospital_id") + 1, hospital)

        def rows() -> Iterator[Record]:
            for batch in pq.ParquetFile(path).iter_batches():
                for record in batch.to_pylist():
                    for key, value in list(record.items()):
                        record[key] = self._shown(name, key, value, kinds[key])
                    if "hospital_id" in kinds:
                        hospital = self.run.hospital_name(str(record["hospital_id"] or ""))
                        record.setdefault("hospital_name", hospital)
                    yield record

        every = pq.ParquetFile(path).metadata.num_rows
        self._listing(title, fields, rows(), f"{name}.csv", every)

    def _shown(self, table: str, key: str, value: Any, kind: str) -> Any:
        """A value of a table as the list has it: points as units, codes in words."""
        if kind == "points" and value is not None:
            return points_units(value)
        if (table, key) == ("quality", "mdc") and not value:
            return self.w("every_mdc")
        if key == "bed_day_class" and value:
            return self.run.bed_day_name(str(value), self.w.lang)
        if isinstance(value, str):
            return word(key, value, self.w.lang, table)
        told = kind in ("text", "wide", "mark") and value is not None
        if isinstance(value, list | dict | bool) or told:
            return parameter_value(value, "", self.w)
        return value

    def _sensitivity(self) -> None:
        if tried(self.run):
            rows = sheet_rows(self.run, self.w)
            self._listing(self.w("x_sensitivity"), sheet_fields(self.w), rows)

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
        every = pq.ParquetFile(path).metadata.num_rows if path.exists() else 0
        if not every:
            return
        set_points = "set_points=reviews_points" * ("points" in pq.read_schema(path).names)
        fields = self._fields(
            "case_id id hospital pool drg decision unreasonable+ class paid_by=letter_paid_by "
            f"cost=total_cost+ points+ {set_points}"
        )
        sizes = {"class": 16, "paid_by": 10}
        fields = [
            replace(f, width=sizes[f.key], kind="text") if f.key in sizes else f for f in fields
        ]

        def units(value: Any) -> int | None:
            return None if value is None else points_units(value)

        rows = (
            {
                "case_id": r["case_id"],
                "id": r["hospital_id"] or "",
                "hospital": run.hospital_name(r["hospital_id"] or ""),
                "pool": r["pool"] or "",
                "drg": r["drg"] or "",
                "decision": word("decision", r["decision"] or "", lang),
                "unreasonable": r["unreasonable_fen"],
                "class": word("case_class", r["case_class"] or "", lang),
                "paid_by": word("paid_by", r["paid_by"] or "", lang),
                "cost": r["total_cost_fen"],
                "points": units(r["case_points"]),
                "set_points": units(r.get("points")),
            }
            for r in run.case_sums.reviews(self.limit).to_pylist()
        )
        self._listing(w("x_reviews"), fields, rows, "reviews.csv", every)

    def _quarantine(self) -> None:
        lang = self.w.lang
        path = self.run.folder / "quarantine.parquet"
        names = ("file", "row", "case_id", "column", "value", "reason", "message", "remedy")
        kinds = {"row": "count", "message": "long", "remedy": "long", "reason": "wide"}
        fields = [Field(n, label("", n, lang), kinds.get(n, "text")) for n in names]

        def rows() -> Iterator[Record]:
            for batch in pq.ParquetFile(path).iter_batches():
                for r in batch.to_pylist():
                    reason = word("reason", r["reason"] or "", lang, "quarantine")
                    column = both_names(r["column"] or "") if is_chinese(lang) else r["column"]
                    yield {**r, "reason": reason, "column": column}

        every = pq.ParquetFile(path).metadata.num_rows
        self._listing(self.w("x_quarantine"), fields, rows(), "quarantine.csv", every)

    # --- parameters and checks -----------------------------------------------------------------

    def _parameters(self) -> None:
        fields = self._fields(
            "name=p_name key value=p_value unit=p_unit verified=x_verified source=p_source "
            "period=p_period used=p_used"
        )
        fields[2] = replace(fields[2], kind="wide")
        rows = parameter_rows(self.run.parameters, self.w)
        self._listing(self.w("x_parameters"), fields, rows)

    def _checks(self, totals: Mapping[str, Total]) -> None:
        """Identities as formulas, then what the run itself was held to."""
        w, book = self.w, self.book
        sheet = book.sheet(w("x_checks"))
        heads = (w("k_check"), w("x_left"), w("x_right"), w("x_difference"), w("k_result"))
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
            heads = "x_top_drgs drg_name pool cases points total_cost letter_worth"
            at = self._heads(sheet, at, [w(key) for key in heads.split()])
            for r in groups:
                units = points_units(r["points"])
                ends = run.case_bounds.of_group(hospital, r["pool"], r["drg"] or "")
                worth = run.worth(units, r["pool"], ends) + int(r["price_fen"])
                title, cost = titles.get(r["drg"], ""), int(r["total_cost_fen"])
                values = (r["drg"], title, r["pool"], r["cases"], units, cost, worth)
                kinds = ("text", "text", "text", "count", "points", "yuan", "yuan")
                self._put_row(sheet, at, values, kinds)
                at += 1

    def _put_row(self, sheet: Any, at: int, values: Sequence[Any], kinds: Sequence[str]) -> None:
        for column, (value, kind) in enumerate(zip(values, kinds, strict=True)):
            self.book.put(sheet, at, column, value, kind)

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
        heads = "class letter_paid_by cases points total_cost class_not_pool letter_worth due"
        at = first = self._heads(sheet, at, [w(key) for key in heads.split()])
        found, a = split(self.run, account), account.amounts
        kinds = ("text", "text", "count", "points", "yuan", "yuan", "yuan", "yuan")
        rows: list[tuple[Any, ...]] = []

        def names(p: Part) -> tuple[str, str]:
            return word("case_class", p.case_class, w.lang), word("paid_by", p.paid_by, w.lang)

        for one in found.lines:
            s = one.part.sums
            rows.append(
                (*names(one.part), s.cases, s.points, s.cost, s.not_pool, one.worth, one.due)
            )
        for key, fen in found.rest:
            taken = -a.deducted if key == "split_deducted" else None
            rows.append((w(key), "", None, taken, None, None, fen, fen))
        for values in rows:
            self._put_row(sheet, at, values, kinds)
            at += 1
        if rows:
            book.put(sheet, at, 0, w("total"), "text", bold=True)
            for column, kind in enumerate(kinds[2:], start=2):
                whole = sum(values[column] or 0 for values in rows)
                of = letters(column)
                text = f"=SUM({of}{first + 1}:{of}{at})"
                book.formula(sheet, at, column, text, exact(whole, kind), kind, bold=True)
            at += 1
        for p in parts:
            if p.paid_by == "held":
                s = p.sums
                held = (*names(p), s.cases, None, s.cost, s.not_pool, None, None)
                self._put_row(sheet, at, held, kinds)
                at += 1
        return at + 1


LETTER_SHEETS = (
    "x_summary", "x_notes", "x_hospitals", "x_totals", "x_drgs", "x_classes", "x_ceiling", "x_bed_days",
    "x_perdiem", "x_capitation", "x_reviews", "x_quarantine", "x_coefficients", "x_quality",
    "x_sensitivity", "x_parameters", "x_checks",
)  # fmt: skip
