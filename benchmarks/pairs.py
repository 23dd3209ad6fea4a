"""`python -m benchmarks.pairs OTHER`: what a change costs: this tree and another, turn by turn.

OTHER is the folder of another checkout. Each task runs in both trees one after the other, several
times; what counts is the median of the ratios of a pair, as a machine's speed drifts. Processor time
is that of the process and of all that it started; a ratio above 1 means that this tree is faster.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.measure import SCHEME, SCHEMES

ROOT = Path(__file__).parents[1]
ONE = "case_id,sex,age_years,diagnoses,procedures\n1,M,61,I63.900|E11.900,\n"
LEAST = 0.95  # of the other tree's speed


def tasks(region: Path, work: Path) -> dict[str, list[str]]:
    """Return the commands by what they measure, their results under `work`."""
    cases, one = region / "cases.parquet", work / "one.csv"
    work.mkdir(parents=True, exist_ok=True)
    one.write_text(ONE)

    def task(name: str, *given: object) -> list[str]:
        return ["-m", "benchmarks.tasks", name, *map(str, given)]

    return {
        "kernel": task("kernels", cases, 1_000_000, 7, *SCHEMES),
        "arrays, both cores": task("arrays", cases, 1_000_000, SCHEME),
        "Parquet, file to file": task("group_file", cases, work / "out.parquet"),
        "with every check": task("group_checked", cases, work / "checked.parquet"),
        "CSV": task("csv_speed", cases, work, 300_000),
        "CSV in GB18030": task("gb18030_speed", cases, work, 200_000),
        "Excel": task("excel_speed", cases, work, 30_000),
        "settlement lists": task("lists_speed", cases, work),
        "a case by the API": task("one_case"),
        "a scheme loaded": task("load", SCHEME),
        "a case explained": task("explain_one"),
        "bounded cases": task("bounded", 1_000_000),
        "base points": task("base_points", 2_000_000),
        "ten policies": task("simulate", region),
        "year end": ["-m", "drgpay", "year-end", str(region), "-o", str(work / "run")],
        "drgpay --help": ["-m", "drgpay", "--help"],
        "drgpay group, a case": [
            "-m",
            "drgpay",
            "group",
            str(one),
            "-o",
            str(work / "one.out.csv"),
        ],
    }


def timed(tree: Path, command: list[str], work: Path) -> tuple[float, float, float | None]:
    """Run a command in a tree; return processor and wall seconds, and what it measured itself."""
    shutil.rmtree(work / "run", ignore_errors=True)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tree / "src"), str(tree)])}
    before, started = os.times(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, *command], cwd=tree, capture_output=True, text=True, env=environment
    )
    wall, after = time.perf_counter() - started, os.times()
    if done.returncode:
        sys.exit(f"{tree.name}: {' '.join(command)} failed:\n{done.stderr[-2000:]}")
    cpu = after.children_user + after.children_system - before.children_user
    cpu -= before.children_system
    return cpu, wall, _own(done.stdout)


def _own(printed: str) -> float | None:
    """Return the seconds that a task says it took, its preparations aside; of kernels the sum."""
    try:
        told = json.loads(printed.splitlines()[-1])
    except (IndexError, ValueError):
        return None
    if "seconds" in told:
        return float(told["seconds"])
    rates = [own["median"] for own in told.values() if isinstance(own, dict)]
    return sum(1 / rate for rate in rates) or None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path)
    parser.add_argument("--region", type=Path, required=True, help="a city of drgpay synth")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=())
    options = parser.parse_args()
    trees = (ROOT, options.other.resolve())
    works = [ROOT / ".bench" / "pairs" / name for name in ("this", "other")]
    by_tree = [tasks(options.region.resolve(), work) for work in works]
    if unknown := set(options.only) - set(by_tree[0]):
        parser.error(f"no such task: {', '.join(unknown)}; there are {', '.join(by_tree[0])}")
    slower = []
    print(f"{'other / this':<24} {'processor':>10} {'wall':>8} {'of the work':>12}")
    for what in by_tree[0]:
        if options.only and what not in options.only:
            continue
        pairs = []
        for turn in range(options.pairs + 1):  # the first fills caches and makes the inputs
            pair = [
                timed(tree, own[what], work)
                for tree, own, work in zip(trees, by_tree, works, strict=True)
            ]
            if turn:
                pairs.append(pair)
        ratios = [
            statistics.median([theirs[k] / ours[k] for ours, theirs in pairs if ours[k]] or [0])
            for k in range(3)
        ]
        own = f"{ratios[2]:>11.2f}x" if ratios[2] else ""
        print(f"{what:<24} {ratios[0]:>9.2f}x {ratios[1]:>7.2f}x {own}", flush=True)
        if min(ratios[0], ratios[2] or ratios[1]) < LEAST:
            slower.append(what)
    print(f"\nslower than {LEAST} x: {', '.join(slower) or 'none'}")


if __name__ == "__main__":
    main()
