"""The door to Spark: its modules, its file system, and one refusal where it is not installed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from drgpay.ground.digests import SUMS, sums_text
from drgpay.ground.errors import InputError, both


def spark_module(name: str) -> Any:
    """Return a module of pyspark; raises InputError when it is not installed."""
    try:
        with without_pandas_notice():
            return import_module(name)
    except ImportError:
        raise InputError(
            both("没有安装 PySpark", "PySpark is not installed"),
            remedy=both(
                "pip install 'drgpay[spark]'，另需 Java 17 或更高版本",
                "pip install 'drgpay[spark]'; it needs Java 17 or later, too",
            ),
        ) from None


@contextmanager
def without_pandas_notice() -> Iterator[None]:
    """Leave out Spark's notice on new versions of pandas: no data passes through pandas here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
        yield


def uri(place: str | Path) -> str:
    """Return a place as Spark names it: paths without a scheme are local ones."""
    text = str(place)
    return text if "://" in text or text.startswith("file:") else Path(text).absolute().as_uri()


class Folder:
    """A folder of results on whatever file system Spark writes to; whole only once `finish`ed."""

    def __init__(self, spark: Any, place: str | Path) -> None:
        self.spark, self.place = spark, uri(place).rstrip("/")
        self.part = f"{self.place}.part"
        if self._files(self.place).exists(self._path(self.place)):
            raise InputError(
                both("已经存在", "it is there already"),
                where=str(place),
                remedy=both("给出新的文件夹", "give a new folder"),
            )
        self.delete(self.part)

    def at(self, name: str) -> str:
        """Return the place of a table."""
        return f"{self.part}/{name}"

    def save(self, frame: Any, name: str) -> Any:
        """Write a frame as Parquet and return it as read from there."""
        frame.write.parquet(self.at(name))
        return self.spark.read.parquet(self.at(name))

    def save_table(self, table: pa.Table, name: str) -> None:
        """Write a small table as a Parquet file."""
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        self.save_bytes(sink.getvalue().to_pybytes(), f"{name}.parquet")

    def save_bytes(self, data: bytes, name: str) -> None:
        """Write a small file."""
        stream = self._files(self.part).create(self._path(self.at(name)))
        stream.write(bytearray(data))
        stream.close()

    def save_sums(self) -> None:
        """Write SHA256SUMS of all files, which are all there; the digests are made where they lie."""
        files = self._files(self.part)
        digest = self.spark._jvm.org.apache.commons.codec.digest.DigestUtils.sha256Hex
        before = f"{files.makeQualified(self._path(self.part)).toString()}/"
        found: dict[str, str] = {}
        there = files.listFiles(self._path(self.part), True)
        while there.hasNext():
            path = there.next().getPath()
            stream = files.open(path)
            try:
                found[path.toString().removeprefix(before)] = str(digest(stream))
            finally:
                stream.close()
        self.save_bytes(sums_text(found).encode(), SUMS)

    def delete(self, place: str) -> None:
        """Delete a folder, if it is there."""
        self._files(place).delete(self._path(place), True)

    def finish(self) -> str:
        """Give the folder its name."""
        self._files(self.part).rename(self._path(self.part), self._path(self.place))
        return self.place

    def _path(self, place: str) -> Any:
        return self.spark._jvm.org.apache.hadoop.fs.Path(place)

    def _files(self, place: str) -> Any:
        return self._path(place).getFileSystem(self.spark._jsc.hadoopConfiguration())
