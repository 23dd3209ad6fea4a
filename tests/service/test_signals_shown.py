"""Signals that are published with a year: all for the region, a hospital's own for itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from drgpay.ground.errors import BooksError, InputError
from drgpay.months.folder import write_month
from drgpay.months.run import run_month
from drgpay.names.run_tables import records_table
from drgpay.runs.writer import write_result
from drgpay.service.published import list_published, publish
from drgpay.service.roles import Role
from drgpay.service.store import Store
from drgpay.signals.detect import signals
from drgpay.signals.folder import facts, result_tables, write_signals
from drgpay.signals.texts import SIGNALS
from tests.command import drgpay
from tests.service.conftest import EX1, serving

AWAY = "later at H3: FM13"  # as evidence of a stay elsewhere tells it
HTML = {"Accept": "text/html"}


def write_told(folder: Path, run: Path, evaluable: int) -> Path:
    """Write the signals of the worked example, of which two hospitals show one."""
    result = signals(EX1, run)
    main, _ = result_tables(result)
    rows = main.to_pylist()
    for hospital, name, fen in (("H1", "early_discharge", 1_234_567), ("H2", "split_return", 99)):
        row = next(r for r in rows if (r["hospital_id"], r["signal"]) == (hospital, name))
        row |= {
            "confidence": "high",
            "cases": 7,
            "observed": 6.0,
            "expected": 2.5,
            "stake_fen": fen,
        }
        row["evidence_rows"] = 2 if hospital == "H1" else 0
    kind = SIGNALS["early_discharge"].kind
    proof = [
        {"hospital_id": "H1", "kind": kind, "signal": "early_discharge", "rank": rank,
         "case_id": case, "related_case_id": related, "code": "FM13", "value": 1.0,
         "peer_value": 4.0, "text": text}
        for rank, case, related, text in ((1, "C01", "C10", AWAY), (2, "C02", "C03", "three days"))
    ]  # fmt: skip
    told = facts(result)
    for own in told["signals"].values():
        own["evaluable_hospitals"] = evaluable
    tables = {
        "signals": records_table("signals", rows),
        "evidence": records_table("evidence", proof),
    }
    return write_result(folder, tables, lambda: told, manifest="signals.json", digests=False)


@pytest.mark.parametrize("evaluable", [5, 6])
def test_signals__are_all_for_the_region_and_its_own_for_a_hospital(
    ex1_run: Path, tmp_path: Path, evaluable: int
) -> None:
    folder = write_told(tmp_path / "signals", ex1_run, evaluable)
    with serving(tmp_path / "data") as served:
        publish(served.service.store, ex1_run, "test", folder)
        served.service.desk.refresh()

        def page(path: str, who: Role | str) -> str:
            served.client.cookies.clear()
            answer = served.client.get(path, headers={**HTML, **served.headers(who)})
            assert answer.status_code == 200, answer.text
            return answer.text.partition('id="gaming"')[2].partition("</section>")[0]

        names = [SIGNALS[name].name.chinese for name in ("early_discharge", "split_return")]
        for who in (Role.AGENCY, Role.AUDITOR):
            text = page("/region", who)
            assert all(
                part in text for part in (*names, "12,345.67", AWAY, "2.5", "C01", "不是结论")
            )
            assert AWAY in page("/hospital/H1", who)
        mine = page("/hospital", Role.HOSPITAL)
        assert names[0] in mine and names[1] not in mine and "12,345.67" in mine
        assert "three days" in mine and "C01" in mine
        assert AWAY not in mine and "H3" not in mine and "C10" not in mine
        assert ("2.5" in mine) == (evaluable > 5)  # five others stand behind what is expected
        assert names[0] not in page("/hospital", "other")


def test_signals__of_other_cases_or_changed_are_not_published(
    ex1_run: Path, tmp_path: Path
) -> None:
    store = Store(f"sqlite:///{tmp_path / 'service.sqlite'}")
    store.upgrade()
    folder = write_signals(signals(EX1, ex1_run), tmp_path / "signals")
    month = tmp_path / "month"
    write_month(run_month(EX1, "2024-01"), month)
    with pytest.raises(InputError, match="not of this result"):
        publish(store, month, "a", folder)
    with pytest.raises(InputError, match="no folder of signals"):
        publish(store, ex1_run, "a", ex1_run)
    assert list_published(store) == []
    done = drgpay("runs", "publish", str(ex1_run), "--by", "a", "--signals", str(folder),
                  "--data", str(tmp_path))  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [p.signals for p in list_published(store)] == [folder.resolve()]
    (folder / "signals.csv").write_text("changed", encoding="utf-8")
    with pytest.raises(BooksError, match=r"signals\.csv"):
        publish(store, ex1_run, "a", folder)
