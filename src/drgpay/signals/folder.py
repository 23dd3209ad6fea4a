"""The result as tables: one row a hospital and signal, and the evidence rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from drgpay import __version__
from drgpay.ground.errors import BooksError, both, in_language
from drgpay.names.run_tables import records_table
from drgpay.runs.manifest import region_facts, two_languages
from drgpay.runs.writer import write_result
from drgpay.signals.detect import Signals
from drgpay.signals.findings import LEVELS
from drgpay.signals.texts import CONFIDENCE, FOUND, KINDS

DIGITS = 9
# the figures of a hospital as the table names them
FIGURES = {name: name for name in ("observed", "expected", "ratio", "z", "p", "q")}
FIGURES["shrunk_ratio"] = "shrunk"


def _number(value: float) -> float | None:
    """Return a figure to nine digits, None for none: the rest is noise of summing."""
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None


def result_tables(result: Signals, lang: str = "zh") -> tuple[pa.Table, pa.Table]:
    """Return the table of signals and that of evidence, most telling first in each.

    Raises BooksError when a hospital and signal is not there exactly once.
    """
    rows: list[dict[str, Any]] = []
    proof: list[dict[str, Any]] = []
    hospitals = result.cases.region.hospitals
    for f in result.findings:
        of_signal = {"kind": f.signal.kind, "signal": f.signal.id}
        for number, hospital in enumerate(hospitals):
            sure = int(f.confidence[number])
            evidence = f.evidence(number) if sure > 0 else ()
            points, yuan = (float(v[number]) for v in (f.stake_points, f.stake_yuan))
            figures = {
                column: _number(float(getattr(f.result, name)[number]))
                for column, name in FIGURES.items()
            }
            rows.append(
                {
                    "hospital_id": hospital.id,
                    "hospital_name": hospital.name,
                    "level": hospital.level,
                    **of_signal,
                    "confidence": LEVELS[sure] if sure >= 0 else "not_evaluable",
                    "cases": int(f.result.cases[number]),
                    **figures,
                    "honest_spread": _number(f.result.tau),
                    "stake_points": _number(points) if sure > 0 else None,
                    "stake_fen": round(yuan * 100) if sure > 0 and math.isfinite(yuan) else None,
                    "evidence_rows": len(evidence),
                    "text": in_language(f.missing, lang),
                }
            )
            proof += [
                {
                    "hospital_id": hospital.id,
                    **of_signal,
                    "rank": place,
                    "case_id": e.case_id or None,
                    "related_case_id": e.related_case_id or None,
                    "code": e.code or None,
                    "value": _number(e.value),
                    "peer_value": None if e.peer is None else _number(e.peer),
                    "text": in_language(e.text, lang),
                }
                for place, e in enumerate(evidence, start=1)
            ]
    if len(rows) != len(hospitals) * len(result.findings) or sum(
        int(r["evidence_rows"]) for r in rows
    ) != len(proof):
        raise BooksError(
            both(f"信号表 {len(rows)} 行，与机构和信号之数不符", f"{len(rows)} rows of signals")
        )
    order = {name: i for i, name in enumerate(("high", "middle", "low", "none", "not_evaluable"))}
    rows.sort(key=lambda r: order[r["confidence"]])  # stable: signals, then hospitals
    return records_table("signals", rows), records_table("evidence", proof)


def facts(result: Signals) -> dict[str, Any]:
    """Return what the signals were made of, for signals.json."""
    c = result.cases
    counts = {name: 0 for name in CONFIDENCE}
    for f in result.findings:
        for sure in f.confidence.tolist():
            counts[LEVELS[sure] if sure >= 0 else "not_evaluable"] += 1
    return {
        "drgpay_version": __version__,
        "region": region_facts(c.region),
        "synthetic": c.region.synthetic,
        "hospitals": len(c.region.hospitals),
        "cases": c.counts,
        "outpatient": {
            "file": result.outpatient,
            "visits": result.visits,
            "left_out": result.visits_left_out,
        },
        "confidence": counts,
        "found": sum(counts[name] for name in FOUND),
        "signals": {
            f.signal.id: {
                "kind": f.signal.kind,
                **two_languages(f.signal.name),
                "honest_spread": _number(f.result.tau),
                "evaluable_hospitals": int(f.result.evaluable.sum()),
                "not_computed": two_languages(f.missing) if f.missing else None,
            }
            for f in result.findings
        },
        "kinds": {name: two_languages(text) for name, text in KINDS.items()},
        "parameters": [
            {
                "key": p.key,
                "value": p.value,
                **two_languages(p.name),
                "why": p.why,
                "changed": p.changed,
            }
            for p in result.settings.rows.values()
        ],
    }


def write_signals(
    result: Signals,
    out: str | Path,
    *,
    lang: str = "zh",
    finish: Callable[[Path, pa.Table, pa.Table], object] | None = None,
) -> Path:
    """Write the result folder `out`, which must not exist yet; `finish` may add files to it."""
    main, evidence = result_tables(result, lang)

    def papers(folder: Path) -> None:
        if finish is not None:
            finish(folder, main, evidence)

    return write_result(
        out,
        {"signals": main, "evidence": evidence},
        lambda: facts(result),
        finish=papers,
        manifest="signals.json",
        digests=False,
    )
