"""Two runs at once, of one place or of two, and a reader beside a writer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from drgpay.errors import InputError
from drgpay.outputs import drop_folder, new_folder, spill_folder, whole_folder
from tests.faults.commands import Commands
from tests.faults.folders import assert_same, remains

DEAD = 999_999_999


def test_year_end__two_at_once_with_one_target(
    commands: Commands, region: Path, place: Path, whole: Path
) -> None:
    env = {"TMPDIR": str(place / "tmp")}
    words = ("year-end", region, "-o", place / "run")
    pids = [commands.start(*words, env=env) for _ in range(2)]
    ended = [commands.wait(pid) for pid in pids]
    assert sorted(e.code for e in ended) == [0, 5], [e.err for e in ended]
    (loser,) = (e for e in ended if e.code)
    assert "另一次运行" in loser.err or "已有文件或文件夹" in loser.err
    assert_same(place / "run", whole)
    assert remains(place) == []


def test_year_end__name_taken_at_the_last_moment(
    commands: Commands, region: Path, place: Path
) -> None:
    out = place / "run"
    ended = commands.run(
        "year-end", region, "-o", out, hook="tests.faults.hooks:at_the_end", given=[str(out)]
    )
    assert ended.code == 5 and "另一次运行" in ended.err
    assert [p.name for p in out.iterdir()] == ["other"]
    assert remains(place) == []


def test_year_end__two_at_once_with_two_targets(
    commands: Commands, region: Path, place: Path, whole: Path
) -> None:
    outs = [place / "one", place / "two"]
    env = {"TMPDIR": str(place / "tmp")}
    hook = "tests.faults.hooks:on_disk"
    pids = [commands.start("year-end", region, "-o", out, env=env, hook=hook) for out in outs]
    for pid, out in zip(pids, outs, strict=True):
        assert commands.wait(pid).code == 0
        assert_same(out, whole)
    assert remains(place) == []


def test_why__while_another_run_writes(
    commands: Commands, region: Path, place: Path, whole: Path
) -> None:
    alone = commands.run("why", whole, "--pool", "310")
    assert alone.code == 0
    pid = commands.start("year-end", region, "-o", place / "run")
    while not any(p.name.startswith(".run.") for p in place.iterdir()):
        os.sched_yield()
        assert not (place / "run").exists()
    beside = commands.run("why", whole, "--pool", "310")
    assert (beside.code, beside.out) == (0, alone.out)
    assert commands.wait(pid).code == 0
    assert_same(place / "run", whole)


def test_whole_folder__of_a_run_that_goes_on_is_left_alone(place: Path) -> None:
    target = place / "run"
    with whole_folder(target) as first:
        (first / "a").write_text("mine", encoding="utf-8")
        with (
            pytest.raises(InputError, match="another run"),  # of the same process
            whole_folder(target),
        ):
            pass
        assert (first / "a").read_text(encoding="utf-8") == "mine"
    assert [p.name for p in target.iterdir()] == ["a"]
    assert remains(place) == []


def test_whole_folder__remains_of_the_dead_are_deleted(place: Path) -> None:
    names = [f".run.{DEAD}.part", f".run.{DEAD - 1}.part"]
    others = [f".other.{DEAD}.part", ".run.x.part", f".run.{os.getppid()}.part", ".run.part"]
    for name in names + others:
        (place / name).mkdir()
        (place / name / "cases.parquet").touch()
    (place / f".run.{DEAD - 2}.part").touch()  # a file, not a folder of ours
    with whole_folder(place / "run"):
        pass
    assert sorted(remains(place)) == sorted([*others, f".run.{DEAD - 2}.part"])


def test_whole_folder__locked_by_a_process_that_cannot_be_seen(place: Path) -> None:
    import fcntl

    left = place / f".run.{DEAD}.part"
    left.mkdir()
    opened = os.open(left, os.O_RDONLY)
    fcntl.flock(opened, fcntl.LOCK_EX)
    with whole_folder(place / "run"):
        pass
    assert left.is_dir()
    os.close(opened)
    with whole_folder(place / "again"), whole_folder(place / "run2"):
        pass
    new_folder(place / "run3")
    (place / "run").rmdir()
    with whole_folder(place / "run"):
        pass
    assert not left.exists()


def test_spill_folder__remains_of_the_dead_are_deleted(place: Path) -> None:
    dead, strange = place / "tmp" / f"drgpay-{DEAD}-abc", place / "tmp" / "drgpay-mine"
    alive = place / "tmp" / f"drgpay-{os.getppid()}-abc"
    for folder in (dead, strange, alive):
        folder.mkdir()
        (folder / "x").touch()
    own = spill_folder(place / "tmp")
    again = spill_folder(place / "tmp")
    assert own.is_dir() and again.is_dir() and own != again
    assert strange.is_dir() and alive.is_dir() and not dead.exists()
    drop_folder(own)
    drop_folder(again)
    assert sorted(p.name for p in (place / "tmp").iterdir()) == sorted([strange.name, alive.name])
