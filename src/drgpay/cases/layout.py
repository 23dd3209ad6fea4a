"""Which columns of a table are read, as which of ours, and in which shape they go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from drgpay.cases.ages import tidy
from drgpay.cases.arrays import EXACT, bytes_of, is_list
from drgpay.cases.mapping import Asked, HeaderMapping, bundled_for
from drgpay.cases.pseudonyms import shown
from drgpay.cases.row_kinds import split_kinds
from drgpay.cases.values import CODE_SEPARATORS, EMPTY_WORDS
from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.names.columns import (
    BY_NAME,
    NUMBERED,
    PARTS,
    ROW_ORDER,
    STAY_NUMBER,
    both_names,
    normal_header,
    required,
    whole_of,
)

# numbers of a patient, not of a stay
NO_STAY = frozenset(normal_header(header) for header in ("病案号", "medcasno", "住院号"))
HISTORY_NEEDS = ("admission_date", "discharge_date", "total_cost")
_SEPARATORS = [mark for mark in CODE_SEPARATORS if mark != "|"]
_SEPARATOR_BYTES = [mark.encode() for mark in _SEPARATORS]
_ANY_SEPARATOR = f"[{''.join(_SEPARATORS)}]"


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a table that are read: their positions, in order, and our names for them.

    `unknown` are headers that mean none of our columns, `notes` what the user should know.
    """

    positions: tuple[int, ...]
    names: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    notes: tuple[Bilingual, ...] = ()
    mapping: HeaderMapping = field(default_factory=HeaderMapping)
    where: str = ""
    stays: bool = False  # case ids are made of the number of a patient and that of the stay
    without: str = ""  # a column that is read for this alone

    def shape(self, table: pa.Table) -> pa.Table:
        """Return the chosen columns of a table, in our order, as cases: words, codes and parts."""
        columns = {name: self._column(name, table.column(i)) for i, name in enumerate(self.names)}
        if self.mapping.rows:
            columns = split_kinds(columns)
        for whole in dict.fromkeys(whole_of(name) for name in columns if _is_part(name)):
            if self.mapping.rows:
                continue
            parts = sorted((name for name in columns if _joins(name, whole)), key=_order)
            if not any(name.rstrip("0123456789") in PARTS for name in parts):
                continue  # numbered columns alone are encoded as they are
            joined = _joined([columns.pop(name) for name in parts])
            columns[whole] = joined
        if self.stays:
            columns["case_id"] = _stay_ids(columns["case_id"], columns[STAY_NUMBER])
            columns.pop(self.without, None)
        order = columns.pop(ROW_ORDER, None)
        made = tidy(pa.table(columns), self.mapping.read_as)
        return made if order is None else made.append_column(ROW_ORDER, order)

    def _column(self, name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
        _check_type(name, column, self.where)
        column = _plain_texts(name, column, self.where)
        if BY_NAME[whole_of(name)].kind == "text" and pa.types.is_floating(column.type):
            column = _whole_numbers(name, column, self.where)
        words = self.mapping.values.get(name)
        if words is not None:
            column = _translated(column, words, self.mapping.note_use(name))
        base = name.rstrip("0123456789")
        if whole_of(name) in ("diagnoses", "procedures") and base not in NUMBERED:
            column = _one_separator(column)
        return column


def _check_type(name: str, column: pa.ChunkedArray, where: str) -> None:
    """Refuse a column of structs, maps or lists where its kind has no room for them."""
    kind = column.type
    while pa.types.is_dictionary(kind):
        kind = kind.value_type
    may_be_lists = BY_NAME[whole_of(name)].kind in ("codes", "dates", "words")
    if may_be_lists and whole_of(name) == name and is_list(kind):
        kind = kind.value_type
    if not pa.types.is_nested(kind):
        return
    raise InputError(
        both(
            f"{both_names(name)}列的类型不能用：{type_word(column.type)}",
            f"the column {name} is of the type {column.type}",
        ),
        where=where,
        remedy=both(
            "改存为文字、数或日期；诊断与手术可为文字的列表",
            "store texts, numbers or dates; of diagnoses and procedures lists of texts",
        ),
    )


def _plain_texts(name: str, column: pa.ChunkedArray, where: str) -> pa.ChunkedArray:
    """Return a column whose texts are stored as views or as bytes as one of plain texts."""
    kind = column.type
    while pa.types.is_dictionary(kind) or is_list(kind):
        kind = kind.value_type
    is_bytes = any(is_it(kind) for is_it in _BYTES)
    if not is_bytes and not pa.types.is_string_view(kind):
        return column
    plain: pa.DataType = pa.string()
    outer = column.type
    if is_list(outer):
        plain = pa.list_(pa.string())
    try:
        if not pa.types.is_dictionary(outer):
            return column.cast(plain)
        words = [chunk.dictionary.cast(pa.string()) for chunk in column.chunks]
        return pa.chunked_array(
            [w.take(c.indices) for w, c in zip(words, column.chunks, strict=True)], pa.string()
        )
    except (pa.ArrowException, UnicodeDecodeError):
        raise InputError(
            both(
                f"{both_names(name)}列是二进制内容，不是UTF-8文字",
                f"the column {name} holds bytes that are no texts in UTF-8",
            ),
            where=where,
            remedy=both("从原系统按文字重新导出这一列", "export this column again, as text"),
        ) from None


_BYTES = (
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_fixed_size_binary,
    pa.types.is_binary_view,
)


def type_word(kind: pa.DataType) -> str:
    """Return a type of Arrow without blanks, as a word in a Chinese text."""
    return str(kind).replace(" ", "")


def _whole_numbers(name: str, column: pa.ChunkedArray, where: str) -> pa.ChunkedArray:
    """Return ids that were stored as floating-point numbers, when no digit can have been lost."""
    column = pc.if_else(pc.is_nan(column), None, column)
    known = column.drop_null()
    exact = pc.and_(pc.equal(pc.floor(known), known), pc.less(pc.abs(known), EXACT))
    bad = known.filter(pc.invert(exact))
    if not len(bad):
        return column.cast(pa.int64()).cast(pa.string())
    example = shown(name, repr(bad[0].as_py()))
    raise InputError(
        both(
            f"{both_names(name)}列存成了浮点数，{len(bad)}个值的位数已经失真"
            + (f"，如 {example}" if example else ""),
            f"the column {name} holds floating-point numbers, {len(bad)} of which have lost digits"
            + (f", as {example}" if example else ""),
        ),
        where=where,
        remedy=both("从原系统按文字重新导出这一列", "export this column again, as text"),
    )


def select(headers: Sequence[str], where: str, asked: Asked) -> Layout:
    """Return the layout of a table by its headers; checks what is required.

    Raises InputError for two columns of one meaning and for missing columns.
    """
    mapping, wanted = asked.mapping, asked.wanted
    meant = [mapping.meaning(header) for header in headers]
    chosen: dict[str, int] = {}
    notes: list[Bilingual] = []
    by_name: dict[str, list[tuple[int, int]]] = {}
    for position, found in enumerate(meant):
        if found is not None and (wanted is None or whole_of(found[0]) in wanted):
            by_name.setdefault(found[0], []).append((found[1], position))
    for name, candidates in by_name.items():
        candidates.sort()
        if len(candidates) > 1:
            if candidates[0][0] == candidates[1][0]:
                first, second = (headers[place] for _, place in candidates[:2])
                raise _doubled(name, first, second, where)
            notes.append(_given_way(name, [headers[place] for _, place in candidates]))
        chosen[name] = candidates[0][1]
    stays, without = _stay_number(chosen, headers, meant, mapping, notes)
    chosen = {name: chosen[name] for name in sorted(chosen, key=chosen.__getitem__)}
    _drop_names(chosen, headers, by_name, notes)
    _check_forms(chosen, headers, where)
    _check_required(chosen, headers, where, asked.purpose)
    unknown = tuple(
        header
        for header, found in zip(headers, meant, strict=True)
        if found is None and header.strip() and not mapping.ignores(header)
    )
    names = tuple(chosen)
    return Layout(
        tuple(chosen.values()), names, unknown, tuple(notes), mapping, where, stays, without
    )


def _stay_number(
    chosen: dict[str, int],
    headers: Sequence[str],
    meant: Sequence[tuple[str, int] | None],
    mapping: HeaderMapping,
    notes: list[Bilingual],
) -> tuple[bool, str]:
    """Say whether ids are made with the number of the stay, and which column is read for that.

    A number of a patient is no number of a stay; with 住院次数 beside it, it is.
    """
    if "case_id" not in chosen:
        return False, ""
    header = headers[chosen["case_id"]]
    by_patient = normal_header(header) in NO_STAY
    places = [i for i, found in enumerate(meant) if found is not None and found[0] == STAY_NUMBER]
    if len(places) != 1 or not (by_patient or mapping.names_stays):
        if by_patient:
            notes.append(_by_patient(header))
        return False, ""
    notes.append(
        both(
            f"病例号由“{header}”和“{headers[places[0]]}”合成，如 A1-2",
            f"case ids are made of {header!r} and {headers[places[0]]!r}, as A1-2",
        )
    )
    without = "" if STAY_NUMBER in chosen else STAY_NUMBER
    chosen[STAY_NUMBER] = places[0]
    return True, without


def _stay_ids(patients: pa.ChunkedArray, stays: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return ids of stays: the number of the patient, and behind it that of the stay if any."""
    ids = pc.fill_null(pc.utf8_trim_whitespace(_plain(patients)), "")
    number = pc.utf8_trim_whitespace(pc.fill_null(_plain(stays), ""))
    plain = r"^0*(\d+)(?:\.0*)?$"
    number = pc.if_else(
        pc.match_substring_regex(number, plain),
        pc.replace_substring_regex(number, plain, r"-\1"),
        "",
    )
    empty = pa.array(["", *(word.lower() for word in EMPTY_WORDS)])
    none = pc.is_in(pc.utf8_lower(ids), value_set=empty)
    made = pc.if_else(none, "", pc.binary_join_element_wise(ids, number, ""))
    return pa.chunked_array([made.combine_chunks()]) if made.num_chunks != 1 else made


def _by_patient(header: str) -> Bilingual:
    return both(
        f"病例号取自“{header}”：同一病人几次住院的{header}可能相同，相同的会当作重复病例；"
        "有结算ID或就诊ID时请用它，或用对照文件指明",
        f"case ids are taken from {header!r}, which several stays of a patient may share; such "
        "stays count as doubles. Give setl_id or mdtrt_id instead, or name it in a mapping file",
    )


def two_columns(shown: str, name: str, first: str, second: str) -> Bilingual:
    """Return the fault of two headers of one meaning; `shown` is the column in Chinese texts."""
    return both(
        f"有两列都是{shown}：“{first}”和“{second}”",
        f"two columns mean {name}: {second!r} and another, {first!r}",
    )


def _doubled(name: str, first: str, second: str, where: str) -> InputError:
    return InputError(
        two_columns(both_names(name), name, first, second),
        where=where,
        remedy=both(
            "改名或删去其中一列，或在对照文件的 ignore 中写明不用哪一列",
            "rename or remove one of them, or name it under ignore in a mapping file",
        ),
    )


def _given_way(name: str, headers: list[str]) -> Bilingual:
    used, *others = headers
    return both(
        f"{both_names(name)}取“{used}”列，未用{'、'.join(f'“{other}”' for other in others)}",
        f"{name} is read from {used!r}, not from {', '.join(map(repr, others))}",
    )


def _drop_names(
    chosen: dict[str, int],
    headers: Sequence[str],
    by_name: Mapping[str, list[tuple[int, int]]],
    notes: list[Bilingual],
) -> None:
    """Leave out a column of names (其他诊断) beside numbered columns of codes."""
    for part, base in (("other_diagnoses", "diagnosis_"), ("other_procedures", "procedure_")):
        behind = [n for n in chosen if _is_number(n, base) and n != f"{base}1"]
        if part in chosen and behind and by_name[part][0][0] > by_name[behind[0]][0][0]:
            left_out = headers[chosen.pop(part)]
            used = headers[chosen[behind[0]]]
            notes.append(_given_way(PARTS[part], [used, left_out]))


def _check_forms(chosen: Mapping[str, int], headers: Sequence[str], where: str) -> None:
    for plural, base, part in (
        ("diagnoses", "diagnosis_", "other_diagnoses"),
        ("procedures", "procedure_", "other_procedures"),
    ):
        numbered = [name for name in chosen if _is_number(name, base)]
        parts = numbered + [name for name in (part,) if name in chosen]
        if parts and f"{base}1" not in parts and plural not in chosen:
            raise InputError(
                both(
                    f"有{both_names(parts[0])}而没有{both_names(f'{base}1')}",
                    f"{parts[0]} is given without {base}1",
                ),
                where=where,
                remedy=both(
                    f"主要编码的列名应为{both_names(f'{base}1')}；现有的列：{', '.join(headers)}",
                    f"call the column of the main code {base}1; found: {', '.join(headers)}",
                ),
            )
        if (plural in chosen and parts) or (part in chosen and len(numbered) > 1):
            pair = [
                plural if plural in chosen else part,
                parts[0] if plural in chosen else numbered[1],
            ]
            one, other = (headers[chosen[name]] for name in pair)
            raise InputError(
                both(
                    f"{both_names(pair[0])}与{both_names(pair[1])}同时存在：“{one}”和“{other}”",
                    f"both {pair[0]} and {pair[1]} are given: {one!r} and {other!r}",
                ),
                where=where,
                remedy=both("只留一种写法", "keep one form"),
            )


def _check_required(
    chosen: Mapping[str, int], headers: Sequence[str], where: str, purpose: str
) -> None:
    missing = required(chosen, "settlement" if purpose == "settlement" else "grouping")
    if purpose == "history":
        missing += [name for name in HISTORY_NEEDS if name not in chosen]
    if not missing:
        return
    named = [both_names(name) for name in missing]
    made_for = bundled_for(headers)
    first = (
        both(
            f"这些列像是 {made_for} 的列：加 --mapping {made_for}"
            f'（region.toml：mapping = "{made_for}"）；',
            f"these look like columns of {made_for}: give --mapping {made_for} (region.toml: "
            f'mapping = "{made_for}"); ',
        )
        if made_for
        else both("", "")
    )
    raise InputError(
        both(
            f"缺少列：{'、'.join(named)}",
            f"missing column{'s' if len(missing) > 1 else ''}: {', '.join(missing)}",
        ),
        where=where,
        remedy=both(
            f"{first.chinese}现有的列：{', '.join(headers) or '无'}；列名见 docs/cases.md，"
            "其他列名用对照文件（--mapping）说明",
            f"{first}found: {', '.join(headers) or 'none'}; docs/cases.md lists the columns, a mapping "
            "file (--mapping) says what other headers mean",
        ),
    )


def _is_number(name: str, base: str) -> bool:
    return name != base and name.rstrip("0123456789") == base


def _is_part(name: str) -> bool:
    return whole_of(name) != name


def _joins(name: str, whole: str) -> bool:
    return _is_part(name) and whole_of(name) == whole


def _order(name: str) -> tuple[bool, int]:
    """Numbered columns in the order of their numbers, the column of all others behind them."""
    digits = name[len(name.rstrip("0123456789")) :]
    return (not digits, int(digits or 0))


def _joined(parts: list[pa.ChunkedArray]) -> pa.ChunkedArray:
    texts = [pc.fill_null(_plain(part), "") for part in parts]
    return pa.chunked_array([pc.binary_join_element_wise(*texts, "|").combine_chunks()])


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column.cast(pa.string())


def _translated(
    column: pa.ChunkedArray, words: Mapping[str, str], used: set[str] | None
) -> pa.ChunkedArray:
    """Return a column with words replaced by what they mean; `used` takes the words met."""
    if is_list(column.type):
        return column
    encoded = (
        column
        if pa.types.is_dictionary(column.type)
        else column.cast(pa.string()).dictionary_encode()
    )
    out, changed = [], False
    for chunk in encoded.chunks:
        given = chunk.dictionary.cast(pa.string()).to_pylist()
        keys = [(word or "").strip() for word in given]
        meant = [words.get(key, word) for key, word in zip(keys, given, strict=True)]
        if used is not None:
            used.update(key for key in keys if key in words)
        changed |= meant != given
        out.append(pa.array(meant, pa.string()).take(chunk.indices))
    return pa.chunked_array(out, pa.string()) if changed else column


def _one_separator(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of codes with `|` between them, whichever of the marks stands there."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        if not pa.types.is_string(kind.value_type):
            return column
        if not any(_has_separator(chunk.dictionary) for chunk in column.chunks):
            return column
        chunks = [
            pa.DictionaryArray.from_arrays(
                chunk.indices, pc.replace_substring_regex(chunk.dictionary, _ANY_SEPARATOR, "|")
            )
            for chunk in column.chunks
        ]
        return pa.chunked_array(chunks)
    if pa.types.is_string_view(kind):
        column = column.cast(pa.string())
    elif not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return column
    if not any(_has_separator(chunk) for chunk in column.chunks):
        return column
    return pc.replace_substring_regex(column, _ANY_SEPARATOR, "|")


def _has_separator(texts: pa.Array) -> bool:
    """Whether one of the marks stands in a text array."""
    starts, data = bytes_of(texts)
    memory = data[int(starts[0]) : int(starts[-1])].tobytes()
    plain = memory.isascii()  # found at once, and then most marks need not be looked for
    return any(mark in memory for mark in _SEPARATOR_BYTES if mark.isascii() or not plain)
