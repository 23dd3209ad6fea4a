"""A full disk, wherever it strikes: one clear refusal, nothing half left, and then it works."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.commands import Commands, Ended
from tests.faults.folders import assert_same, remains

HOOK = "tests.faults.hooks:on_disk"
FULL = 5  # the exit code of faults of input and output


def size_of(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


@pytest.fixture(scope="module")
def small_disk(base: Path) -> Iterator[Path]:
    """A folder on which a disk of any size can be mounted; skipped where one may not mount."""
    folder = base / "disk"
    folder.mkdir(exist_ok=True)  # two modules share it
    if sys.platform != "linux" or os.geteuid() != 0 or not mount(folder, 4096):
        pytest.skip("may not mount a small disk here; the limit on files is tested everywhere")
    unmount(folder)
    yield folder


def mount(folder: Path, size: int) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0777", "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def unmount(folder: Path) -> None:
    subprocess.run(["umount", str(folder)], check=True, capture_output=True)


def assert_full(ended: Ended) -> None:
    """Fail unless the command said that the disk is full, where, and what to do; once."""
    assert ended.code == FULL, ended.err
    assert ended.err.count("磁盘已满") == 1, ended.err
    assert "腾出磁盘空间" in ended.err
    assert "Traceback" not in ended.err and "Exception" not in ended.err, ended.err


@pytest.mark.parametrize(
    "shares",
    [(0.02, 0.2, 0.6, 0.95), pytest.param((0.1, 0.3, 0.4, 0.5, 0.8), marks=pytest.mark.long)],
)
def test_year_end__disk_full_at_any_file(
    commands: Commands,
    region: Path,
    place: Path,
    whole: Path,
    small_disk: Path,
    shares: tuple[float, ...],
) -> None:
    full = size_of(whole)
    env = {"TMPDIR": str(place / "tmp")}
    for share in shares:
        assert mount(small_disk, int(full * share))
        try:
            ended = commands.run("year-end", region, "-o", small_disk / "run", env=env)
            assert_full(ended)
            assert str(small_disk) in ended.err
            assert list(small_disk.iterdir()) == []
        finally:
            unmount(small_disk)
    assert mount(small_disk, full * 8)
    try:
        assert commands.run("year-end", region, "-o", small_disk / "run", env=env).code == 0
        assert_same(small_disk / "run", whole)
    finally:
        unmount(small_disk)
    assert remains(place) == []


def test_year_end__room_made_on_a_full_disk(
    commands: Commands, region: Path, whole: Path, small_disk: Path
) -> None:
    assert mount(small_disk, size_of(whole) * 6)
    try:
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(size_of(whole) * 5 + size_of(whole) // 2))
        env = {"TMPDIR": str(small_disk)}
        assert_full(commands.run("year-end", region, "-o", small_disk / "run", env=env))
        assert [p.name for p in small_disk.iterdir()] == ["ballast"]
        ballast.unlink()
        assert commands.run("year-end", region, "-o", small_disk / "run", env=env).code == 0
        assert_same(small_disk / "run", whole)
        assert [p.name for p in small_disk.iterdir()] == ["run"]
    finally:
        unmount(small_disk)


@pytest.mark.parametrize("size", [8_192, 40_960])
def test_year_end__temporary_folder_full(
    commands: Commands, region: Path, place: Path, small_disk: Path, size: int
) -> None:
    assert mount(small_disk, size)
    try:
        env = {"TMPDIR": str(small_disk)}
        ended = commands.run("year-end", region, "-o", place / "run", env=env, hook=HOOK)
        assert_full(ended)
        assert str(small_disk) in ended.err
        assert list(small_disk.iterdir()) == []
    finally:
        unmount(small_disk)
    assert not (place / "run").exists() and remains(place) == []


@pytest.mark.parametrize("share", [0.001, 0.02, 0.1, 0.3, 0.6, 0.99])
def test_year_end__size_of_files_limited(
    commands: Commands, region: Path, place: Path, whole: Path, share: float
) -> None:
    # where no small disk may be mounted: the largest file allowed, below the largest needed
    largest = max(p.stat().st_size for p in whole.iterdir())
    env = {"TMPDIR": str(place / "tmp")}
    ended = commands.run(
        "year-end", region, "-o", place / "run", env=env, fsize=int(largest * share)
    )
    assert_full(ended)
    assert not (place / "run").exists() and remains(place) == []


@pytest.mark.parametrize("end", ["parquet", "csv"])
def test_group__disk_full(
    commands: Commands, region: Path, place: Path, small_disk: Path, end: str
) -> None:
    scheme = Path(__file__).resolve().parent.parent / "schemes" / "ex1-tiny"
    words = ["group", region / "cases" / "a.parquet", "--scheme", scheme, "-o"]
    assert mount(small_disk, 4096)
    try:
        assert_full(commands.run(*words, small_disk / f"run.{end}"))
        assert list(small_disk.iterdir()) == []
    finally:
        unmount(small_disk)
    assert commands.run(*words, place / f"run.{end}").code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("month", "REGION", "--month", "2024-06", "-o", "OUT"),
        ("simulate", "REGION", "-o", "OUT", "--set", "keep_ratio=0.5"),
    ],
    ids=["month", "simulate"],
)
def test_other_folders__disk_full(
    commands: Commands, region: Path, place: Path, small_disk: Path, words: tuple[str, ...]
) -> None:
    named = {"REGION": str(region), "OUT": str(small_disk / "run")}
    env = {"TMPDIR": str(place / "tmp")}
    assert mount(small_disk, 16_384)
    try:
        assert_full(commands.run(*(named.get(word, word) for word in words), env=env))
        assert list(small_disk.iterdir()) == []
    finally:
        unmount(small_disk)
    named["OUT"] = str(place / "run")
    assert commands.run(*(named.get(word, word) for word in words), env=env).code == 0
    shutil.rmtree(place / "run")
    assert remains(place) == []
