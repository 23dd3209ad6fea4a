"""Imports run one way along the house; numba and DuckDB have one door each."""

import ast
from functools import cache
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "drgpay"
# lower floors first; a module may import from its own floor's package and from lower floors
FLOORS = [
    {"ground"},
    {"names"},
    {"policy"},
    {"cases"},
    {"schemes", "tables"},
    {"grouper"},
    {"points"},
    {"budget", "perdiem", "capitation"},
    {"region"},
    {"settlement"},
    {"ledger"},
    {"runs"},
    {"months", "reopening"},
    {"wrapper"},
    {"trials"},
    {"why", "signals", "spark"},
    {"monitoring"},
    {"report"},
    {"synth"},
    {"service", "client"},
    {"cli"},
]
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}


def _package(path: Path) -> str:
    return path.relative_to(SRC).parts[0].removesuffix(".py")


@cache
def _imports(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


MODULES = sorted(p for p in SRC.rglob("*.py") if p.parent != SRC or p.name[:2] != "__")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SRC)))
def test_imports__run_one_way(path: Path) -> None:
    own = _package(path)
    for name in _imports(path):
        parts = name.split(".")
        if parts[0] == "reference":
            pytest.fail(f"{path}: the model is for tests and benchmarks alone")
        if parts[0] != "drgpay" or len(parts) < 2 or parts[1] == "__version__":
            continue
        assert parts[1] == own or FLOOR[parts[1]] < FLOOR[own], f"{own} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SRC)))
def test_numba__has_one_door(path: Path) -> None:
    if path.relative_to(SRC).as_posix() != "ground/compiled.py":
        assert not [n for n in _imports(path) if n.split(".")[0] in ("numba", "llvmlite")]


def _circles(arrows: dict[str, set[str]]) -> list[set[str]]:
    """Return the sets of files that import each other, straight or by way of others."""
    reached = {name: set(to) for name, to in arrows.items()}
    for middle in arrows:
        for name in arrows:
            if middle in reached[name]:
                reached[name] |= reached[middle]
    found = [{b for b in reached[a] if a in reached[b]} for a in arrows if a in reached[a]]
    return [c for number, c in enumerate(found) if c not in found[:number]]


def test_imports__make_no_circle_of_files() -> None:
    files = {".".join(("drgpay", *p.relative_to(SRC).with_suffix("").parts)): p for p in MODULES}
    files = {name.removesuffix(".__init__"): path for name, path in files.items()}
    arrows = {
        name: {
            target
            for found in _imports(path)
            for target in [found if found in files else found.rpartition(".")[0]]
            if target in files and target != name
        }
        for name, path in files.items()
    }
    assert len(arrows) > 300
    assert not _circles(arrows)
    assert _circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [{"b", "c"}]


def test_model__imports_nothing_of_drgpay() -> None:
    model = SRC.parents[1] / "reference" / "model"
    for path in model.rglob("*.py"):
        assert not [n for n in _imports(path) if n.split(".")[0] == "drgpay"], path


@pytest.mark.parametrize("path", [p for p in MODULES if p.name == "kernels.py"], ids=str)
def test_kernels__are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < 250
