"""ARCHITECTURE.md and CONTRIBUTING.md name the rooms in their order, and files that are there."""

import re
from pathlib import Path

from tests.test_imports import FLOOR

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src" / "drgpay"
MAP = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
ROWS = [row.split("|")[1:-1] for row in re.findall(r"^\| `[a-z]+/`.*\|$", MAP, re.MULTILINE)]


def test_map__has_every_room_from_the_top_floor_down() -> None:
    rooms = [re.findall(r"`([a-z]+)/`", row[0]) for row in ROWS]
    here = {path.parent.name for path in SRC.glob("*/*.py")}
    assert sorted(room for row in rooms for room in row) == sorted(here)
    floors = [min(FLOOR[room] for room in row) for row in rooms]
    assert floors == sorted(floors, reverse=True)


def test_map__names_files_that_are_there() -> None:
    for row in ROWS:
        rooms = re.findall(r"`([a-z]+)/`", row[0])
        for name in re.findall(r"`([\w]+\.py)`", row[2]):
            assert any((SRC / room / name).is_file() for room in rooms), f"{rooms}: {name}"


def test_pages__name_paths_that_are_there() -> None:
    for page in ("ARCHITECTURE.md", "CONTRIBUTING.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        for path in re.findall(r"`((?:src|reference|tests|docs|benchmarks)/[\w/.-]*)`", text):
            assert (ROOT / path).exists(), f"{page}: {path}"
        for link in re.findall(r"\]\(([\w/.-]+\.md)\)", text):
            assert (ROOT / link).exists(), f"{page}: {link}"
