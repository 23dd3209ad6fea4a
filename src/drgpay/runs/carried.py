"""What a run hands on to the next payment: carried.csv, demanded.csv, the recovery of a version."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from drgpay.ground.languages import choose
from drgpay.names.run_tables import tuples_table
from drgpay.region.later import CARRIED, CARRIED_DIFFERENCE, DEMANDED, Reopening
from drgpay.region.provenance import CARRIED_ORIGIN, rows_digest
from drgpay.region.standing import ENDED
from drgpay.region.tables import CARRIED as CARRIED_TABLE
from drgpay.region.together import by_pool, ids_in
from drgpay.settlement.year_end import YearEnd
from drgpay.tables.writer import write_rows


def differences(reopening: Reopening, run: YearEnd) -> list[tuple[str, str, int, int]]:
    """Return final payments before and after, by hospital and pool."""
    after = {(h.hospital_id, h.pool): h.final_fen for h in run.hospitals}
    keys = sorted({*after, *reopening.finals})
    return [(*key, reopening.finals.get(key, 0), after.get(key, 0)) for key in keys]


def to_carry(reopening: Reopening, run: YearEnd) -> list[tuple[str, str, int]]:
    """Return by hospital and pool what brings what version 1 paid out to this version's final.

    It is the whole, negative finals that stand included: positive to recover, negative to add.
    """
    return [
        (hospital, pool, reopening.paid.get((hospital, pool), 0) - after)
        for hospital, pool, _, after in differences(reopening, run)
    ]


def recovery_table(reopening: Reopening, run: YearEnd) -> pa.Table:
    """Return final payments before and after, what is to be recovered and what to be added."""
    names = {h.id: h.name for h in run.region.hospitals}
    tables = "; ".join([*reopening.changed_texts(), *reopening.correction_texts()])
    carried = to_carry(reopening, run)
    rows = []
    for (hospital, pool, before, after), (*_, carry) in zip(
        differences(reopening, run), carried, strict=True
    ):
        more, paid = after - before, reopening.paid.get((hospital, pool), 0)
        rows.append(
            (hospital, pool, before, after, more, max(0, -more), max(0, more), paid, carry, tables,
             names[hospital])
        )  # fmt: skip
    return tuples_table("recovery", rows)


def write_carried(reopening: Reopening, run: YearEnd, folder: Path, lang: str = "zh") -> None:
    """Write what the next payment takes: carried.csv, the whole as of this version, in place of
    those of earlier versions; carried_difference.csv, what changed against the version before, for
    whoever has put that one's carried.csv into a payment already.

    Positive amounts are recovered, negative ones added; hospitals without an amount are left out.
    `from` names year, version, which of both it is, the hospital's documents, and what else changed.
    """
    before = reopening.version - 1
    files = [] if reopening.corrected is None else reopening.corrected.files
    own = [v for v in reopening.later if v.version == reopening.version]
    own_files = [file for file in files if file.version == reopening.version]
    now = by_pool((p.pool, p.point_value_fen / 100) for p in run.pools)
    for name, rows, kind, later, corrections, values in (
        (
            CARRIED,
            to_carry(reopening, run),
            choose(lang, "（全部，取代以前各版）", " (the whole, replaces all versions before)"),
            reopening.later,
            files,
            reopening.first_values,
        ),
        (
            CARRIED_DIFFERENCE,
            [(h, pool, old - new) for h, pool, old, new in differences(reopening, run)],
            choose(lang, f"（仅与 v{before} 的差额）", f" (only the difference to v{before})"),
            own,
            own_files,
            reopening.values,
        ),
    ):
        source = f"{run.region.id} {run.region.year} v{reopening.version}{kind}"
        changed = [*sorted(reopening.changed), *(file.file for file in corrections)]
        others = choose(
            lang,
            "其他机构的更正使点值变动",
            "corrections of other hospitals changed the point value",
        )
        moved = {pool for pool, value in now.items() if values.get(pool) != value}
        said = {}
        for hospital, pool, _ in rows:
            own_documents = {
                v.document for v in later if (v.hospital_id, v.pool) == (hospital, pool)
            }
            # said of the rows that it concerns alone: of a pool whose value did not move nobody's
            # payment hangs on the others
            by_others = pool in moved and any(
                v.hospital_id != hospital for v in later if v.pool in _together(run, pool)
            )
            texts = [source, *sorted(own_documents), *([others] if by_others else []), *changed]
            said[hospital, pool] = "; ".join(texts)
        _write_carried(run, folder / name, [(*row, said[row[0], row[1]]) for row in rows if row[2]])


def _together(run: YearEnd, pool: str) -> list[str]:
    """Return the pools that are settled with one."""
    return by_pool((p.pool, ids_in(p.pool)) for p in run.pools).get(pool, [pool])


def write_negative(run: YearEnd, path: Path, trial: str = "") -> None:
    """Write carried.csv with what negative final payments leave to recover, and (negative) what of
    others waits for it; nothing without one.

    Those whose agreement has ended have no next payment: what they owe is demanded back and stands
    in demanded.csv beside it (`negative_final.ended`). A trial's has a last column that a region
    folder refuses.
    """
    ended = {h.id for h in run.region.hospitals if h.standing == ENDED}
    said = f"{run.region.id} {run.region.year}"
    for name, demanded in ((path.name, False), (DEMANDED, True)):
        rows = [
            (h.hospital_id, h.pool, h.recover_fen - h.deferred_fen, said)
            for h in run.hospitals
            if (h.recover_fen or h.deferred_fen)
            if (h.hospital_id in ended and h.recover_fen > 0) == demanded
        ]
        if rows:
            _write_carried(run, path.with_name(name), rows, trial)


def identity(run: YearEnd) -> str:
    """Return what tells a run from others in what it hands on: a digest of what all are paid."""
    return rows_digest(
        [run.region.id, str(run.region.year), run.policy.digest],
        [(h.hospital_id, h.pool, h.final_fen, h.deferred_fen) for h in run.hospitals],
    )


def _write_carried(
    run: YearEnd, path: Path, rows: Sequence[tuple[str, str, int, str]], trial: str = ""
) -> None:
    """Write amounts to carry, each with its origin: region, run, and a digest of all of them."""
    head = (run.region.id, identity(run))
    last = (*head, rows_digest(head, rows), *((trial,) if trial else ()))
    write_rows(
        path,
        CARRIED_TABLE,
        ("hospital_id", "pool", "amount_yuan", "from", *CARRIED_ORIGIN),
        [(*row, *last) for row in rows],
        more=["trial"] if trial else [],
    )
