"""The workbook of a simulation: numbers in yuan, one sheet a table."""

from __future__ import annotations

from pathlib import Path

from drgpay.ground.languages import choosing
from drgpay.trials.simulate import Simulation

from .simulate_sheets import SimulationSheets
from .texts import Words
from .workbook import Book


def write_simulation_excel(simulation: Simulation, path: Path, lang: str = "zh") -> Path:
    """Write the workbook; return its path."""
    t, region = choosing(lang), simulation.region
    sheets = SimulationSheets(simulation, lang)
    book = Book(
        str(path),
        title=f"{t('模拟运行', 'Simulation')} {region.name} {region.year}{t('年', '')}",
        mark=t("试算结果，不得用于付款", "TRIAL, NOT FOR PAYMENT"),
        digest=simulation.base.policy.digest[:12],
        page=Words(lang)("x_page"),
    )
    book.add(sheets.settings())
    if simulation.trials:
        book.add(sheets.totals())
    for sheet in (sheets.pools(), sheets.funds(), sheets.hospitals(), sheets.groups()):
        book.add(sheet)
    if any(result.parts for result in simulation.trials):
        book.add(sheets.causes())
    if simulation.points:
        book.add(sheets.sweep())
        book.add(sheets.sweep_hospitals())
    book.add(sheets.unverified())
    book.close()
    return path
