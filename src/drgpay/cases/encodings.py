"""The encoding of a text file, found from the whole of it, and what makes a text unusable."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from drgpay.ground.errors import Bilingual, InputError, both

CHUNK = 16 << 20
_LF, _CR, _QUOTE = b'\n\r"'
# the names that users may give; GBK and GB2312 are parts of GB18030
ENCODINGS = {
    "utf-8": "utf8",
    "utf8": "utf8",
    "utf-8-sig": "utf8",
    "gb18030": "gb18030",
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "cp936": "gb18030",
    "utf-16": "utf-16",
    "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
    "big5": "big5",
}
_CHINESE = re.compile("[\u3000-\u9fff\uff00-\uffef]")
_NAMES = {"utf8": "UTF-8", "gb18030": "GB18030", "big5": "Big5"}


@dataclass(frozen=True, slots=True)
class Survey:
    """A text file read once: its encoding, and the last quotation mark when their count is odd.

    `empty_lines`: one line end follows on another somewhere before the last line.
    """

    encoding: str
    before_open_quote: str | None = None  # what stands before it: nothing at the file's beginning
    empty_lines: bool = False
    quoted_ends: bool = False  # a line has an odd number of quotation marks: a field may go on
    quotes: bool = False  # there is a quotation mark at all

    def ends_in_quotes(self, delimiter: str) -> bool:
        """Whether the last quotation mark opens a field that nothing closes."""
        before = self.before_open_quote
        return before is not None and before in ("", delimiter, "\r", "\n")


def survey(path: Path, given: str | None) -> Survey:
    """Return what a text file is, after reading all of it.

    UTF-8 with or without a mark, UTF-16 with one, else GB18030; `given` overrides. Raises
    InputError with the place where a file breaks its encoding or holds a NUL byte.
    """
    with path.open("rb") as stream:
        head = stream.read(4)
    tries: tuple[str, ...] = ("utf8", "gb18030")
    if given is not None:
        named = ENCODINGS.get(given.strip().lower().replace("_", "-"))
        if named is None:
            raise InputError(
                both(f"不认识编码“{given}”", f"unknown encoding {given!r}"),
                where=path,
                remedy=both(f"可用：{'、'.join(ENCODINGS)}", f"use one of {', '.join(ENCODINGS)}"),
            )
        tries = (named,)
    elif head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        tries = ("utf-16",)
    broken = 0
    for encoding in tries:
        at = _broken_at(path, encoding)
        if at is None:
            return _marks(path, encoding)
        broken = at
        if encoding == "utf8" and (_holds_chinese(path, at) or head.startswith(codecs.BOM_UTF8)):
            break  # a mixture: read as GB18030 it might pass, and mean something else
    raise _not(path, encoding, broken)


def decoded_head(path: Path, encoding: str, size: int) -> str:
    """Return the beginning of a text file, without its byte order mark."""
    with path.open("rb") as stream:
        data = stream.read(size)
    decoder = codecs.getincrementaldecoder(encoding)()
    return decoder.decode(data).removeprefix("\ufeff")


def _broken_at(path: Path, encoding: str) -> int | None:
    """Return the byte at which a file breaks its encoding, or None."""
    if encoding == "utf8" and _is_utf8(path):
        return None
    decoder = codecs.getincrementaldecoder(encoding)()
    done = 0
    with path.open("rb") as stream:
        while True:
            chunk = stream.read(CHUNK)
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                return done - pending + error.start
            if not chunk:
                return None
            done += len(chunk)


def _is_utf8(path: Path) -> bool:
    """Whether a whole file is UTF-8, found without making texts of it."""
    rest = b""
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            data = rest + chunk
            # a character that may go on in the next chunk waits for it
            first = next((n for n in range(1, 5) if data[-n:][:1] >= b"\xc0"), 0)
            whole = len(data) - first
            if not _valid(data, whole):
                return False
            rest = data[whole:]
    return _valid(rest, len(rest))


def _valid(data: bytes, size: int) -> bool:
    ends = pa.py_buffer(np.array([0, size], dtype=np.int64))
    text = pa.Array.from_buffers(pa.large_string(), 1, [None, ends, pa.py_buffer(data)])
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _holds_chinese(path: Path, end: int) -> bool:
    """Whether the bytes before `end`, which are UTF-8, hold Chinese characters."""
    decoder = codecs.getincrementaldecoder("utf8")()
    with path.open("rb") as stream:
        while end > 0 and (chunk := stream.read(min(CHUNK, end))):
            if _CHINESE.search(decoder.decode(chunk)):
                return True
            end -= len(chunk)
    return False


def _as_bytes(path: Path, encoding: str) -> Iterator[bytes]:
    """Yield a file's bytes, of UTF-16 those of UTF-8: line ends and marks are single ones there."""
    wide = encoding.startswith("utf-16")
    decoder = codecs.getincrementaldecoder(encoding if wide else "latin-1")()
    first = True
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            text = decoder.decode(chunk).removeprefix("\ufeff" if first else "") if wide else ""
            yield text.encode("utf-8", "surrogatepass") if wide else chunk
            first = False


def _marks(path: Path, encoding: str) -> Survey:
    """Count quotation marks, and refuse NUL bytes, of a file whose encoding is known."""
    wide = encoding.startswith("utf-16")
    count = done = 0
    before = previous = b""
    pair = empty_lines = quoted_ends = odd = False
    for data in _as_bytes(path, encoding):
        at = data.find(b"\0")
        if at >= 0:
            own = len(data[:at].decode("utf-8").encode("utf-16-le")) if wide else at
            raise _nul(path, done + own)
        found = data.count(b'"')
        if found:
            count += found
            last = data.rfind(b'"')
            before = data[last - 1 : last] if last else previous
        if not quoted_ends and (found or odd):
            quoted_ends, odd = _odd_lines(data, odd)
        if not empty_lines:
            pair, empty_lines = _pair_of_ends(data, previous, pair)
        previous = data[-1:] or previous
        done += CHUNK
    if count == 1 and before == b"\xbf" and not wide:  # the byte order mark stands before it
        before = b""
    shown = before.decode("latin-1")
    return Survey(encoding, shown if count % 2 else None, empty_lines, quoted_ends, count > 0)


def filled_lines(path: Path, encoding: str, skip: int) -> int:
    """Return how many lines of a text file hold something, the first `skip` lines left out."""
    lines = 0
    at_end = True  # of a line: what stands next begins one
    for raw in _as_bytes(path, encoding):
        data = np.frombuffer(raw, np.uint8)
        if not len(data):
            continue
        ends = data == _LF
        if b"\r" in raw:
            ends |= data == _CR
        lines += int(np.count_nonzero(ends[:-1] > ends[1:])) + bool(at_end and not ends[0])
        at_end = bool(ends[-1])
    wide = encoding.startswith("utf-16")
    with path.open(encoding=encoding if wide else "latin-1", newline="") as stream:
        head = list(islice(stream, skip))
    return lines - sum(bool(line.strip("\r\n\ufeff")) for line in head)


def _odd_lines(raw: bytes, odd: bool) -> tuple[bool, bool]:
    """Return whether a line ends after an odd number of quotation marks; how the last one stands.

    `odd`: the number of marks before, in the line that goes on here, is odd.
    """
    data = np.frombuffer(raw, np.uint8)
    ends = np.flatnonzero((data == _LF) | (data == _CR))
    starts = np.concatenate([[0], ends[ends + 1 < len(data)] + 1])
    # sums of bytes wrap around at 256: whether they are odd remains
    sums = np.add.reduceat((data == _QUOTE).view(np.uint8), starts, dtype=np.uint8) & 1
    sums[0] ^= odd
    if len(ends) and ends[-1] == len(data) - 1:
        return bool(sums.any()), False
    return bool(sums[:-1].any()), bool(sums[-1])


def _pair_of_ends(data: bytes, previous: bytes, pair: bool) -> tuple[bool, bool]:
    """Return whether an empty line has been met, and whether something stands behind it."""
    start = 0
    if not pair and previous + data[:1] not in _PAIRS:
        if b"\r" in data:
            found = [data.find(ends) for ends in _PAIRS]
        else:  # two bytes side by side are found faster so
            feeds = np.frombuffer(data, np.uint8) == _LF
            found = [data.find(b"\n\n") if (feeds[1:] & feeds[:-1]).any() else -1]
        start = min((at for at in found if at >= 0), default=-1)
    return (False, False) if start < 0 else (True, bool(data[start:].strip(b"\r\n")))


_PAIRS = (b"\n\n", b"\n\r", b"\r\r")


def _line_of(path: Path, position: int) -> int:
    """Return the number of the line in which a byte stands, counted from 1."""
    feeds = returns = 0
    left = position
    with path.open("rb") as stream:
        while left > 0 and (chunk := stream.read(min(CHUNK, left))):
            feeds += chunk.count(b"\n")
            returns += chunk.count(b"\r")
            left -= len(chunk)
    return max(feeds, 0 if feeds else returns) + 1


def _place(path: Path, position: int) -> Bilingual:
    line = _line_of(path, position)
    return both(f"第{line}行（第{position + 1}个字节）", f"line {line} (byte {position + 1})")


def _not(path: Path, encoding: str, position: int) -> InputError:
    name = _NAMES.get(encoding, encoding.upper())
    place = _place(path, position)
    mixed_zh, mixed_en = (
        ("", "") if encoding != "gb18030" else ("既不是UTF-8，也", "neither UTF-8 nor GB18030, ")
    )
    return InputError(
        both(
            f"{mixed_zh}不是{name}编码：{place.chinese}起读不懂",
            f"{mixed_en or f'not {name}: '}it breaks off at {place}",
        ),
        where=path,
        remedy=both(
            "重新另存为CSV UTF-8，或用 --encoding 指明编码",
            "save the file again as CSV UTF-8, or name its encoding with --encoding",
        ),
    )


def _nul(path: Path, position: int) -> InputError:
    place = _place(path, position)
    return InputError(
        both(f"{place.chinese}有空字节（NUL）", f"a NUL byte at {place}"),
        where=path,
        remedy=both(
            "重新导出该文件；若为UTF-16编码，用 --encoding utf-16-le 指明",
            "export the file again; if it is UTF-16, say --encoding utf-16-le",
        ),
    )
