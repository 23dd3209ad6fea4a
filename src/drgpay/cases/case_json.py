"""Cases as JSON objects with our own columns: an array of them, or one behind another.

The file is read in stretches, so that its size does not matter. Values become the texts that other
files hold and are read and refused like these. What is plain becomes columns at once
(`case_json_fast`); an object in which anything is odd is parsed by itself.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from drgpay.cases.case_json_fast import Fast
from drgpay.cases.mapping import Asked
from drgpay.cases.pieces import Source, of_batches
from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.names.columns import BY_NAME, CASE_COLUMNS

AT_ONCE = 16_384  # cases
FEW = 64  # cases that are parsed one by one, where an odd one has been met
_BLOCK = 4 << 20
MOST_OF_ONE = 1 << 20  # characters of one case
MOST_UNUSED = 100
_BETWEEN = " \t\r\n,"
LARGEST_POWER = 15  # of ten, in a number written with an exponent


def _plain(text: str) -> str:
    """Return a JSON number without its exponent, as single cases read it: 1e3 is 1000."""
    if "e" not in text and "E" not in text:
        return text
    number = Decimal(text)
    return f"{number:f}" if abs(number.adjusted()) <= LARGEST_POWER else text


_DECODER = json.JSONDecoder(parse_float=_plain, parse_int=str, parse_constant=str)


def open_case_json(path: Path, wanted: Sequence[str]) -> Source:
    """Return the stream of cases of a file; fields are called as our columns are.

    Raises InputError where the text is no JSON or holds what is no object. A case without
    `case_id` is called by its number in the file.
    """
    names = [column.name for column in CASE_COLUMNS if column.name in wanted]
    # lists come last: kernels tell them by their place
    names.sort(key=lambda name: BY_NAME[name].kind == "codes")
    schema = pa.schema([(name, _type(name)) for name in names])
    unused: dict[str, None] = {}

    def batches() -> Iterator[pa.RecordBatch]:
        with open(path, "rb") as file:
            stretches = _Stretches(path, file, schema, unused)
            while (batch := stretches.batch()) is not None:
                yield batch

    source = of_batches(batches(), schema, path.name, None, Asked.of(wanted, "grouping"))

    def late() -> list[Bilingual]:
        if not unused:
            return []
        shown = sorted(unused)[:10]
        return [both(f"没有用到的字段：{'、'.join(shown)}", f"fields not used: {', '.join(shown)}")]

    return Source(
        source.pieces, None, source.names, source.broken, (), source.notes, late, source.read_as
    )


def _type(name: str) -> pa.DataType:
    return pa.list_(pa.string()) if BY_NAME[name].kind == "codes" else pa.string()


class _Stretches:
    """The cases of a file in batches: read fast, and where that is not possible one by one."""

    def __init__(
        self, path: Path, file: IO[bytes], schema: pa.Schema, unused: dict[str, None]
    ) -> None:
        self.text = _Text(path, file)
        self.fast = Fast(schema, longest=MOST_OF_ONE)
        self.schema, self.unused, self.count, self.few = schema, unused, 0, FEW

    def batch(self) -> pa.RecordBatch | None:
        """Return the next cases as columns of texts, None behind the last one."""
        parts: list[pa.RecordBatch] = []
        strange: set[str] = set()
        held = 0
        while held < AT_ONCE:
            part = self._fast(AT_ONCE - held)
            if part is None:
                part = self._slow(min(self.few, AT_ONCE - held), strange)
            if part is None:
                break
            parts.append(part)
            held += len(part)
            self.count += len(part)
        strange = (strange | self.fast.met()) - BY_NAME.keys()
        for key in sorted(strange)[: MOST_UNUSED - len(self.unused)]:
            self.unused[key[:40]] = None
        if len(parts) <= 1:
            return parts[0] if parts else None
        return pa.concat_batches(parts)

    def _fast(self, most: int) -> pa.RecordBatch | None:
        """Return plain cases that come next, None where the next one is not plain."""
        text = self.text
        while True:
            batch, behind = self.fast.read(text.raw, text.at, most, self.count + 1)
            if batch is not None or not self.fast.is_cut:
                break
            if text.left() > MOST_OF_ONE or not text.more():
                break
        if batch is None:
            return None
        text.skip(behind)
        if len(batch) >= self.few:
            self.few = FEW
        return batch

    def _slow(self, most: int, strange: set[str]) -> pa.RecordBatch | None:
        """Return the cases that come next, parsed one by one, None behind the last one."""
        self.few = min(4 * self.few, AT_ONCE)  # where much is odd, the fast way is tried less
        objects: list[dict[str, Any]] = []
        while len(objects) < most and (one := self.text.one()) is not None:
            objects.append(one)
        if not objects:
            return None
        strange |= set().union(*objects)
        return _batch(objects, self.schema, self.count + 1)


def _batch(objects: list[dict[str, Any]], schema: pa.Schema, first: int) -> pa.RecordBatch:
    """Return cases as columns of texts; `first` is the number of the first one."""
    columns: dict[str, list[Any]] = {}
    for field in schema:
        read = _codes if pa.types.is_list(field.type) else _text
        columns[field.name] = [read(one.get(field.name)) for one in objects]
    numbers = columns["case_id"]
    for place, own in enumerate(numbers):
        if own is None:
            numbers[place] = str(first + place)
    try:
        arrays = [pa.array(columns[f.name], f.type) for f in schema]
    except UnicodeEncodeError:
        raise _half_a_letter(objects, first) from None
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _is_whole(one: dict[str, Any]) -> bool:
    try:
        json.dumps(one, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _half_a_letter(objects: list[dict[str, Any]], first: int) -> InputError:
    """Return the refusal of half a pair of UTF-16, which is no letter, with its case."""
    number = next((n for n, one in enumerate(objects, first) if not _is_whole(one)), first)
    return InputError(
        both(
            f"第{number}例有不成对的代理字符（\\ud800 至 \\udfff）",
            f"case {number} has half of a pair of surrogates (\\ud800 to \\udfff)",
        ),
        remedy=both(
            "重新导出，按UTF-8写出完整的字", "export it again with whole letters, in UTF-8"
        ),
    )


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return "1" if value else "0"
    return json.dumps(value, ensure_ascii=False)


def _codes(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str):
        return value.split("|")
    if isinstance(value, list):
        return [one if isinstance(one, str) else json.dumps(one) for one in value]
    return [json.dumps(value)]


class _Text:
    """The text of a file from the next object on, and the same as bytes: `raw` from `at` on."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path, self.file, self.gone, self.at_end = path, file, 0, False
        self.decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self.text, self.place, self.raw, self.at = "", 0, b"", 0
        while not self.text and self.more():  # blanks before the first object count as read
            kept = self.text.lstrip()
            self.gone, self.text = self.gone + len(self.text) - len(kept), kept
        self.inside = self.text.startswith("[")
        self.raw = self.text.encode()
        self.place = self.at = 1 if self.inside else 0

    def more(self) -> bool:
        """Read on; False at the end of the file."""
        if self.at_end:
            return False
        read = self.file.read(_BLOCK)
        self.at_end = not read
        try:
            new = self.decoder.decode(read, final=self.at_end)
        except UnicodeDecodeError as error:
            good = len(error.object[: error.start].decode("utf-8-sig", "ignore"))
            raise self._refused(
                both("不是UTF-8编码的文本", "the text is not in UTF-8"), len(self.text) + good
            ) from None
        self.gone += self.place
        self.text, self.place = self.text[self.place :] + new, 0
        self.raw, self.at = self.raw[self.at :] + new.encode(), 0
        return True

    def left(self) -> int:
        """Return how many bytes are held and not read yet."""
        return len(self.raw) - self.at

    def skip(self, behind: int) -> None:
        """Go on to a place of the bytes."""
        self.place += len(self.raw[self.at : behind].decode())
        self.at = behind

    def one(self) -> dict[str, Any] | None:
        """Return the next object, None behind the last one; raises InputError for others."""
        while True:
            self._to(_behind(self.text, self.place))
            if self.place == len(self.text):
                if self.more():
                    continue
                if self.inside:
                    raise self._refused(both("数组没有结尾", "the array has no end"), self.place)
                return None
            if self.text[self.place] == "]" and self.inside:
                if self.text[self.place + 1 :].strip() or self.file.read().strip():
                    raise self._refused(
                        both("数组之后还有内容", "text behind the array"), self.place
                    )
                return None
            try:
                value, end = _DECODER.raw_decode(self.text, self.place)
                if end == len(self.text) and not self.at_end:
                    raise json.JSONDecodeError("it may go on", self.text, end)
                if end - self.place > MOST_OF_ONE:
                    raise json.JSONDecodeError("too long", self.text, end)
            except (json.JSONDecodeError, RecursionError):
                if len(self.text) - self.place <= MOST_OF_ONE and self.more():
                    continue
                raise self._refused(both("不是JSON", "this is not JSON"), self.place) from None
            if not isinstance(value, dict):
                raise self._refused(both("这一项不是对象", "this is no object"), self.place)
            self._to(end)
            return value

    def _to(self, place: int) -> None:
        self.at += len(self.text[self.place : place].encode())
        self.place = place

    def _refused(self, what: Bilingual, place: int) -> InputError:
        near = self.gone + place + 1
        return InputError(
            both(f"第{near}个字符附近：{what.chinese}", f"near character {near}: {what}"),
            where=self.path.name,
            remedy=both(
                "UTF-8编码的JSON：病例对象组成的数组", "an array of case objects, JSON in UTF-8"
            ),
        )


def _behind(text: str, place: int) -> int:
    """Return the place behind blanks and commas."""
    while place < len(text) and text[place] in _BETWEEN:
        place += 1
    return place


def warm_up() -> None:
    """Compile what reads plain cases."""
    schema = pa.schema([("case_id", pa.string()), ("diagnoses", pa.list_(pa.string()))])
    plain = b'{"case_id":"1","diagnoses":["I63.900","E11.900"]}     '
    Fast(schema, longest=MOST_OF_ONE).read(plain, 0, 1, 1)
