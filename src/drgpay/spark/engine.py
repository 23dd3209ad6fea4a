"""The door to Spark: its modules, the folder of results, faults on their way through it.

Nothing here or elsewhere in this room asks the session for more than Spark Connect offers.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from drgpay.ground.digests import SUMS, sums_text
from drgpay.ground.errors import BooksError, DrgpayError, InputError, PolicyError, SchemeError, both

KINDS: dict[str, type[DrgpayError]] = {
    kind.__name__: kind for kind in (InputError, PolicyError, SchemeError, BooksError)
}
MARK = re.compile(r"<drgpay:([A-Za-z0-9+/=]+)>")
STAGES = "_stages"  # in an unfinished folder: tables that only later stages read
ARROW_SCHEMES = {"s3a": "s3", "s3n": "s3"}  # as Arrow names what Hadoop names otherwise


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


@contextmanager
def told() -> Iterator[None]:
    """In a worker: raise a fault of ours as one whose text outlives Spark."""
    try:
        yield
    except DrgpayError as error:
        name = type(error).__name__ if type(error).__name__ in KINDS else "InputError"
        facts = {"kind": name, "zh": error.text("zh"), "en": error.text("en")}
        code = base64.b64encode(json.dumps(facts).encode()).decode()
        raise RuntimeError(f"<drgpay:{code}> {error}") from None


@contextmanager
def retold() -> Iterator[None]:
    """In the driver: raise a worker's fault as it was, without Spark's traceback."""
    try:
        yield
    except Exception as error:
        found = MARK.search(str(error))
        if found is None:
            raise
        facts = json.loads(base64.b64decode(found[1]))
        raise KINDS[facts["kind"]](both(facts["zh"], facts["en"])) from None


def uri(place: str | Path) -> str:
    """Return a place as Spark names it: paths without a scheme are local ones."""
    text = str(place)
    named = "://" in text or text.startswith("file:")
    return text if named else f"file://{Path(text).absolute().as_posix()}"


def _file_system(place: str) -> tuple[fs.FileSystem, str]:
    """Return the file system of a place and its path there; raises InputError if it is out of reach."""
    scheme, _, path = place.partition(":")
    if scheme == "file":
        return fs.LocalFileSystem(), "/" + path.lstrip("/")
    try:
        found: tuple[fs.FileSystem, str] = fs.FileSystem.from_uri(
            f"{ARROW_SCHEMES.get(scheme, scheme)}:{path}"
        )
        return found
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            both("驱动端打不开这个文件系统", f"the driver cannot open this file system: {error}"),
            where=place,
            remedy=both(
                "HDFS 需要驱动端有 libhdfs：设 HADOOP_HOME、CLASSPATH=$(hadoop classpath --glob)",
                "HDFS needs libhdfs: set HADOOP_HOME and CLASSPATH=$(hadoop classpath --glob)",
            ),
        ) from None


class Folder:
    """A folder of results on whatever file system; whole only once it is `finish`ed.

    As a context manager it leaves nothing behind of a run that failed.
    """

    def __init__(self, spark: Any, place: str | Path) -> None:
        self.spark, self.place = spark, uri(place).rstrip("/")
        self.files, self.path = _file_system(self.place)
        if self._there(self.path):
            raise InputError(
                both("已经存在", "it is there already"),
                where=str(place),
                remedy=both("给出新的文件夹", "give a new folder"),
            )

    def __enter__(self) -> Folder:
        self.delete("")
        self.files.create_dir(f"{self.path}.part", recursive=True)
        return self

    def __exit__(self, *reason: object) -> None:
        self.delete("")

    def _there(self, path: str) -> bool:
        return bool(self.files.get_file_info(path).type != fs.FileType.NotFound)

    def _at(self, name: str) -> str:
        return f"{self.path}.part/{name}".rstrip("/")

    def save(self, frame: Any, name: str) -> Any:
        """Write a frame as Parquet and return it as read from there."""
        frame.write.parquet(f"{self.place}.part/{name}")
        return self.saved(name)

    def saved(self, name: str) -> Any:
        """Return a table that was written."""
        return self.spark.read.parquet(f"{self.place}.part/{name}")

    def save_table(self, table: pa.Table, name: str) -> None:
        """Write a small table as a Parquet file."""
        place = self._at(f"{name}.parquet")
        pq.write_table(table, place, filesystem=self.files, compression="zstd")

    def save_bytes(self, data: bytes, name: str) -> None:
        """Write a small file."""
        with self.files.open_output_stream(self._at(name)) as stream:
            stream.write(data)

    def save_sums(self) -> None:
        """Write SHA256SUMS of all files, which are all there, but those that Hadoop checks by."""
        found = {}
        for info in self.files.get_file_info(fs.FileSelector(self._at(""), recursive=True)):
            if info.is_file and not info.base_name.startswith("."):
                with self.files.open_input_stream(info.path) as stream:
                    digest = hashlib.file_digest(stream, "sha256").hexdigest()
                found[info.path.removeprefix(self._at("") + "/")] = digest
        self.save_bytes(sums_text(found).encode(), SUMS)

    def delete(self, name: str) -> None:
        """Delete a table, or all of an unfinished folder, if it is there."""
        if self._there(self._at(name)):
            self.files.delete_dir(self._at(name))

    def finish(self) -> str:
        """Give the folder its name."""
        if self.files.type_name == "s3":  # where no folder can be moved
            fs.copy_files(
                self._at(""),
                self.path,
                source_filesystem=self.files,
                destination_filesystem=self.files,
            )
        else:
            self.files.move(self._at(""), self.path)
        return self.place
