"""Runs killed at random moments: no half folder looks whole, the next run is not hindered."""

from __future__ import annotations

import random
import shutil
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.commands import Commands
from tests.faults.folders import assert_same, files_of, remains
from tests.faults.server import PHASES

KILLS = 6  # and each phase at least once; a thousand in `long`
LONG_KILLS = 1000
HOOK = "tests.faults.hooks:on_disk"


def durations(times: dict[str, float]) -> dict[str, float]:
    """How long each phase lasted, of those that were entered."""
    order = sorted(times, key=lambda phase: times[phase])
    ends = [times[phase] for phase in order[1:]] + [times[order[-1]]]
    return {phase: end - times[phase] for phase, end in zip(order, ends, strict=True)}


def kill_often(
    commands: Commands, region: Path, place: Path, whole: Path, kills: int, seed: int
) -> Counter[str]:
    """Kill so many runs, each in a phase in turn and there at a random moment; see what is left.

    Returns how many were in which phase when they were killed.
    """
    r = random.Random(seed)
    out, env = place / "run", {"TMPDIR": str(place / "tmp")}
    words = ("year-end", region, "-o", out)
    calm = commands.run(*words, env=env)
    assert calm.code == 0, calm.err
    lasts = durations(calm.times)
    assert {"reading", "settling", "writing", "manifest", "report", "naming"} <= set(lasts)
    shutil.rmtree(out)
    hit: Counter[str] = Counter()
    tries = 0
    while hit.total() < kills or set(lasts) - set(hit):
        aim = list(lasts)[tries % len(lasts)]
        tries += 1
        assert tries < 4 * max(kills, 30), hit
        more = {"hook": HOOK} if r.random() < 0.5 else {}
        ended = commands.run(*words, env=env, aim=aim, seconds=r.random() * lasts[aim], **more)
        if ended.code != -signal.SIGKILL:
            assert ended.code == 0, ended.err
        else:
            hit[ended.phase] += 1
        if out.exists():
            assert ended.phase in ("naming", "named")
            assert_same(out, whole)
            shutil.rmtree(out)
        else:
            assert ended.code
        assert {p.name for p in place.iterdir()} - {"tmp"} <= {
            name for name in remains(place) if name.startswith(".run.") and name.endswith(".part")
        }
    last = commands.run(*words, env=env, hook=HOOK)
    assert last.code == 0, last.err
    assert_same(out, whole)
    assert remains(place) == []
    return hit


def test_year_end__killed_at_random_moments(
    commands: Commands, region: Path, place: Path, whole: Path
) -> None:
    hit = kill_often(commands, region, place, whole, KILLS, 1)
    assert hit.total() >= KILLS
    assert set(hit) <= set(PHASES)


@pytest.mark.long
def test_year_end__killed_at_a_thousand_random_moments(
    commands: Commands, region: Path, place: Path, whole: Path
) -> None:
    hit = kill_often(commands, region, place, whole, LONG_KILLS, 2)
    assert hit.total() >= LONG_KILLS


SIGNALS = (("SIGINT", 130, "已中断"), ("SIGTERM", 143, "已终止"), ("SIGHUP", 129, "已终止"))


@pytest.mark.parametrize(("name", "code", "said"), SIGNALS)
def test_year_end__asked_to_stop_in_a_query(
    commands: Commands, region: Path, place: Path, name: str, code: int, said: str
) -> None:
    ended = commands.run(
        "year-end", region, "-o", place / "run",
        hook="tests.faults.hooks:asked_in_query", given=[name],
    )  # fmt: skip
    assert (ended.code, ended.err.strip()) == (code, said)
    assert remains(place) == []
    assert not (place / "run").exists()


AIMS = ("reading", "settling", "writing", "report", "naming")
QUICK = {*(("SIGINT", aim) for aim in AIMS), ("SIGTERM", "writing"), ("SIGHUP", "settling")}


@pytest.mark.parametrize(
    ("aim", "name", "code", "said"),
    [
        pytest.param(aim, *told, marks=[] if (told[0], aim) in QUICK else pytest.mark.long)
        for aim in AIMS
        for told in SIGNALS
    ],
)
def test_year_end__asked_to_stop(
    commands: Commands, region: Path, place: Path, aim: str, name: str, code: int, said: str
) -> None:
    env = {"TMPDIR": str(place / "tmp")}
    ended = commands.run(
        "year-end", region, "-o", place / "run", env=env, hook=HOOK,
        aim=aim, seconds=0.01 if aim != "naming" else 0, signal=name,
    )  # fmt: skip
    assert remains(place) == []
    if ended.code == 0:  # it was done before the signal came
        assert aim == "naming"
        return
    assert (ended.code, ended.err.strip()) == (code, said)
    assert not (place / "run").exists() or ended.phase == "named"


def test_unfinished_folder__is_no_run(
    commands: Commands, region: Path, place: Path, whole: Path
) -> None:
    env = {"TMPDIR": str(place / "tmp")}
    commands.run("year-end", region, "-o", place / "run", env=env, aim="naming", seconds=0)
    shutil.rmtree(place / "run", ignore_errors=True)
    left = place / ".run.999999999.part"
    shutil.copytree(whole, left)
    for words in (("why", left, "--pool", "310"), ("letters", left, "-o", place / "letters")):
        ended = commands.run(*words)
        assert ended.code == 5, ended.out + ended.err
        assert "没有写完" in ended.err
    assert not (place / "letters").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("month", "REGION", "--month", "2024-06", "-o", "OUT"),
        ("simulate", "REGION", "-o", "OUT", "--set", "keep_ratio=0.5"),
        ("group", "CASES", "--scheme", "SCHEME", "-o", "OUT.parquet"),
        ("group", "CASES", "--scheme", "SCHEME", "-o", "OUT.csv"),
    ],
    ids=["month", "simulate", "group-parquet", "group-csv"],
)
def test_other_commands__killed_at_random_moments(
    commands: Commands, region: Path, place: Path, words: tuple[str, ...]
) -> None:
    scheme = Path(__file__).resolve().parent.parent / "schemes" / "ex1-tiny"
    named = {"REGION": region, "CASES": region / "cases" / "a.parquet", "SCHEME": scheme}

    def command(stem: str) -> list[object]:
        return [named.get(w, w.replace("OUT", str(place / stem))) for w in words]

    r = random.Random(words[0])
    env = {"TMPDIR": str(place / "tmp")}
    calm = commands.run(*command("calm"), env=env)
    assert calm.code == 0, calm.err
    due = {p.name.replace("calm", "run"): p for p in place.iterdir() if p.name.startswith("calm")}
    last = calm.seconds
    for _ in range(6):
        commands.run(*command("run"), env=env, aim="start", seconds=r.random() * last)
        for name, given in due.items():
            found = place / name
            if not found.exists():
                continue
            if given.is_dir():
                assert files_of(found).keys() == files_of(given).keys()
                shutil.rmtree(found)
            else:
                assert found.read_bytes() == given.read_bytes()
                found.unlink()
    ended = commands.run(*command("run"), env=env)
    assert ended.code == 0, ended.err
    assert {p.name for p in place.iterdir() if not p.name.startswith((".", "calm"))} == {
        *due,
        "tmp",
    }
