"""What a workbook is, and whether it may be opened: looked at before any of it is read.

Zip bombs, document types and entities, encryption and absurd sizes are refused. Of .xlsx files
the cells are found, too, that the reader of values leaves empty: errors, and formulas that were
never calculated.
"""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from drgpay.cases.expansion import allowed, check
from drgpay.cases.files import ZIP_FAULTS
from drgpay.ground.errors import Bilingual, InputError, both

MAX_UNPACKED = 2 << 30
MAX_RATIO = 200
RATIO_FROM = 10 << 20
MAX_PARTS = 10_000
MAX_ROWS, MAX_COLUMNS = 1_048_576, 16_384
MAX_CELLS = 60_000_000
MAX_BOOK_PART = 16 << 20
CHUNK = 8 << 20
_BOOK_PARTS = ("xl/workbook.xml", "xl/_rels/workbook.xml.rels")
ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_FORBIDDEN = re.compile(rb"<!(DOCTYPE|ENTITY)")
_XML_SUFFIXES = (".xml", ".rels", ".vml")
_LOOSE_SUFFIX = ".vml"  # of drawings: no XML in earnest, and never a value
_PREFIX = re.compile(rb"(</?)\w+:")
# each of these is linear: none can run past the next tag
_CELL = re.compile(rb"<c(?=[\s>])")
_TEXT = re.compile(rb"<(?:\w{1,20}:)?si[\s/>]")
_LONGEST_TAG = 24
_NAMED_TEXT = re.compile(rb"<c [^<>]*t=\"s\"[^<>]*><v>([0-9]{1,9})</v>")
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CELL_PLACE = re.compile(rb"<c r=\"([A-Z]{1,3}[0-9]{1,7})\"")
# cells and rows that do not begin with their place, as Excel and the usual programs write them
_ODD = re.compile(rb"<c(?![A-Za-z]| r=\"[A-Z]{1,3}[0-9]{1,7}\")|<row(?!B| r=\"[0-9]{1,7}\")")
_ODD_PREFIX = re.compile(rb"<\w{1,99}:(?:c|row)[\s/>]")
_PLACE = re.compile(rb"\sr=\"([A-Z]{1,7})(\d{1,9})\"")
_WIDE = re.compile(rb" r=\"([A-Z]{2,7})\d")
_ROW_NUMBER = re.compile(rb"<row\s[^<>]*?\br=\"(\d+)\"")
_VALUE = re.compile(rb"<v\b[^<>/]*>([^<]+)</")
_FORMULA = re.compile(rb"<f[\s/>]")


@dataclass(slots=True)
class SheetMarks:
    """Cells of a sheet by (row, column) counted from 0: error texts, formulas without a value."""

    errors: dict[int, dict[int, str]] = field(default_factory=dict)
    uncalculated: list[str] = field(default_factory=list)  # places such as D8


@dataclass(slots=True)
class Workbook:
    """What is known of a workbook before it is opened; `date_1904` is None where it is not."""

    kind: str  # xlsx, xlsb, ods or xls
    date_1904: bool | None = None
    marks: dict[str, SheetMarks] = field(default_factory=dict)
    bounded: tuple[str, ...] = ()  # the sheets, where the size of each was found beforehand


def inspect(path: Path) -> Workbook:
    """Return what a workbook is; raises InputError for one that must not be opened."""
    with path.open("rb") as stream:
        head = stream.read(4096)
    if head.startswith(OLE):
        if _names_encryption(path):
            raise encrypted(path)
        return Workbook("xls")
    if not head.startswith(ZIP):
        raise _no_workbook(path, head)
    try:
        with zipfile.ZipFile(path) as archive:
            return _inspect_zip(path, archive)
    except (*ZIP_FAULTS, OSError) as error:
        raise _broken(path, error) from None


def _inspect_zip(path: Path, archive: zipfile.ZipFile) -> Workbook:
    parts = archive.infolist()
    names = [part.filename for part in parts]
    if len(set(names)) < len(names) or len(names) > MAX_PARTS:
        raise _broken(path, ValueError("parts of the archive stand twice or are too many"))
    if any(part.flag_bits & 1 for part in parts):
        raise encrypted(path)
    unpacked = sum(part.file_size for part in parts)
    if unpacked > MAX_UNPACKED:
        raise _bomb(path, f"{unpacked >> 20} MiB")
    for part in parts:
        if part.file_size > RATIO_FROM and part.file_size > MAX_RATIO * part.compress_size:
            ratio = part.file_size // max(part.compress_size, 1)
            raise _bomb(path, f"{part.filename} {part.file_size >> 20} MiB, {ratio}:1")
    kind = "ods" if "content.xml" in names else "xlsb" if "xl/workbook.bin" in names else "xlsx"
    workbook = Workbook(kind)
    scans: dict[str, _SheetScan] = {}
    texts = _TextScan()
    for part in parts:
        if part.filename.lower().endswith(_XML_SUFFIXES):
            sheet = kind == "xlsx" and "/worksheets/" in f"/{part.filename}"
            scan = _SheetScan() if sheet else None
            shared = kind == "xlsx" and part.filename.lower().endswith("sharedstrings.xml")
            for piece in _checked(path, archive, part):
                if scan is not None:
                    scan.take(piece)
                if shared:
                    texts.take(piece)
            if scan is not None:
                scan.take(b"", last=True)
                scan.check(path)
                scans[part.filename] = scan
    cells = sum(scan.cells() for scan in scans.values())
    if kind == "xlsx":
        cells = max(cells, _name_sheets(path, archive, workbook, scans))
    if cells > MAX_CELLS:
        raise too_large(path)
    named = sum(scan.texts for scan in scans.values())
    rows = sum(scan.rows for scan in scans.values())
    most = named * int(texts.lengths().max(initial=0))
    if most > allowed(rows):
        found = sum((_named(archive, name) for name in scans), Counter[int]())
        if found.total() < named or any(scan.odd for scan in scans.values()):
            workbook.bounded = ()  # some texts are named in other ways: it is read elsewhere first
        check(most, rows, path, partial(texts.size, found))
    return workbook


def _named(archive: zipfile.ZipFile, name: str) -> Counter[int]:
    """Return how often the cells of a sheet name each shared text, as far as usual cells do."""
    found: Counter[int] = Counter()
    left = b""
    with archive.open(name) as stream:
        while chunk := stream.read(CHUNK):
            data = left + chunk
            cut = data.rfind(b"<c") if chunk else len(data)
            found.update(map(int, _NAMED_TEXT.findall(data, 0, max(cut, 0))))
            left = data[max(cut, 0) :]
    found.update(map(int, _NAMED_TEXT.findall(left)))
    return found


class _TextScan:
    """Measures the texts of a workbook that cells name by number, as their part streams by."""

    def __init__(self) -> None:
        self.left = b""
        self.done = 0
        self.places: list[int] = []

    def take(self, chunk: bytes) -> None:
        """Take some more of the part."""
        data = self.left + chunk
        self.places += [self.done + at.start() for at in _TEXT.finditer(data)]
        keep = min(len(data), _LONGEST_TAG)
        self.done += len(data) - keep
        self.left = data[len(data) - keep :]

    def lengths(self) -> NDArray[np.int64]:
        """Return the bytes of each text, its marks included."""
        places = sorted(set(self.places))  # one may stand where two chunks meet
        found: NDArray[np.int64] = np.array([*places, self.done + len(self.left)], dtype=np.int64)
        return found[1:] - found[:-1]

    def size(self, named: Counter[int]) -> int:
        """Return the bytes of all texts that cells name, each as often as it is named."""
        lengths = self.lengths()
        return sum(
            int(lengths[text]) * times for text, times in named.items() if text < len(lengths)
        )


def _checked(path: Path, archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield the bytes of an XML part; raises InputError for a document type or entity in it.

    A part that is not whole XML is refused, too: readers take what they understand of it, and leave
    out the rows between.
    """
    tail = b""
    parser = None if part.filename.lower().endswith(_LOOSE_SUFFIX) else expat.ParserCreate("UTF-8")
    with archive.open(part) as stream:
        while chunk := stream.read(CHUNK):
            if not tail and (chunk[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in chunk[:64]):
                raise _broken(path, ValueError(f"{part.filename} is not UTF-8"))
            if _FORBIDDEN.search(tail + chunk):
                raise InputError(
                    both(
                        f"{part.filename} 含有文档类型或实体声明（DOCTYPE、ENTITY），不予打开",
                        f"{part.filename} declares a document type or entities: not opened",
                    ),
                    where=path,
                    remedy=both(
                        "用Excel打开后另存为新的 .xlsx 文件",
                        "open it in Excel and save it as a new .xlsx file",
                    ),
                )
            tail = (tail + chunk)[-16:]
            _parse(path, part, parser, chunk)
            yield chunk
        _parse(path, part, parser, None)


def _parse(
    path: Path, part: zipfile.ZipInfo, parser: expat.XMLParserType | None, chunk: bytes | None
) -> None:
    """Have some more of a part looked at, or its end when there is no more."""
    if parser is None:
        return
    try:
        parser.Parse(chunk or b"", chunk is None)
    except expat.ExpatError as error:
        raise _broken(path, ValueError(f"{part.filename} is no whole XML: {error}")) from None


class _SheetScan:
    """Looks at the XML of a worksheet as it streams by, cut where rows begin."""

    def __init__(self) -> None:
        self.left = b""
        self.rows = self.row_tags = self.columns = 0
        self.marks = SheetMarks()
        self.texts = 0  # cells that name a text
        self.twice = ""  # a cell that stands twice: of two, readers keep one
        self.seen = np.zeros(MAX_ROWS + 1, dtype=np.bool_)  # rows whose cells are behind us
        self.last = 0
        self.odd = False  # whether there are cells or rows whose places this does not find

    def take(self, chunk: bytes, last: bool = False) -> None:
        """Take some more of the sheet."""
        data = self.left + chunk
        cut = len(data)
        if not last:
            starts = (data.rfind(mark) for mark in (b"<row", b":row", b"<c ", b":c "))
            cut = next((data.rfind(b"<", 0, at + 1) for at in starts if at > 0), len(data) - 64)
        self.left = data[cut:]
        self._look(data[:cut])

    def _look(self, data: bytes) -> None:
        if b":row" in data or b":c" in data:  # tags with a prefix, as some programs write them
            self.odd = self.odd or _ODD_PREFIX.search(data) is not None
            data = _PREFIX.sub(rb"\1", data)
        self.odd = self.odd or _ODD.search(data) is not None
        places = _CELL_PLACE.findall(data)
        below = {place.lstrip(_LETTERS) for place in places}
        numbers = _ROW_NUMBER.findall(data)
        self.texts += data.count(b't="s"') + data.count(b"t='s'")
        tags = data.count(b"<row")
        self.row_tags += tags
        self.rows = max(self.rows, self.row_tags, max(map(int, {*numbers, *below}), default=0))
        self._find_twice(places, below)
        wide = set(_WIDE.findall(data))
        self.columns = max(self.columns, 26, max(map(_column_number, wide), default=0))
        if data.count(b"<c ") + data.count(b"<c>") > data.count(b' r="') - len(numbers):
            # cells that do not say where they are
            widest = max(row.count(b"<c") for row in data.split(b"<row"))
            self.columns = max(self.columns, widest)
        if b't="e"' in data or b"<f>" in data or b"<f " in data or b"<f/" in data:
            self._find_marks(data)

    def _find_twice(self, places: list[bytes], rows: set[bytes]) -> None:
        """Note a cell that stands twice here, or a row of which some stood before."""
        if self.twice or not rows:
            return
        if len(set(places)) < len(places):
            self.twice = next(
                place for place, times in Counter(places).items() if times > 1
            ).decode()
            return
        numbers = np.fromiter(map(int, rows), np.int64, len(rows))
        numbers = numbers[numbers <= MAX_ROWS]
        # the bytes may have been cut within a row
        before = numbers[self.seen[numbers] & (numbers != self.last)]
        if len(before):
            self.twice = f"{int(before.min())}:{int(before.min())}"
        self.seen[numbers] = True
        self.last = int(numbers.max(initial=self.last))

    def _find_marks(self, data: bytes) -> None:
        for cell in _CELL.split(data)[1:]:
            attributes, _, rest = cell.partition(b">")
            if attributes.endswith(b"/"):
                continue
            body = rest.partition(b"</c")[0]
            error = b't="e"' in attributes
            if not error and not _FORMULA.search(body):
                continue
            place = _PLACE.search(attributes)
            value = _VALUE.search(body)
            if place is None:
                continue
            column, row = _column_number(place[1]) - 1, int(place[2]) - 1
            if error:
                text = value[1].decode("utf-8", "replace") if value else "#N/A"
                self.marks.errors.setdefault(row, {})[column] = text
            elif value is None and b't="str"' not in attributes:
                self.marks.uncalculated.append((place[1] + place[2]).decode())

    def cells(self) -> int:
        """Return how many cells the sheet spans."""
        return self.rows * self.columns

    def check(self, path: Path) -> None:
        """Raise InputError for a sheet larger than Excel allows."""
        if self.rows > MAX_ROWS or self.columns > MAX_COLUMNS:
            raise too_large(path)
        if self.twice:
            raise InputError(
                both(
                    f"工作表中有单元格写了两次（{self.twice}），其中一个会被丢掉：文件已损坏",
                    f"a cell stands twice in a sheet ({self.twice}), and one of the two would be "
                    "lost: the workbook is damaged",
                ),
                where=path,
                remedy=_AGAIN,
            )


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _name_sheets(
    path: Path, archive: zipfile.ZipFile, workbook: Workbook, scans: dict[str, _SheetScan]
) -> int:
    """Find the date system, and which part is which sheet; return how many cells they span."""
    try:
        infos = [archive.getinfo(name) for name in _BOOK_PARTS]
        if any(info.file_size > MAX_BOOK_PART for info in infos):
            raise _broken(path, ValueError("the list of its sheets is too large"))
        book, links = (ElementTree.fromstring(archive.read(info)) for info in infos)
    except (LookupError, ValueError, ElementTree.ParseError):  # of an encoding, too
        return 0
    cells = 0
    names: list[str] = []
    bounded = True
    targets = {link.get("Id"): (link.get("Target") or "") for link in links}
    for element in book.iter():
        tag = element.tag.rpartition("}")[2]
        if tag == "workbookPr":
            workbook.date_1904 = element.get("date1904") in ("1", "true")
        elif tag == "sheet":
            ids = [value for key, value in element.attrib.items() if key.endswith("}id")]
            target = targets.get(ids[0], "") if ids else ""
            part = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
            names.append(element.get("name") or "")
            if part in scans:
                workbook.marks[names[-1]] = scans[part].marks
                cells += scans[part].cells()  # a part that stands under two names is read twice
            bounded = bounded and part in scans and not scans[part].odd
    if workbook.date_1904 is None:
        workbook.date_1904 = False
    if bounded:
        workbook.bounded = tuple(names)
    return cells


def _names_encryption(path: Path) -> bool:
    """Whether an OLE file holds a package that was encrypted with a password."""
    mark = "EncryptedPackage".encode("utf-16-le")
    tail = b""
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            if mark in tail + chunk:
                return True
            tail = chunk[-64:]
    return False


def encrypted(path: Path) -> InputError:
    """Return the fault of a workbook with a password."""
    return InputError(
        both("工作簿有密码保护", "the workbook is protected by a password"),
        where=path,
        remedy=both("在Excel中去掉打开密码后另存", "remove the password in Excel and save it"),
    )


def _bomb(path: Path, size: str) -> InputError:
    return InputError(
        both(
            f"解压后过大或压缩比异常（{size}），不予打开",
            f"unpacks to too much, or at too high a ratio ({size}): not opened",
        ),
        where=path,
        remedy=both(
            "拆分为几个文件，或另存为CSV", "split it into several files, or save it as CSV"
        ),
    )


def too_large(path: Path) -> InputError:
    """Return the fault of a workbook that spans more cells than can be read."""
    return InputError(
        both(
            f"工作表过大：超过Excel的行列上限，或共超过 {MAX_CELLS // 10_000:,} 万个单元格",
            f"the sheets are too large: beyond Excel's rows and columns, or more than "
            f"{MAX_CELLS:,} cells",
        ),
        where=path,
        remedy=both(
            "删去表格右侧和下方多余的单元格，或另存为CSV",
            "delete stray cells right of the table and below it, or save it as CSV",
        ),
    )


def _broken(path: Path, error: Exception) -> InputError:
    return InputError(
        both("工作簿读不出来：文件已损坏", f"cannot be read: the workbook is damaged: {error}"),
        where=path,
        remedy=_AGAIN,
    )


_AGAIN = both(
    "核对文件是否完整，或用Excel打开后另存为新的 .xlsx 文件",
    "check that the file is whole, or open it in Excel and save it as a new .xlsx file",
)


def _no_workbook(path: Path, head: bytes) -> InputError:
    start = head.lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    what: Bilingual = both("不是Excel工作簿", "cannot be read: not a workbook")
    if start.startswith((b"<html", b"<!doctype html", b"<table", b"<?xml", b"<head", b"<meta")):
        what = both(
            "不是Excel工作簿，而是网页或XML", "cannot be read: not a workbook but a web page or XML"
        )
    return InputError(
        what,
        where=path,
        remedy=both(
            "用Excel打开后另存为 .xlsx；若是文本表格，扩展名改为 .csv",
            "open it in Excel and save it as .xlsx; if it is a text table, name it .csv",
        ),
    )
