"""The result as tables: one row a hospital and signal, and the evidence rows."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from drgpay import __version__
from drgpay.ground.arrow import table_writer
from drgpay.ground.digests import write_sums
from drgpay.ground.errors import BooksError, both, in_language
from drgpay.ground.outputs import whole_folder
from drgpay.signals.detect import Signals
from drgpay.signals.findings import LEVELS
from drgpay.signals.texts import CONFIDENCE, FOUND, KINDS

SIGNALS_SCHEMA = pa.schema(
    [
        ("hospital_id", pa.string()),
        ("hospital_name", pa.string()),
        ("level", pa.string()),
        ("kind", pa.string()),
        ("signal", pa.string()),
        ("confidence", pa.string()),
        ("cases", pa.int64()),
        ("observed", pa.float64()),
        ("expected", pa.float64()),
        ("ratio", pa.float64()),
        ("shrunk_ratio", pa.float64()),
        ("honest_spread", pa.float64()),
        ("z", pa.float64()),
        ("p", pa.float64()),
        ("q", pa.float64()),
        ("stake_points", pa.float64()),
        ("stake_fen", pa.int64()),
        ("evidence_rows", pa.int64()),
        ("text", pa.string()),
    ]
)
EVIDENCE_SCHEMA = pa.schema(
    [
        ("hospital_id", pa.string()),
        ("kind", pa.string()),
        ("signal", pa.string()),
        ("rank", pa.int64()),
        ("case_id", pa.string()),
        ("related_case_id", pa.string()),
        ("code", pa.string()),
        ("value", pa.float64()),
        ("peer_value", pa.float64()),
        ("text", pa.string()),
    ]
)
DIGITS = 9


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
        r = f.result
        for number, hospital in enumerate(hospitals):
            sure = int(f.confidence[number])
            name = LEVELS[sure] if sure >= 0 else "not_evaluable"
            evidence = f.evidence(number) if sure > 0 else ()
            yuan = float(f.stake_yuan[number])
            rows.append(
                {
                    "hospital_id": hospital.id,
                    "hospital_name": hospital.name,
                    "level": hospital.level,
                    "kind": f.signal.kind,
                    "signal": f.signal.id,
                    "confidence": name,
                    "cases": int(r.cases[number]),
                    "observed": _number(float(r.observed[number])),
                    "expected": _number(float(r.expected[number])),
                    "ratio": _number(float(r.ratio[number])),
                    "shrunk_ratio": _number(float(r.shrunk[number])),
                    "honest_spread": _number(r.tau),
                    "z": _number(float(r.z[number])),
                    "p": _number(float(r.p[number])),
                    "q": _number(float(r.q[number])),
                    "stake_points": _number(float(f.stake_points[number])) if sure > 0 else None,
                    "stake_fen": round(yuan * 100) if sure > 0 and math.isfinite(yuan) else None,
                    "evidence_rows": len(evidence),
                    "text": in_language(f.missing, lang),
                }
            )
            proof += [
                {
                    "hospital_id": hospital.id,
                    "kind": f.signal.kind,
                    "signal": f.signal.id,
                    "rank": place,
                    "case_id": e.case_id or None,
                    "related_case_id": e.related_case_id or None,
                    "code": e.code or None,
                    "value": None if e.value is None else _number(e.value),
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
    return (
        pa.Table.from_pylist(rows, schema=SIGNALS_SCHEMA),
        pa.Table.from_pylist(proof, schema=EVIDENCE_SCHEMA),
    )


def facts(result: Signals) -> dict[str, Any]:
    """Return what the signals were made of, for signals.json."""
    c = result.cases
    counts = {name: 0 for name in CONFIDENCE}
    for f in result.findings:
        for sure in f.confidence.tolist():
            counts[LEVELS[sure] if sure >= 0 else "not_evaluable"] += 1
    return {
        "drgpay_version": __version__,
        "region": {"id": c.region.id, "name": c.region.name, "year": c.region.year},
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
                "zh": f.signal.name.chinese,
                "en": str(f.signal.name),
                "honest_spread": _number(f.result.tau),
                "evaluable_hospitals": int(f.result.evaluable.sum()),
                "not_computed": {"zh": f.missing.chinese, "en": str(f.missing)}
                if f.missing
                else None,
            }
            for f in result.findings
        },
        "kinds": {name: {"zh": text.chinese, "en": str(text)} for name, text in KINDS.items()},
        "parameters": [
            {
                "key": p.key,
                "value": p.value,
                "zh": p.name.chinese,
                "en": str(p.name),
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
    target = Path(out)
    with whole_folder(target) as temporary:
        main, evidence = result_tables(result, lang)
        for name, table in (("signals", main), ("evidence", evidence)):
            for suffix in (".parquet", ".csv"):
                writer = table_writer(temporary / f"{name}{suffix}", table.schema)
                writer.write_table(table)
                writer.close()
        text = json.dumps(facts(result), ensure_ascii=False, indent=1)
        (temporary / "signals.json").write_text(text + "\n", encoding="utf-8")
        if finish is not None:
            finish(temporary, main, evidence)
        write_sums(temporary)
    return target


def found_pairs(result: Signals) -> set[tuple[str, str]]:
    """Return the hospitals and kinds with a finding of middle or high confidence."""
    ids = [h.id for h in result.cases.region.hospitals]
    return {
        (ids[number], f.signal.kind)
        for f in result.findings
        for number in np.flatnonzero(f.confidence >= LEVELS.index("middle")).tolist()
    }
