"""Single files on a full disk: each is whole or not there, and an earlier one stays as it was."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.faults.commands import Commands
from tests.faults.folders import remains
from tests.faults.test_disk import assert_full, mount, small_disk, unmount

__all__ = ["small_disk"]
TINY = Path(__file__).resolve().parent.parent / "schemes" / "ex1-tiny"
LIMIT = 1500  # bytes of a file: what is said has room
# every command that writes a single file: its words, the ending of the file
KINDS = {
    "group-parquet": ("group CASES --scheme TINY -o OUT", ".parquet"),
    "group-csv": ("group CASES --scheme TINY -o OUT", ".csv"),
    "group-check": ("group CASES --scheme TINY --check -o OUT", ".csv"),
    "convert-parquet": ("cases convert CASES -o OUT", ".parquet"),
    "convert-csv": ("cases convert CASES -o OUT", ".csv"),
    "convert-xlsx": ("cases convert CASES -o OUT", ".xlsx"),
    "check-csv": ("cases check CASES --scheme TINY -o OUT", ".csv"),
    "check-parquet": ("cases check CASES --scheme TINY -o OUT", ".parquet"),
    "check-json": ("cases check CASES --scheme TINY -o OUT", ".json"),
    "check-xlsx": ("cases check CASES --scheme TINY -o OUT", ".xlsx"),
    "template": ("cases template -o OUT", ".xlsx"),
    "explain-file": ("explain --from CASES --scheme TINY -o OUT", ".parquet"),
    "explain-svg": ("explain --from CASES --case CASE --scheme TINY --svg OUT", ".svg"),
    "policy-diff": ("policy diff hangzhou jinhua -o OUT", ".html"),
    "scheme-diff-html": ("scheme diff TINY TINY -o OUT", ".html"),
    "scheme-diff-xlsx": ("scheme diff TINY TINY -o OUT", ".xlsx"),
    "runs-diff-html": ("runs diff RUN RUN -o OUT", ".html"),
    "runs-diff-xlsx": ("runs diff RUN RUN -o OUT", ".xlsx"),
    "why-page": ("why RUN --pool 310 --html OUT", ".html"),
}
FOLDERS = {
    "letters": "letters RUN -o OUT",
    "docs": "scheme docs TINY -o OUT",
    "template": "scheme import --template OUT --like zj-drg-2022",
    "impact": "scheme impact TINY TINY CASES -o OUT",
    "signals": "signals REGION -o OUT",
}


def words_of(command: str, region: Path, whole: Path, out: Path) -> list[object]:
    named = {
        "CASES": region / "cases" / "a.parquet", "TINY": TINY, "RUN": whole, "REGION": region,
        "OUT": out, "CASE": "C01-2024-00000",
    }  # fmt: skip
    return [named.get(word, word) for word in command.split()]


@pytest.mark.parametrize("kind", KINDS)
def test_single_file__disk_full(
    commands: Commands, region: Path, whole: Path, place: Path, kind: str
) -> None:
    command, ending = KINDS[kind]
    out = place / f"out{ending}"
    before = f"{out.name}.changes.csv"
    if kind != "template":  # it never overwrites
        out.write_text("an earlier result", encoding="utf-8")
        (place / before).write_text("its changes", encoding="utf-8")
    there = {p.name: p.read_bytes() for p in place.iterdir() if p.is_file()}
    words = words_of(command, region, whole, out)
    env = {"TMPDIR": str(place / "tmp")}
    ended = commands.run(*words, env=env, fsize=LIMIT)
    assert_full(ended)
    assert str(place) in ended.err
    assert {p.name: p.read_bytes() for p in place.iterdir() if p.is_file()} == there
    assert remains(place) == []
    ended = commands.run(*words, env=env)
    assert ended.code == 0, ended.err
    assert out.stat().st_size > LIMIT and remains(place) == []


@pytest.mark.parametrize("kind", FOLDERS)
def test_folder__disk_full(
    commands: Commands, region: Path, whole: Path, place: Path, kind: str
) -> None:
    out, env = place / "out", {"TMPDIR": str(place / "tmp")}
    words = words_of(FOLDERS[kind], region, whole, out)
    assert_full(commands.run(*words, env=env, fsize=LIMIT))
    assert not out.exists() and remains(place) == []
    ended = commands.run(*words, env=env)
    assert ended.code == 0, ended.err
    assert out.is_dir() and remains(place) == []


@pytest.mark.parametrize("kind", ["convert-csv", "convert-xlsx", "check-xlsx", "check-json"])
def test_single_file__the_disk_that_is_full_is_named(
    commands: Commands, region: Path, whole: Path, place: Path, small_disk: Path, kind: str
) -> None:
    command, ending = KINDS[kind]
    assert mount(small_disk, 4096)
    try:
        words = words_of(command, region, whole, small_disk / f"out{ending}")
        ended = commands.run(*words, env={"TMPDIR": str(place / "tmp")})
        assert_full(ended)
        assert str(small_disk) in ended.err and str(place) not in ended.err
        assert list(small_disk.iterdir()) == []
    finally:
        unmount(small_disk)


def test_convert__killed_leaves_nothing_that_others_read_and_the_next_clears_it(
    commands: Commands, region: Path, place: Path
) -> None:
    cases = place / "cases"
    cases.mkdir()
    for number in range(20):
        shutil.copy(region / "cases" / "a.parquet", cases / f"{number}.parquet")
    words = ("cases", "convert", cases, "-o", place / "out.csv")
    env = {"TMPDIR": str(place / "tmp")}
    hook = "tests.faults.hooks:killed_when_staged"
    ended = commands.run(*words, env=env, hook=hook)
    assert ended.code < 0
    (left,) = remains(place)
    assert (place / left).stat().st_mode & 0o777 == 0o700
    (stage,) = (place / left).glob("*.stage")
    assert stage.stat().st_mode & 0o777 == 0o600 and stage.stat().st_size
    commands.run(*words, env=env)
    assert remains(place) == []
