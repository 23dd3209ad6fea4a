"""Makes code_systems/pinyin_initials.csv: how names of codes are typed by their first letters.

    python -m reference.pinyin_initials

Characters have the letter that most names read them with; a pair of characters stands in the table
where the letters of the two together differ from that. Readings are those of the package pypinyin,
needed here alone: what is installed reads the table.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

SYSTEMS = Path(__file__).parent / "code_systems"
TABLE = SYSTEMS / "pinyin_initials.csv"
FIRST, LAST = "\u4e00", "\u9fff"
OFTEN = 2  # times that another reading of a pair must be met to stand
# read otherwise in medicine than the package has it: vertebrae are zhuī, a snapping finger is tán
MEDICAL = {"椎": "z", "弹响": "tx"}


def names() -> list[str]:
    """Return the names of all codes of all code systems, each once."""
    found: dict[str, None] = {}
    for path in sorted(SYSTEMS.glob("*/*s.csv")):
        with path.open(encoding="utf-8") as file:
            found |= {row["name"]: None for row in csv.DictReader(file)}
    return list(found)


def read(name: str) -> list[str]:
    """Return a letter for each character of a name, empty for what is no Chinese character."""
    from pypinyin import Style, lazy_pinyin

    made = lazy_pinyin(name, style=Style.FIRST_LETTER, errors=lambda rest: [""] * len(rest))
    made = [letter if FIRST <= c <= LAST else "" for c, letter in zip(name, made, strict=True)]
    for text, letters in MEDICAL.items():
        place = name.find(text)
        while place >= 0:
            made[place : place + len(text)] = letters
            place = name.find(text, place + 1)
    return made


def table(texts: Iterable[str]) -> dict[str, str]:
    """Return the letters of characters, and of the pairs that are read otherwise."""
    known = [(name, read(name)) for name in texts]
    single: dict[str, Counter[str]] = defaultdict(Counter)
    for name, letters in known:
        for c, letter in zip(name, letters, strict=True):
            if letter:
                single[c][letter] += 1
    usual = {c: letters.most_common(1)[0][0] for c, letters in single.items()}
    # a character that no name has: its own reading
    for number in range(ord(FIRST), ord(LAST) + 1):
        c = chr(number)
        if c not in usual and len(c.encode("gb2312", "ignore")) == 2:
            usual[c] = read(c)[0]
    pairs: dict[str, Counter[str]] = defaultdict(Counter)
    for name, letters in known:
        for place in range(len(name) - 1):
            both = letters[place] + letters[place + 1]
            if len(both) == 2:
                pairs[name[place : place + 2]][both] += 1
    made = {c: letter for c, letter in usual.items() if letter}
    for pair, counted in pairs.items():
        letters, times = counted.most_common(1)[0]
        if times >= OFTEN and letters != usual[pair[0]] + usual[pair[1]]:
            made[pair] = letters
    return made


def main() -> None:
    """Write the table."""
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("text", "initials"))
        writer.writerows(sorted(table(names()).items()))


if __name__ == "__main__":
    main()
