"""The README's examples run, and its coverage table is true."""

import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
TABLE = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in README.splitlines()
    if re.match(r"\| [A-Z]\d", line)
]
# rows of newer demands say their source besides
TABLE = [row if len(row) == 5 else [*row[:2], *row[3:]] for row in TABLE]
IDS = {
    "G": 8, "D": 2, "H": 3, "B": 12, "M": 8, "Y": 9, "C": 7, "A": 9, "N": 13,
}  # fmt: skip


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_readme__python_examples_run(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    exec(compile(BLOCKS[number], f"README.md example {number + 1}", "exec"), {})


def test_readme__covers_every_requirement_once() -> None:
    wanted = [f"{letter}{i + 1}" for letter, count in IDS.items() for i in range(count)]
    assert [row[0] for row in TABLE] == wanted


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[0])
def test_readme__coverage_names_what_is_there(row: list[str]) -> None:
    _, _, status, where, tests = row
    word = status.split(":")[0]
    assert word in ("done", "partly", "open")
    if word == "open":
        assert not where and not tests
        return
    assert word == "done" or ":" in status, "say what is open"
    for path in re.findall(r"`([^`]+)`", where + tests):
        assert (ROOT / path).exists(), path
        assert os.path.isfile(ROOT / path) or list((ROOT / path).rglob("*.*")), path
    assert re.findall(r"`([^`]+)`", where) and re.findall(r"`([^`]+)`", tests)


def test_docstrings__examples_run() -> None:
    import doctest
    from importlib import import_module

    tried = 0
    for path in sorted((ROOT / "src" / "drgpay").rglob("*.py")):
        if ">>>" not in path.read_text(encoding="utf-8"):
            continue
        name = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
        result = doctest.testmod(import_module(name.removesuffix(".__init__")))
        assert not result.failed, name
        tried += result.attempted
    assert tried > 20
