"""Files and folders: what is there, what is not, what changes, what cannot be written."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pytest import MonkeyPatch

from drgpay.cases import pieces
from drgpay.grouper import stream
from tests.hostile.columnar import typed
from tests.hostile.model import DRGS, HEADERS, ROWS, Kind, Read, Refused, csv_text, raw, text

CSV = csv_text()
CHANGED = Refused("文件在读取过程中被改动", "the file changed while it was read")


def _mixed_folder(folder: Path) -> None:
    """A folder with files of two kinds and what programs leave lying about."""
    inside = folder / "in"
    inside.mkdir()
    (inside / "a.csv").write_text(CSV, encoding="utf-8")
    pq.write_table(typed(), inside / "b.parquet")
    for junk in ("~$a.csv", "._b.parquet", ".hidden", "Thumbs.db", ".DS_Store"):
        (inside / junk).write_bytes(b"\x00junk")
    (inside / ".git").mkdir()


def _inside(name: str = "", sub: bool = False) -> Callable[[Path], None]:
    """Return a maker of a folder of cases with more cases under another name."""

    def make(folder: Path) -> None:
        inside = folder / "in"
        (inside / "feb" if sub else inside).mkdir(parents=True)
        (inside / "a.csv").write_text(CSV, encoding="utf-8")
        (inside / ("feb/b.csv" if sub else name)).write_text(CSV, encoding="utf-8")

    return make


def _in_folder(*names: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        (folder / "in").mkdir()
        for name in names:
            (folder / "in" / name).write_bytes(b"junk")

    return make


def _links(*pairs: tuple[str, str]) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        (folder / "cases.csv").write_text(CSV, encoding="utf-8")
        for name, target in pairs:
            (folder / name).symlink_to(target)

    return make


def _loop_in_folder(folder: Path) -> None:
    (folder / "in").mkdir()
    (folder / "in" / "a.csv").symlink_to("a.csv")


def _big(rows: int = 6_000) -> Callable[[Path], None]:
    return text(csv_text(ROWS * rows))


def _while_reading(change: Callable[[Path], None]) -> Callable[[MonkeyPatch, Path], None]:
    """Return what changes a file when the first piece of it has been grouped."""

    def during(patches: MonkeyPatch, folder: Path) -> None:
        real = stream.group_piece
        done: list[bool] = []

        def grouped(*given: Any, **named: Any) -> Any:
            part = real(*given, **named)
            if not done:
                done.append(True)
                change(folder)
            return part

        patches.setattr(stream, "group_piece", grouped)
        patches.setattr(pieces, "BATCH_ROWS", 1_000)

    return during


def _append(folder: Path) -> None:
    with (folder / "cases.csv").open("a", encoding="utf-8") as stream:
        stream.write(CSV.splitlines()[1] + "\n")


def _truncate(folder: Path) -> None:
    os.truncate(folder / "cases.csv", 100_000)


def _rewrite(folder: Path) -> None:
    path = folder / "cases.parquet"
    pq.write_table(pa.concat_tables([typed()] * 2_000), folder / "new.parquet", row_group_size=900)
    (folder / "new.parquet").replace(path)


def _delete(folder: Path) -> None:
    (folder / "cases.csv").unlink()


def _touch(folder: Path) -> None:
    path = folder / "cases.csv"
    path.write_bytes(path.read_bytes().replace(b",61,", b",62,"))


def _database(folder: Path) -> None:
    with sqlite3.connect(folder / "cases.db") as database:
        database.execute(f"create table cases ({', '.join(HEADERS)})")
        marks = ",".join("?" * len(HEADERS))
        database.executemany(
            f"insert into cases values ({marks})", [tuple(row[h] for h in HEADERS) for row in ROWS]
        )
        database.execute('create table "a""; drop table cases; --" as select * from cases')
        database.execute("create table blobs as select * from cases")
        database.execute("update blobs set case_id = x'4132ff' where case_id = 'A2'")
    database.close()


def _mapped(content: str | bytes, suffix: str = "toml") -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        text(CSV)(folder)
        data = content.encode() if isinstance(content, str) else content
        (folder / f"map.{suffix}").write_bytes(data)

    return make


def _mapping(
    name: str, zh: str, en: str, content: str | bytes, said: str, english: str, suffix: str = "toml"
) -> Kind:
    options = ("--mapping", f"map.{suffix}")
    return Kind(
        f"mapping-{name}",
        zh,
        en,
        _mapped(content, suffix),
        Refused(said, english),
        options=options,
        area="out",
    )


def _table(name: str) -> tuple[str, ...]:
    return ("--table", name)


OTHERS = ("explain", "convert", "check")
DATABASE = ("cases.db",)
KINDS = [
    Kind("file-missing", "没有这个文件", "no such file", lambda folder: None, Refused("没有这个文件", "no such file")),
    Kind("name-too-long", "名称过长的路径", "a path with too long a name", lambda folder: None,
         Refused("名称太长", "the name is too long", code=1), ("x" * 300 + ".csv",), not_by=()),
    Kind("path-through-file", "路径中有一段是文件", "a path through a file", text(CSV), Refused("没有这个文件", "no such file"), ("cases.csv/cases.csv",)),
    Kind("folder-empty", "空文件夹", "an empty folder", _in_folder(), Refused("文件夹中没有病例文件", "no case files"), ("in",)),
    Kind("folder-of-others", "文件夹中只有不认识的文件", "a folder of other files", _in_folder("a.docx", "b.pdf"),
         Refused("a.docx、b.pdf", "a.docx, b.pdf"), ("in",)),
    Kind("folder-with-folder", "病例文件夹中有子文件夹：不会漏掉", "a folder inside a folder of cases: not passed over", _inside(sub=True), Refused("feb/", "feb/"), ("in",)),
    Kind("folder-with-others", "病例文件夹中有读不了的文件：不会漏掉", "a file of another kind inside a folder of cases: not passed over", _inside("mar.doc"), Refused("mar.doc", "mar.doc"), ("in",)),
    Kind("folder-with-hidden-cases", "病例文件夹中有隐藏的病例文件", "a hidden file of cases inside a folder of cases", _inside(".feb.csv"), Refused(".feb.csv", ".feb.csv"), ("in",)),
    Kind("folder-with-text", "病例文件夹中有.txt：作为病例读取", "a .txt inside a folder of cases: read as cases", _inside("b.txt"), Read(6, DRGS * 2), ("in",)),
    Kind("folder-mixed", "文件夹中有CSV、Parquet和临时文件", "a folder of CSV, Parquet and temporary files", _mixed_folder, Read(6, DRGS * 2), ("in",)),
    Kind("folder-called-csv", "名为 cases.csv 的文件夹", "a folder called cases.csv", lambda folder: (folder / "cases.csv").mkdir(),
         Refused("文件夹中没有病例文件", "no case files")),
    Kind("link-loop", "指向自己的链接", "a link to itself", lambda folder: (folder / "cases.csv").symlink_to("cases.csv"),
         Refused("没有这个文件", "no such file")),
    Kind("link-loop-in-folder", "文件夹中有指向自己的链接", "a folder with a link to itself", _loop_in_folder, Refused("不是普通文件", "not a plain file"), ("in",)),
    Kind("link-dangling", "指向不存在文件的链接", "a link to nothing", lambda folder: (folder / "cases.csv").symlink_to("gone.csv"),
         Refused("没有这个文件", "no such file")),
    Kind("file-twice", "同一文件给了两次（经链接）", "a file given twice, by a link", _links(("same.csv", "cases.csv")),
         Refused("同一文件给了两次", "given twice"), ("cases.csv", "same.csv")),
    Kind("named-pipe", "命名管道", "a named pipe", lambda folder: os.mkfifo(folder / "cases.csv"), Refused("不是普通文件", "not a plain file"), alone=True),
    Kind("no-extension", "没有扩展名", "no ending", text(CSV, name="cases"), Refused("没有扩展名", "unknown kind"), ("cases",)),
    Kind("unknown-extension", "不认识的扩展名", "an unknown ending", text(CSV, name="cases.docx"), Refused("不认识扩展名", "unknown kind"), ("cases.docx",)),
    Kind("extension-capital", "大写扩展名", "an ending in capitals", text(CSV, name="CASES.CSV"), Read(), ("CASES.CSV",)),
    Kind("name-with-blanks", "文件名有空格、引号和中文", "a name with blanks, quotes and Chinese", text(CSV, name="病例 '1\" (2).csv"), Read(), ("病例 '1\" (2).csv",)),
    Kind("grows-while-read", "读取时文件变长", "a file that grows while it is read", _big(), CHANGED, during=_while_reading(_append), issue=True, not_by=OTHERS),
    Kind("shrinks-while-read", "读取时文件被截短", "a file that is cut while it is read", _big(), CHANGED, during=_while_reading(_truncate), issue=True, not_by=OTHERS),
    Kind("edited-while-read", "读取时文件被改写，长度不变", "a file that is edited while it is read", _big(), CHANGED, during=_while_reading(_touch), issue=True, not_by=OTHERS),
    Kind("deleted-while-read", "读取时文件被删除", "a file that is deleted while it is read", _big(), CHANGED, during=_while_reading(_delete), not_by=OTHERS),
    Kind("replaced-while-read", "读取时Parquet被换成另一份", "Parquet that is replaced while it is read",
         lambda folder: pq.write_table(pa.concat_tables([typed()] * 2_000), folder / "cases.parquet", row_group_size=1_000),
         CHANGED, ("cases.parquet",), during=_while_reading(_rewrite), issue=True, not_by=OTHERS),
    Kind("output-is-input", "结果文件就是输入文件", "the output is the input", text(CSV), Refused("与一个输入文件相同", "is one of the inputs"), out="cases.csv", area="out"),
    Kind("output-links-to-input", "结果文件是指向输入的链接", "the output is a link to the input", _links(("out.csv", "cases.csv")),
         Refused("与一个输入文件相同", "is one of the inputs"), area="out"),
    Kind("quarantine-is-input", "隔离文件会盖住输入文件", "the quarantine would overwrite the input", text(CSV, name="out.csv.quarantine.csv"),
         Refused("与一个输入文件相同", "is one of the inputs"), ("out.csv.quarantine.csv",), area="out"),
    Kind("output-is-folder", "结果文件是一个文件夹", "the output is a folder", lambda folder: (text(CSV)(folder), (folder / "out.csv").mkdir()),
         Refused("此处是一个文件夹", "this is a folder"), area="out"),
    Kind("output-folder-missing", "结果文件夹不存在", "the folder of the output is not there", text(CSV), Refused("没有这个文件夹", "no such folder"), out="no/out.csv", area="out"),
    Kind("output-extension", "结果文件的扩展名不能写", "an output of an unknown kind", text(CSV), Refused("不能写扩展名", "cannot write"), out="out.docx", area="out"),
    Kind("mapping-missing", "没有对照文件", "no such mapping file", text(CSV), Refused("没有这个对照文件", "no such mapping file"), options=("--mapping", "map.toml"), area="out"),
    _mapping("deep", "对照文件中嵌套20,000层的数组", "arrays nested 20,000 deep in a mapping file", "x = " + "[" * 20_000 + "]" * 20_000, "不是TOML格式", "not TOML"),
    _mapping("gbk", "对照文件不是UTF-8", "a mapping file that is not UTF-8", "[columns]\n'病号' = 'case_id'\n".encode("gbk"), "不是UTF-8编码", "not TOML"),
    _mapping("no-column", "对照到没有的列", "a mapping to a column that is not there", "[columns]\n'no' = 'case_idd'\n", "没有列", "there is no column"),
    _mapping("types", "对照文件的类型不对", "wrong types in a mapping file", "columns = 1\nvalues = [2]\nignore = 'x'\nodd = nan\n", "对照文件不能用", "cannot be used"),
    _mapping("two-to-one", "两个表头对照到同一列", "two headers mapped to one column", "[columns]\nsex = 'case_id'\npool = 'case_id'\n", "有两列都是", "two columns mean"),
    _mapping("csv-empty", "空的CSV对照文件", "an empty mapping file as CSV", "", "第一行应为", "the first row must be", "csv"),
    Kind("encoding-wrong", "指明的编码不对", "a wrong --encoding", text(csv_text([{**ROWS[0], "pool": "职工"}]), "gbk"), Refused("不是UTF-8编码", "not UTF-8"), options=("--encoding", "utf-8"), area="out"),
    Kind("encoding-unknown", "不认识的编码", "an unknown --encoding", text(CSV), Refused("不认识编码", "unknown encoding"), options=("--encoding", "klingon"), area="out"),
    Kind("delimiter-long", "分隔符有两个字符", "a --delimiter of two characters", text(CSV), Refused("不能用", "cannot be the delimiter"), options=("--delimiter", ";;"), area="out"),
    Kind("delimiter-wrong", "指明的分隔符不对", "a wrong --delimiter", text(CSV), Refused("缺少列", "missing columns"), options=("--delimiter", "|"), area="out"),
    Kind("sqlite-good", "SQLite的表", "a table of SQLite", _database, Read(), DATABASE, options=_table("cases"), not_by=("values",)),
    Kind("sqlite-no-table", "没有写明读哪张表", "no table is named", _database, Refused("没有写明读哪张表", "no table is named"), DATABASE, area="out"),
    Kind("sqlite-missing-table", "没有这张表", "no such table", _database, Refused("读不出表", "cannot be read"), DATABASE, options=_table("nothere"), area="out"),
    Kind("sqlite-injection", "表名带SQL注入：只是名称", "a table called like an injection: only a name", _database, Read(), DATABASE, options=_table('a"; drop table cases; --')),
    Kind("sqlite-is-text", "文本改名为.db", "a text called .db", raw(b"no database" * 20, "cases.db"), Refused("SQLite", "SQLite"), DATABASE, options=_table("cases"), area="out"),
    Kind("sqlite-truncated", "截断的SQLite文件", "a truncated SQLite file", lambda folder: (_database(folder), os.truncate(folder / "cases.db", 5_000)), Refused("读不出表", "cannot be read"), DATABASE, options=_table("cases"), area="out"),
    Kind("sqlite-blob", "SQLite中的二进制病例号", "an id of bytes in SQLite", _database, Refused("二进制内容", "cannot be read"), DATABASE, options=_table("blobs"), area="out"),
]  # fmt: skip
