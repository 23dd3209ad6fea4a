"""The sentences of notes.toml, which tell the reader of a year end what nothing refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from drgpay.ground.errors import Bilingual
from drgpay.ground.sentences import filled, sentences

TABLE = Path(__file__).with_name("notes.toml")


def note(name: str, /, **facts: Any) -> Bilingual:
    """Return a note about some facts."""
    return filled(sentences(TABLE)[name], facts)
