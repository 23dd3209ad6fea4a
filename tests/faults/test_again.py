"""The same inputs give the same bytes: any clock, machine setting, number of threads or order."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from drgpay.ground.errors import DrgpayError
from drgpay.runs.folder import write_run
from drgpay.settlement.year_end import YearEnd, year_end
from tests.faults.commands import Commands
from tests.faults.folders import assert_same, files_of, tables_of
from tests.faults.regions import shuffled
from tests.settlement.regions import draw_region, keep_schemes

HOOKS = "tests.faults.hooks:"
YEARS = 365.25 * 86400
SETTINGS: dict[str, dict[str, Any]] = {
    "clock set back 30 years": {"hook": HOOKS + "clock", "given": [-30 * YEARS]},
    "clock set ahead 60 years": {"hook": HOOKS + "clock", "given": [60 * YEARS]},
    "clock that runs backwards": {"hook": HOOKS + "slip"},
    "SOURCE_DATE_EPOCH": {"env": {"SOURCE_DATE_EPOCH": "0"}},
    "time zone west": {"env": {"TZ": "America/Adak"}},
    "time zone east": {"env": {"TZ": "Pacific/Kiritimati"}},
    "locale C": {"env": {"LC_ALL": "C", "LANG": "C"}},
    "locale zh_CN": {"env": {"LC_ALL": "zh_CN.UTF-8", "LANG": "zh_CN.UTF-8"}},
    "umask": {"umask": 0o077},
    "another folder to work in": {"cwd": "/"},
}
# by default several at once; which of them it was, each alone says in `long`
AT_ONCE = {
    "clock back, west, C": (
        "clock set back 30 years", "time zone west", "locale C", "umask", "another folder to work in",
    ),
    "clock ahead, east, zh_CN": (
        "clock set ahead 60 years", "time zone east", "locale zh_CN", "SOURCE_DATE_EPOCH",
    ),
    "clock that runs backwards": ("clock that runs backwards",),
}  # fmt: skip


def test_settings__each_is_tried_by_default() -> None:
    assert sorted(name for some in AT_ONCE.values() for name in some) == sorted(SETTINGS)


@pytest.mark.parametrize(
    "names",
    [
        *(pytest.param(names, id=name) for name, names in AT_ONCE.items()),
        *(pytest.param((name,), id=f"only {name}", marks=pytest.mark.long) for name in SETTINGS),
    ],
)
def test_year_end__same_bytes_under_another_setting(
    commands: Commands, region: Path, place: Path, whole: Path, names: tuple[str, ...]
) -> None:
    options: dict[str, Any] = {"env": {"TMPDIR": str(place / "tmp")}}
    for name in names:
        env = {**options["env"], **SETTINGS[name].get("env", {})}
        options |= {**SETTINGS[name], "env": env}
    ended = commands.run("year-end", region, "-o", place / "run", **options)
    assert ended.code == 0, ended.err
    assert_same(place / "run", whole)


@pytest.mark.parametrize("seed", ["4711", pytest.param("0", marks=pytest.mark.long)])
def test_year_end__same_bytes_in_another_process(
    region: Path, place: Path, whole: Path, seed: str
) -> None:
    """With another hash seed, in a process that starts from nothing."""
    subprocess.run(
        [sys.executable, "-m", "drgpay", "year-end", str(region), "-o", str(place / "run")],
        env={**os.environ, "PYTHONHASHSEED": seed, "DRGPAY_LANG": "zh"},
        check=True,
        capture_output=True,
    )
    assert_same(place / "run", whole)


@pytest.mark.parametrize("threads", [1, pytest.param(2, marks=pytest.mark.long), 5])
@pytest.mark.parametrize("where", ["memory", "disk"])
def test_year_end__same_bytes_with_threads_and_on_disk(
    commands: Commands, region: Path, place: Path, whole: Path, threads: int, where: str
) -> None:
    more = {"hook": HOOKS + "on_disk"} if where == "disk" else {}
    env = {"TMPDIR": str(place / "tmp")}
    words = ("year-end", region, "-o", place / "run", "--threads", threads)
    ended = commands.run(*words, env=env, **more)
    assert ended.code == 0, ended.err
    assert_same(place / "run", whole)


def by_case(path: Path) -> list[dict[str, Any]]:
    return sorted(pq.read_table(path).to_pylist(), key=lambda row: str(row["case_id"]))


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(n, marks=pytest.mark.long) for n in (2, 3))])
def test_year_end__other_order_of_rows_and_other_files(
    commands: Commands, region: Path, place: Path, whole: Path, seed: int
) -> None:
    own = shuffled(place / "region", region, seed)
    more = {"hook": HOOKS + "on_disk"} if seed % 2 else {}
    ended = commands.run("year-end", own, "-o", place / "run", "--threads", 1 + seed, **more)
    assert ended.code == 0, ended.err
    assert by_case(place / "run" / "cases.parquet") == by_case(whole / "cases.parquet")
    names = "hospitals pools drgs coefficients quality months findings_by_month reviews".split()
    tables, due = tables_of(place / "run"), tables_of(whole)
    for name in names:
        for end in (".csv", ".parquet"):
            assert tables[name + end] == due[name + end], name


def settled(folder: Path, overrides: list[str], **options: Any) -> YearEnd | str:
    """What a drawn region is settled to, or the refusal."""
    try:
        return year_end(folder, overrides=overrides, **options)
    except DrgpayError as refusal:
        return refusal.text()


def drawn_alike(place: Path, seeds: Iterable[int], enough: int) -> int:
    """Settle drawn regions in memory and on disk and with several threads, until enough settle."""
    count = 0
    for seed in seeds:
        drawn = draw_region(place / "region", seed, ("ex1-tiny", "testland-tiny")[seed % 2])
        overrides = [f"{key}={value}" for key, value in drawn.overrides.items()]
        ways: list[dict[str, Any]] = [
            {"threads": 1},
            {"threads": 3},
            {"threads": 1, "memory_cases": 0, "spool": place / "tmp"},
            {"threads": 3, "memory_cases": 0, "spool": place / "tmp"},
        ]
        first: dict[str, bytes] | str | None = None
        for number, way in enumerate(ways):
            run = settled(drawn.folder, overrides, **way)
            if isinstance(run, str):
                found: dict[str, bytes] | str = run
            else:
                out = write_run(run, place / f"run{number}")
                found = files_of(out)
                for path in out.iterdir():
                    path.unlink()
                out.rmdir()
                run.prepared.close()
            assert first is None or found == first, (seed, way)
            first = found
        count += not isinstance(first, str)
        if count == enough:
            break
    assert list((place / "tmp").iterdir()) == []
    return count


def test_drawn_regions__same_bytes_in_memory_on_disk_and_with_threads(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_schemes(monkeypatch)
    assert drawn_alike(place, (7000, 7003, 7014), 1) == 1


@pytest.mark.long
def test_many_drawn_regions__same_bytes_in_memory_on_disk_and_with_threads(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_schemes(monkeypatch)
    assert drawn_alike(place, range(8000, 8300), 300) >= 100
