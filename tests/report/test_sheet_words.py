"""Headers of sheets: what the registry of words names is said in its word, on every sheet."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import drgpay.report
from drgpay.ground.errors import Bilingual
from drgpay.names.run_columns import column_of

# columns that mean one thing wherever they stand; others (points, name, days) mean what their sheet says
SAME = ("hospital_id", "hospital_name", "case_id", "pool", "cases")
OTHER = {("public_pages", "hospital_id")}  # a page for the public, that has no codes' words


def words() -> Iterator[tuple[str, str, Bilingual]]:
    for found in pkgutil.iter_modules(drgpay.report.__path__):
        own = getattr(importlib.import_module(f"drgpay.report.{found.name}"), "WORDS", {})
        yield from ((found.name, key, w) for key, w in own.items() if isinstance(w, Bilingual))


def test_headers__of_sheets_are_the_words_of_the_registry() -> None:
    met = []
    for module, key, word in words():
        if key in SAME and (module, key) not in OTHER:
            registered = column_of("", key).name
            assert [word.of(lang) for lang in ("zh", "en")] == [
                registered.of(lang) for lang in ("zh", "en")
            ], (module, key)
            met.append(module)
        assert word.of("zh") != "机构编码", (
            f"{module}, {key}: a table's second word for hospital_id"
        )
    assert {"hospital_balance", "late_sheets", "review_sheets"} <= set(met)
