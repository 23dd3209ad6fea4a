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
    book.close()
    # months are cleared, everything payable was paid
    assert not any(sums.get(name) for name in ("recorded", "setoff", "deposit", "payable"))
    rows = RunFolder(desk.folder / "清算").table("hospitals").to_pylist()
    assert -sums["fund"] > sum(row["prepaid_fen"] + row["payable_fen"] for row in rows) > 0
    done = {"target", "indices", "adjustment", "month", "transfer", "clearing", "rebalancing"}
    assert done <= kinds <= set(ENTRY_KINDS)
