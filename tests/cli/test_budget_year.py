"""The year of the tutorial: `examples/budget_year.py` goes from the first draft to the rebalancing."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from click.testing import CliRunner

from drgpay.cli import cli
from drgpay.ledger.book import Book
from drgpay.ledger.verify import verify
from drgpay.names.ledger import ENTRY_KINDS
from drgpay.runs.reader import RunFolder

SCRIPT = Path(__file__).parents[2] / "examples" / "budget_year.py"


def in_process(words: list[str], folder: Path) -> str:
    """Run a command here: some three hundred of them, each of which would start an interpreter."""
    found = CliRunner().invoke(cli, words, catch_exceptions=False, standalone_mode=False)
    assert found.exit_code == 0, found.output
    return found.output


def test_year__goes_from_the_first_draft_to_the_rebalancing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.util.spec_from_file_location("budget_year", SCRIPT)
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setenv("DRGPAY_BOOK", script.BOOK)
    folder = tmp_path / "一年"
    folder.mkdir()
    monkeypatch.chdir(folder)
    desk = script.main(folder, 400, in_process)
    book = Book.open(desk.folder / script.BOOK)
    assert verify(book).faults == ()
    with book.reading() as reading:
        sums: dict[str, int] = {}
        for balance in reading.balances(year=script.YEAR):
            sums[balance.account] = sums.get(balance.account, 0) + balance.amount_fen
        kinds = {entry.kind for entry in reading.entries()}
        found = reading.entries(("step",))
    steps = {(entry.body["procedure"], entry.body["step"]) for entry in found}
    book.close()
    # months are cleared, everything payable was paid
    assert not any(sums.get(name) for name in ("recorded", "setoff", "deposit", "payable"))
    rows = RunFolder(desk.folder / "清算").table("hospitals").to_pylist()
    assert -sums["fund"] > sum(row["prepaid_fen"] + row["payable_fen"] for row in rows) > 0
    done = {"target", "indices", "adjustment", "month", "transfer", "clearing", "rebalancing",
            "assessment", "published", "objection", "answer"}  # fmt: skip
    assert done <= kinds <= set(ENTRY_KINDS)
    assert steps >= {  # put down by the entries that did them
        ("yearly_plan", "set"), ("mid_year", "execute"), ("clearing", "clear"),
        ("clearing", "publish"), ("community_year", "receipt"), ("community_year", "adjust"),
        ("community_year", "clear"), ("community_year", "carry"),
    }  # fmt: skip
    # of the third member each person came every month from April on: it is told
    watched = {
        (r["hospital_id"], r["grade"])
        for r in desk.read(f"监控-{script.YEAR}-06/watch_together.csv")
    }
    assert {name for name, grade in watched if grade != "none"} == {script.MEMBERS[2]}
    page = (desk.folder / "公开" / "index.html").read_text(encoding="utf-8")
    assert "隐去" in page and script.MEMBERS[0] in page and "周院长" not in page
    assert {p.stem for p in (desk.folder / "反馈").glob("*.xlsx")} >= set(script.MEMBERS)
