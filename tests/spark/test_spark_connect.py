"""Spark Connect (远程会话): the same year through a session that has no JVM beside it."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import drgpay.spark
from drgpay.synth import synthesize

ROOM = Path(drgpay.spark.__file__).parent
PACKAGES = ("pyspark", "grpc", "grpc_status", "google.rpc", "zstandard")
# a process has either classic sessions or those of Connect: this one gets its own
SCRIPT = """
import sys
from pathlib import Path

from pyspark.sql import SparkSession

from drgpay.settlement.year_end import year_end
from drgpay.spark import settle_on_spark
from tests.spark.compare import assert_same, assert_same_folder
from tests.spark.conftest import SETTINGS

city, out = map(Path, sys.argv[1:])
builder = SparkSession.builder.remote("local[2]")
for key, value in SETTINGS.items():
    builder = builder.config(key, value)
session = builder.getOrCreate()
assert type(session).__module__.startswith("pyspark.sql.connect")
many, one = settle_on_spark(session, city, out=out), year_end(city)
assert_same(one, many, out)
assert_same_folder(one, out, out.parent / "one")
assert one.prepared.past.used
print("the same year:", many.counts.total)
session.stop()
"""


def lacking() -> list[str]:
    def found(name: str) -> bool:
        try:
            return importlib.util.find_spec(name) is not None
        except ModuleNotFoundError:
            return False

    return [name for name in PACKAGES if not found(name)]


@pytest.mark.xdist_group("spark")
@pytest.mark.long
def test_settle_on_spark__gives_the_same_year_through_connect(tmp_path: Path) -> None:
    missing = lacking()
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (drgpay[spark])")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java, which is not on the PATH")
    synthesize(tmp_path / "市", 600, 5, scheme="zj-drg-2022", year=2024, history_years=1)
    root = Path(__file__).parents[2]
    made = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, str(tmp_path / "市"), str(tmp_path / "out")],
        cwd=root,
        env={**os.environ, "PYSPARK_PYTHON": sys.executable, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr[-3_000:]
    assert "the same year: " in made.stdout


def test_room__asks_of_a_session_what_connect_offers_and_stays_small() -> None:
    sources = {path.name: path.read_text(encoding="utf-8") for path in ROOM.glob("**/*.py")}
    classic = re.compile(
        r"_jvm|_jsc|_sc\b|sparkContext|SparkContext|\.rdd\b|SimpleNamespace|\bcast\(Any"
    )
    found = {name: classic.findall(text) for name, text in sources.items()}
    assert not any(found.values()), found
    assert sum(len(text.splitlines()) for text in sources.values()) <= 1_000
