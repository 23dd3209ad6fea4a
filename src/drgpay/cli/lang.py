"""The language of the command line: Chinese, or English with `--lang en` or DRGPAY_LANG=en."""

from __future__ import annotations

import os
import sys


def _chosen() -> str:
    words = sys.argv[1:]
    for i, word in enumerate(words):
        if word == "--lang" and i + 1 < len(words):
            return "en" if words[i + 1] == "en" else "zh"
        if word.startswith("--lang="):
            return "en" if word.endswith("=en") else "zh"
    return "en" if os.environ.get("DRGPAY_LANG") == "en" else "zh"


LANG = _chosen()


def t(chinese: str, english: str) -> str:
    """Return the text in the language of this call of the command."""
    return english if LANG == "en" else chinese
