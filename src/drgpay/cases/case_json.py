"""Cases as JSON objects with our own columns: an array of them, or one behind another.

The file is read in stretches, so that its size does not matter. Values become the texts that other
files hold and are read and refused like these.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from drgpay.cases.mapping import Asked
from drgpay.cases.pieces import Source, of_batches
from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.names.columns import BY_NAME, CASE_COLUMNS

AT_ONCE = 16_384  # cases
_BLOCK = 1 << 20
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
    schema = pa.schema([(name, _type(name)) for name in names])
    unused: dict[str, None] = {}

    def batches() -> Iterator[pa.RecordBatch]:
        held: list[dict[str, Any]] = []
        first = 1
        for one in _objects(path):
            held.append(one)
            if len(held) == AT_ONCE:
                yield _batch(held, schema, unused, first)
                first, held = first + len(held), []
        if held:
            yield _batch(held, schema, unused, first)

    source = of_batches(batches(), schema, path.name, None, Asked.of(wanted, "grouping"))

    def late() -> list[Bilingual]:
        if not unused:
            return []
        shown = list(unused)[:10]
        return [both(f"没有用到的字段：{'、'.join(shown)}", f"fields not used: {', '.join(shown)}")]

    return Source(
        source.pieces, None, source.names, source.broken, (), source.notes, late, source.read_as
    )


def _type(name: str) -> pa.DataType:
    return pa.list_(pa.string()) if BY_NAME[name].kind == "codes" else pa.string()


def _batch(
    objects: list[dict[str, Any]], schema: pa.Schema, unused: dict[str, None], first: int
) -> pa.RecordBatch:
    """Return cases as columns of texts; `first` is the number of the first one."""
    columns: dict[str, list[Any]] = {}
    for field in schema:
        read = _codes if pa.types.is_list(field.type) else _text
        values = [one.get(field.name) for one in objects]
        plain = list if pa.types.is_list(field.type) else str
        columns[field.name] = [
            value if type(value) is plain and value else read(value) for value in values
        ]
    numbers = columns["case_id"]
    for place, own in enumerate(numbers):
        if own is None:
            numbers[place] = str(first + place)
    strange = set().union(*objects) - BY_NAME.keys()
    for key in sorted(strange)[: MOST_UNUSED - len(unused)]:
        unused[key[:40]] = None
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


def _objects(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file, one by one."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    with open(path, "rb") as file:
        text, place, gone, at_end = "", 0, 0, False

        def more() -> bool:
            nonlocal text, place, gone, at_end
            if at_end:
                return False
            raw = file.read(_BLOCK)
            at_end = not raw
            try:
                new = decoder.decode(raw, final=at_end)
            except UnicodeDecodeError:
                raise _refused(
                    path, both("不是UTF-8编码的文本", "the text is not in UTF-8"), gone + len(text)
                ) from None
            gone += place
            text, place = text[place:] + new, 0
            return True

        more()
        text = text.lstrip()
        inside = text.startswith("[")
        place = 1 if inside else 0
        while True:
            place = _behind(text, place)
            if place == len(text):
                if more():
                    continue
                if inside:
                    raise _refused(path, both("数组没有结尾", "the array has no end"), gone)
                return
            if text[place] == "]" and inside:
                if text[place + 1 :].strip() or file.read().strip():
                    raise _refused(path, both("数组之后还有内容", "text behind the array"), gone)
                return
            try:
                value, end = _DECODER.raw_decode(text, place)
                if end == len(text) and not at_end:
                    raise json.JSONDecodeError("it may go on", text, end)
            except (json.JSONDecodeError, RecursionError):
                if len(text) - place <= MOST_OF_ONE and more():
                    continue
                raise _refused(path, both("不是JSON", "this is not JSON"), gone + place) from None
            if not isinstance(value, dict):
                raise _refused(path, both("这一项不是对象", "this is no object"), gone + place)
            place = end
            yield value


def _behind(text: str, place: int) -> int:
    """Return the place behind blanks and commas."""
    while place < len(text) and text[place] in _BETWEEN:
        place += 1
    return place


def _refused(path: Path, what: Bilingual, place: int) -> InputError:
    return InputError(
        both(f"第{place + 1}个字符附近：{what.chinese}", f"near character {place + 1}: {what}"),
        where=path.name,
        remedy=both(
            "UTF-8编码的JSON：病例对象组成的数组", "an array of case objects, JSON in UTF-8"
        ),
    )
