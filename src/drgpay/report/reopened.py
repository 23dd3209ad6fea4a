"""What papers say first when a settled year was reopened: the difference, not a second payment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from .amounts import yuan
from .run import Run
from .tables import Cell, Column, Row, Table, row
from .texts import Words

WORDS: dict[str, tuple[str, str]] = {
    "mark": (
        "重新清算（第 {version} 版）：不是再次付款，只办理与前一版的差额",
        "Reopened (version {version}): not a second payment, only the difference is settled",
    ),
    "title": ("重新清算：与前一版的差额", "Reopened: the difference to the version before"),
    "text": (
        "各表的“最终支付”是本版重算的全年结果，不是再次付款。与前一版相比，合计应追回 {back} 元，"
        "合计应补付 {more} 元（两项分列，未相互抵减）。文书：{documents}。",
        "“Final payment” in all tables is the whole year settled again, not a second payment. "
        "Against the version before, {back} yuan are to be recovered and {more} yuan to be added "
        "(not netted). Documents: {documents}.",
    ),
    "recovery": ("追回与补付", "To recover and to add"),
    "before": ("前一版最终支付", "Final payment before"),
    "after": ("本版最终支付", "Final payment now"),
    "difference": ("差额", "Difference"),
    "to_recover": ("应追回", "To recover"),
    "to_add": ("应补付", "To add"),
    "sheet": ("重新清算", "Reopened"),
    "no_documents": ("未列", "none given"),
    "version": (
        "第 {version} 版 · 文书：{documents}",
        "version {version} · documents: {documents}",
    ),
    "pool_recover": (
        "{pool}：前一版最终支付 {before} 元，本版 {after} 元，应追回 {fen} 元",
        "{pool}: final payment before {before}, now {after}: {fen} yuan to be recovered",
    ),
    "pool_add": (
        "{pool}：前一版最终支付 {before} 元，本版 {after} 元，应补付 {fen} 元",
        "{pool}: final payment before {before}, now {after}: {fen} yuan to be added",
    ),
    "pool_same": (
        "{pool}：前一版最终支付 {before} 元，本版 {after} 元，无差额",
        "{pool}: final payment before {before}, now {after}: no difference",
    ),
    "final_note": (
        "本版重算的全年结果，不是再次付款；只办理差额 {fen} 元",
        "the whole year settled again, not a second payment; the difference is {fen} yuan",
    ),
    "final_name": ("最终支付（本版全年，非再次付款）", "Final (whole year, not a second payment)"),
}


@dataclass(frozen=True)
class Difference:
    """A hospital's final payments in a pool, before and after, in fen."""

    hospital: str
    pool: str
    before: int
    after: int

    @property
    def fen(self) -> int:
        return self.after - self.before

    @property
    def to_recover(self) -> int:
        return max(0, -self.fen)

    @property
    def to_add(self) -> int:
        return max(0, self.fen)


def is_reopened(run: Run) -> bool:
    """Whether the run is a new version of another one."""
    return bool(run.manifest.get("reopens")) or int(run.manifest.get("version", 1)) > 1


def version_of(run: Run) -> int:
    return int(run.manifest.get("version", 1))


def documents(run: Run, w: Words) -> str:
    """The documents of the violations that this version took in."""
    rows = (run.manifest.get("later_violations") or {}).get("rows") or []
    own = [r for r in rows if int(r.get("version", 0)) == version_of(run)] or rows
    names = sorted({str(r["document"]) for r in own if r.get("document")})
    return w("list_comma").join(names) or w.of(WORDS, "no_documents")


def differences(run: Run) -> list[Difference]:
    """Each hospital and pool of the table `recovery`; none in an ordinary run."""
    if not is_reopened(run):
        return []
    return [
        Difference(r["hospital_id"], r["pool"], r["final_before_fen"], r["final_after_fen"])
        for r in run.records("recovery")
    ]


@lru_cache(maxsize=2)
def _changes(run: Run) -> dict[tuple[str, str], int]:
    return {(d.hospital, d.pool): d.fen for d in differences(run)}


def change_of(run: Run, hospital: str, pool: str) -> int:
    """A hospital's change of final payment in a pool, in fen."""
    return _changes(run).get((hospital, pool), 0)


def note_text(run: Run, w: Words) -> str:
    """What is to be recovered and to be added in all, in words."""
    found = differences(run)
    back, more = sum(d.to_recover for d in found), sum(d.to_add for d in found)
    text = w.of(WORDS, "text")
    return text.format(back=yuan(back), more=yuan(more), documents=documents(run, w))


def mark_text(run: Run, w: Words) -> str:
    return w.of(WORDS, "mark").format(version=version_of(run))


def version_text(run: Run, w: Words) -> str:
    text = w.of(WORDS, "version")
    return text.format(version=version_of(run), documents=documents(run, w))


def pool_line(run: Run, d: Difference, w: Words) -> tuple[str, str]:
    """A hospital's difference in one pool in words, and its kind: pay, return or none."""
    key = "pool_recover" if d.to_recover else "pool_add" if d.to_add else "pool_same"
    text = w.of(WORDS, key).format(
        pool=run.pool_name(d.pool), before=yuan(d.before), after=yuan(d.after), fen=yuan(abs(d.fen))
    )
    return text, "return" if d.to_recover else "pay" if d.to_add else "none"


def recovery_table(run: Run, w: Words) -> Table | None:
    """Every hospital and pool with a difference, and the totals; None in an ordinary run."""
    found = differences(run)
    if not is_reopened(run):
        return None
    heads = ("before", "after", "difference", "to_recover", "to_add")
    columns = [Column(w("hospital"), "text"), Column(w("pool"), "text")]
    columns += [Column(w.of(WORDS, key)) for key in heads]

    def line(who: Cell, pool: str, rows: list[Difference], kind: str = "") -> Row:
        change = sum(d.fen for d in rows)
        return row(
            who,
            pool,
            yuan(sum(d.before for d in rows)),
            yuan(sum(d.after for d in rows)),
            yuan(change, signed=True),
            Cell(yuan(sum(d.to_recover for d in rows)), mark="loss"),
            yuan(sum(d.to_add for d in rows)),
            kind=kind,
        )

    rows = [
        line(Cell(run.hospital_name(d.hospital), d.hospital), run.pool_name(d.pool), [d])
        for d in sorted(found, key=lambda d: (-d.to_recover, -d.to_add, d.hospital, d.pool))
        if d.fen
    ]
    rows.append(line(Cell(w("total")), "", found, "total"))
    return Table(w.of(WORDS, "recovery"), columns, rows)
