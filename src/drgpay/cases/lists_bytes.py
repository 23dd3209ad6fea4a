"""The bytes of settlement lists: files, folders and zips in units of a few megabytes.

Nothing of a zip is written to disk, so that its names can do no harm; its sizes are bounded.
"""

from __future__ import annotations

import codecs
import stat
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import IO

from drgpay.cases.files import SHOWN, left_lying, readable, whole_zip
from drgpay.cases.lists_json import (
    FEW,
    LONGEST_MARK,
    LOST,
    MAX_LIST,
    Seen,
    Span,
    likely_encoding,
    marks_of,
    spans_of,
    spans_of_text,
)
from drgpay.cases.quarantine import RowNote
from drgpay.ground.errors import InputError, both

BLOCK = 4 << 20
SMALL_FILE = 1 << 20
SMALL_FILES = 4_000  # of one unit
LINE_SUFFIXES = (".jsonl", ".ndjson")
LIST_SUFFIXES = (".json", *LINE_SUFFIXES)
MOST_SPANS = 20_000  # of one unit
NESTED = (".zip", ".gz", ".tgz", ".tar", ".7z", ".rar", ".bz2", ".xz", ".zst")
MAX_ZIP_BYTES = 64 << 30
MAX_ZIP_FILES = 1_000_000
MAX_ZIP_RATIO = 300
RATIO_FROM = 64 << 20  # bytes from which on the ratio of a member counts
_BLANK = b" \t\r\n"
_BOM = codecs.BOM_UTF8


@dataclass(frozen=True)
class Lines:
    """Some whole lines of a file, one list each; lines without a list are none."""

    file: str
    raw: bytes
    encoding: str | None

    @cached_property
    def lines(self) -> list[bytes]:
        """The lines that are not blank."""
        return [line for line in self.raw.split(b"\n") if line.strip(_BLANK)]

    def spans(self) -> Iterator[tuple[str, Span]]:
        """Yield file and value, or faulty stretch; lines of no JSON at all may be one together."""
        for junk, lines in groupby(self.lines, _is_junk):
            if not junk:
                for line in lines:
                    yield from ((self.file, span) for span in spans_of(line, self.encoding))
                continue
            count = len(list(lines))
            for times in (1,) * count if count <= FEW else (count,):
                value = "@1" if times == 1 else f"×{times}"
                note = RowNote(value, "list_unreadable", "JSON", times=times)
                yield self.file, Span(note, 0)


def _is_junk(line: bytes) -> bool:
    """Whether a line can be no part of a list."""
    return len(line) < _SHORT_JUNK and not _STRUCTURE.intersection(line)


_SHORT_JUNK = 100
_STRUCTURE = frozenset(b'{}[]":\x80') | frozenset(range(0x80, 0x100))


@dataclass(frozen=True)
class Small:
    """Some whole files, each with one list or a few."""

    files: list[tuple[str, bytes]]
    encoding: str | None

    tally: Tally

    def spans(self) -> Iterator[tuple[str, Span]]:
        """Yield file and value, or faulty stretch."""
        for file, raw in self.files:
            yield from ((file, span) for span in spans_of(raw, self.encoding, self.tally.of(file)))


@dataclass(frozen=True)
class Objects:
    """Some values and faulty stretches of a large file that does not hold one list a line."""

    file: str
    items: list[Span]

    def spans(self) -> Iterator[tuple[str, Span]]:
        """Yield file and value, or faulty stretch."""
        return ((self.file, span) for span in self.items)


Unit = Lines | Small | Objects


class Tally:
    """How many lists each file says it holds: its marks are counted in the bytes as they come."""

    def __init__(self) -> None:
        self.files: dict[str, Seen] = {}

    def of(self, file: str) -> Seen:
        """Return what is known of a file."""
        return self.files.setdefault(file, Seen())


class _Stream:
    """A file or a member of a zip: its marks of lists are counted as it is read.

    A member is read to the `size` that it announces, and no further.
    """

    def __init__(self, path: Path, stream: IO[bytes], seen: Seen, size: int | None = None) -> None:
        self.path, self.stream, self.seen, self.left, self.tail = path, stream, seen, size, b""

    def read(self, size: int) -> bytes:
        """Read some more."""
        if self.left is None:
            with readable(self.path):
                raw = self.stream.read(size)
        else:
            with whole_zip(self.path):
                raw = self.stream.read(min(size, self.left + 1))
            self.left -= len(raw)
            if self.left < 0:
                raise InputError(
                    both("压缩包比它声明的大", "the zip holds more than it announces"),
                    where=self.path,
                    remedy=both("重新压缩为普通zip", "pack it again as a plain zip"),
                )
        # what stands in both ends may be one mark in two parts
        seam = self.tail + raw[:LONGEST_MARK]
        self.seen.marks += marks_of(raw) + marks_of(seam)
        self.seen.marks -= marks_of(self.tail) + marks_of(raw[:LONGEST_MARK])
        self.tail = (self.tail + raw)[-LONGEST_MARK:]
        return raw


def units_of(
    files: list[Path], encoding: str | None, tally: Tally
) -> tuple[tuple[str, ...], Iterator[Unit]]:
    """Return the names of files and the stream of their units; checks zips before anything else.

    `tally` fills as the files are read.

    Raises InputError for a zip that is refused.
    """
    if encoding is not None:
        encoding = _encoding(encoding)
    zipped = {path: _members(path) for path in files if path.suffix.lower() == ".zip"}
    names = tuple(str(path) for path in files)
    return names, _units(_streams(files, zipped, tally), encoding, tally)


def _encoding(name: str) -> str:
    """Return the encoding's own name; raises InputError for one that lists cannot be in."""
    try:
        plain = b"\n{".decode(name) == "\n{"
        known = codecs.lookup(name).name
    except (LookupError, UnicodeError):
        plain = False
    if not plain:
        raise InputError(
            both(f"清单不能是编码“{name}”", f"settlement lists cannot be in {name!r}"),
            remedy=both(
                "另存为 utf-8 或 gb18030，或不写 --encoding",
                "save them as utf-8 or gb18030, or leave out --encoding",
            ),
        )
    return "utf-8-sig" if known in ("utf-8", "ascii") else known


def _members(path: Path) -> list[zipfile.ZipInfo]:
    """Return the members of a zip that hold lists, by name; raises InputError for one refused."""
    with readable(path), whole_zip(path), zipfile.ZipFile(path) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
    _check_zip(path, infos)
    chosen = sorted((i for i in infos if not _junk(i.filename)), key=lambda i: i.filename)
    if not chosen:
        raise InputError(
            both("压缩包中没有清单文件", "no list files in this zip"),
            where=path,
            remedy=both(
                f"放入 {'、'.join(LIST_SUFFIXES)} 文件", f"put in files {', '.join(LIST_SUFFIXES)}"
            ),
        )
    return chosen


_Opened = tuple[str, str, int, _Stream]  # label, suffix, size


def _streams(
    files: list[Path], zipped: Mapping[Path, list[zipfile.ZipInfo]], tally: Tally
) -> Iterator[_Opened]:
    """Yield files and members of zips, each open until the next one is asked for."""
    for path in files:
        if path not in zipped:
            with readable(path):
                stream, size = path.open("rb"), path.stat().st_size
            with stream:
                own = _Stream(path, stream, tally.of(path.name))
                yield path.name, path.suffix.lower(), size, own
            continue
        with whole_zip(path):
            archive = zipfile.ZipFile(path)
        with archive:
            for info in zipped[path]:
                label, suffix = f"{path.name}/{info.filename}", Path(info.filename).suffix.lower()
                with whole_zip(path):
                    member = archive.open(info)
                with member:
                    own = _Stream(path, member, tally.of(label), info.file_size)
                    yield label, suffix, info.file_size, own


def _junk(name: str) -> bool:
    """Whether a member of a zip is what file managers put there."""
    parts = name.replace("\\", "/").split("/")
    return any(map(left_lying, parts))


def _check_zip(path: Path, infos: list[zipfile.ZipInfo]) -> None:
    """Fail if a zip is too large, packed too densely, encrypted, or holds what no list is."""
    kept = [info for info in infos if not _junk(info.filename)]
    others = [
        ascii(info.filename)[1:-1][:100]
        for info in kept
        if Path(info.filename).suffix.lower() not in LIST_SUFFIXES
        or stat.S_ISLNK(info.external_attr >> 16)
    ]
    strange = ", ".join(others[:SHOWN]) + (" …" if len(others) > SHOWN else "")
    faults: list[tuple[bool, str, str, str, str]] = [
        (
            len(infos) > MAX_ZIP_FILES or sum(i.file_size for i in infos) > MAX_ZIP_BYTES,
            "压缩包展开后太大",
            "the zip is too large when unpacked",
            "分成几个压缩包，或解压后直接给出文件夹",
            "split it, or unpack it and give the folder",
        ),
        (
            any(
                i.file_size > RATIO_FROM and i.file_size > MAX_ZIP_RATIO * i.compress_size
                for i in infos
            ),
            "压缩包的压缩比异常，可能是压缩炸弹",
            "the zip is packed more densely than lists can be",
            "核对来源；确属清单的，解压后直接给出文件夹",
            "check where it comes from; if it holds lists, unpack it and give the folder",
        ),
        (
            any(i.flag_bits & 1 for i in infos),
            "压缩包有密码",
            "the zip is encrypted",
            "解压后直接给出文件夹",
            "unpack it and give the folder",
        ),
        (
            any(Path(i.filename).suffix.lower() in NESTED for i in kept),
            "压缩包里还有压缩包",
            "the zip holds another archive",
            "解开里层的压缩包",
            "unpack the inner archive",
        ),
        (
            bool(others),
            "压缩包里有不是清单的文件",
            "the zip holds files that are no lists",
            f"只放 {'、'.join(LIST_SUFFIXES)} 文件；不是清单的：{strange}",
            f"put in only files {', '.join(LIST_SUFFIXES)}; these are none: {strange}",
        ),
    ]
    for bad, chinese, english, remedy_chinese, remedy_english in faults:
        if bad:
            raise InputError(
                both(chinese, english), where=path, remedy=both(remedy_chinese, remedy_english)
            )


def _units(opened: Iterator[_Opened], encoding: str | None, tally: Tally) -> Iterator[Unit]:
    small: list[tuple[str, bytes]] = []
    held = 0
    for label, suffix, size, stream in opened:
        head = stream.read(BLOCK)
        lines = _by_line(head, suffix)
        if not lines and size <= SMALL_FILE:
            while more := stream.read(BLOCK):
                head += more
            small.append((label, head))
            held += len(head)
        if small and (lines or size > SMALL_FILE or held > BLOCK or len(small) >= SMALL_FILES):
            yield Small(small, encoding, tally)
            small, held = [], 0
        if lines:
            yield from _lines(label, head, stream, encoding, tally)
        elif size > SMALL_FILE:
            yield from _objects(label, head, stream, encoding, tally)
    if small:
        yield Small(small, encoding, tally)


def _by_line(head: bytes, suffix: str) -> bool:
    """Whether a file holds one list a line: by its ending, unless its first line is the beginning
    of an array or of an object over many lines; and in any file whose first line is a whole object
    with another line behind it."""
    body = head.removeprefix(_BOM).lstrip(_BLANK)
    first, newline, rest = body.partition(b"\n")
    first = first.rstrip(_BLANK)
    if suffix in LINE_SUFFIXES:
        if body[:1] == b"[" and not (
            first[-1:] == b"]" and rest.lstrip(_BLANK)[:1] in (b"[", b"{")
        ):
            return body[1:].lstrip(_BLANK)[:1] not in (b"{", b"]", b"")
        return not (len(first) < _SHORT and first[-1:] in (b"{", b"[", b",", b":"))
    return bool(
        newline and first[:1] == b"{" and first[-1:] == b"}" and rest.lstrip(_BLANK)[:1] == b"{"
    )


_SHORT = 200  # bytes of a line that can be no list


def _lines(
    label: str, head: bytes, stream: _Stream, encoding: str | None, tally: Tally
) -> Iterator[Unit]:
    rest = head.removeprefix(_BOM)
    while True:
        cut = rest.rfind(b"\n") + 1
        if cut:
            yield Lines(label, rest[:cut], encoding)
            rest = rest[cut:]
        if len(rest) > MAX_LIST:  # too large for one list: perhaps many on one line
            line = _OneLine(rest, stream)
            yield from _objects(label, line.read(BLOCK), line, encoding, tally)
            rest = line.behind
        more = stream.read(BLOCK)
        if not more:
            break
        rest += more
    if rest.strip(_BLANK):
        yield Lines(label, rest, encoding)


class _OneLine:
    """The bytes of a line that does not fit into memory; `behind` is what was read beyond it."""

    def __init__(self, begun: bytes, stream: _Stream) -> None:
        self.begun, self.stream, self.behind, self.ended = begun, stream, b"", False

    def read(self, size: int) -> bytes:
        if self.ended:
            return b""
        raw, self.begun = self.begun or self.stream.read(size), b""
        line, newline, self.behind = raw.partition(b"\n")
        self.ended = bool(newline) or not raw
        return line


def _objects(
    label: str, head: bytes, stream: _Stream | _OneLine, encoding: str | None, tally: Tally
) -> Iterator[Unit]:
    """Yield the values of a large file, an array or objects one behind the other."""
    decoder = codecs.getincrementaldecoder(encoding or likely_encoding(head))(errors=LOST)

    def more() -> str:
        while raw := stream.read(BLOCK):
            if text := decoder.decode(raw):
                return text
        return decoder.decode(b"", final=True)

    items: list[Span] = []
    held = 0
    for span, size in spans_of_text(decoder.decode(head), more, tally.of(label)):
        items.append(span)
        held += size
        if held >= BLOCK or len(items) >= MOST_SPANS:
            yield Objects(label, items)
            items, held = [], 0
    if items:
        yield Objects(label, items)
