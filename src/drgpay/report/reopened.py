"""What papers say first when a settled year was reopened: the difference, not a second payment."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import pyarrow.parquet as pq

from drgpay.ground.languages import choose, choosing
from drgpay.region.later import REMOVE

from .amounts import yuan
from .run import Run
from .tables import Cell, Column, Row, Table, columns_of, row
from .texts import Words

# headings and titles of the tables of a reopened year
WORDS: dict[str, tuple[str, str]] = {
    "title": ("重新清算：与前一版的差额", "Reopened: the difference to the version before"),
    "recovery": ("追回与补付", "To recover and to add"),
    "before": ("前一版最终支付", "Final payment before"),
    "after": ("本版最终支付", "Final payment now"),
    "difference": ("差额", "Difference"),
    "to_recover": ("应追回", "To recover"),
    "to_add": ("应补付", "To add"),
    "paid_first": ("第1版已付", "Paid out by version 1"),
    "to_carry": ("应结转（正数扣回）", "To carry (positive: recover)"),
    "carry_back": ("应结转扣回", "Carried: to recover"),
    "carry_more": ("应结转补付", "Carried: to add"),
    "sheet": ("重新清算", "Reopened"),
    "final_name": ("最终支付（本版全年，非再次付款）", "Final (whole year, not a second payment)"),
    "no_documents": ("未列", "none given"),
}


@dataclass(frozen=True)
class Difference:
    """A hospital's final payments in a pool, before and after, in fen.

    `to_carry`: what carried.csv has; None in runs of an earlier drgpay, whose file has differences.
    """

    hospital: str
    pool: str
    before: int
    after: int
    paid_first: int | None = None
    to_carry: int | None = None

    @property
    def fen(self) -> int:
        return self.after - self.before

    @property
    def carry(self) -> int:
        return self.to_carry or 0

    @property
    def difference(self) -> int:
        return self.fen

    @property
    def carry_back(self) -> int:
        return max(0, self.carry)

    @property
    def carry_more(self) -> int:
        return max(0, -self.carry)

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
    files = [f for f in _corrections(run) if int(f["version"]) == version_of(run)]
    if files:
        text = w("list_comma").join(str(f["file"]) for f in files)
        if not any(int(r.get("version", 0)) == version_of(run) for r in rows):
            names = []  # those are of the versions before
        names.append(choose(w.lang, f"更正的病例 {text}", f"corrected cases {text}"))
    return w("list_comma").join(names) or w.of(WORDS, "no_documents")


def _corrections(run: Run) -> list[dict[str, Any]]:
    return list((run.manifest.get("later_cases") or {}).get("files") or ())


def correction_counts(run: Run, w: Words) -> list[tuple[str, int]]:
    """Rows of the case files, plus corrections, less those replaced, which makes `cases in`."""
    t, told = choosing(w.lang), run.manifest.get("later_cases")
    if not told:
        return []
    rows, gone = int(told["rows"]), int(told["replaced"])
    files = w("list_comma").join(str(f["label"]) for f in _corrections(run))
    first = int(run.manifest["counts"]["in"]) + gone - rows
    replaced = t("减：被更正替代的行（原被隔离）", "less: rows replaced by them (were quarantined)")
    return [
        (t("病例文件的行", "rows of the case files"), first),
        (t(f"加：更正的行（{files}）", f"plus: corrected rows ({files})"), rows),
        (replaced, gone),
    ]


def differences(run: Run) -> list[Difference]:
    """Each hospital and pool of the table `recovery`; none in an ordinary run."""
    if not is_reopened(run):
        return []
    return [
        Difference(
            r["hospital_id"],
            r["pool"],
            r["final_before_fen"],
            r["final_after_fen"],
            r.get("paid_first_fen"),
            r.get("to_carry_fen"),
        )
        for r in run.records("recovery")
    ]


def documents_of(run: Run, hospital: str, w: Words) -> str:
    """The documents of this version that concern a hospital; of others only that there are some.

    A case that was removed or put into another group is named with its group before and after.
    """
    t, version = choosing(w.lang), version_of(run)
    rows = (run.manifest.get("later_violations") or {}).get("rows") or []
    files = [f for f in _corrections(run) if int(f["version"]) == version]
    new = [r for r in rows if int(r.get("version", 0)) == version]
    told = new or ([] if files else rows)
    texts: list[str] = []
    for r in told:
        if r["hospital_id"] != hospital:
            continue
        text = str(r.get("document") or "")
        if r.get("case_id"):
            case, was, now = r["case_id"], _group_before(rows, r, w), _group(r, w)
            text += t(f"（病例 {case}：{was} → {now}）", f" (case {case}: {was} → {now})")
        if text and text not in texts:
            texts.append(text)
    by_hospital = _corrected_hospitals(run)
    own = by_hospital.get(hospital, set())
    names = [str(f["file"]) for f in files if f["label"] in own]
    if names:
        corrected_files = w("list_comma").join(names)
        texts.append(t(f"更正的病例 {corrected_files}", f"corrected cases {corrected_files}"))
    corrected = {r["hospital_id"] for r in told} | by_hospital.keys()
    if corrected - {hospital} and _value_moved(run, corrected):
        other = "其他机构的更正使点值变动"
        texts.append(t(other, "corrections of other hospitals changed the point value"))
    return w("semicolon").join(texts) or w.of(WORDS, "no_documents")


def _value_moved(run: Run, corrected: set[str]) -> bool:
    """Whether corrections changed what others are paid: the point value moved with them."""
    if any(d.fen for d in differences(run) if d.hospital not in corrected):
        return True
    first = (run.manifest.get("reopens") or {}).get("first_values") or {}
    return version_of(run) == 2 and any(
        Fraction(value) != run.point_values.get(pool) for pool, value in first.items()
    )


def _group(r: dict[str, Any], w: Words) -> str:
    return choose(w.lang, "移除", "removed") if r["new_drg"] == REMOVE else str(r["new_drg"])


def _group_before(rows: list[dict[str, Any]], r: dict[str, Any], w: Words) -> str:
    """The group of a case before a row: of the row before it, else that of the case itself."""
    earlier = [e for e in rows[: rows.index(r)] if e["case_id"] == r["case_id"]]
    return _group(earlier[-1], w) if earlier else str(r.get("first_drg") or "—")


@lru_cache(maxsize=2)
def _corrected_hospitals(run: Run) -> dict[str, set[str]]:
    """Labels of the files that corrected cases of a hospital, in this version."""
    version = version_of(run)
    label_of = {
        r["case_id"]: r["correction_file"]
        for r in run.records("corrected")
        if int(r["version"]) == version
    }
    found: dict[str, set[str]] = {}
    if label_of:
        cases = pq.read_table(
            run.folder / "cases.parquet",
            columns=["case_id", "hospital_id"],
            filters=[("case_id", "in", list(label_of))],
        )
        for r in cases.to_pylist():
            found.setdefault(r["hospital_id"], set()).add(label_of[r["case_id"]])
    return found


@lru_cache(maxsize=2)
def _changes(run: Run) -> dict[tuple[str, str], Difference]:
    return {(d.hospital, d.pool): d for d in differences(run)}


def final_text(run: Run, hospital: str, pool: str, w: Words) -> str:
    """What a final payment of a reopened year means: what is carried in all, and the difference."""
    t = choosing(w.lang)
    d = _changes(run).get((hospital, pool)) or Difference(hospital, pool, 0, 0)
    fen, whole = yuan(d.fen, signed=True), yuan(abs(d.carry))
    if _is_plain(d):
        return t(
            f"本版重算的全年结果，不是再次付款；只办理差额 {fen} 元",
            f"the whole year settled again, not a second payment; the difference is {fen} yuan",
        )
    carry = t(" 0.00 元", "nothing")
    if d.carry:
        verb = t("扣回", "to recover") if d.carry > 0 else t("补付", "to add")
        carry = t(f"{verb} {whole} 元", f"{whole} yuan {verb}")
    return t(
        f"本版重算的全年结果，不是再次付款；共应结转{carry}；前一版的结转已办理：只办差额 {fen} 元",
        f"the whole year settled again, not a second payment; carried in all: {carry}"
        f"; if the version before has been carried, only the difference of {fen} yuan",
    )


def _is_plain(d: Difference) -> bool:
    """Whether the difference to the version before is all that there is to carry."""
    return d.to_carry is None or d.to_carry == -d.fen


def note_text(run: Run, w: Words) -> str:
    """What is to be recovered and to be added in all, and which file to carry, in words."""
    t, found, told = choosing(w.lang), differences(run), documents(run, w)
    back, more = yuan(sum(d.to_recover for d in found)), yuan(sum(d.to_add for d in found))
    text = t(
        "各表的“最终支付”是本版重算的全年结果，不是再次付款。与前一版相比，合计应追回"
        f" {back} 元，合计应补付 {more} 元（两项分列，未相互抵减），均在下期拨付中办理"
        f"。文书：{told}。",
        "“Final payment” in all tables is the whole year settled again, not a second "
        f"payment. Against the version before, {back} yuan are to be recovered and "
        f"{more} yuan to be added (not netted), both with the next payments. "
        f"Documents: {told}.",
    )
    if not has_whole(found):
        return text
    before, earlier = version_of(run) - 1, ""
    if version_of(run) > 2:
        earlier = t(
            "；只办到更早一版的，其后各版的 carried_difference.csv 都要用",
            "; if only an older one has, the carried_difference.csv of each version after it",
        )
    back, more = yuan(sum(d.carry_back for d in found)), yuan(sum(d.carry_more for d in found))
    return text + t(
        "结转用哪个文件：以前各版的 carried.csv 都尚未用于拨付的，用本版的 "
        f"carried.csv（全部应结转数：扣回 {back} 元，补付 {more} "
        f"元，取代以前各版）；结转已办到第 {before} 版的，用 "
        f"carried_difference.csv（仅与第 {before} 版的差额），改名为 carried.csv"
        f"{earlier}。两个文件只用其一。",
        " Which file to carry: if no carried.csv of an earlier version has been put "
        f"into a payment yet, carried.csv of this version (the whole: {back} yuan to "
        f"recover, {more} yuan to add, in place of those of all versions before); if "
        f"version {before} has been carried, carried_difference.csv (only the "
        f"difference to version {before}), renamed to carried.csv{earlier}. Use one "
        "of the two, never both.",
    )


def has_whole(found: list[Difference]) -> bool:
    """Whether carried.csv of the run has the whole to be carried."""
    return all(d.to_carry is not None for d in found)


def mark_text(run: Run, w: Words) -> str:
    version = version_of(run)
    return choose(
        w.lang,
        f"重新清算（第 {version} 版）：不是再次付款，只办理应结转数",
        f"Reopened (version {version}): not a second payment, only what is to be "
        "carried is settled",
    )


def version_text(run: Run, hospital: str, w: Words) -> str:
    version, told = version_of(run), documents_of(run, hospital, w)
    return choose(
        w.lang,
        f"第 {version} 版 · 文书：{told}",
        f"version {version} · documents: {told}",
    )


def pool_line(run: Run, d: Difference, w: Words) -> tuple[str, str]:
    """What a hospital is to carry in one pool in words, and its kind: pay, return or none.

    Where that is more than the difference to the version before, the difference stands beside it.
    """
    t, pool = choosing(w.lang), run.pool_name(d.pool)
    before, after, fen = yuan(d.before), yuan(d.after), yuan(abs(d.fen))
    change, kind = t("无差额", "no difference"), "none"
    if d.to_recover:
        change, kind = t(f"应追回 {fen} 元", f"{fen} yuan to recover"), "return"
    elif d.to_add:
        change, kind = t(f"应补付 {fen} 元", f"{fen} yuan to add"), "pay"
    if _is_plain(d):
        how = {
            "return": ("，在下期拨付中抵回", f"{fen} yuan to be recovered from the next payments"),
            "pay": ("，随下期拨付补付", f"{fen} yuan to be added to the next payments"),
            "none": ("", "no difference"),
        }[kind]
        text = t(
            f"{pool}：前一版最终支付 {before} 元，本版 {after} 元，{change}{how[0]}",
            f"{pool}: final payment before {before}, now {after}: {how[1]}",
        )
        return text, kind
    carry, whole_kind = (
        yuan(abs(d.carry)),
        "return" if d.carry > 0 else "pay" if d.carry else "none",
    )
    whole = {
        "return": t(
            f"{pool}：共应结转扣回 {carry} 元，在下期拨付中抵回",
            f"{pool}: {carry} yuan in all to be recovered from the next payments",
        ),
        "pay": t(
            f"{pool}：共应结转补付 {carry} 元，随下期拨付补付",
            f"{pool}: {carry} yuan in all to be added to the next payments",
        ),
        "none": t(f"{pool}：共应结转 0.00 元", f"{pool}: nothing to carry in all"),
    }[whole_kind]
    beside = t(
        f"{whole}。前一版最终支付 {before} 元，本版 {after} 元，{change}"
        "（前一版的结转已办理：只办差额）",
        f"{whole}. Final payment before {before}, now {after}: {change} (if the "
        "version before has been carried, only this difference)",
    )
    return beside, whole_kind


def recovery_table(run: Run, w: Words) -> Table | None:
    """Every hospital and pool with a difference or an amount to carry, the others in one row, and
    the totals.
    """
    found = differences(run)
    if not is_reopened(run):
        return None
    whole = has_whole(found)
    heads = ["before", "after", "difference", "to_recover", "to_add"]
    heads += ["carry_back", "carry_more"] * whole
    columns = columns_of(w, "hospital:text pool:text")
    columns += [Column(w.of(WORDS, key)) for key in heads]

    def line(who: Cell, pool: str, rows: list[Difference], kind: str = "") -> Row:
        finals = ["—"] * 3  # sums of them would net payments with what is owed
        if len(rows) == 1:
            (d,) = rows
            finals = [yuan(d.before), yuan(d.after), yuan(d.fen, signed=True)]
        owed = [sum(d.to_recover for d in rows)]
        more = [sum(d.to_add for d in rows)]
        if whole:
            owed.append(sum(d.carry_back for d in rows))
            more.append(sum(d.carry_more for d in rows))
        ends = [
            cell
            for back, add in zip(owed, more, strict=True)
            for cell in (Cell(yuan(back), mark="loss" if back else ""), Cell(yuan(add)))
        ]
        return row(who, pool, *finals, *ends, kind=kind)

    rows = [
        line(Cell(run.hospital_name(d.hospital), d.hospital), run.pool_name(d.pool), [d])
        for d in sorted(found, key=lambda d: (-d.to_recover, -d.to_add, d.hospital, d.pool))
        if d.fen or d.to_carry
    ]
    same = [d for d in found if not d.fen and not d.to_carry]
    if same:
        name = choose(w.lang, f"未变动：{len(same):,} 个账户", f"Unchanged: {len(same):,} accounts")
        rows.append(line(Cell(name), "", same))
    rows.append(line(Cell(w("total")), "", found, "total"))
    return Table(w.of(WORDS, "recovery"), columns, rows, css="dense")
