"""Parquet and Arrow files, data frames and tables: broken bytes and columns of wrong types."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tests.hostile.model import DRGS, HEADERS, ROWS, Kind, Read, Refused, with_cell
from tests.hostile.region_folders import edit, region

PARQUET = ("cases.parquet",)
ARROW = ("cases.arrow",)
BROKEN = Refused("文件读不出来", "cannot be read")
NESTED = Refused("列的类型", "is of the type")
BAD_SEX = Read(3, (None, None, None), {"sex_invalid": 3})
BAD_AGE = Read(3, (None, None, None), {"age_invalid": 3})


def typed(**columns: Any) -> pa.Table:
    """The three cases as a table; some columns replaced (None: left out)."""
    table: dict[str, Any] = {name: pa.array([row[name] for row in ROWS]) for name in HEADERS}
    for name in ("diagnoses", "procedures"):
        table[name] = pa.array(
            [[c for c in row[name].split("|") if c] for row in ROWS], pa.list_(pa.string())
        )
    table.update(columns)
    return pa.table({name: column for name, column in table.items() if column is not None})


def parquet(table: Callable[[], pa.Table] = typed, **options: Any) -> Callable[[Path], None]:
    """Return a maker of one Parquet file."""
    return lambda folder: pq.write_table(table(), folder / "cases.parquet", **options)


def columns(**given: Any) -> Callable[[Path], None]:
    """Return a maker of one Parquet file with some columns of other types."""
    return parquet(lambda: typed(**given))


def spoilt(
    change: Callable[[bytes], bytes], name: str = "cases.parquet", rows: int = 1
) -> Callable[[Path], None]:
    """Return a maker of a Parquet file whose bytes are changed."""

    def make(folder: Path) -> None:
        pq.write_table(pa.concat_tables([typed()] * rows), folder / name)
        (folder / name).write_bytes(change((folder / name).read_bytes()))

    return make


def arrow(change: Callable[[bytes], bytes], stream: bool = False) -> Callable[[Path], None]:
    """Return a maker of an Arrow file whose bytes are changed."""

    def make(folder: Path) -> None:
        sink = pa.BufferOutputStream()
        table = typed()
        opened = (
            pa.ipc.new_stream(sink, table.schema) if stream else pa.ipc.new_file(sink, table.schema)
        )
        with opened as writer:
            writer.write_table(table)
        (folder / "cases.arrow").write_bytes(change(sink.getvalue().to_pybytes()))

    return make


def _page_zeroed(data: bytes) -> bytes:
    return data[:4] + bytes(len(data) // 3) + data[4 + len(data) // 3 :]


def _not_utf8() -> pa.Array:
    good = pa.array([b"A1", b"A\xff2", b"A3"], pa.binary())
    return pa.Array.from_buffers(pa.string(), 3, good.buffers())


def _year_table(**given: Any) -> Callable[[Path], None]:
    """Return a maker of EX1 whose cases are a typed Parquet file, some columns replaced."""

    def make(folder: Path) -> None:
        from pyarrow import csv

        path = region(folder)
        names = (path / "cases.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
        convert = csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True
        )
        table = csv.read_csv(path / "cases.csv", convert_options=convert)
        for name, change in given.items():
            column = change(table[name])
            table = table.set_column(table.column_names.index(name), name, column)
        pq.write_table(table, path / "cases.parquet")
        (path / "cases.csv").unlink()
        edit(path / "region.toml", "cases.csv", "cases.parquet")

    return make


def _decimals(scale: int) -> Callable[[pa.ChunkedArray], pa.Array]:
    return lambda column: pa.array(
        [Decimal(text) for text in column.to_pylist()], pa.decimal128(30, scale)
    )


def _money_floats(kind: pa.DataType) -> Callable[[pa.ChunkedArray], pa.Array]:
    return lambda column: pa.array([float(text) for text in column.to_pylist()], kind)


def _shanghai(column: pa.ChunkedArray) -> pa.Array:
    """Half past midnight in China: the day before in UTC."""
    zone = dt.timezone(dt.timedelta(hours=8))
    days = [
        dt.datetime.fromisoformat(text).replace(minute=30, tzinfo=zone)
        for text in column.to_pylist()
    ]
    return pa.array(days, pa.timestamp("us", tz="Asia/Shanghai"))


def _nested(values: Any) -> Callable[[Path], None]:
    return columns(diagnoses=values)


MUCH = Refused("展开后至少", "written out take at least")
LONG = "K25.900|" * 2_000


def _same(rows: int, **other: Any) -> pa.Table:
    """Cases that are all alike: a word stands once, and each row names it."""
    alike = pa.array(np.zeros(rows, np.int32))
    words = {**{name: ROWS[0][name] for name in HEADERS}, **other}
    return pa.table(
        {
            name: pa.DictionaryArray.from_arrays(alike, pa.array([word]))
            if isinstance(word, str)
            else word
            for name, word in words.items()
        }
    )


def _many(rows: int, **other: Any) -> Callable[[Path], None]:
    """Return a maker of a small Parquet file of many rows."""
    return parquet(lambda: _same(rows, **other), compression="zstd")


def _growing(folder: Path) -> None:
    """Each id is the one before: its bytes stand once."""
    table = _same(18_000)
    table = table.set_column(0, "case_id", pa.array([LONG] * 18_000))
    names = [name for name in HEADERS if name != "case_id"]
    encoding = {"case_id": "DELTA_BYTE_ARRAY"}
    pq.write_table(
        table,
        folder / "cases.parquet",
        compression="zstd",
        use_dictionary=names,
        column_encoding=encoding,
    )


def _grown(folder: Path) -> None:
    """Texts of which each says how much of the one before it keeps."""
    table = pa.table({name: [row[name] for row in ROWS] for name in HEADERS})
    encoding = dict.fromkeys(HEADERS, "DELTA_BYTE_ARRAY")
    pq.write_table(table, folder / "cases.parquet", use_dictionary=False, column_encoding=encoding)


def _long_list() -> pa.Array:
    """One case with a hundred million codes, all alike."""
    many = 100_000_000
    words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(many, np.int8)), pa.array(["K25.900"]))
    return pa.ListArray.from_arrays(pa.array([0, 1, many - 1, many], pa.int32()), words)


def _arrow_alike(folder: Path) -> None:
    table = _same(100_000, diagnoses=LONG)
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(folder / "cases.arrow", table.schema, options=options) as writer:
        writer.write_table(table)


def _no_groups(folder: Path) -> None:
    """A footer that tells of no rows, behind the rows."""
    parquet(typed)(folder)
    path = folder / "cases.parquet"
    empty = folder / "empty"
    with pq.ParquetWriter(empty, typed().schema):
        pass
    path.write_bytes(path.read_bytes()[:-8] + empty.read_bytes()[4:])
    empty.unlink()


def frame(**given: Any) -> Callable[[Path], Any]:
    """Return a maker of a pandas frame with some columns replaced."""

    def make(folder: Path) -> Any:
        data: dict[str, Any] = {name: [row[name] for row in ROWS] for name in HEADERS}
        data.update({name: make_column() for name, make_column in given.items()})
        return pd.DataFrame(data)

    return make


def _failing_reader(folder: Path) -> Any:
    def batches() -> Any:
        yield from typed().to_batches()
        raise OSError("the line broke")

    return pa.RecordBatchReader.from_batches(typed().schema, batches())


def _relation(folder: Path) -> Any:
    return duckdb.sql(
        "select 'A' || i as case_id, case when i = 2 then error('no') else 'M' end as sex, "
        "'61' as age_years, 'K25.900' as diagnoses from range(3) t(i)"
    )


KINDS = [
    Kind("parquet-half", "写到一半的Parquet", "half-written Parquet", spoilt(lambda d: d[: len(d) // 2]), BROKEN, PARQUET, issue=True),
    Kind("parquet-footer-only", "只剩文件尾的Parquet", "a Parquet footer without its data", spoilt(lambda d: d[-600:]), BROKEN, PARQUET),
    Kind("parquet-wrong-magic", "文件标记不对的Parquet", "Parquet with wrong magic bytes", spoilt(lambda d: b"XXXX" + d[4:-4] + b"XXXX"), BROKEN, PARQUET),
    Kind("parquet-encrypted", "加密的Parquet（文件标记PARE）", "encrypted Parquet", spoilt(lambda d: b"PARE" + d[4:-4] + b"PARE"), BROKEN, PARQUET),
    Kind("parquet-empty", "0字节的Parquet", "Parquet of no bytes", spoilt(lambda d: b""), BROKEN, PARQUET),
    Kind("parquet-is-csv", "CSV改名为.parquet", "a CSV called .parquet", spoilt(lambda d: b"case_id,sex\nA1,M\n"), BROKEN, PARQUET),
    Kind("parquet-page-damaged", "数据页损坏而文件尾完好的Parquet", "Parquet with a whole footer and damaged pages", spoilt(_page_zeroed), BROKEN, PARQUET),
    Kind("parquet-footer-length", "文件尾长度荒谬的Parquet", "Parquet with an absurd length of its footer", spoilt(lambda d: d[:-8] + b"\xff\xff\xff\x7fPAR1"), BROKEN, PARQUET),
    Kind("parquet-row-groups", "900行、每个行组一行的Parquet", "Parquet of 900 row groups of one row",
         parquet(lambda: pa.concat_tables([typed()] * 300).combine_chunks(), row_group_size=1), Read(900, DRGS * 300), PARQUET),
    Kind("parquet-no-rows", "没有行的Parquet", "Parquet without rows", parquet(lambda: typed().slice(0, 0)), Read(0, ()), PARQUET, not_by=("explain",)),
    Kind("parquet-no-groups", "Parquet的文件尾不提有数据的行组", "a Parquet footer that tells of none of the rows before it", _no_groups, BROKEN, PARQUET),
    Kind("parquet-codes-alike", "几KB的Parquet：10万例共用一个16,000字的诊断", "Parquet of some kilobytes: 100,000 cases that share 16,000 letters of diagnoses",
         _many(100_000, diagnoses=LONG), MUCH, PARQUET, alone=True),
    Kind("parquet-ids-alike", "几KB的Parquet：10万例共用一个16,000字的病例号", "Parquet of some kilobytes: 100,000 cases that share an id of 16,000 letters",
         _many(100_000, case_id=LONG), MUCH, PARQUET, alone=True),
    Kind("parquet-ids-growing", "几KB的Parquet：病例号只存与上一个的差别", "Parquet of some kilobytes whose ids say what they keep of the one before", _growing, MUCH, PARQUET, alone=True),
    Kind("parquet-delta-texts", "文字只存与上一个的差别（DELTA_BYTE_ARRAY）", "texts stored by their difference (DELTA_BYTE_ARRAY)", _grown, Read(), PARQUET),
    Kind("parquet-list-alike", "几KB的Parquet：一例有一亿个诊断", "Parquet of some kilobytes: a case of a hundred million diagnoses",
         parquet(lambda: typed(diagnoses=_long_list()), compression="zstd"), MUCH, PARQUET, alone=True),
    Kind("parquet-rows-alike", "几KB的Parquet：自称3百万行", "Parquet of some kilobytes that announces 3 million rows",
         _many(3_000_000), Refused("多于它的字节数", "more than it has bytes"), PARQUET, alone=True),
    Kind("arrow-codes-alike", "几KB的Arrow：10万例共用一个16,000字的诊断", "Arrow of some kilobytes: 100,000 cases that share 16,000 letters of diagnoses", _arrow_alike, MUCH, ARROW, alone=True),
    Kind("parquet-no-columns", "没有列的Parquet", "Parquet without columns", parquet(lambda: pa.table({})), Refused("缺少列", "missing columns"), PARQUET),
    Kind("parquet-columns-16000", "16,000列的Parquet", "Parquet of 16,000 columns",
         parquet(lambda: typed(**{f"x{i}": pa.nulls(3, pa.int8()) for i in range(15_989)})), Read(), PARQUET, issue=True),
    Kind("parquet-names-twice", "两列同名的Parquet", "Parquet with a column name twice",
         parquet(lambda: typed().append_column("sex", pa.array(["M", "M", "M"]))), Refused("有两列都是性别（sex）", "two columns mean sex"), PARQUET),
    Kind("parquet-not-utf8", "文本列中有非UTF-8字节的Parquet", "Parquet whose texts are not UTF-8", columns(case_id=_not_utf8()), BROKEN, PARQUET),
    Kind("parquet-binary-ids", "病例号为二进制列", "ids of a binary column", columns(case_id=pa.array([b"A1", b"A2", b"A3"])), Read(), PARQUET),
    Kind("parquet-float-ids", "病例号存成浮点数：20位已失真", "ids stored as floats: of 20 digits some are lost",
         columns(case_id=pa.array([33010620240301000017.0, 2.0, 3.0])), Refused("存成了浮点数", "floating-point"), PARQUET),
    Kind("parquet-integer-ids", "病例号存成整数", "ids stored as integers", columns(case_id=pa.array([1, 2, 2**63 - 1])), Read(), PARQUET),
    Kind("parquet-struct-diagnoses", "诊断为结构列", "diagnoses as a struct", _nested(pa.array([{"code": "K25.900"}] * 3)), NESTED, PARQUET),
    Kind("parquet-list-of-structs", "诊断为结构的列表", "diagnoses as a list of structs", _nested(pa.array([[{"code": "K25.900"}]] * 3)), NESTED, PARQUET),
    Kind("parquet-list-of-lists", "诊断为列表的列表", "diagnoses as a list of lists", _nested(pa.array([[["K25.900"]]] * 3)), NESTED, PARQUET),
    Kind("parquet-map-diagnoses", "诊断为映射列", "diagnoses as a map",
         _nested(pa.array([[("K25.900", 1)]] * 3, pa.map_(pa.string(), pa.int8()))), NESTED, PARQUET),
    Kind("parquet-number-diagnoses", "诊断存成数", "diagnoses stored as numbers", _nested(pa.array([25900, 25900, 25900])), Read(3, ("0000",) * 3), PARQUET),
    Kind("parquet-date-diagnoses", "诊断被存成日期", "diagnoses turned into dates", _nested(pa.array([dt.date(2024, 3, 1)] * 3)), Read(3, ("0000",) * 3), PARQUET),
    Kind("parquet-list-sex", "性别为列表列", "a list column for the sex", columns(sex=pa.array([["M"], ["F"], ["M"]])), NESTED, PARQUET),
    Kind("parquet-struct-age", "年龄为结构列", "a struct column for the age", columns(age_years=pa.array([{"y": 1}] * 3)), NESTED, PARQUET),
    Kind("parquet-dictionary-numbers", "性别为数的字典列", "the sex as a dictionary of numbers",
         columns(sex=pa.array([7, 8, 7]).dictionary_encode()), BAD_SEX, PARQUET),
    Kind("parquet-null-columns", "全为空的无类型列", "untyped columns of nothing", columns(sex=pa.nulls(3)), BAD_SEX, PARQUET),
    Kind("parquet-date-age", "年龄存成日期", "ages stored as dates", columns(age_years=pa.array([dt.date(1900, 3, 1)] * 3)), BAD_AGE, PARQUET),
    Kind("parquet-float-ages", "年龄为浮点数，有NaN和无穷", "ages as floats, with NaN and infinity",
         columns(age_years=pa.array([61.0, float("nan"), float("inf")])), Read(3, ("GB15", None, None), {"age_invalid": 2}), PARQUET),
    Kind("parquet-binary-sex", "性别为二进制列", "the sex as a binary column", columns(sex=pa.array([b"M", b"F", b"M"])), Read(), PARQUET),
    Kind("parquet-binary-not-text", "二进制列中不是文字", "a binary column that holds no texts", columns(sex=pa.array([b"M", b"\xff\xfe", b"M"])), Refused("二进制内容", "bytes that are no texts"), PARQUET),
    Kind("parquet-binary-codes", "诊断为二进制的列表", "diagnoses as lists of bytes", columns(diagnoses=pa.array([[b"K25.900"], [b"K25.900"], [b"K25.900", b"E11.900"]])), Read(), PARQUET),
    Kind("parquet-views", "病例号、性别、诊断为string_view", "ids, sexes and diagnoses as string views",
         columns(case_id=pa.array(["A1", "A2", "A3"], pa.string_view()), sex=pa.array(["M", "F", "M"], pa.string_view()), diagnoses=pa.array(["K25.900", "K25.900", "K25.900|E11.900"], pa.string_view())), Read(values={"case_id": ("A1", "A2", "A3")}), PARQUET),
    Kind("parquet-large-strings", "large_string、string_view和字典列", "large strings, string views and dictionaries",
         columns(case_id=pa.array(["A1", "A2", "A3"], pa.large_string()), sex=pa.array(["M", "F", "M"]).dictionary_encode()), Read(), PARQUET),
    Kind("parquet-time-zone", "时间戳带时区（当地零点半）：按当地日期", "timestamps with a zone, half past midnight: the local day counts",
         _year_table(settlement_date=_shanghai, discharge_date=_shanghai), Read(12, None), ("region",), area="year"),
    Kind("parquet-decimals", "金额为四位小数的decimal", "amounts as decimals of scale 4", _year_table(total_cost=_decimals(4)), Read(12, None), ("region",), area="year"),
    Kind("parquet-float-money", "金额为双精度浮点数", "amounts as doubles", _year_table(total_cost=_money_floats(pa.float64())),
         Read(12, None, values={"total_cost": (350000,)}), ("region",), area="year"),
    Kind("arrow-truncated", "截断的Arrow文件", "a truncated Arrow file", arrow(lambda d: d[: len(d) // 2]), BROKEN, ARROW),
    Kind("arrow-empty", "0字节的Arrow文件", "an Arrow file of no bytes", arrow(lambda d: b""), BROKEN, ARROW),
    Kind("arrow-stream", "Arrow流格式存成.arrow", "the stream format in an .arrow file", arrow(lambda d: d, stream=True), BROKEN, ARROW),
    Kind("arrow-damaged", "中部损坏的Arrow文件", "an Arrow file damaged in the middle", arrow(lambda d: d.replace(b"A1A2A3", b"A1\xff\xff\xff3")), BROKEN, ARROW),
    Kind("frame-mixed-types", "DataFrame一列中有数有文字", "a frame with numbers and texts in a column", frame(case_id=lambda: ["A1", 2, 3.5]),
         Refused("数据读不出来", "cannot be read"), area="object"),
    Kind("frame-nan", "DataFrame中的NaN、None、NaT", "NaN, None and NaT in a frame", frame(age_years=lambda: [61, None, float("nan")]),
         Read(3, ("GB15", None, None), {"age_invalid": 2}), area="object"),
    Kind("frame-categories", "DataFrame的分类列有缺失", "a categorical column with gaps", frame(sex=lambda: pd.Categorical(["M", None, "M"])),
         Read(3, ("GB15", None, "GB13"), {"sex_invalid": 1}), area="object"),
    Kind("frame-complex", "DataFrame中的复数列", "complex numbers in a frame", frame(age_years=lambda: [1j, 2j, 3j]),
         Refused("数据读不出来", "cannot be read"), area="object"),
    Kind("reader-fails", "流读到中途断开", "a reader that fails on its way", _failing_reader, BROKEN, area="object"),
    Kind("relation-fails", "DuckDB查询中途出错", "a DuckDB relation that fails on its way", _relation, Refused("数据读不出来", "cannot be read"), area="object"),
    Kind("object-unknown", "既不是表也不是路径", "neither a table nor a path", lambda folder: {"case_id": ["A1"]},
         Refused("不能从 dict 读取病例", "cannot read cases from a dict"), area="object"),
    Kind("object-cells", "内存中的表，一行性别有误", "a table in memory with one bad row",
         lambda folder: pd.DataFrame(with_cell("sex", "?")), Read(3, (DRGS[0], None, DRGS[2]), {"sex_invalid": 1}), area="object"),
]  # fmt: skip
