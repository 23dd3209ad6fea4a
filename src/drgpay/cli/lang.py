"""The language of the command line: Chinese, or English with `--lang en` or DRGPAY_LANG=en.

`--lang` may stand before the command or after it.
"""

from __future__ import annotations

import os
import sys

from drgpay.ground.languages import choose


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
    return choose(LANG, chinese, english)


def language_first(words: list[str]) -> list[str]:
    """Return the words of a command with `--lang` before the command, wherever it stood.

    >>> language_first(["group", "a.csv", "--lang", "en"])
    ['--lang', 'en', 'group', 'a.csv']
    """
    end = words.index("--") if "--" in words else len(words)
    for i, word in enumerate(words[:end]):
        if word == "--lang" or word.startswith("--lang="):
            width = 2 if word == "--lang" else 1
            return words[i : i + width] + words[:i] + words[i + width :]
    return words
