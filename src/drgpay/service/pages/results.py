"""Published results as pages read them: each run folder once, as long as it is published."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from drgpay.ground.errors import both
from drgpay.ground.languages import choose
from drgpay.policy.catalogue import CATALOGUE
from drgpay.report.amounts import fixed, rounded
from drgpay.report.letters import Letters
from drgpay.report.run import Run
from drgpay.report.texts import Words
from drgpay.runs.manifest import MONTH
from drgpay.runs.reader import RunFolder
from drgpay.service.desk import Board
from drgpay.service.problems import Problem
from drgpay.service.published import Published

VALUE_PLACES = 4  # of a point value as pages show it


def nothing_published() -> Problem:
    """There is no published year to show anything of."""
    return Problem(
        404,
        "nothing_published",
        both("经办机构尚未发布年度清算结果", "no settled year is published yet"),
    )


def not_settled(hospital: str, period: str) -> Problem:
    """The published year has no row of the asker's own hospital: a new one, or a mistaken id."""
    return Problem(
        404,
        "not_settled",
        both(
            f"已发布的 {period} 年度清算结果中没有本机构（编码 {hospital}）",
            f"the published settlement of {period} has no hospital with your id, {hospital}",
        ),
        both(
            "新机构要到下次清算才有结果；编码有误的，请医保经办机构的密钥管理员更正",
            "a new hospital is in the next settlement; the agency's administrator of keys mends a "
            "wrong id",
        ),
    )


@lru_cache(maxsize=4)
def _run(folder: Path, digest: str) -> Run:
    return Run(folder)


@lru_cache(maxsize=4)
def _letters(folder: Path, digest: str, lang: str) -> Letters:
    return Letters(_run(folder, digest), Words(lang))


@lru_cache(maxsize=4)
def _month(folder: Path, digest: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    found = RunFolder(folder, MONTH)
    return found.manifest, found.table("months_hospitals").to_pylist()


def year_run(board: Board) -> Run:
    """Return the published year; raises Problem where there is none."""
    if board.year is None:
        raise nothing_published()
    return _run(board.year.folder, board.year.digest)


def letters_of(board: Board, lang: str) -> Letters:
    """Return what the published year tells each hospital; raises Problem where there is none."""
    if board.year is None:
        raise nothing_published()
    return _letters(board.year.folder, board.year.digest, lang)


def months_of(board: Board) -> Sequence[Published]:
    """Return the published months of the published year, the latest last."""
    year = board.year.year if board.year is not None else None
    return [run for run in board.runs if run.kind == MONTH and year in (None, run.year)]


def month_of(run: Published) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a published month's manifest, and its rows of hospitals for all months so far."""
    return _month(run.folder, run.digest)


def basis_of(board: Board, lang: str) -> dict[str, Any] | None:
    """Return what the published year rests on: versions, point values, what is not verified."""
    if board.year is None or board.pricer is None:
        return None
    run = year_run(board)
    scheme = run.manifest["scheme"]
    return {
        "engine": run.manifest["drgpay_version"],
        "scheme": "、".join(v["id"] for v in scheme.get("versions", ())) or scheme["id"],
        "policy": run.manifest["policy"]["id"],
        "digest": board.year.digest[:12],
        "published": board.year.period,
        "values": [
            {
                "pool": run.pool_name(r["pool"]),
                "value": point_value_text(Fraction(r["point_value_fraction"])),
                "period": board.year.period,
                "provisional": False,
            }
            for r in run.records("pools")
        ],
        "unverified": parameter_names(board.unverified, lang),
    }


def point_value_text(yuan: Fraction) -> str:
    """Return yuan a point as pages show them."""
    return fixed(rounded(yuan, VALUE_PLACES), VALUE_PLACES)


def parameter_names(keys: Sequence[str], lang: str) -> list[str]:
    """Return what parameters are called."""
    return [choose(lang, CATALOGUE[key].name if key in CATALOGUE else key, key) for key in keys]
