"""Lines of an account that deduct or limit say why; the report's first notes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drgpay.report.derive import derivation
from drgpay.report.notes import first_notes
from drgpay.report.run import Account, Run
from drgpay.report.texts import Words
from tests.report.folders import full_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(full_run(tmp_path / "run"))


def notes_of(run: Run, account: Account) -> dict[str, str]:
    return {step.key: step.note for step in derivation(run, account, Words("zh"))}


def place(account: Account) -> dict[str, Any]:
    return {"hospital_id": account.hospital, "pool": account.pool}


def test_violation__is_given_with_its_reasons(run: Run) -> None:
    account = run.accounts[0]
    run.manifest["violations"] = [
        {**place(account), "amount_fen": 50000, "points": "0.0000", "reason": "串换项目"},
        {**place(account), "amount_fen": 1, "points": "2.5000", "reason": ""},
        {"hospital_id": "other", "pool": account.pool, "amount_fen": 7, "reason": "别家"},
    ]
    assert notes_of(run, account)["violation"] == "串换项目 500.00 元；未写原因 0.01 元"


def test_carried__names_its_origin(run: Run) -> None:
    account = run.accounts[0]
    run.manifest["carried"] = [{**place(account), "amount_fen": 5, "from": "2023 v2"}]
    assert notes_of(run, account)["carried"] == "来自 2023 v2；正数为扣回，负数为补付"


def test_bound__of_a_penalised_hospital_names_the_rule(run: Run) -> None:
    account = run.accounts[0]
    account.amounts.recorded = account.amounts.due
    run.hospitals[account.hospital]["standing"] = "penalised"
    run.values["violator_no_increase"] = True
    held = Account(account.hospital, account.pool, account.amounts, "high")
    note = notes_of(run, held)["rest"]
    assert note.startswith("应付受上限约束：协议状态为违规处理")
    assert "S2 二(二)1(7)，violator_no_increase" in note
    account.amounts.recorded += 1
    assert notes_of(run, held)["rest"] == "应付受上限约束"


def test_ended__deposit_is_not_assessed(run: Run) -> None:
    account = next(a for a in run.accounts if a.amounts.deposit)
    run.hospitals[account.hospital]["standing"] = "ended"
    account.amounts.forfeited = 0
    assert notes_of(run, account)["kept"] == "协议状态为已解除：不参加考核，保证金全额返还"


def test_first_notes__held_then_penalised_and_no_draw(run: Run) -> None:
    hospital = next(iter(run.hospitals))
    run.hospitals[hospital]["standing"] = "penalised"
    run.values["violator_no_increase"] = True
    run.manifest["ceiling"]["reserves"] = [
        {"name": "风险金", "amount_fen": 10000, "drawn_fen": 2500},
        {"name": "未动用", "amount_fen": 10000, "drawn_fen": 0},
    ]  # told by the warnings of the run
    run.manifest["ends"]["held"] = 2
    held, penalised = first_notes(run, Words("zh"))
    assert held.startswith("暂不支付病例 2 例") and "待付负债" in held
    assert hospital in penalised and "violator_no_increase" in penalised
