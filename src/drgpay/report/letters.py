"""Letters to the hospitals: how each one's payment arises, to be printed on A4 and recomputed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

from drgpay.cases.checks.catalogue import CHECKS
from drgpay.ground.digests import write_sums
from drgpay.ground.languages import choose
from drgpay.ground.outputs import file_names, whole_folder
from drgpay.names.codes import word
from drgpay.runs.reader import Record

from . import amounts
from .amounts import points as points_text
from .amounts import units_of, yuan
from .classes import split
from .derive import derivation, formula_text, shown_amount
from .pages import rendered
from .referrals import excess_by_hospital, letter_lead, letter_table
from .reopened import WORDS as REOPENED
from .reopened import (
    Difference,
    differences,
    is_reopened,
    mark_text,
    note_text,
    pool_line,
    version_text,
)
from .run import Account, Amounts, CaseSum, Run, total_of
from .sections import cash_cells, cash_columns, parameter_value, signed_cell, source_text
from .sheets import cells
from .tables import Cell, Column, Row, Table, columns_of, row
from .texts import Words

FOLDER = "letters"
DRGS_LISTED = 10
CASES_LISTED = 30


def write_letters(
    run_dir: Path, out: Path | None = None, lang: str = "zh", *, run: Run | None = None
) -> Path:
    """Write a letter a hospital and an index page; return their folder.

    Arguments: run_dir, a run folder of docs/formats.md section 6; out, a folder that must not
    exist yet, else `letters` inside the run folder; lang, "zh" or "en"; run, the folder already read.
    Raises InputError when the folder is there already. It appears only when it is whole; the same
    run folder gives the same bytes.
    """
    target = run_dir / FOLDER if out is None else out
    with whole_folder(target) as folder:
        Letters(run or Run(run_dir), Words(lang)).write(folder)
        write_sums(folder)
    return target


class Letters:
    """The letters of a run."""

    def __init__(self, run: Run, w: Words) -> None:
        self.run, self.w = run, w
        self.accounts: dict[str, list[Account]] = defaultdict(list)
        for account in sorted(run.accounts, key=lambda a: (a.hospital, a.pool)):
            self.accounts[account.hospital].append(account)
        self.groups = _by_hospital(run.case_sums.top_groups(DRGS_LISTED).to_pylist())
        self.held = _by_hospital(run.case_sums.held(CASES_LISTED).to_pylist())
        self.bad = _by_hospital(run.case_sums.quarantined(CASES_LISTED).to_pylist())
        self.twice = excess_by_hospital(run)
        self.titles = {r["drg"]: r["name"] or "" for r in run.records("drgs")}
        self.marks = [w("print_trial")] * bool(run.trial)
        self.marks += [w("print_synthetic")] if run.manifest["synthetic"] else []
        self.parameters = self._parameters()
        self.reopened = is_reopened(run)
        self.differences: dict[str, list[Difference]] = defaultdict(list)
        for d in differences(run):
            self.differences[d.hospital].append(d)

    def write(self, folder: Path) -> None:
        """Write all pages into an empty folder."""
        known = (h for h in self.bad if h in self.run.hospitals)
        hospitals = sorted({*self.accounts, *known, *self.differences})
        names = file_names(hospitals)
        common = {
            "m": self.run.manifest,
            "run_digest": self.run.digest[:12],
            "print_mark": " · ".join(self.marks),
            "trial": self.run.trial,
            "bounded": self.run.bounded_by_case,
            "word": word,
            "reopened": mark_text(self.run, self.w) if self.reopened else "",
            "reopened_text": note_text(self.run, self.w) if self.reopened else "",
        }
        for hospital, name in names.items():
            page = rendered("letter.html.j2", self.w.lang, **common, **self.view(hospital))
            (folder / name).write_text(page, encoding="utf-8", newline="\n")
        listed = {"table": self._index(names), "links": self._links(names)}
        page = rendered("letters_index.html.j2", self.w.lang, **common, **listed)
        (folder / "index.html").write_text(page, encoding="utf-8", newline="\n")

    @staticmethod
    def _links(names: Mapping[str, str]) -> list[str]:
        return [quote(name) for name in names.values()]

    def _index(self, names: Mapping[str, str]) -> Table:
        w, run = self.w, self.run
        columns = columns_of(w, "hospital:text level:text cases due")
        if self.reopened:
            keys = ("before", "after", "to_recover", "to_add")
            columns += [Column(w.of(REOPENED, key)) for key in keys]
        else:
            waits, demanded = bool(run.total.waits), bool(run.demanded)
            heads = f"payable {'waits' * waits} letter_gross_return"
            columns += columns_of(w, f"{heads} {'letter_demanded' * demanded}")

        def payments(own: list[Account], changes: list[Difference]) -> list[str | Cell]:
            finals = [a.amounts.final for a in own]
            owed = -sum(fen for fen in finals if fen < 0)
            gone = -sum(a.amounts.final for a in own if a in run.demanded)
            back = owed - gone
            if self.reopened:
                back = sum(d.to_recover for d in changes)
                cells = [yuan(sum(d.before for d in changes)), yuan(sum(d.after for d in changes))]
                more = sum(d.to_add for d in changes)
                return [*cells, Cell(yuan(back), mark="claw" if back else ""), yuan(more)]
            pay = yuan(sum(a.amounts.payable for a in own))
            waits = [yuan(sum(a.amounts.waits for a in own))] * bool(run.total.waits)
            returned = Cell(yuan(back), mark="claw" if back else "")
            asked = [Cell(yuan(gone), mark="claw" if gone else "")] * bool(run.demanded)
            return [pay, *waits, returned, *asked]

        rows = []
        for hospital in names:
            own = self.accounts[hospital]
            a = total_of(own)
            level = str(run.hospitals.get(hospital, {}).get("level") or "")
            who = Cell(run.hospital_name(hospital), hospital)
            cells = payments(own, self.differences[hospital])
            rows.append(row(who, level, f"{a.cases:,}", yuan(a.due), *cells))
        a = run.total
        cells = payments(run.accounts, differences(run))
        total = row(w("total"), "", f"{a.cases:,}", yuan(a.due), *cells, kind="total")
        css = "dense" if len(columns) > 6 else ""
        return Table(w("letter_index"), columns, rows, tail=[total], css=css)

    def view(self, hospital: str) -> Record:
        """Return what the letter of a hospital says: its tables, texts and amounts."""
        w, run = self.w, self.run
        own = self.accounts[hospital]
        held = sum(a.amounts.held for a in own)
        bad = self.bad.get(hospital, [])
        twice = self.twice.get(hospital, [])
        return {
            "name": run.hospital_name(hospital),
            "id": hospital,
            "facts": {"level": "", "standing": ""} | run.hospitals.get(hospital, {}),
            "version": version_text(run, hospital, w) if self.reopened else "",
            "results": self._results(hospital),
            "overview": self._overview(own),
            "pools": [(self._steps(a), self._classes(a)) for a in own],
            "drgs": self._drgs(hospital),
            "held_in_all": held,
            "held": self._held(hospital),
            "twice_lead": letter_lead(twice, w),
            "twice": letter_table(twice[:CASES_LISTED], w),
            "twice_in_all": len(twice),
            "bad_in_all": bad[0]["in_all"] if bad else 0,
            "bad": self._bad(bad),
            "parameters": self.parameters,
        }

    def _results(self, hospital: str) -> list[Record]:
        """The headline: a line a pool, as each has its own fund; then what to pay and to return.

        Each has what it says (`key`), its kind, the amounts and the pool that it is of.
        """
        run = self.run
        if self.reopened:
            lines = [pool_line(run, d, self.w) for d in self.differences[hospital]]
            return [{"key": "said", "text": text, "kind": kind} for text, kind in lines]
        accounts = self.accounts[hospital]
        found: list[Record] = []
        below = "demand" if run.has_ended(hospital) else "return"
        for account in accounts or [Account("", "", Amounts())]:
            pool, a = account.pool, account.amounts
            kind = "pay" if a.payable else below if a.recover else "none"
            kind = "left" if pool and run.pool_left(pool) else kind
            key = "waits" if a.waits else kind
            found.append({"key": key, "kind": kind, "a": a, "pool": pool and run.pool_name(pool)})
        if len(accounts) > 1:
            a = total_of(accounts)
            kind = below if a.recover and not a.payable else "pay" if a.payable else "none"
            found.append({"key": "gross", "kind": kind, "a": a, "below": below})
        pools = {a.pool for a in accounts}
        return found + [
            {
                "key": "moved",
                "kind": "none",
                "fen": r["moved_fen"],
                "pool": run.pool_name(r["pool"]),
            }
            for r in run.records("funds")
            if r["moved_fen"] and r["pool"] in pools
        ]

    def _overview(self, own: list[Account]) -> Table:
        """What each fund is due, has paid and pays, a line an amount and a column a fund."""
        w = self.w
        whole = Account("", "", total_of(own))
        accounts = [*own, whole] if len(own) != 1 else own
        names = [self.run.pool_name(a.pool) for a in own]
        columns = [Column(w("step"), "text"), *(Column(name) for name in names)]
        columns += columns_of(w, "total") * (len(own) != 1)
        rows = [
            row(w("cases"), *(f"{a.amounts.cases:,}" for a in accounts)),
            row(w("points"), *(points_text(a.amounts.points) for a in accounts)),
        ]
        keys = ["recorded", "due", "prepaid", "forfeited", *["shared"] * self.run.shares]
        titles = dict.fromkeys(keys, "") | {"violation": "violations", "carried": ""}
        for key, title in titles.items():
            rows.append(row(w(title or key), *(yuan(getattr(a.amounts, key)) for a in accounts)))
        cells = [cash_cells(self.run, a.amounts) for a in accounts]
        for number, column in enumerate(cash_columns(self.run, w)):
            rows.append(row(column.label, *(made[number] for made in cells), kind="strong"))
        return Table(w("letter_overview"), columns, rows, css="overview")

    def _steps(self, account: Account) -> Table:
        w = self.w
        steps = derivation(self.run, account, w)
        numbers = {step.key: number for number, step in enumerate(steps, start=1)}
        columns = columns_of(w, "line:code step:text letter_how:text letter_amount")
        rows = []
        for step in steps:
            formula = formula_text(step, numbers)
            shown = shown_amount(step)
            if step.key in ("worth", "exact", "share", "rest") and step.amount * 100 % 1:
                shown = w("approx") + " " + amounts.fixed(amounts.rounded(step.amount, 4), 4)
            if step.key == "value" and step.amount * 10**12 % 1:
                shown = w("approx") + " " + shown
            kind = "strong" if step.strong else ""
            name = Cell(step.name, step.note)
            rows.append(row(str(numbers[step.key]), name, formula, shown, kind=kind))
        title = w("letter_pool", pool=self.run.pool_name(account.pool))
        return Table(title, columns, rows, css="steps")

    def _classes(self, account: Account) -> Table:
        w = self.w
        columns = columns_of(
            w,
            "class:text letter_paid_by:text cases points total_cost letter_worth letter_gain "
            "class_not_pool due",
        )
        parts = self.run.parts_of[account.hospital, account.pool]
        found = split(self.run, account)
        rows: list[Row] = []

        def line(name: str, paid: str, s: CaseSum, worth: int, kind: str = "") -> None:
            cells: list[str | Cell] = [f"{s.cases:,}", points_text(s.points), yuan(s.cost)]
            cells += [yuan(worth), signed_cell(worth - s.cost)]
            cells += [yuan(s.not_pool), yuan(worth - s.not_pool)]
            rows.append(row(name, paid, *cells, kind=kind))

        for one in found.lines:
            paid = word("paid_by", one.part.paid_by, w.lang)
            line(word("case_class", one.part.case_class, w.lang), paid, one.part.sums, one.worth)
        for key, fen in found.rest:
            taken = key == "split_deducted"
            points = points_text(-account.amounts.deducted) if taken else "—"
            gain = signed_cell(fen)
            rows.append(row(w(key), "", "—", points, "—", yuan(fen), gain, "—", yuan(fen)))
        if found.lines:
            whole = sum((one.part.sums for one in found.lines), CaseSum())
            whole.points = account.amounts.points
            line(w("total"), "", whole, found.due + whole.not_pool, "total")
        for part in parts:
            if part.paid_by == "held":
                s, paid = part.sums, word("paid_by", "held", w.lang)
                cells = [f"{s.cases:,}", "—", yuan(s.cost), "—", "—", yuan(s.not_pool), "—"]
                rows.append(row(word("case_class", part.case_class, w.lang), paid, *cells))
        title = w("letter_classes", pool=self.run.pool_name(account.pool))
        return Table(title, columns, rows, css="dense")

    def _drgs(self, hospital: str) -> Table:
        sums = self._sums(hospital, self.groups.get(hospital, []))
        return self._groups(self.w("letter_drgs", n=len(sums)), sums)

    def losses(self, hospital: str, number: int) -> Table:
        """Return up to so many groups of a hospital that earned less than their cost, worst first."""
        sums = self._sums(hospital, self.run.case_sums.groups_of(hospital).to_pylist())
        lost = sorted((facts[3] - facts[2], drg) for drg, facts in sums.items())
        worst = {drg: sums[drg] for over, drg in lost[:number] if over < 0}
        return self._groups(self.w("letter_losses", n=len(worst)), worst)

    def _sums(self, hospital: str, records: Iterable[Record]) -> dict[str, list[int]]:
        """Return cases, points, cost and worth by group."""
        run = self.run
        sums: dict[str, list[int]] = {}
        for r in records:
            units = units_of(r["points"], 4)
            ends = run.case_bounds.of_group(hospital, r["pool"], r["drg"] or "")
            worth = run.worth(units, r["pool"], ends) + int(r["price_fen"])
            facts = (r["cases"], units, int(r["total_cost_fen"]), worth)
            old = sums.setdefault(r["drg"] or "", [0, 0, 0, 0])
            sums[r["drg"] or ""] = [a + b for a, b in zip(old, facts, strict=True)]
        return sums

    def _groups(self, caption: str, sums: Mapping[str, list[int]]) -> Table:
        heads = "drg:code drg_name:text cases points total_cost letter_worth letter_gain"
        rows = [
            row(
                drg,
                self.titles.get(drg, ""),
                *cells("count points yuan yuan change", (*facts, facts[3] - facts[2])),
            )
            for drg, facts in sums.items()
        ]
        return Table(caption, columns_of(self.w, heads), rows, css="dense")

    def _held(self, hospital: str) -> Table:
        w = self.w
        heads = "case_id:code pool:text drg:code class:text total_cost q_reason:text"
        rows = [
            row(
                r["case_id"] or "", r["pool"] or "", r["drg"] or "",
                word("case_class", r["case_class"] or "", w.lang), yuan(r["total_cost_fen"] or 0),
                self._held_by(r["doubts"] or ""),
            )
            for r in self.held.get(hospital, [])
        ]  # fmt: skip
        return Table(w("letter_held"), columns_of(w, heads), rows, css="dense")

    def _held_by(self, doubts: str) -> str:
        """Why a case is held: findings that cannot be right, or its special review."""
        w = self.w
        found = [CHECKS[name].message(w.lang) for name in doubts.split("|") if name]
        return w("semicolon").join(found) or w("letter_held_review")

    def _bad(self, records: list[Record]) -> Table:
        w = self.w
        heads = "case_id:code q_reason:text q_remedy:text"
        rows = [
            row(
                r["case_id"] or "",
                r["message"] or word("reason", r["reason"] or "", w.lang, "quarantine"),
                r["remedy"] or "",
            )
            for r in records
        ]
        return Table(w("letter_bad"), columns_of(w, heads), rows, css="dense")

    def _parameters(self) -> Table:
        w = self.w
        heads = "p_name:text p_value:text p_source:text letter_verified:text"
        rows = []
        for p in self.run.parameters:
            if not p.get("used", True) or p["value"] in ("none", [], None):
                continue
            source = source_text(p, w)
            unverified = Cell(w("letter_unverified"), mark="loss nowrap")
            verified = Cell(w("letter_verified"), mark="nowrap")
            rows.append(
                row(
                    choose(w.lang, str(p.get("name") or p["key"]), p["key"]),
                    Cell(
                        parameter_value(p["value"], p.get("unit") or "", w, p["key"]),
                        mark="value wrap",
                        tag=w("p_trial") if p.get("trial") else "",
                    ),
                    Cell(source, mark="wrap"),
                    verified if p["verified"] else unverified,
                )
            )
        return Table(w("letter_parameters"), columns_of(w, heads), rows, css="fine")


def _by_hospital(records: Iterable[Record]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = defaultdict(list)
    for r in records:
        found[r["hospital_id"] or ""].append(r)
    return dict(found)
