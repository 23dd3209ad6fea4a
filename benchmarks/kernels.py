"""The grouper's kernel alone, on one core: every bundled scheme in one run, turn by turn.

Times are the processor time of the thread: other work on the machine disturbs it least. Schemes
take turns, so that a ratio holds while the machine's speed drifts.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measure import SCHEMES, median_seconds

EDITION = "insurance-2.0"  # of the drawn city's codes


@dataclass
class Timed:
    """The times of one piece of work: processor and wall, seconds of each run."""

    work: Callable[[], object]
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def run(self) -> None:
        started, on_clock = time.thread_time(), time.perf_counter()
        self.work()
        self.cpu.append(time.thread_time() - started)
        self.wall.append(time.perf_counter() - on_clock)


def encoded(path: Path, limit: int, scheme: str) -> Any:
    """Return the first cases of a file as one set of arrays, with the grouper they are made for."""
    import numpy as np
    import pyarrow as pa

    from drgpay.cases.encode import Codes, EncodedCases, Faults, encode_cases
    from drgpay.cases.sources import open_source
    from drgpay.grouper import Grouper
    from drgpay.names.columns import GROUPING_COLUMNS

    grouper = Grouper(scheme)
    compiled = grouper.compiled
    parts = []
    rows = 0
    for piece in open_source(path, (*GROUPING_COLUMNS, *compiled.more)).pieces:
        table = piece.load()
        parts.append(
            encode_cases(
                table,
                compiled.encode_diagnoses,
                compiled.procedures.encode,
                Faults.of(table, piece.file, piece.first_row),
                grouper.recoders,
                compiled.more,
                EDITION if EDITION in grouper.editions else "",
            )
        )
        rows += len(table)
        if rows >= limit:
            break

    def codes(name: str) -> Codes:
        some = [getattr(part, name) for part in parts]
        lengths = np.concatenate([np.diff(c.offsets) for c in some])
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        ids = np.concatenate([c.ids[: c.offsets[-1]] for c in some] + [np.zeros(1, np.int32)])
        return Codes(offsets, ids.astype(np.int32), pa.array([], pa.string()))

    names = ("sex", "age_years", "age_days", "birth_weight_g", "los_days", "icu", "good")
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    more = {name: np.concatenate([part.number(name) for part in parts]) for name in compiled.more}
    cases = EncodedCases(
        diagnoses=codes("diagnoses"), procedures=codes("procedures"), more=more, **columns
    )
    return grouper, cases


def kernel_of(grouper: Any, cases: Any) -> Callable[[], object]:
    """Return the kernel on all cases, its results thrown away."""
    import numpy as np

    from drgpay.grouper.engine import _run

    n = len(cases)
    more = cases.stacked(grouper.compiled.more)
    kinds = (np.int16, np.int8, np.int8, np.int8, np.uint8, np.int32, np.int32)
    out = tuple(np.empty(n, kind) for kind in kinds)
    return lambda: _run(grouper.compiled, cases, more, grouper._facts_of, out, 0, n)


def rates(timed: Timed, n: int, base: Timed) -> dict[str, float]:
    """Return cases a second, best and median of the processor time, and against another work."""
    pairs = zip(timed.cpu, base.cpu, strict=True)
    return {
        "best": n / min(timed.cpu),
        "median": n / statistics.median(timed.cpu),
        "wall": n / statistics.median(timed.wall),
        "times": statistics.median(a / b for a, b in pairs),
    }


def kernels(cases_file: str, limit: str, repeats: str, *schemes: str) -> dict[str, Any]:
    """The kernel under each scheme, of which the first is what the others are compared with."""
    timed, sizes, codes = {}, {}, {}
    for scheme in schemes or every_scheme():
        grouper, cases = encoded(Path(cases_file), int(limit), scheme)
        timed[scheme] = Timed(kernel_of(grouper, cases))
        timed[scheme].work()
        sizes[scheme] = len(cases)
        codes[scheme] = float(cases.diagnoses.offsets[-1] + cases.procedures.offsets[-1])
    for _ in range(int(repeats)):
        for work in timed.values():
            work.run()
    base = next(iter(timed.values()))
    return {
        scheme: {
            "cases": sizes[scheme],
            "codes_per_case": codes[scheme] / sizes[scheme],
            **rates(work, sizes[scheme], base),
        }
        for scheme, work in timed.items()
    }


def every_scheme() -> Sequence[str]:
    """Return the bundled schemes, the provincial ones first."""
    from drgpay.ground.reference import bundled

    return [*SCHEMES, *(name for name in bundled("schemes") if name not in SCHEMES)]


def arrays(cases_file: str, limit: str, scheme: str) -> dict[str, Any]:
    """Grouping of arrays on all cores, wall time."""
    from drgpay.ground.threads import default_threads

    grouper, cases = encoded(Path(cases_file), int(limit), scheme)
    threads = default_threads()
    grouper.group_arrays(cases, threads)
    return {
        "cases": len(cases),
        "seconds": median_seconds(lambda: grouper.group_arrays(cases, threads), 7),
        "threads": threads,
    }
