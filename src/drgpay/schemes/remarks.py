"""What the bundled schemes remark on themselves, in both languages.

Manifests and doubts are written in English; `reference/schemes/remarks.csv` has each sentence once
with its Chinese. A scheme of one's own may write in either language: what the table does not know
is shown as it stands.
"""

from __future__ import annotations

from functools import lru_cache

from drgpay.ground.errors import Bilingual, both
from drgpay.ground.reference import reference_dir
from drgpay.schemes.folders import rows_of


def remark(text: str) -> Bilingual:
    """Return a remark of a manifest or of doubts.csv in both languages."""
    return both(_table().get(text, text), text)


@lru_cache(maxsize=1)
def _table() -> dict[str, str]:
    rows = rows_of(reference_dir() / "schemes" / "remarks.csv", ("remark", "chinese"))
    return {row["remark"]: row["chinese"] for _, row in rows}
