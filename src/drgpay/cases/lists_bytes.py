"""The bytes of settlement lists: files, folders and zips in units of a few megabytes.

Nothing of a zip is written to disk, so that its names can do no harm; its sizes are bounded.
"""

from __future__ import annotations

import codecs
import stat
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self

from drgpay.cases.files import (
    OUT_OF_THE_FOLDER,
    SHOWN,
    left_lying,
    not_passed_over,
    of_folder,
    readable,
    whole_zip,
)
from drgpay.cases.lists_json import (
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
from drgpay.ground.errors import Bilingual, InputError, both

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
    def _lines(self) -> list[bytes]:
        return [line for line in self.raw.split(b"\n") if line.strip(_BLANK)]

    def lines(self) -> list[bytes]:
        """Return the lines that are not blank."""
        return self._lines


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


class Stream(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None: ...


Unit = Lines | Small | Objects


class Tally:
    """How many lists each file says it holds: its marks are counted in the bytes as they come."""

    def __init__(self) -> None:
        self.files: dict[str, Seen] = {}

    def of(self, file: str) -> Seen:
        """Return what is known of a file."""
        return self.files.setdefault(file, Seen())


class _Counted:
    """A stream whose marks of lists are counted as it is read."""

    def __init__(self, stream: Stream, seen: Seen) -> None:
        self.stream, self.seen, self.tail = stream, seen, b""

    def read(self, size: int, /) -> bytes:
        raw = self.stream.read(size)
        # what stands in both ends may be one mark in two parts
        seam = self.tail + raw[:LONGEST_MARK]
        self.seen.marks += marks_of(raw) + marks_of(seam)
        self.seen.marks -= marks_of(self.tail) + marks_of(raw[:LONGEST_MARK])
        self.tail = (self.tail + raw)[-LONGEST_MARK:]
        return raw

    def __enter__(self) -> Self:
        self.stream.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None:
        self.stream.__exit__(kind, error, trace)


_Member = tuple[str, str, int, Callable[[], Stream]]  # label, suffix, size, open


def units_of(
    paths: list[Path], encoding: str | None, tally: Tally
) -> tuple[tuple[str, ...], Iterator[Unit]]:
    """Return the names of files and the stream of their units; checks zips before anything else.

    `tally` fills as the files are read.

    Raises InputError for an empty folder or a zip that is refused.
    """
    if encoding is not None:
        encoding = _encoding(encoding)
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside, others = of_folder(path, LIST_SUFFIXES)
            if others:
                raise InputError(not_passed_over(others), where=path, remedy=OUT_OF_THE_FOLDER)
            if not inside:
                raise _no_lists(path, both("文件夹中没有清单文件", "no list files in this folder"))
            files += inside
        else:
            files.append(path)
    members = [m for path in files for m in _members(path)]
    return tuple(str(path) for path in files), _units(members, encoding, tally)


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


def _no_lists(path: Path, what: Bilingual) -> InputError:
    return InputError(
        what,
        where=path,
        remedy=both(
            f"放入 {'、'.join(LIST_SUFFIXES)} 文件", f"put in files {', '.join(LIST_SUFFIXES)}"
        ),
    )


def _members(path: Path) -> list[_Member]:
    if path.suffix.lower() != ".zip":
        with readable(path):
            size = path.stat().st_size
        return [(path.name, path.suffix.lower(), size, partial(_opened, path))]
    with readable(path), whole_zip(path), zipfile.ZipFile(path) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
    _check_zip(path, infos)
    chosen = sorted((i for i in infos if not _junk(i.filename)), key=lambda i: i.filename)
    if not chosen:
        raise _no_lists(path, both("压缩包中没有清单文件", "no list files in this zip"))

    shared = _Archive(path, len(chosen))

    def opened(info: zipfile.ZipInfo) -> Callable[[], Stream]:
        return lambda: _ZipMember(shared, info)

    return [
        (f"{path.name}/{i.filename}", Path(i.filename).suffix.lower(), i.file_size, opened(i))
        for i in chosen
    ]


def _opened(path: Path) -> IO[bytes]:
    with readable(path):
        return path.open("rb")


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


class _Archive:
    """A zip that is opened with its first member and closed with its last."""

    def __init__(self, path: Path, members: int) -> None:
        self.path, self.members = path, members
        self.archive: zipfile.ZipFile | None = None

    def open(self, info: zipfile.ZipInfo) -> IO[bytes]:
        """Open a member."""
        with whole_zip(self.path):
            if self.archive is None:
                self.archive = zipfile.ZipFile(self.path)
            return self.archive.open(info)

    def done(self) -> None:
        """Note that a member has been read."""
        self.members -= 1
        if not self.members and self.archive is not None:
            self.archive.close()


class _ZipMember:
    """A member of a zip, read to the size that it announces and no further."""

    def __init__(self, archive: _Archive, info: zipfile.ZipInfo) -> None:
        self.archive, self.path, self.left = archive, archive.path, info.file_size
        self.stream = archive.open(info)

    def read(self, size: int) -> bytes:
        with whole_zip(self.path):
            raw = self.stream.read(min(size, self.left + 1))
        self.left -= len(raw)
        if self.left < 0:
            raise InputError(
                both("压缩包比它声明的大", "the zip holds more than it announces"),
                where=self.path,
                remedy=both("重新压缩为普通zip", "pack it again as a plain zip"),
            )
        return raw

    def __enter__(self) -> _ZipMember:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()
        self.archive.done()


def _units(members: list[_Member], encoding: str | None, tally: Tally) -> Iterator[Unit]:
    small: list[tuple[str, bytes]] = []
    held = 0
    for label, suffix, size, opener in members:
        with _Counted(opener(), tally.of(label)) as stream:
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
    label: str, head: bytes, stream: Stream, encoding: str | None, tally: Tally
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

    def __init__(self, begun: bytes, stream: Stream) -> None:
        self.begun, self.stream, self.behind, self.ended = begun, stream, b"", False

    def read(self, size: int) -> bytes:
        if self.ended:
            return b""
        raw, self.begun = self.begun or self.stream.read(size), b""
        line, newline, self.behind = raw.partition(b"\n")
        self.ended = bool(newline) or not raw
        return line


def _objects(
    label: str, head: bytes, stream: Stream | _OneLine, encoding: str | None, tally: Tally
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
