"""Settlement lists for tests: the invented body of EX1's case C07, and lists made of EX1's cases."""

from __future__ import annotations

import copy
import csv
import json
from pathlib import Path
from typing import Any

from benchmarks.lists import settlement_list

EX1 = Path(__file__).parents[1] / "cases" / "ex1"
SCHEMES = Path(__file__).parents[1] / "schemes"
PERSONAL = ("张某某", "李某某", "王某某", "赵某某", "990000196001010000", "虚构路", "虚构公司")

C07: dict[str, Any] = {
    "setlinfo": {
        "mdtrt_id": "M0000007", "setl_id": "S0000007", "fixmedins_code": "H33010000002",
        "fixmedins_name": "H2", "hi_setl_lv": "2", "medcasno": "TEST-C07", "psn_name": "TEST",
        "gend": "2", "brdy": "1960-03-01", "age": 64, "nwb_age": None, "hi_type": "2",
        "insuplc": "330100", "ipt_med_type": "1", "adm_way": "2", "trt_type": "1",
        "adm_time": "2024-06-09 08:30:00", "dscg_time": "2024-06-15 10:00:00", "act_ipt_days": 6,
        "vent_used_dura": "0/0/0", "dscg_way": "1", "diag_code_cnt": 2, "oprn_oprt_code_cnt": 1,
        "setl_begn_date": "2024-06-09", "setl_end_date": "2024-06-15", "psn_selfpay": "2500.00",
        "psn_ownpay": "749.38", "acct_pay": "1000.00", "psn_cashpay": "2249.38", "hi_paymtd": "4",
    },
    "payinfo": [{"fund_pay_type": "390100", "fund_payamt": "4874.07"}],
    "diseinfo": [
        {"diag_type": "1", "diag_code": "K22.301", "diag_name": "食管破裂",
         "adm_cond_type": "1", "maindiag_flag": "1"},
        {"diag_type": "1", "diag_code": "E11.900", "diag_name": "2型糖尿病",
         "adm_cond_type": "1", "maindiag_flag": "0"},
    ],
    "oprninfo": [
        {"oprn_oprt_type": "1", "oprn_oprt_code": "96.0800x005",
         "oprn_oprt_name": "鼻十二指肠营养管置入术", "oprn_oprt_date": "2024-06-10"}
    ],
    "icuinfo": [],
    "opspdiseinfo": [],
    "iteminfo": [
        {"med_chrgitm": "01", "amt": "600.00", "claa_sumfee": "600.00", "clab_amt": "0.00",
         "fulamt_ownpay_amt": "0.00", "oth_amt": "0.00"},
        {"med_chrgitm": "08", "amt": "2523.45", "claa_sumfee": "1000.00", "clab_amt": "1274.07",
         "fulamt_ownpay_amt": "249.38", "oth_amt": "0.00"},
        {"med_chrgitm": "09", "amt": "5000.00", "claa_sumfee": "3000.00", "clab_amt": "1500.00",
         "fulamt_ownpay_amt": "500.00", "oth_amt": "0.00"},
    ],
}  # fmt: skip


def c07(**head: Any) -> dict[str, Any]:
    """Return C07 with some fields of setlinfo changed; None removes the field."""
    body = copy.deepcopy(C07)
    for name, value in head.items():
        if value is None:
            body["setlinfo"].pop(name, None)
        else:
            body["setlinfo"][name] = value
    return body


def ex1_rows() -> list[dict[str, Any]]:
    with (EX1 / "cases.csv").open(encoding="utf-8", newline="") as stream:
        rows: list[dict[str, Any]] = list(csv.DictReader(stream))
    for row in rows:
        row["diagnoses"] = [code for code in row["diagnoses"].split("|") if code]
        row["procedures"] = [code for code in row["procedures"].split("|") if code]
        row["los_days"] = int(row["los_days"])
    return rows


def ex1_lists() -> list[dict[str, Any]]:
    return [settlement_list(row) for row in ex1_rows()]


def write(path: Path, *bodies: Any, encoding: str = "utf-8", end: str = "\n") -> Path:
    """Write bodies one a line; texts are written as they are."""
    lines = [b if isinstance(b, str) else json.dumps(b, ensure_ascii=False) for b in bodies]
    path.write_bytes((end.join(lines) + end).encode(encoding))
    return path


def read(
    path: Path | list[Path], wanted: Any = None, purpose: str = "grouping", **options: Any
) -> tuple[list[dict[str, Any]], list[tuple[str, int, str, str, str]], list[str]]:
    """Return rows, faults as (file, number, reason, field, value), and notes."""
    from drgpay.cases.lists import open_lists
    from drgpay.cases.mapping import Asked
    from drgpay.cases.options import ReadOptions
    from drgpay.cases.sources import _expanded

    paths = path if isinstance(path, list) else [path]
    paths = _expanded(paths) if all(one.exists() for one in paths) else paths
    source = open_lists(paths, Asked.of(wanted, purpose, ReadOptions(**options)))
    rows: list[dict[str, Any]] = []
    for piece in source.pieces:
        table = piece.load()
        numbers = piece.numbers if piece.numbers is not None else range(1, len(table) + 1)
        rows += [
            {**row, "_file": piece.file, "_row": int(number)}
            for row, number in zip(table.to_pylist(), numbers, strict=True)
        ]
    faults = [(f, n, v.reason, v.column, str(v)) for f, n, v in source.broken]  # type: ignore[attr-defined]
    return rows, faults, [str(note) for note in source.notes]
