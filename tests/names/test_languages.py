"""Languages are told apart in one place."""

from __future__ import annotations

import re
from pathlib import Path

import drgpay
from drgpay.ground.languages import LANGUAGES, choose, choosing, is_chinese

SOURCE = Path(drgpay.__file__).parent
# where it stands, and where the language of a command is read from its words
ALLOWED = {"ground/languages.py", "cli/lang.py"}
ASKED = re.compile(r"""[!=]= ["'](zh|en)["']|\[lang [!=]=""")
HELPER = re.compile(
    r"def \w+\([^)]*\b(zh|chinese): str, (en|english): str\) -> str:\n(?:.*\n)?.* if "
)


def _files_with(pattern: re.Pattern[str]) -> set[str]:
    files = {p.relative_to(SOURCE).as_posix(): p for p in SOURCE.rglob("*.py")}
    return {name for name, path in files.items() if pattern.search(path.read_text("utf-8"))}


def test_language__is_asked_for_in_one_file() -> None:
    assert _files_with(ASKED) == ALLOWED


def test_language__has_no_private_helper() -> None:
    assert _files_with(HELPER) == set()
    assert HELPER.search(
        "def t(self, zh: str, en: str) -> str:\n    return zh if self.zh else en\n"
    )


def test_choose__takes_the_text_of_the_language() -> None:
    assert [choose(lang, "是", "yes") for lang in LANGUAGES] == ["是", "yes"]
    assert [choosing(lang)("是", "yes") for lang in LANGUAGES] == ["是", "yes"]
    assert [is_chinese(lang) for lang in LANGUAGES] == [True, False]
