"""The list of kinds of faults is what the tests do, and the documentation counts it right."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.faults.kinds import KINDS
from tests.faults.test_kill import KILLS, LONG_KILLS

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def test_kinds__every_one_has_its_test() -> None:
    known = {
        (path.stem.removeprefix("test_"), node.name)
        for path in HERE.glob("test_*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    assert set(KINDS.values()) <= known
    assert len(set(KINDS.values())) == len(KINDS)


def test_documentation__counts_kinds_and_kills() -> None:
    for name in ("docs/faults.md", "README.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        found = re.search(r"(\d+) kinds of faults", text)
        assert found is not None and int(found[1]) == len(KINDS), name
        assert f"killed at {KILLS} random moments" in text, name
        assert f"{LONG_KILLS:,} in `make test-long`" in text, name
