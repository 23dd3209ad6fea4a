"""All signals of a region: from its cases to findings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from drgpay.ground.errors import InputError, both
from drgpay.settlement.prepare import Progress
from drgpay.signals import coding, service, stays
from drgpay.signals.data import Cases, load_cases
from drgpay.signals.findings import Finding, judged
from drgpay.signals.outpatient import Visits, read_visits
from drgpay.signals.parameters import Parameters, load_parameters
from drgpay.signals.texts import SIGNALS

OUTPATIENT = ("outpatient.parquet",)


@dataclass(frozen=True)
class Signals:
    """What the signals say of a region's year."""

    cases: Cases
    settings: Parameters
    findings: tuple[Finding, ...]
    outpatient: str
    visits: int
    visits_left_out: int


def signals(
    folder: str | Path,
    run_dir: str | Path | None = None,
    outpatient: str | Path | None = None,
    *,
    overrides: tuple[str, ...] = (),
    threads: int | None = None,
    progress: Progress | None = None,
) -> Signals:
    """Return the signals of a region folder's year.

    `run_dir`: a run of the same cases, else the year is settled here. `outpatient`: visits, else
    `outpatient.parquet` of the region folder when there is one. `overrides`: `KEY=VALUE` texts of
    thresholds. The result depends neither on the order of rows nor on `threads`.

    Raises InputError and what settling raises. Source: S2 二(二)2(5), S0 art. 25.
    """
    settings = load_parameters(overrides)
    cases = load_cases(folder, run_dir, threads=threads, progress=progress)
    if not cases.use.any():
        raise InputError(
            both("没有可比较的病例", "there is no case to compare"),
            where=Path(folder),
            remedy=both("核对病例与分组结果", "check the cases and how they were grouped"),
        )
    found = Path(outpatient) if outpatient is not None else None
    if found is None:
        there = [Path(folder) / name for name in OUTPATIENT if (Path(folder) / name).is_file()]
        found = there[0] if there else None
    visits = read_visits(found, cases) if found is not None else None
    return Signals(
        cases,
        settings,
        detect(cases, visits, settings),
        found.name if found is not None else "",
        visits.rows if visits is not None else 0,
        visits.left_out if visits is not None else 0,
    )


def detect(cases: Cases, visits: Visits | None, settings: Parameters) -> tuple[Finding, ...]:
    """Return the findings of all signals, in the order in which they are declared."""
    f = stays.follow(cases)
    split = stays.splits(cases, f, settings)
    parts = split.parts(f)
    u = service.usual(cases, settings)
    found = [
        *stays.split_findings(cases, f, split, settings),
        *coding.severity_findings(cases, settings),
        *coding.edge_findings(cases, parts, settings),
        service.low_service(cases, u, parts, settings),
        stays.early_finding(cases, f, u.days_of(len(cases)), settings),
        *service.patient_findings(cases, parts, settings),
        service.outpatient_finding(cases, visits, parts, settings),
        stays.away_finding(cases, f, settings),
    ]
    by_name = {one.signal.id: one for one in judged(found, settings)}
    return tuple(by_name[name] for name in SIGNALS)
