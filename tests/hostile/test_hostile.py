"""Hostile input through the real commands: never a traceback, a lost row or a silent change."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from drgpay.cases.options import AS_FOUND
from drgpay.cases.parse import PARSERS, flat
from drgpay.cases.sources import open_source
from drgpay.grouper import group
from drgpay.names.columns import BY_NAME
from tests.cli.test_language import CHINESE, english_in
from tests.hostile.kinds import KINDS
from tests.hostile.model import Kind, Read, Refused
from tests.hostile.region_folders import TINY
from tests.hostile.runner import EXIT_CODES, Told, drgpay
from tests.hostile.table import PAGE, page

COUNTS = re.compile(
    r"收到 ([\d,]+) = 入组 ([\d,]+) \+ 歧义 ([\d,]+) \+ 未入组 ([\d,]+) \+ 隔离 ([\d,]+)"
)
CONVERTED = re.compile(r"收到 ([\d,]+) = 写出 ([\d,]+) \+ 退费冲抵 ([\d,]+) \+ 隔离 ([\d,]+)")
OLD = "an older result\n"
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|found: .*")
MEMORY = 4 << 30
LIMIT_SECONDS = int(os.environ.get("H_LIMIT", 120))
# the commands that take cases: all of them in `long`; else `group`, and one other for every second
OTHERS = ("convert", "check", "explain")
BEYOND = [
    *(
        pytest.param(k, OTHERS[n % 6 : n % 6 + 1], id=k.name, marks=[pytest.mark.long] * k.long)
        for n, k in enumerate(KINDS)
    ),
    *(
        pytest.param(k, OTHERS, id=f"{k.name}-by-all", marks=pytest.mark.long)
        for k in KINDS
        if k.area == "cases" and not k.long
    ),
]


class Commands:
    """The commands on one kind of input, in its folder."""

    def __init__(
        self, kind: Kind, others: Sequence[str], folder: Path, monkeypatch: Any, capfd: Any
    ) -> None:
        self.kind, self.others, self.folder = kind, others, folder
        self.monkeypatch, self.capfd = monkeypatch, capfd
        self.is_alone = kind.alone  # until the first call has shown that memory is bounded

    def __call__(self, *words: str, lang: str = "zh") -> Told:
        if self.is_alone:
            return alone([*words, "--lang", lang], self.folder)
        return drgpay(words, self.monkeypatch, self.capfd, lang)

    def skips(self, name: str) -> bool:
        """Whether this command is not for this kind, or is another's turn."""
        return name in self.kind.not_by or (name in OTHERS and name not in self.others)

    def group(self, lang: str = "zh") -> Told:
        words = ["group", *self.kind.given, "-o", self.kind.out, "--scheme", str(TINY)]
        return self(*words, *self.kind.options, lang=lang)


def alone(words: Sequence[str], folder: Path) -> Told:
    """Run a command as a process of its own that cannot have more than 4 GiB of addresses."""
    script = (
        "import resource, sys; from drgpay.cli import main\n"
        f"resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}))\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=20,
        check=False,
    )
    return Told(done.returncode, done.stdout, done.stderr)


def state(folder: Path) -> dict[str, bytes | None]:
    """Return every path under a folder, and the bytes of the files."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if not path.is_symlink() and not path.is_fifo()
    }


@pytest.fixture
def _within_two_minutes() -> Iterator[None]:
    """Stop what would never end; no time is measured."""

    def stop(*_: object) -> None:
        raise TimeoutError("no end in sight")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LIMIT_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("_within_two_minutes")
@pytest.mark.parametrize(("kind", "others"), BEYOND)
def test_hostile_input__ends_as_the_table_says(
    kind: Kind,
    others: Sequence[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    given = kind.make(tmp_path)
    run = Commands(kind, others, tmp_path, monkeypatch, capfd)
    if kind.area == "object":
        check_object(kind, given)
    elif isinstance(kind.outcome, Refused):
        check_refusal(run, kind.outcome)
    elif kind.area == "year":
        check_year(run, kind.outcome)
    else:
        check_reading(run, kind.outcome)


# --- refusals


def check_refusal(run: Commands, due: Refused) -> None:
    kind, folder = run.kind, run.folder
    calls = words_of(kind)
    if kind.area == "cases":
        (folder / kind.out).write_text(OLD, encoding="utf-8")
    before = state(folder)
    for name, words in calls.items():
        if run.skips(name):
            continue
        for lang in ("zh", "en") if words is calls[next(iter(calls))] else ("zh",):
            with run.monkeypatch.context() as patches:
                if kind.during is not None:
                    kind.make(folder)
                    kind.during(patches, folder)
                told = run(*words, lang=lang)
            run.is_alone = False
            refused(told, due, lang, folder, kind, words)
            if kind.during is None:
                assert state(folder) == before, f"{name} left something behind"
            else:
                assert set(state(folder)) <= set(before), f"{name} left something behind"


def words_of(kind: Kind) -> dict[str, list[str]]:
    """Return the calls that must all refuse this input; the first one in both languages."""
    given = list(kind.given)
    scheme = ["--scheme", str(TINY)]
    if kind.area == "year":
        return {"year-end": ["year-end", *given, "-o", "run", *kind.options]}
    if kind.area == "scheme":
        return {
            "scheme": ["scheme", "check", "./scheme"],
            "group": ["group", *given, "-o", kind.out, "--scheme", "./scheme"],
        }
    calls = {"group": ["group", *given, "-o", kind.out, *scheme, *kind.options]}
    if kind.area == "out":
        return calls
    calls["convert"] = ["cases", "convert", *given, "-o", "converted.csv", *scheme, *kind.options]
    calls["check"] = ["cases", "check", *given, "-o", "report.json", *scheme, *kind.options]
    if len(given) == 1:
        calls["explain"] = ["explain", "--from", *given, *scheme]
    return calls


def refused(
    told: Told, due: Refused, lang: str, folder: Path, kind: Kind, words: list[str]
) -> None:
    said = f"{' '.join(words)}\nstdout: {told.stdout[:2000]}\nstderr: {told.stderr[:4000]}"
    assert "Traceback" not in told.all, said
    assert told.code == due.code, f"exit {told.code}; {said}"
    assert told.code in EXIT_CODES
    # the findings of `scheme check` are what it prints
    text = told.all if kind.area == "scheme" else told.stderr
    assert due.names in text, said
    assert len(text) < 20_000, "a message that nobody can read"
    if lang == "zh":
        assert due.zh in text, said
        assert told.code in (1, 2, 3, 4) or "→" in text or "请" in text, f"no remedy: {said}"
        assert not english_in(text, folder), said
        for line in told.stderr.splitlines():
            assert CHINESE.search(line) or not line.strip(), line
    else:
        assert due.en in text, said
        if kind.area != "scheme":
            assert not CHINESE.search(QUOTED.sub("", text)), said


# --- reading


def check_reading(run: Commands, due: Read) -> None:
    kind, folder = run.kind, run.folder
    with run.monkeypatch.context() as patches:
        if kind.during is not None:
            kind.during(patches, folder)
        told = run.group()
    run.is_alone = False
    assert "Traceback" not in told.all, told.all
    assert told.code == 0, told.all
    total, grouped, ambiguous, ungroupable, quarantined = counted(told)
    notes = table(folder / f"{kind.out}.quarantine.csv")
    assert total == due.rows == grouped + ambiguous + ungroupable + quarantined
    assert Counter(note["reason"] for note in notes) == Counter(due.quarantined)
    assert quarantined == len(notes)
    for note in notes:
        assert note["message"] and note["remedy"] and note["file"], note
        assert CHINESE.search(note["message"] + note["remedy"])
    rows = table(folder / kind.out)
    broken = sum(
        note["reason"].startswith(("row_broken", "row_swallowed", "list_", "stored_"))
        for note in notes
    )
    assert len(rows) + broken == total
    if due.drgs is not None:
        assert tuple(row["drg"] or None for row in rows) == tuple(due.drgs)
    changes = folder / f"{kind.out}.changes.csv"
    listed = (
        [(row["written"], row["read_as"]) for row in table(changes)] if changes.exists() else []
    )
    assert listed == list(due.changes)
    check_conversion(run, due, rows)
    check_findings(run, due)
    given = [folder / name for name in kind.given]
    for column, values in due.values.items():
        assert tuple(read_values(given, column)) == tuple(values), column
    if not run.skips("explain") and len(given) == 1:
        check_explanation(run, rows)


def check_conversion(run: Commands, due: Read, rows: list[dict[str, str]]) -> None:
    """`cases convert` gives every row or says why not, ids as they were written."""
    if run.skips("convert"):
        return
    told = run(*words_of(run.kind)["convert"])
    assert "Traceback" not in told.all, told.all
    assert told.code == 0, told.all
    assert due.said in told.all, told.all
    found = CONVERTED.search(told.stdout)
    assert found, told.all
    total, given, netted, quarantined = (int(text.replace(",", "")) for text in found.groups())
    assert total == due.rows == given + netted + quarantined
    if not netted:
        converted = Counter(row["case_id"] for row in table(run.folder / "converted.csv"))
        assert sum(converted.values()) == given
        assert converted <= Counter(row["case_id"] for row in rows)


def check_findings(run: Commands, due: Read) -> None:
    """`cases check` looks at every row and groups none otherwise."""
    if run.skips("check"):
        return
    told = run(*words_of(run.kind)["check"])
    assert "Traceback" not in told.all, told.all
    assert told.code == 0, told.all
    counts = json.loads((run.folder / "report.json").read_text(encoding="utf-8"))["counts"]
    assert counts["total"] == due.rows
    assert counts["total"] == counts["clean"] + counts["with_findings"] + counts["quarantined"]
    assert counts["quarantined"] >= sum(due.quarantined.values())


def check_explanation(run: Commands, rows: list[dict[str, str]]) -> None:
    """`explain` says the same group of the first case; a quarantined one is refused with why."""
    told = run("explain", "--from", *run.kind.given, "--scheme", str(TINY), *run.kind.options)
    assert "Traceback" not in told.all, told.all
    if rows and rows[0]["status"] == "quarantined":
        assert told.code == 5, told.all
        assert "→" in told.stderr
    else:
        assert told.code == 0, told.all
        assert rows[0]["drg"] in told.stdout


def counted(told: Told) -> tuple[int, int, int, int, int]:
    found = COUNTS.search(told.stdout)
    assert found, told.all
    a, b, c, d, e = (int(text.replace(",", "")) for text in found.groups())
    return a, b, c, d, e


def table(path: Path) -> list[dict[str, str]]:
    limit = csv.field_size_limit(2**31 - 1)
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))
    finally:
        csv.field_size_limit(limit)


def read_values(given: list[Path], column: str) -> list[Any]:
    """Return a column as it is read from files: parsed where its kind has a parser."""
    values: list[Any] = []
    for piece in open_source(list(map(str, given)), options=AS_FOUND).pieces:
        read = piece.load()[column]
        kind = BY_NAME[column].kind
        if kind in PARSERS:
            numbers, bad = PARSERS[kind](read)
            assert not bad.any()
            values += numbers.tolist()
        else:
            values += flat(read).to_pylist()
    return values


# --- a year


def check_year(run: Commands, due: Read) -> None:
    kind, folder = run.kind, run.folder
    run.monkeypatch.setattr("drgpay.report.html.write_report", lambda *given, **named: None)
    if due.quarantined and kind is not first_quarantined(due):
        run.monkeypatch.setattr("drgpay.report.outputs.write_outputs", lambda *given, **named: None)
    told = run("year-end", *kind.given, "-o", "run", *kind.options)
    assert "Traceback" not in told.all, told.all
    assert told.code == 0, told.all
    assert due.said in told.all, told.all
    total, grouped, ambiguous, ungroupable, quarantined = counted(told)
    assert total == due.rows == grouped + ambiguous + ungroupable + quarantined
    notes = [n for n in table(folder / "run" / "quarantine.csv") if n["file"] != "reviews.csv"]
    assert Counter(note["reason"] for note in notes) == Counter(due.quarantined)
    rows = table(folder / "run" / "cases.csv")
    assert (
        len(rows)
        + sum(
            note["reason"].startswith(("row_broken", "row_swallowed", "stored_")) for note in notes
        )
        == total
    )
    for column, (value,) in due.values.items():
        row = next(row for row in rows if row["case_id"] == "C04")
        assert row["status"] != "quarantined"
        if column == "total_cost":
            assert int(row["total_cost_fen"]) == value


def first_quarantined(due: Read) -> Kind:
    """The first year whose cases are quarantined for the same: papers of the others say the same."""
    alike = (k for k in KINDS if k.area == "year" and isinstance(k.outcome, Read))
    return next(k for k in alike if k.outcome.quarantined == due.quarantined)


# --- objects of a program


def check_object(kind: Kind, given: Any) -> None:
    due = kind.outcome
    if isinstance(due, Refused):
        from drgpay.ground.errors import DrgpayError

        with pytest.raises(DrgpayError) as caught:
            group(given, TINY)
        assert due.zh in caught.value.text("zh")
        assert due.en in caught.value.text("en")
        assert caught.value.exit_code == due.code
        return
    result = group(given, TINY)
    counts = result.counts
    assert counts.total == due.rows == len(result.table)
    assert tuple(result.table["drg"].to_pylist()) == tuple(due.drgs or ())
    assert Counter(result.quarantine["reason"].to_pylist()) == Counter(due.quarantined)
    assert counts.quarantined == len(result.quarantine)


# --- the list itself


def test_kinds__are_named_once_and_at_least_sixty() -> None:
    names = [kind.name for kind in KINDS]
    assert len(names) == len(set(names)) >= 60
    assert not [kind.name for kind in KINDS if kind.issue and kind.long]


def test_page__is_made_from_the_list() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "run: python -m tests.hostile.table > docs/hostile-input.md"
    )
