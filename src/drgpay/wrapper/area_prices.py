"""Cases of people insured elsewhere, grouped and priced here: what their areas owe, by a settled run.

Each case is grouped by the run's scheme and scored by its policy, base points and coefficients; its
amount is points × value (or the price) less what others paid: the fund's part, owed by the area. The
value is the run's, or that of a month's folder of the same region.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from drgpay.ground.arrow import table_writer
from drgpay.ground.digests import file_digest, write_sums
from drgpay.ground.errors import InputError, both
from drgpay.ground.outputs import whole_folder
from drgpay.grouper.versions import any_grouper
from drgpay.runs.priced import Pricing, price_cases
from drgpay.runs.pricing import Pricer
from drgpay.runs.reader import RunFolder
from drgpay.tables.writer import write_rows
from drgpay.wrapper.areas import AREA_CLAIMS, FACTS, PRICED

CASES = "area_cases.csv"
TOLD = (
    "row", "case_id", "hospital_id", "pool", "drg", "status", "reason", "case_class", "paid_by",
    "points", "expected_fen", "total_cost_fen", "due_fen", "unpriced",
)  # fmt: skip


@dataclass(frozen=True)
class AreaPrices:
    """What cases come to: `claims` by area, hospital, pool (cases, fen), `cases` one by one.

    `left`: cases without an amount; `below`: claims that come to nothing or less.
    """

    claims: Mapping[tuple[str, str, str], tuple[int, int]]
    cases: pa.Table
    left: int
    below: Mapping[tuple[str, str, str], tuple[int, int]]
    facts: Mapping[str, Any]


def price_areas(
    run_dir: str | Path,
    of: Sequence[tuple[str, Path]],
    values_dir: str | Path | None = None,
    scheme: str = "",
) -> AreaPrices:
    """Price the cases of areas (code and file) by a settled run.

    `scheme`: where the run's own is a folder: its path; its digest has to be the run's.
    Raises InputError for files that cannot be read, a run that is a trial or was changed, and values of
    another region.
    """
    pricer = Pricer(run_dir)
    folders = [pricer, *([] if values_dir is None else [RunFolder(values_dir, "")])]
    for folder in folders:
        folder.refuse_changed()
        region = folder.manifest["region"]["id"]
        if folder.trial or region != pricer.manifest["region"]["id"]:
            raise InputError(
                both("不是本统筹区的正式结果", "no official result of this region"),
                where=folder.folder,
                remedy=both("用正式的清算或月度结果", "name an official run of the region"),
            )
    name = scheme or pricer.scheme_name
    grouper = any_grouper(Path(name) if "/" in name else name, pricer.readings)
    pricer.check_grouper(grouper)
    pricing = Pricing(pricer, folders[-1].point_values)
    sums: dict[tuple[str, str, str], tuple[int, int]] = {}
    parts, left = [], 0
    for area, path in of:
        table = price_cases([str(path)], grouper, pricing).table.select(TOLD)
        left += table["due_fen"].null_count
        rows = table.filter(pc.is_valid(table["due_fen"]))
        for row in rows.select(["hospital_id", "pool", "due_fen"]).to_pylist():
            place = area, row["hospital_id"], row["pool"]
            count, fen = sums.get(place, (0, 0))
            sums[place] = count + 1, fen + row["due_fen"]
        named = pa.array([area] * len(table), pa.string())
        parts.append(table.add_column(0, "insured_area", named))
    facts = {
        "run": pricer.digest, "folder": pricer.folder.name, "values": folders[-1].digest,
        "files": [{"area": area, "sha256": file_digest(path)} for area, path in of],
    }  # fmt: skip
    return AreaPrices(
        {place: own for place, own in sorted(sums.items()) if own[1] > 0},
        pa.concat_tables(parts, promote_options="permissive").unify_dictionaries(),
        left,
        {place: own for place, own in sorted(sums.items()) if own[1] <= 0},
        facts,
    )


def write_areas(made: AreaPrices, out: Path) -> Path:
    """Write a new folder: the table area_claims, every case with its amount, and what they rest on."""
    with whole_folder(out) as folder:
        columns = [column.name for column in AREA_CLAIMS.columns]
        rows = [(*place, count, fen) for place, (count, fen) in made.claims.items()]
        write_rows(folder / PRICED, AREA_CLAIMS, columns, rows, chinese=True)
        writer = table_writer(folder / CASES, made.cases.schema)
        writer.write_table(made.cases)
        writer.close()
        told = {**made.facts, "claims": file_digest(folder / PRICED)}
        text = json.dumps(told, ensure_ascii=False, sort_keys=True, indent=1)
        (folder / FACTS).write_text(text + "\n", encoding="utf-8")
        write_sums(folder)
    return out
