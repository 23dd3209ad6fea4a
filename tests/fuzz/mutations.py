"""Change bytes as accidents do: for files of any kind.

`words` are what the kind of file is built of: brackets, quotation marks, delimiters, line ends.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

ODD = (b"\0", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\xe4\xb8", b"\r", b"\x1a", b"\\", b"9" * 40)
Change = Callable[[bytearray, random.Random, Sequence[bytes]], None]


def _place(raw: bytearray, rng: random.Random) -> int:
    return rng.randrange(len(raw) + 1)


def _near(raw: bytearray, rng: random.Random, words: Sequence[bytes]) -> tuple[int, bytes]:
    """Return where one of the words stands, and the word; anywhere when it does not."""
    word = rng.choice(words)
    found = raw.find(word, _place(raw, rng))
    return (found, word) if found >= 0 else (_place(raw, rng), b"")


def flip(raw: bytearray, rng: random.Random, words: Sequence[bytes]) -> None:
    """Change one byte to any other."""
    if raw:
        raw[rng.randrange(len(raw))] = rng.randrange(256)


def lose_word(raw: bytearray, rng: random.Random, words: Sequence[bytes]) -> None:
    """Lose a bracket, a quotation mark, a delimiter."""
    place, word = _near(raw, rng, words)
    del raw[place : place + len(word)]


def add_word(raw: bytearray, rng: random.Random, words: Sequence[bytes]) -> None:
    """Put a bracket, a quotation mark, a delimiter or an odd byte anywhere."""
    place = _place(raw, rng)
    raw[place:place] = rng.choice((*words, *ODD))


def double_word(raw: bytearray, rng: random.Random, words: Sequence[bytes]) -> None:
    """Write a bracket, a quotation mark, a delimiter twice."""
    place, word = _near(raw, rng, words)
    raw[place:place] = word


def exchange_word(raw: bytearray, rng: random.Random, words: Sequence[bytes]) -> None:
    """Write one word for another."""
    place, word = _near(raw, rng, words)
    raw[place : place + len(word)] = rng.choice(words)


def lose_stretch(raw: bytearray, rng: random.Random, words: Sequence[bytes]) -> None:
    """Lose some bytes: a few, a block, or all from a place on."""
    place = _place(raw, rng)
    size = rng.choice((rng.randrange(1, 30), rng.randrange(1, 3_000), len(raw)))
    if size == len(raw) and rng.random() < 0.7:
        size = 1
    del raw[place : place + size]


def repeat_stretch(raw: bytearray, rng: random.Random, words: Sequence[bytes]) -> None:
    """Write some bytes twice, as a copy that was begun again."""
    place = _place(raw, rng)
    stretch = raw[place : place + rng.randrange(1, 3_000)]
    raw[place:place] = stretch


def move_stretch(raw: bytearray, rng: random.Random, words: Sequence[bytes]) -> None:
    """Move some bytes to another place."""
    place = _place(raw, rng)
    size = rng.randrange(1, 2_000)
    stretch = raw[place : place + size]
    del raw[place : place + size]
    to = _place(raw, rng)
    raw[to:to] = stretch


def zero_stretch(raw: bytearray, rng: random.Random, words: Sequence[bytes]) -> None:
    """Write NULs over some bytes, as after a power cut."""
    place = _place(raw, rng)
    size = min(rng.randrange(1, 600), len(raw) - place)
    raw[place : place + size] = b"\0" * size


CHANGES: tuple[Change, ...] = (
    flip, lose_word, add_word, double_word, exchange_word,
    lose_stretch, repeat_stretch, move_stretch, zero_stretch,
)  # fmt: skip


def mutated(raw: bytes, rng: random.Random, words: Sequence[bytes]) -> tuple[bytes, list[str]]:
    """Return bytes with one change or a few, and the names of the changes."""
    out = bytearray(raw)
    names = []
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        change = rng.choice(CHANGES)
        change(out, rng, words)
        names.append(change.__name__)
    return bytes(out), names
