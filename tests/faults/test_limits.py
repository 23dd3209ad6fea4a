"""Every limit on what a file may hold stands in one table of docs/faults.md, with its figure."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "drgpay"
ROW = re.compile(r"^\|[^|]+\| ([\d,]+)(?: ([KMG]iB))? \|[^|]+\| `([\w.]+)` \|$", re.MULTILINE)
UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
LIMIT = re.compile(
    r"(MAX|MOST|ANY|FEWEST|WAIT)_\w+|[A-Z]\w+_BYTES|MEMORY|SECONDS|VIEW_ROWS|BYTES_A_ROW"
)
# how many are told of in a message or tried at once: nothing that a file may exceed
NO_LIMITS = {
    "cases.codes.MOST_NEAREST",
    "cases.lists_bytes.MOST_SPANS",
    "cases.quarantine.MOST_WHY",
}


def named_in_code() -> set[str]:
    """Return the limits that the doors of inputs declare, by module and name."""
    found = set()
    for path in (*sorted((SOURCE / "cases").glob("*.py")), SOURCE / "ground" / "inputs.py"):
        module = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
            names = [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]
            found |= {f"{module}.{name}" for name in names if LIMIT.fullmatch(name)}
    return found


def test_limits__stand_in_one_table_with_their_figures() -> None:
    text = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    told = {name: int(n.replace(",", "")) * UNITS[unit] for n, unit, name in ROW.findall(text)}
    assert len(told) > 25
    for name, figure in told.items():
        module, _, constant = name.rpartition(".")
        assert getattr(import_module(f"drgpay.{module}"), constant) == figure, name
    missing = named_in_code() - set(told) - NO_LIMITS
    assert not missing, f"not in docs/faults.md: {sorted(missing)}"
    assert not NO_LIMITS - named_in_code()
