"""Loading: known findings, sealing, bundled schemes."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from drgpay.ground.errors import InputError, SchemeError
from drgpay.ground.reference import bundled, resolve
from drgpay.schemes import load_scheme
from drgpay.schemes.checks import counts
from drgpay.schemes.folders import read_manifest
from drgpay.schemes.load import Checked, check_scheme, is_sealed, seal
from drgpay.schemes.tables import read_tables

HERE = Path(__file__).parent
KNOWN = "known_findings.csv"


@cache
def _checked(name: str) -> Checked:
    return check_scheme(name)


def _accept(tiny: Any, *rows: tuple[str, str, str]) -> None:
    tiny.tables[KNOWN] = [[*row, "why"] for row in rows]


# the overlays share the base's tables, whose checks take seconds each: most of them are long
ALWAYS = {"zj-drg-2024"}  # stands on chs-drg-2.0, whose tables are looked through with it


@pytest.mark.parametrize(
    "name",
    [
        name if name in ALWAYS else pytest.param(name, marks=pytest.mark.long)
        for name in bundled("schemes")
    ],
)
def test_bundled_scheme__has_no_new_finding(name: str) -> None:
    checked = _checked(name)
    assert [str(finding) for finding in checked.new] == []
    assert is_sealed(checked.scheme)


@pytest.mark.parametrize(
    ("name", "mdc", "adrg", "drg", "ambiguous"),
    [  # the counts that the schemes' publishers state
        ("zj-drg-2022", 26, 376, 1006, 0),
        ("chs-drg-1.1", 26, 376, 628, 0),
        ("chs-drg-2.0", 26, 409, 634, 20),
        ("zj-drg-2024", 26, 409, 933, 20),
        ("chongqing-drg-2022", 26, 376, 792, 20),
    ],
)
def test_bundled_scheme__has_the_published_counts(
    name: str, mdc: int, adrg: int, drg: int, ambiguous: int
) -> None:
    stated = counts(load_scheme(name))
    found = (stated["mdc"], stated["adrg"], stated["drg"], stated["ambiguous_groups"])
    assert found == (mdc, adrg, drg, ambiguous)
    assert read_manifest(resolve("schemes", name))["counts"] == stated


@pytest.mark.parametrize("name", ["ex1-tiny", "testland-tiny"])
def test_fixture_scheme__has_no_finding(name: str) -> None:
    checked = check_scheme(HERE / name)
    assert (checked.new, checked.known) == ((), ())


def test_zj_scheme__known_findings_are_the_missing_lists_and_what_follows() -> None:
    known = {(f.check, f.subject) for f in _checked("zj-drg-2022").known}
    assert {("list_unknown", "DA1.proc"), ("list_unknown", "RB1.proc")} <= known
    assert {("adrg_unreachable", "DA1"), ("adrg_unreachable", "RB1")} <= known


def test_surgical_match__is_overridden() -> None:
    assert load_scheme("zj-drg-2022").retry is True
    other = load_scheme("zj-drg-2022", surgical_match="any")
    assert (other.surgical_match, other.retry) == ("any", False)
    with pytest.raises(SchemeError, match="write main or any"):
        load_scheme("zj-drg-2022", surgical_match="both")


def test_unknown_name__lists_what_is_bundled() -> None:
    with pytest.raises(InputError, match="zj-drg-2022"):
        load_scheme("zj-drg-2023")


def test_relative_path__starts_at_base(tiny: Any) -> None:
    tiny.write()
    assert load_scheme("tiny", base=tiny.folder.parent).id == "tiny"


def test_known_finding__is_accepted(tiny: Any) -> None:
    tiny.tables["valid_procedures.csv"].append(["00.31"])
    rows = [
        ("code_impossible", "valid_procedures.csv", "00.31"),
        ("code_without_name", "valid_procedures.csv", "1 procedure code"),
    ]
    _accept(tiny, *rows)
    checked = check_scheme(tiny.write())
    assert checked.new == ()
    assert [finding.key for finding in checked.known] == rows
    load_scheme(tiny.folder)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (("name_missing", "drg.csv", "FU1.FU19"), "is no longer found; delete the row"),
        (("row_twice", "lists.csv", "FU1.dx: 1 row"), "is no longer found; delete the row"),
        (("name_mising", "drg.csv", "FU1.FU19"), "there is no check 'name_mising'"),
        (("tables_changed_since_seal", "manifest.toml", "digest"), "seal the manifest"),
    ],
)
def test_known_finding__that_no_longer_occurs_is_a_finding(
    tiny: Any, row: tuple[str, str, str], text: str
) -> None:
    _accept(tiny, row)
    with pytest.raises(SchemeError) as error:
        load_scheme(tiny.write())
    (fault,) = error.value.faults
    assert fault.startswith("known_findings.csv:2: ")
    assert text in fault


def test_known_finding__twice_is_a_finding(tiny: Any) -> None:
    tiny.tables["mdc.csv"][0][2] = ""
    _accept(tiny, ("name_missing", "mdc.csv", "MDCZ"), ("name_missing", "mdc.csv", "MDCZ"))
    with pytest.raises(SchemeError, match=r"known_findings\.csv:3: .* stands here again"):
        load_scheme(tiny.write())


def test_known_finding__with_another_count_is_new_again(tiny: Any) -> None:
    tiny.tables["valid_procedures.csv"] += [["39.9000"], ["39.9100"]]
    _accept(tiny, ("code_without_name", "valid_procedures.csv", "1 procedure code"))
    with pytest.raises(SchemeError) as error:
        load_scheme(tiny.write())
    assert [fault.split(":")[0] for fault in error.value.faults] == ["valid_procedures.csv", KNOWN]


def test_seal__writes_counts_and_digest_and_keeps_the_text(tiny: Any) -> None:
    seal(check_scheme(tiny.write()))
    text = (tiny.folder / "manifest.toml").read_text(encoding="utf-8")
    for line in tiny.manifest.splitlines():
        assert line in text.splitlines()
    manifest = read_manifest(tiny.folder)
    assert manifest["counts"] == counts(read_tables(tiny.folder))
    assert is_sealed(load_scheme(tiny.folder))
    seal(check_scheme(tiny.folder))
    assert (tiny.folder / "manifest.toml").read_text(encoding="utf-8") == text


def test_seal__counts_known_findings_by_check(tiny: Any) -> None:
    tiny.tables["mdc.csv"][0][2] = ""
    _accept(tiny, ("name_missing", "mdc.csv", "MDCZ"))
    seal(check_scheme(tiny.write()))
    assert read_manifest(tiny.folder)["known_findings"] == {"name_missing": 1}
    tiny.tables["mdc.csv"][0][2] = "多发创伤"
    tiny.tables[KNOWN] = []
    tiny.manifest = (tiny.folder / "manifest.toml").read_text(encoding="utf-8")
    seal(check_scheme(tiny.write()))
    assert "known_findings" not in read_manifest(tiny.folder)


def test_seal__refuses_new_findings(tiny: Any) -> None:
    tiny.tables["mdc.csv"][0][2] = ""
    with pytest.raises(SchemeError, match=r"mdc\.csv:2: MDCZ has no name"):
        seal(check_scheme(tiny.write()))
    assert (tiny.folder / "manifest.toml").read_text(encoding="utf-8") == tiny.manifest


def test_sealed_scheme__whose_tables_changed_must_be_sealed_again(tiny: Any) -> None:
    seal(check_scheme(tiny.write()))
    with (tiny.folder / "lists.csv").open("a", encoding="utf-8") as stream:
        stream.write("ZZ1,dx,S27.100\n")
    with pytest.raises(SchemeError) as error:
        load_scheme(tiny.folder)
    assert "run drgpay scheme check --seal" in str(error.value)
    seal(check_scheme(tiny.folder))
    load_scheme(tiny.folder)


def test_sealed_scheme__repeats_the_quick_checks_only(tiny: Any) -> None:
    seal(check_scheme(tiny.write()))
    text = (tiny.folder / "manifest.toml").read_text(encoding="utf-8")
    (tiny.folder / "manifest.toml").write_text(
        text.replace("list_rows = 10", "list_rows = 11"), encoding="utf-8"
    )
    with pytest.raises(SchemeError, match=r"list_rows is 11, the tables have 10"):
        load_scheme(tiny.folder)


def test_unsealed_scheme__loads_when_it_is_not_bundled(tiny: Any) -> None:
    assert not is_sealed(load_scheme(tiny.write()))


def test_unchecked_scheme__loads_with_its_faults(tiny: Any) -> None:
    tiny.tables["mdc.csv"][0][2] = ""
    assert load_scheme(tiny.write(), check=False).mdcs[0].name == ""


def test_loading__a_bundled_scheme_does_not_import_pandas() -> None:
    code = (
        "import sys; from drgpay.schemes import compile_scheme, load_scheme; "
        "compile_scheme(load_scheme('chongqing-drg-2022')); sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
