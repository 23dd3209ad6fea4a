"""Small regions of two hospitals and one group, for amounts that can be worked out by hand.

H1 and H2, coefficient 1, group GB15 with mean 10,000.00, all-DRG mean 10,000.00: 100 points a case.
C1 at H1 cost 10,000.00 and its fund 7,000.00, C2 at H2 9,000.00 and 5,000.00. Score 1, so that
nothing of the deposit is forfeited.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.settlement.regions import EX1, TESTS, write_csv

HOSPITALS = ("H1", "H2")
CASE = {
    "patient_id": "", "sex": "M", "age_years": "50", "admission_date": "2024-03-01",
    "discharge_date": "2024-03-08", "settlement_date": "2024-03-08",
}  # fmt: skip
POOL = {"310": "12000.00"}
TINY = TESTS / "schemes" / "ex1-tiny"


def case(
    case_id: str, hospital: str, cost: str, fund: str, pool: str = "310", **more: Any
) -> dict[str, Any]:
    """A case of group GB15, 7 days in March, of a patient of its own."""
    own = {"case_id": case_id, "hospital_id": hospital, "total_cost": cost, "pool_fund": fund}
    return {**CASE, "pool": pool, "patient_id": f"P-{case_id}", **GB15, **own, **more}


def _group() -> dict[str, str]:
    """The codes of a case of GB15 in EX1."""
    import csv

    with (EX1 / "cases.csv").open(encoding="utf-8", newline="") as stream:
        row = next(r for r in csv.DictReader(stream) if r["case_id"] == "C11")
    names = ("diagnoses", "procedures", "diagnosis_1", "procedure_1")
    return {name: row[name] for name in names if name in row}


GB15 = _group()
BASE = (case("C1", "H1", "10000.00", "7000.00"), case("C2", "H2", "9000.00", "5000.00"))


def small_region(
    folder: Path,
    cases: Sequence[Mapping[str, Any]] = BASE,
    pools: Mapping[str, str] = POOL,
    *,
    standings: Mapping[str, str] | None = None,
    tables: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    policy: Mapping[str, str] | None = None,
    more: str = "",
) -> Path:
    """Write the region; `policy` changes values of EX1's policy, `tables` are further small tables."""
    folder.mkdir(parents=True)
    lines = [
        "[region]", 'id = "small"', 'name = "小区（虚构）"', "year = 2024",
        'policy = "policy.toml"', f'scheme = "{TINY}"', "synthetic = true",
        'cases = ["cases.csv"]', 'all_drg_mean_yuan = "10000.00"',
    ]  # fmt: skip
    for pool, budget in pools.items():
        lines += ["", "[[pools]]", f'pool = "{pool}"', f'budget_yuan = "{budget}"']
    (folder / "region.toml").write_text("\n".join([*lines, more]) + "\n", encoding="utf-8")
    free = {"ceiling.required": '"none"'}
    (folder / "policy.toml").write_text(_policy({**free, **(policy or {})}), encoding="utf-8")
    standings = standings or {}
    own = {
        "hospitals": [
            {"hospital_id": h, "name": f"{h}医院", "level": "3", "standing": standings.get(h, "")}
            for h in HOSPITALS
        ],
        "coefficients": [{"hospital_id": h, "coefficient": "1"} for h in HOSPITALS],
        "scores": [{"hospital_id": h, "score": "1"} for h in HOSPITALS],
        "base_points": [{"drg": "GB15", "group_mean_yuan": "10000.00"}],
        **(tables or {}),
    }
    header = list(dict.fromkeys(name for row in cases for name in row)) or list(BASE[0])
    write_csv(folder / "cases.csv", header, cases)
    for name, rows in own.items():
        columns = list(dict.fromkeys(column for row in rows for column in row))
        write_csv(folder / f"{name}.csv", columns, rows)
    return folder


def _policy(changes: Mapping[str, str]) -> str:
    """The policy of Hangzhou with values changed (TOML texts)."""
    import drgpay

    path = Path(drgpay.__file__).parent / "reference" / "policies" / "hangzhou.toml"
    if not path.exists():
        path = TESTS.parent / "reference" / "policies" / "hangzhou.toml"
    text = path.read_text(encoding="utf-8")
    for key, value in changes.items():
        name = f'"{key}"' if "." in key else key
        at = text.index(f"[[parameters.{name}.values]]")
        start = text.index("\nvalue = ", at) + 1
        end = text.index("\n", start)
        rest = text[end:]
        if rest.startswith("\nalternative"):
            rest = rest[rest.index("\n", 1) :]
        text = f"{text[:start]}value = {value}{rest}"
    return text


__all__ = ["BASE", "case", "small_region"]
