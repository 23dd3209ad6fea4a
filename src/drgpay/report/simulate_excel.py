"""The workbook of a simulation: numbers in yuan, one sheet a table."""

from __future__ import annotations

from pathlib import Path

from drgpay.ground.languages import choosing
from drgpay.trials.simulate import Simulation

from .simulate_sheets import SimulationSheets
from .workbook import write_book


def write_simulation_excel(simulation: Simulation, path: Path, lang: str = "zh") -> Path:
    """Write the workbook; return its path."""
    t, region = choosing(lang), simulation.region
    sheets = SimulationSheets(simulation, lang)
    split = any(result.parts for result in simulation.trials)
    return write_book(
        path,
        [
            sheets.settings(),
            sheets.totals() if simulation.trials else None,
            sheets.pools(),
            sheets.funds(),
            sheets.hospitals(),
            sheets.groups(),
            sheets.causes() if split else None,
            *([sheets.sweep(), sheets.sweep_hospitals()] if simulation.points else []),
            sheets.unverified(),
        ],
        lang,
        title=f"{t('模拟运行', 'Simulation')} {region.name} {region.year}{t('年', '')}",
        mark=t("试算结果，不得用于付款", "TRIAL, NOT FOR PAYMENT"),
        digest=simulation.base.policy.digest[:12],
    )
