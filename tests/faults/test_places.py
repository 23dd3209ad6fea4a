"""Places that cannot be written or read, and inputs that change or vanish during a run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.commands import Commands
from tests.faults.folders import remains

NOBODY = 65534
HOOK = "tests.faults.hooks:meddle"
needs_root = pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0, reason="needs the right to be somebody else"
)


def refused(
    commands: Commands, codes: int | tuple[int, ...], said: str, *words: object, **options: object
) -> str:
    """Run a command that must end with such a code and text in a few lines; return what it said."""
    ended = commands.run(*words, **options)
    assert ended.code in (codes if isinstance(codes, tuple) else (codes,)), ended.out + ended.err
    assert said in ended.err, ended.err
    assert "Traceback" not in ended.err
    assert len(ended.err.splitlines()) <= 6, ended.err
    return ended.err


@needs_root
def test_year_end__folder_not_to_be_written(commands: Commands, region: Path, place: Path) -> None:
    own = place / "closed"
    own.mkdir(mode=0o555)
    said = refused(
        commands, 5, "不能在此文件夹中写文件", "year-end", region, "-o", own / "run", uid=NOBODY
    )
    assert str(own) in said
    assert list(own.iterdir()) == []


@needs_root
def test_year_end__disk_that_can_only_be_read(
    commands: Commands, region: Path, place: Path
) -> None:
    disk = place / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("may not mount here")
    try:
        refused(commands, 5, "不能在此文件夹中写文件", "year-end", region, "-o", disk / "run")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_year_end__parent_missing(commands: Commands, region: Path, place: Path) -> None:
    out = place / "none" / "run"
    assert str(out.parent) in refused(commands, 5, "没有这个文件夹", "year-end", region, "-o", out)


@pytest.mark.parametrize("kind", ["file", "folder", "empty folder"])
def test_year_end__target_taken(commands: Commands, region: Path, place: Path, kind: str) -> None:
    out = place / "run"
    if kind == "file":
        out.write_text("kept", encoding="utf-8")
    else:
        out.mkdir()
        if kind == "folder":
            (out / "kept").write_text("kept", encoding="utf-8")
    refused(commands, 5, "已有文件或文件夹", "year-end", region, "-o", out)
    assert (out if kind == "file" else out / "kept").exists() or kind == "empty folder"
    assert remains(place) == []


@needs_root
@pytest.mark.parametrize(
    "name", ["region.toml", "hospitals.csv", "cases/a.parquet", "cases/b.csv", "history/2022.csv"]
)
def test_year_end__input_not_to_be_read(
    commands: Commands, region: Path, place: Path, name: str
) -> None:
    own = shutil.copytree(region, place / "region")
    (own / name).chmod(0)
    said = refused(
        commands, (1, 5), "权限", "year-end", own, "-o", place / "tmp" / "run", uid=NOBODY,
        hook="tests.faults.hooks:open_to_all", given=[str(place / "tmp")],
    )  # fmt: skip
    assert Path(name).name in said


@pytest.mark.parametrize("when", ["opened", "reading", "digest"])
@pytest.mark.parametrize("how", ["deleted", "cut", "longer", "replaced", "altered"])
@pytest.mark.parametrize("name", ["cases/a.parquet", "cases/b.csv", "history/2022.csv"])
def test_year_end__input_changed_meanwhile(
    commands: Commands, region: Path, place: Path, name: str, how: str, when: str
) -> None:
    own = shutil.copytree(region, place / "region")
    said = refused(
        commands, 5, "输入文件在读取期间被改动", "year-end", own, "-o", place / "run",
        hook=HOOK, given=[str(own / name), how, when], env={"TMPDIR": str(place / "tmp")},
    )  # fmt: skip
    assert name in said
    assert not (place / "run").exists() and remains(place) == []


@pytest.mark.parametrize("how", ["deleted", "altered"])
def test_year_end__table_changed_meanwhile(
    commands: Commands, region: Path, place: Path, how: str
) -> None:
    own = shutil.copytree(region, place / "region")
    said = refused(
        commands, 5, "输入文件在读取期间被改动", "year-end", own, "-o", place / "run",
        hook=HOOK, given=[str(own / "hospitals.csv"), how, "reading"],
    )  # fmt: skip
    assert "hospitals.csv" in said and not (place / "run").exists()


def test_year_end__files_that_are_no_inputs_may_change(
    commands: Commands, region: Path, place: Path
) -> None:
    own = shutil.copytree(region, place / "region")
    (own / "notes.txt").write_text("kept beside", encoding="utf-8")
    ended = commands.run(
        "year-end", own, "-o", own / "run",
        hook=HOOK, given=[str(own / "notes.txt"), "longer", "reading"],
    )  # fmt: skip
    assert ended.code == 0, ended.err
