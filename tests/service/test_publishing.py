"""What the agency publishes is what the service shows; trials and changed files are not published."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from drgpay.ground.errors import BooksError, InputError, both
from drgpay.grouper.versions import any_grouper
from drgpay.months.folder import write_month
from drgpay.months.run import run_month
from drgpay.runs.folder import write_run
from drgpay.service.desk import Board, Desk, without_withdrawn
from drgpay.service.published import latest_values, list_published, publish, withdraw
from drgpay.service.service import YOUNG, Service
from drgpay.service.settings import Settings
from drgpay.service.store import Store
from drgpay.settlement.year_end import year_end
from tests.command import drgpay
from tests.service.conftest import EX1, SCHEME


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(f"sqlite:///{tmp_path / 'service.sqlite'}")
    made.upgrade()
    return made


def test_publish__again_takes_the_place_of_the_same_period(store: Store, ex1_run: Path) -> None:
    first, second = publish(store, ex1_run, "a"), publish(store, ex1_run, "b")
    assert [(p.id, p.published_by) for p in list_published(store)] == [(second.id, "b")]
    withdraw(store, second.id)
    assert list_published(store) == []
    for gone in (first.id, second.id, "none"):
        with pytest.raises(InputError, match="not published"):
            withdraw(store, gone)


def test_publish__of_a_trial_or_changed_files_is_refused(
    store: Store, ex1_run: Path, tmp_path: Path
) -> None:
    trial = tmp_path / "trial"
    write_run(year_end(EX1, overrides=["keep_ratio=0.7"]), trial)
    with pytest.raises(InputError, match="trial"):
        publish(store, trial, "a")
    changed = tmp_path / "changed"
    write_run(year_end(EX1), changed)
    (changed / "pools.parquet").write_bytes((ex1_run / "drgs.parquet").read_bytes())
    with pytest.raises(BooksError, match=r"pools\.parquet"):
        publish(store, changed, "a")
    assert list_published(store) == []


def test_latest_values__are_a_months_until_the_year_is_settled(
    store: Store, ex1_run: Path, tmp_path: Path
) -> None:
    month = tmp_path / "month"
    write_month(run_month(EX1, "2024-01"), month)
    publish(store, month, "a")
    values = latest_values(list_published(store))
    assert values and all(v.provisional and v.run.period == "2024-01" for v in values.values())
    publish(store, ex1_run, "a")
    settled = latest_values(list_published(store))
    assert str(settled["310"].yuan) == "333435/2054"
    assert not any(v.provisional for v in settled.values())


def test_commands__publish_list_and_withdraw(ex1_run: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert "尚未发布" in drgpay("runs", "published", "--data", data).stdout
    made = drgpay("runs", "publish", ex1_run, "--by", "张三", "--data", data)
    assert made.returncode == 0, made.stderr
    head, row = drgpay("runs", "published", "--data", data).stdout.splitlines()
    listed = row.split()
    assert head.split()[4] == "发布人"
    assert listed[4] == "张三" and listed[2] == "2024" and listed[5] == str(ex1_run)
    assert drgpay("runs", "withdraw", listed[0], "--data", data).returncode == 0
    assert "尚未发布" in drgpay("runs", "published", "--data", data).stdout


def test_year__that_is_withdrawn_is_gone_before_another_scheme_is_read(
    ex1_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(Settings(data=tmp_path).url)
    store.upgrade()
    month = tmp_path / "month"
    write_month(run_month(EX1, "2024-01"), month)
    own, year = publish(store, month, "a"), publish(store, ex1_run, "a")
    found = Desk(store, Settings(data=tmp_path, scheme=SCHEME))
    found.refresh()
    before = found.board
    assert before.year == year and before.pricer is not None
    withdraw(store, year.id)
    seen: list[Board] = []

    def compiling(*_: object) -> object:
        seen.append(found.board)
        raise InputError(both("读不出来", "it cannot be read"))

    monkeypatch.setattr("drgpay.service.desk.any_grouper", compiling)
    for _ in range(2):  # what failed is tried again
        with pytest.raises(InputError):
            found.refresh()
    for board in seen:
        assert (board.runs, board.year, board.pricer, board.values) == ((own,), None, None, {})
    assert len(seen) == 2
    monkeypatch.undo()
    found.refresh()
    assert found.board.year is None
    assert {value.run for value in found.board.values.values()} == {own}
    found.refresh()
    again = publish(store, ex1_run, "a")
    found.refresh()
    assert found.board.year == again


def test_year__that_is_published_anew_is_shown_until_the_new_one_is_read(
    store: Store, ex1_run: Path
) -> None:
    first, second = publish(store, ex1_run, "a"), publish(store, ex1_run, "b")
    board = Board((first,), None, first, {}, any_grouper(Path(SCHEME)))
    assert without_withdrawn(board, (second,)) is board
    assert without_withdrawn(None, (second,)) is None


def test_collector__passes_over_what_is_published_also_later(ex1_run: Path, tmp_path: Path) -> None:
    usual, many = gc.get_threshold(), 10_000
    settings = Settings(data=tmp_path / "data", scheme=SCHEME, region=str(EX1))
    service = Service(settings, alone=True)
    try:
        service._warm_up()
        assert gc.get_freeze_count() > many and gc.get_threshold()[0] == YOUNG
        gc.unfreeze()
        service._take_up()
        assert gc.get_freeze_count() < many, "nothing is new"
        publish(service.store, ex1_run, "test")
        service._take_up()
        assert gc.get_freeze_count() > many
    finally:
        gc.unfreeze()
        gc.set_threshold(*usual)
        service.close()
