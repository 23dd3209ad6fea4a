"""Whatever comes in as a small file: pipes, devices, TOML and JSON made to cost, wrong types."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from drgpay.cases.mapping import read_mapping
from drgpay.ground.errors import DrgpayError, InputError, PolicyError, SchemeError
from drgpay.ground.inputs import parse_json, read_input, read_toml
from drgpay.policy import load_policy
from drgpay.region.region import read_region
from drgpay.runs.pricing import Pricer
from drgpay.runs.records import list_runs
from drgpay.schemes.load import load_scheme
from drgpay.why.folder import RunFolder

ROOT = Path(__file__).resolve().parents[2]
EX1 = ROOT / "tests" / "cases" / "ex1"
TINY = ROOT / "tests" / "schemes" / "ex1-tiny"
posix = pytest.mark.skipif(sys.platform == "win32", reason="pipes and devices of POSIX")


def put(path: Path, kind: str) -> None:
    """Put a pipe, a link to a device that never ends, or a folder in the place of a file."""
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()


@pytest.fixture
def region(tmp_path: Path) -> Path:
    folder = tmp_path / "region"
    shutil.copytree(EX1, folder, ignore=shutil.ignore_patterns("expected"))
    head = (folder / "region.toml").read_text(encoding="utf-8")
    head = head.replace('"../../schemes/ex1-tiny"', '"scheme"')
    (folder / "region.toml").write_text(head, encoding="utf-8")
    shutil.copytree(TINY, folder / "scheme")
    policy = ROOT / "reference" / "policies" / "hangzhou.toml"
    shutil.copy(policy, folder / "own.toml")
    return folder


def refused(work: object, *given: object, of: type[DrgpayError], named: str) -> None:
    started = time.perf_counter()
    with pytest.raises(of) as found:
        work(*given)  # type: ignore[operator]
    assert named in str(found.value), found.value
    assert time.perf_counter() - started < 5


@posix
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_plain_file__is_refused_at_once_everywhere(region: Path, kind: str) -> None:
    for name in ("hospitals.csv", "region.toml"):
        kept = (region / name).read_bytes()
        put(region / name, kind)
        refused(read_region, region, of=InputError, named=name)
        (region / name).rmdir() if kind == "folder" else (region / name).unlink()
        (region / name).write_bytes(kept)
    put(region / "own.toml", kind)
    refused(load_policy, region / "own.toml", of=PolicyError, named="own.toml")
    for ending in ("csv", "toml"):
        put(region.parent / f"map.{ending}", kind)
        mapping = region.parent / f"map.{ending}"
        refused(read_mapping, mapping, of=InputError, named=mapping.name)
    for name in ("drg.csv", "lists.csv", "weights.csv", "manifest.toml", "known_findings.csv"):
        own = region.parent / f"scheme-{name}"
        shutil.copytree(TINY, own)
        put(own / name, kind)
        refused(load_scheme, own, of=SchemeError, named=name)
    run = region.parent / "run"
    run.mkdir()
    put(run / "manifest.json", kind)
    for reader in (RunFolder, Pricer):
        refused(reader, run, of=InputError, named="run")
    assert list_runs(region.parent)[0] == []


@posix
def test_region_tables__excel_and_files_of_data_that_are_pipes(region: Path) -> None:
    os.mkfifo(region / "reviews.xlsx")
    (region / "reviews.csv").unlink()
    refused(read_region, region, of=InputError, named="reviews.xlsx")


TOMLS = {
    "a number of 5,000 digits": (f"year = {'9' * 5000}\n".encode(), "位数过多", "too many digits"),
    "a key of 100,000 parts": (b"a" + b".a" * 100_000 + b" = 1\n", "点超过", "dots in a line"),
    "quoted parts": (b'"a"' + b'."a"' * 100_000 + b" = 1\n", "点超过", "dots in a line"),
    "a table of 100,000 parts": (b"[a" + b".a" * 100_000 + b"]\n", "点超过", "dots in a line"),
    "arrays nested 20,000 deep": (b"a = " + b"[" * 20_000, "嵌套过深", "nested too deeply"),
    "tables nested inline": (b"a = " + b"{a=" * 20_000, "嵌套过深", "nested too deeply"),
    "not UTF-8": (b"a = '\xff'\n", "不是UTF-8", "not TOML"),
    "5 MB": (b"#" * (5 * 2**20), "超过4 MB", "larger than 4 MB"),
}


@pytest.mark.parametrize("kind", TOMLS)
def test_toml__made_to_cost_is_refused_with_its_place(region: Path, kind: str) -> None:
    content, chinese, english = TOMLS[kind]
    own = region.parent / "own.toml"
    own.write_bytes(content)
    for work, path, of in (
        (read_toml, own, InputError),
        (load_policy, own, PolicyError),
        (read_mapping, own, InputError),
    ):
        refused(work, path, of=of, named="own.toml")  # type: ignore[arg-type]
    (region / "region.toml").write_bytes(content)
    refused(read_region, region, of=InputError, named="region.toml")
    (region / "scheme" / "manifest.toml").write_bytes(content)
    with pytest.raises(SchemeError) as found:
        load_scheme(region / "scheme")
    assert "manifest.toml" in str(found.value) and english in str(found.value)
    assert chinese in found.value.text("zh")


WRONG = [
    "title = 5", "title = []", "options = 1", "options = []", 'options = {surgical_match = ["main"]}',
    "code_system = 3", "code_system = {name = 3}", 'code_system = {name = "../../x"}',
    "effective = 2024-01-01", "effective = {from = 5}", "effective = {from = true}",
    'effective = {from = "2024"}', "family = []", "draft = 3", "counts = []", "digest = 7",
    "known_findings = 3", "options = {retry_further_procedures = 3}",
]  # fmt: skip


@pytest.mark.parametrize("line", WRONG)
def test_manifest__of_wrong_types_is_refused_by_name(region: Path, line: str) -> None:
    file = region / "scheme" / "manifest.toml"
    name = line.split(" ")[0]
    kept = []
    inside = ""
    for old in file.read_text(encoding="utf-8").splitlines():
        if old.startswith("["):
            inside = old.strip("[]").split(".")[0]
        if inside != name and not (not inside and old.startswith((f"{name} ", f"{name}="))):
            kept.append(old)
    file.write_text("\n".join([line, *kept]) + "\n", encoding="utf-8")
    refused(load_scheme, region / "scheme", of=SchemeError, named="manifest.toml")


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, "7", "[]", "null", '{"region": 3}', '{"policy": []}']
)
def test_run_manifest__of_any_json_is_no_run(tmp_path: Path, text: str) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "manifest.json").write_text(text, encoding="utf-8")
    for reader in (RunFolder, Pricer):
        refused(reader, run, of=InputError, named="run")
    assert list_runs(tmp_path) == ([], [run])
    if text.startswith(("[[", '{"a":{')):
        with pytest.raises(ValueError, match="nested"):
            parse_json(text.encode())


def test_command__run_manifests_nested_deeply(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"a": 1})[:-1] + ',"b":' + "[" * 200_000)
    for words in (["why", tmp_path, "--pool", "310"], ["letters", tmp_path, "-o", tmp_path / "x"]):
        done = subprocess.run(
            [sys.executable, "-m", "drgpay", *map(str, words)],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONIOENCODING": "utf-8"},
            capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 5 and str(tmp_path) in done.stderr.decode(), done.stderr.decode()


def test_names__that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(str(tmp_path)) + b"/\xff.csv"))
    path.write_bytes(b"x")
    with pytest.raises(InputError, match=r"udcff\.csv is not UTF-8"):
        read_input(path)


def test_limits__of_size(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"x" * (2**20 + 1))
    with pytest.raises(InputError, match="larger than 1 MB"):
        read_input(path, limit=2**20)
    assert len(read_input(path)) == 2**20 + 1
