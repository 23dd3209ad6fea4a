"""Two runs at once, of one place or of two, and a reader beside a writer."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from drgpay.ground.errors import InputError
from drgpay.ground.outputs import drop_folder, new_folder, spill_folder, whole_files, whole_folder
from drgpay.ground.remains import MARK, _start, mark, unlock
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


def left(folder: Path, process: int, **facts: str) -> None:
    """A work folder as a killed process of this machine leaves it, the marks changed by `facts`."""
    folder.mkdir()
    unlock(mark(folder))
    said = json.loads((folder / MARK).read_text(encoding="utf-8"))
    said |= {"process": process, "start": "1"} | facts
    (folder / MARK).write_text(json.dumps(said), encoding="utf-8")
    (folder / "cases.parquet").write_text("of the dead", encoding="utf-8")


def test_whole_folder__remains_of_the_dead_are_deleted(place: Path) -> None:
    names = [f".run.{DEAD}.part", f".run.{DEAD - 1}.part"]
    others = [f".other.{DEAD}.part", ".run.x.part", f".run.{os.getppid()}.part", ".run.part"]
    for name in names + others:
        process = os.getppid() if str(os.getppid()) in name else DEAD - (name == names[1])
        start = {"start": _start(os.getppid())} if process == os.getppid() else {}
        left(place / name, process, **start)
    (place / f".run.{DEAD - 2}.part").touch()  # a file, not a folder of ours
    (place / f".run.{DEAD - 3}.part").mkdir(mode=0o700)  # killed before it was marked
    with whole_folder(place / "run"):
        pass
    assert sorted(remains(place)) == sorted([*others, f".run.{DEAD - 2}.part"])


def test_remains__of_another_who_has_the_number_now(place: Path) -> None:
    gone = place / f".run.{os.getpid()}.part"  # numbers come again: in a container always the same
    left(gone, os.getpid())
    with whole_folder(place / "run"):
        pass
    assert not gone.exists() and remains(place) == []


def test_remains__of_a_machine_that_started_again(place: Path) -> None:
    here, elsewhere = place / f".run.{os.getppid()}.part", place / f".run.{DEAD}.part"
    left(here, os.getppid(), boot="before", start=_start(os.getppid()))
    left(elsewhere, DEAD, boot="before", host="another machine of a shared disk")
    with whole_folder(place / "run"):
        pass
    assert remains(place) == [elsewhere.name]


@pytest.mark.parametrize("kind", ["none", "other words", "number", "link", "folder", "not json"])
def test_remains__what_does_not_hold_our_mark_is_never_deleted(place: Path, kind: str) -> None:
    mine = place / "tmp" / f"drgpay-{DEAD}-results1"
    left(mine, DEAD)
    said = (mine / MARK).read_text(encoding="utf-8")
    (mine / MARK).unlink()
    if kind == "other words":
        (mine / MARK).write_text(said.replace("work folder", "folder"), encoding="utf-8")
    elif kind == "number":
        (mine / MARK).write_text(said.replace(str(DEAD), "7"), encoding="utf-8")
    elif kind == "link":
        (place / "mark").write_text(said, encoding="utf-8")
        (mine / MARK).symlink_to(place / "mark")
    elif kind == "folder":
        (mine / MARK).mkdir()
    elif kind == "not json":
        (mine / MARK).write_text("[" * 4000, encoding="utf-8")
    part = place / f".run.{DEAD}.part"
    shutil.copytree(mine, part, symlinks=True)
    drop_folder(spill_folder(place / "tmp"))
    with whole_folder(place / "run"):
        pass
    for folder in (mine, part):
        assert (folder / "cases.parquet").read_text(encoding="utf-8") == "of the dead"


def test_remains__results_called_like_ours_stay(
    commands: Commands, region: Path, place: Path
) -> None:
    mine = place / "tmp" / "drgpay-2024-results"
    mine.mkdir()
    (mine / "cases.csv").write_text("a year of work", encoding="utf-8")
    ended = commands.run(
        "year-end", region, "-o", place / "run", env={"TMPDIR": str(place / "tmp")},
        hook="tests.faults.hooks:on_disk",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    assert (mine / "cases.csv").read_text(encoding="utf-8") == "a year of work"


def test_whole_file__remains_of_the_dead_are_deleted_and_nobody_else_reads_work(
    place: Path,
) -> None:
    out = place / "out.csv"
    left(place / f".out.csv.{DEAD}.part", DEAD)
    with whole_files(out) as files:
        stage = files.aside("cases")
        assert stage.stat().st_mode & 0o777 == 0o600
        assert files.folder.stat().st_mode & 0o777 == 0o700
        files.at(out).write_text("new", encoding="utf-8")
    assert out.read_text(encoding="utf-8") == "new" and remains(place) == []


def test_whole_file__stays_as_it_was_when_something_goes_wrong(place: Path) -> None:
    out, beside = place / "out.csv", place / "out.csv.changes.csv"
    for path in (out, beside):
        path.write_text("old", encoding="utf-8")
    with pytest.raises(RuntimeError), whole_files(out) as files:
        files.at(out).write_text("half", encoding="utf-8")
        files.without(beside)
        raise RuntimeError
    assert out.read_text(encoding="utf-8") == beside.read_text(encoding="utf-8") == "old"
    with whole_files(out) as files:
        files.at(out).write_text("whole", encoding="utf-8")
        files.without(beside)
    assert out.read_text(encoding="utf-8") == "whole" and not beside.exists()
    assert remains(place) == []


def test_whole_folder__locked_by_a_process_that_cannot_be_seen(place: Path) -> None:
    import fcntl

    dead = place / f".run.{DEAD}.part"
    left(dead, DEAD)
    opened = os.open(dead, os.O_RDONLY)
    fcntl.flock(opened, fcntl.LOCK_EX)
    with whole_folder(place / "run"):
        pass
    assert dead.is_dir()
    os.close(opened)
    with whole_folder(place / "again"), whole_folder(place / "run2"):
        pass
    new_folder(place / "run3")
    (place / "run").rmdir()
    with whole_folder(place / "run"):
        pass
    assert not dead.exists()


def test_spill_folder__remains_of_the_dead_are_deleted(place: Path) -> None:
    dead, strange = place / "tmp" / f"drgpay-{DEAD}-abc_0123", place / "tmp" / "drgpay-mine"
    alive = place / "tmp" / f"drgpay-{os.getppid()}-abc_0123"
    left(dead, DEAD)
    left(strange, DEAD)
    left(alive, os.getppid(), start=_start(os.getppid()))
    own = spill_folder(place / "tmp")
    again = spill_folder(place / "tmp")
    assert own.is_dir() and again.is_dir() and own != again
    assert strange.is_dir() and alive.is_dir() and not dead.exists()
    drop_folder(own)
    drop_folder(again)
    assert sorted(p.name for p in (place / "tmp").iterdir()) == sorted([strange.name, alive.name])
