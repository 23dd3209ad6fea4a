"""The published signals of a year: all of them for the region, a hospital's own for itself.

A signal is a reason to look, not a verdict. A hospital sees what is observed of its own cases, what
peers make expected where five others and more stand behind it, and no stay at another institution.
"""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from drgpay.ground.errors import in_language
from drgpay.ground.inputs import parse_json, read_input
from drgpay.report.amounts import yuan
from drgpay.report.signals import SHOWN, figure_text
from drgpay.service.desk import Board
from drgpay.service.lookup import FEWEST
from drgpay.service.pages import results
from drgpay.service.published import SIGNALS as FACTS
from drgpay.service.results import names_others
from drgpay.signals.texts import CONFIDENCE, KINDS, SIGNALS

MOST_EVIDENCE = 10  # cases shown of a signal; the folder of signals has all
Rows = tuple[dict[str, Any], ...]


@lru_cache(maxsize=2)
def _read(folder: Path, run_id: str) -> tuple[Rows, Rows, dict[str, int]]:
    """Return the signals that say something, their evidence, and evaluable hospitals by signal."""
    told = parse_json(read_input(folder / FACTS))
    rows = [
        r for r in pq.read_table(folder / "signals.parquet").to_pylist() if r["confidence"] in SHOWN
    ]
    proof = pq.read_table(folder / "evidence.parquet").to_pylist()
    count = {name: int(own["evaluable_hospitals"]) for name, own in told["signals"].items()}
    return tuple(rows), tuple(proof), count


def signals_of(
    board: Board, lang: str, hospital: str = "", *, sees_all: bool
) -> list[dict[str, Any]] | None:
    """Return the signals, of one hospital if given, most telling first; None: none are published."""
    if board.year is None or board.year.signals is None:
        return None
    rows, proof, evaluable = _read(board.year.signals, board.year.id)
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for one in proof:
        found[one["hospital_id"], one["signal"]].append(one)
    run = results.year_run(board)
    shown = []
    for row in rows:
        own = str(row["hospital_id"])
        if hospital and own != hospital:
            continue
        signal = SIGNALS[row["signal"]]
        few = not sees_all and evaluable.get(signal.id, 0) <= FEWEST
        evidence = found[own, signal.id]
        if not sees_all:
            evidence = _of_own(board, evidence, own)
        shown.append(
            {
                "hospital": own,
                "hospital_name": run.hospital_name(own),
                "kind": in_language(KINDS[row["kind"]], lang),
                "name": in_language(signal.name, lang),
                "meaning": in_language(signal.meaning, lang),
                "confidence": row["confidence"],
                "confidence_word": in_language(CONFIDENCE[row["confidence"]], lang),
                "cases": f"{row['cases']:,}",
                "observed": figure_text(signal, row["observed"]),
                "expected": "—" if few else figure_text(signal, row["expected"]),
                "stake": "—" if row["stake_fen"] is None else yuan(row["stake_fen"]),
                "evidence": [
                    {"case": one["case_id"] or "", "code": one["code"] or "", "text": one["text"]}
                    for one in evidence[:MOST_EVIDENCE]
                ],
                "more": max(0, len(evidence) - MOST_EVIDENCE),
            }
        )
    return shown


def _of_own(board: Board, evidence: list[dict[str, Any]], hospital: str) -> list[dict[str, Any]]:
    """Return evidence without what tells of a stay at another institution."""
    assert board.pricer is not None
    related = {one["related_case_id"] for one in evidence} - {None, ""}
    if related:
        cases = board.pricer.table("cases", ("case_id", "hospital_id"))
        at = pc.index_in(
            pc.cast(cases["case_id"], "string"), value_set=pa.array(sorted(related), pa.string())
        )
        there = cases.filter(pc.is_valid(at))
        related -= {
            row["case_id"] for row in there.to_pylist() if row["hospital_id"] == hospital
        }  # what is left lies elsewhere
    hidden = names_others(results.year_run(board), hospital)
    return [
        {
            **one,
            "text": "" if one["related_case_id"] in related or hidden(one["text"]) else one["text"],
        }
        for one in evidence
    ]
