"""Every kind of hostile input, in one list."""

from __future__ import annotations

from tests.hostile import cells, columnar, places, regions, settlement_lists, texts, workbooks
from tests.hostile.model import Kind

AREAS: tuple[tuple[str, str, list[Kind]], ...] = (
    ("文本文件", "Text files", texts.KINDS),
    ("单元格", "Cells", cells.KINDS),
    ("Parquet、Arrow、DataFrame", "Parquet, Arrow, frames", columnar.KINDS),
    ("Excel工作簿", "Excel workbooks", workbooks.KINDS),
    ("结算清单", "Settlement lists", settlement_lists.KINDS),
    ("文件与文件夹", "Files and folders", places.KINDS),
    ("统筹区、政策、分组方案", "Regions, policies, schemes", regions.KINDS),
)
KINDS: list[Kind] = [kind for _, _, kinds in AREAS for kind in kinds]
