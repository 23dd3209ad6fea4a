"""`python -m benchmarks`: every number about speed that we claim, with its ratio, in one run."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import SCHEME, SCHEMES

ROOT = Path(__file__).parents[1]
WORK = ROOT / ".bench"
# what the fastest open grouper of CHS-DRG that we know of is said to do, cases a second
CHS_OPEN = 8_600
KERNEL = 15e6  # cases a second that one core is to group


def run(name: str, *arguments: object, best_of: int = 1) -> dict[str, Any]:
    """Run a task in a process of its own; of several runs, return the median one by seconds."""
    results = []
    for _ in range(best_of):
        command = [sys.executable, "-m", "benchmarks.tasks", name, *map(str, arguments)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{name} failed:\n{done.stderr}")
        results.append(json.loads(done.stdout.splitlines()[-1]))
    results.sort(key=lambda result: result.get("seconds", 0))
    return results[len(results) // 2]


ROWS: list[tuple[str, str, str, bool | None]] = []


def row(what: str, target: str, measured: str, reached: bool | None = None) -> None:
    ROWS.append((what, target, measured, reached))
    mark = {True: "reached", False: "MISSED", None: ""}[reached]
    print(f"{what:<58} {target:>20}   {measured:<58} {mark}", flush=True)


def arrivals(cases: Path, some: Path) -> None:
    """Measure cases as they really arrive: readers, checks, explanation."""
    for name, what, target in (
        ("csv_speed", "CSV in UTF-8, file to file", 300_000),
        ("gb18030_speed", "CSV in GB18030, file to file", 300_000),
        ("excel_speed", "Excel, file to file", 10_000),
        ("lists_speed", "settlement lists as JSON lines, file to file", 20_000),
    ):
        r = run(name, some, WORK)
        rate = r["cases_per_second"]
        row(
            f"{what} ({r['cases']:,} rows, {r['mib']:,.0f} MiB)",
            f"≥ {target:,}/s",
            f"{rate:,.0f}/s",
            rate >= target,
        )
    checked = WORK / "checked.parquet"
    run("group_checked", cases, checked)
    plain = run("group_file", cases, WORK / "out.parquet", best_of=3)
    c = run("group_checked", cases, checked, best_of=3)
    ratio = c["seconds"] / plain["seconds"]
    row(
        f"all checks on top of grouping, Parquet ({c['findings']:,} findings)",
        "≤ 1.40 x",
        f"{c['seconds']:.1f} s / {plain['seconds']:.1f} s = {ratio:.2f} x, {c['peak_mib']:,.0f} MiB",
        ratio <= 1.4,
    )
    for kind in ("csv", "parquet"):
        t = run("cleaning", cases, WORK, kind, min(c["cases"], 500_000), 9)
        row(
            f"cleaning of cells, {kind}, dates of birth among them ({t['cases']:,} rows)",
            "≤ 1.05 x",
            f"{t['ratio']:.3f} x (best {t['best']:.3f}), "
            f"{t['cleaned']:.2f} s / {t['plain']:.2f} s of the processor",
            t["ratio"] <= 1.05,
        )
    same = run("group_same_columns", cases, WORK / "out.parquet", best_of=3)
    row(
        "  against grouping that reads the same columns",
        "",
        f"{c['seconds']:.1f} s / {same['seconds']:.1f} s = {c['seconds'] / same['seconds']:.2f} x",
    )
    one = run("explain_one")
    row("one case explained, text included", "≤ 2 ms", f"{one['seconds'] * 1e3:.2f} ms",
        one["seconds"] <= 2e-3)  # fmt: skip
    few = WORK / "explained-cases.parquet"
    run("exact_cases", cases, few, 100_000)
    many = run("explain_file", few, WORK / "explained.parquet", os.cpu_count() or 1)
    row(
        f"{many['cases']:,} cases explained to Parquet",
        "≤ 20 s",
        f"{many['seconds']:.1f} s, {many['mib']:,.0f} MiB written",
        many["seconds"] <= 20,
    )


def kernel(region: Path, cases: Path, n: int) -> None:
    """Measure the kernel by processor time: the schemes of the province, then all that are there."""
    measured = run("kernels", cases, min(n, 2_000_000), 7, *SCHEMES)
    every = run("kernels", cases, min(n, 250_000), 7)
    for scheme, k in (every | measured).items():
        row(
            f"kernel, {scheme}, one core ({k['codes_per_case']:.1f} codes a case)",
            f"≥ {KERNEL / 1e6:.0f} million/s",
            f"{k['median'] / 1e6:.1f} million/s (best {k['best'] / 1e6:.1f}, "
            f"wall {k['wall'] / 1e6:.1f}), {k['times']:.2f} x {SCHEMES[0]}",
            k["median"] >= KERNEL,
        )


def grouping(region: Path, cases: Path, n: int) -> None:
    """Measure the grouper: arrays, memory, one case, files."""
    k = run("arrays", cases, 2_000_000, SCHEME)
    fast = k["cases"] / k["seconds"]
    row(
        f"grouping in memory, {k['threads']} cores, against a published rate of CHS-DRG, not run here",
        "≥ 1,000 x",
        f"{fast / 1e6:.1f} million/s, {fast / CHS_OPEN:,.0f} x of {CHS_OPEN:,}/s",
        fast / CHS_OPEN >= 1000,
    )
    g = run("groupers", 20_000)
    for name, (one, two) in g["cases_per_second"].items():
        row(f"  one case a call, {name}", "", f"{one:,.0f}/s, on two threads {two:,.0f}/s")

    o = run("one_case")
    row("one case, Python API", "≤ 50 µs", f"{o['seconds'] * 1e6:.1f} µs", o["seconds"] <= 50e-6)
    for scheme, what, target in (
        (SCHEMES[0], "loading a scheme", 0.3),
        (SCHEME, "loading a scheme on a base", 0.35),
    ):
        loaded = run("load", scheme, best_of=5)
        row(
            f"{what}, {scheme}",
            f"≤ {target} s",
            f"{loaded['seconds']:.2f} s, {loaded['cpu_seconds']:.2f} s of the processor",
            loaded["seconds"] <= target,
        )
    one = WORK / "one.csv"
    one.write_text("case_id,sex,age_years,diagnoses,procedures\n1,M,61,I63.900|E11.900,\n")
    seconds = []
    for _ in range(6):
        started = time.perf_counter()
        command = [
            sys.executable,
            "-m",
            "drgpay",
            "group",
            str(one),
            "-o",
            str(WORK / "one.out.csv"),
        ]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        seconds.append(time.perf_counter() - started)
    again = sorted(seconds[1:])[2]
    row("drgpay group on one case, second start", "≤ 1.5 s", f"{again:.2f} s", again <= 1.5)

    out, small, plain = WORK / "out.parquet", WORK / "first.parquet", WORK / "plain.parquet"
    run("group_file", cases, out)  # the first run reads the disk for all
    g = run("group_file", cases, out, best_of=3)
    p = run("pyarrow_only", cases, out, plain, best_of=3)
    rate = g["cases"] / g["seconds"]
    row(
        "group, file to file, Parquet",
        "≥ 2 million/s",
        f"{rate / 1e6:.2f} million cases/s ({g['seconds']:.1f} s)",
        rate >= 2e6,
    )
    ratio = g["seconds"] / p["seconds"]
    row(
        "  against reading and writing the same with pyarrow alone",
        "≤ 2.5 x",
        f"{g['seconds']:.1f} s / {p['seconds']:.1f} s = {ratio:.2f} x",
        ratio <= 2.5,
    )
    run("first_cases", cases, small, n // 10)
    s = run("group_file", small, WORK / "first.out.parquet")
    row(
        f"  peak memory at {s['cases']:,} and {g['cases']:,} cases",
        "≤ 1,536 MiB, flat",
        f"{s['peak_mib']:,.0f} and {g['peak_mib']:,.0f} MiB",
        g["peak_mib"] <= 1536 and g["peak_mib"] <= 1.5 * s["peak_mib"],
    )


def arriving(region: Path, cases: Path, n: int) -> None:
    """Measure files as they arrive, on a tenth of the cases."""
    small = WORK / "first.parquet"
    run("first_cases", cases, small, n // 10)
    run("group_file", cases, WORK / "out.parquet")
    arrivals(cases, small)


def year_end(region: Path, cases: Path, n: int) -> None:
    """Measure the year end: files to run folder, against what an analyst writes, within bounds."""
    target = WORK / "run"
    shutil.rmtree(target, ignore_errors=True)
    y = run("year_end", region, target)
    row(
        f"year-end, {y['cases']:,} cases and {y['history']:,} of history, files to run folder",
        "≤ 60 s, ≤ 6,144 MiB",
        f"{y['seconds']:.1f} s, {y['peak_mib']:,.0f} MiB",
        y["seconds"] <= 60 and y["peak_mib"] <= 6144,
    )
    p = run("against_others", region, WORK / "groups")
    for name, target in (("duckdb", 0), ("polars", 0), ("pandas", 10)):
        theirs = p[f"{name}_seconds"]
        ratio = theirs / p["seconds"]
        row(
            f"settling {p['cases']:,} grouped cases in memory, against {name}, same fen",
            f"≥ {target} x" if target else "",
            f"{theirs:.1f} s / {p['seconds']:.1f} s = {ratio:.1f} x",
            ratio >= target if target else None,
        )
        files, ours = p["read_seconds"] + theirs, p["files_seconds"]
        row(
            f"  from files: {name} without grouping, ours with checks and grouping",
            "",
            f"{files:.1f} s / {ours:.1f} s = {files / ours:.1f} x",
        )
    row("  a further policy, base points and readmissions kept", "", f"{p['again_seconds']:.2f} s")
    b = run("bounded", 1_000_000, best_of=3)
    row(
        "a million bounded cases, arrays to dues",
        "< 1 s",
        f"{b['seconds']:.2f} s",
        b["seconds"] < 1,
    )
    h = run("base_points", 2 * n)
    row(
        f"base points of {h['cases']:,} past cases in memory of 700 MB",
        "",
        f"{h['seconds']:.1f} s, another policy {h['trial_seconds']:.1f} s, {h['peak_mib']:,.0f} MiB",
    )


def simulating(region: Path, cases: Path, n: int) -> None:
    """Measure ten policies over one year's cases."""
    s = run("simulate", region)
    row(
        f"simulate: ten policies over {s['cases']:,} cases",
        "≤ 180 s",
        f"{s['seconds']:.0f} s, {s['median_run_seconds']:.1f} s a policy, {s['peak_mib']:,.0f} MiB",
        s["seconds"] <= 180,
    )


def streaming(region: Path, cases: Path, n: int) -> None:
    """Measure ten times the cases, kept on disk."""
    large = WORK / f"region-{SCHEME}-{10 * n}-large"
    if not (large / "region.toml").exists():
        run("large_region", large, 10 * n)
    shutil.rmtree(WORK / "large-run", ignore_errors=True)
    s = run("stream", large, WORK / "spool", WORK / "large-run")
    row(
        f"year-end, {s['cases']:,} cases on disk, files to run folder",
        "≤ 6,144 MiB",
        f"{s['seconds']:.0f} s, {s['peak_mib']:,.0f} MiB",
        s["peak_mib"] <= 6144,
    )


def monitoring(region: Path, cases: Path, n: int) -> None:
    """Measure the monitoring of a month."""
    visits = WORK / f"visits-{n}.parquet"
    if not visits.exists():
        run("visits", visits, n)
    m = run("watch", visits, WORK, best_of=3)
    row(
        f"budget watch: {m['rows']:,} visits of two years, file to papers",
        "≤ 10 s",
        f"{m['seconds']:.1f} s, {m['cpu_seconds']:.1f} s of the processor, {m['peak_mib']:,.0f} MiB",
        m["seconds"] <= 10,
    )


def on_spark(region: Path, cases: Path, n: int) -> None:
    """Measure the year end on Spark in local mode, on a million cases; it needs Java."""
    city = WORK / f"region-{SCHEME}-spark"
    if not (city / "region.toml").exists():
        run("synth", city, min(n, 1_000_000), 1)
    s = run("spark", city, os.cpu_count() or 1)
    row(
        f"year-end on Spark, local, {s['cases']:,} cases and {s['history']:,} of history",
        "same fen",
        f"{s['seconds']:.0f} s, {s['shuffle_bytes_per_case']:.0f} bytes a case shuffled",
        s["same_fen"],
    )


def year_of_budget(region: Path, cases: Path, n: int) -> None:
    """Measure the year's book."""
    b = run("book", WORK, 100_000)
    row(
        "the year's book: an entry made durable (SQLite)",
        "≤ 10 ms (p50)",
        f"{b['entry_ms']:.1f} ms, 99 % within {b['entry_p99_ms']:.1f} ms",
        b["entry_ms"] <= 10,
    )
    row(
        f"  opened with {b['entries']:,} entries",
        "≤ 0.5 s",
        f"{b['opened']:.2f} s",
        b["opened"] <= 0.5,
    )
    row(
        f"  {b['entries']:,} entries, {b['postings']:,} lines verified",
        "≤ 3 s",
        f"{b['seconds']:.1f} s, {b['cpu']:.1f} s of the processor",
        b["seconds"] <= 3,
    )
    c = run("clearing", WORK, 2_000)
    row(
        f"  {c['institutions']:,} institutions cleared by index",
        "≤ 2 s",
        f"{c['seconds']:.2f} s, {c['cpu']:.2f} s of the processor; a month {c['month_seconds']:.2f} s",
        c["seconds"] <= 2,
    )


PARTS = {
    "kernel": kernel,
    "grouping": grouping,
    "reading": arriving,
    "year_end": year_end,
    "simulate": simulating,
    "book": year_of_budget,
    "stream": streaming,
    "monitoring": monitoring,
    "spark": on_spark,
}
USUAL = ("kernel", "grouping", "reading", "year_end", "simulate", "book")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep .bench/ for the next run")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=USUAL, help="parts to measure")
    options = parser.parse_args()
    n = options.cases
    WORK.mkdir(exist_ok=True)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {n:,} cases\n")
    region = WORK / f"region-{SCHEME}-{n}-{options.seed}"
    cases = region / "cases.parquet"
    if not cases.exists() and set(options.only) & set(USUAL):
        made = run("synth", region, n, options.seed)
        rate = made["cases"] / made["seconds"]
        row(
            "synth, a year and two of history, streamed to Parquet",
            "≥ 200,000 cases/s",
            f"{rate:,.0f} cases/s, peak {made['peak_mib']:,.0f} MiB",
            rate >= 200_000,
        )
    for name in options.only:
        PARTS[name](region, cases, n)
    print("\nEach number is of this run on this machine.")
    missed = [what for what, _, _, reached in ROWS if reached is False]
    print(f"\n{len(ROWS) - len(missed)} of {len(ROWS)} reached")
    if not options.keep:
        shutil.rmtree(WORK)


if __name__ == "__main__":
    main()
