"""The definitions manual: every group, rule and code of the scheme, links that lead somewhere."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest
from click.testing import CliRunner

from drgpay.cli import scheme as command
from drgpay.ground.errors import InputError, SchemeError
from drgpay.report.scheme_manual import write_manual
from drgpay.schemes.load import load_scheme

TINY = Path(__file__).parent / "testland-tiny"


@pytest.fixture(scope="module", params=["zh", "en"])
def manual(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("manual") / "docs"
    assert write_manual(load_scheme(TINY), folder, request.param) == len(list(folder.rglob("*.*")))
    return folder


def test_manual__has_every_group_rule_and_listed_code(manual: Path) -> None:
    scheme = load_scheme(TINY)
    codes = scheme.diagnoses.codes.to_pylist(), scheme.procedures.codes.to_pylist()
    for mdc in scheme.mdcs:
        page = (manual / "mdc" / f"{mdc.mdc}.html").read_text(encoding="utf-8")
        plain = page.replace("&#34;", '"').replace("&lt;", "<").replace("&gt;", ">")
        assert mdc.rule in plain
        for adrg in scheme.adrgs:
            if adrg.mdc == mdc.mdc:
                assert f'id="{adrg.key}"' in page and adrg.rule in plain and adrg.name in page
        for (owner, name), ids in scheme.lists.items():
            if owner == mdc.mdc:
                own = codes[name.startswith("proc")]
                assert all(own[i - 1] in page for i in ids.tolist())
    severity = (manual / "severity.html").read_text(encoding="utf-8")
    assert all(code in severity for code in scheme.severity["code"].to_pylist())
    exclusions = (manual / "exclusions.html").read_text(encoding="utf-8")
    assert all(code in exclusions for code in scheme.exclusions["principal"].to_pylist())


def test_manual__links_lead_somewhere_and_never_to_the_network(manual: Path) -> None:
    for page in manual.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r'(?:href|src)="([^"]+)"', text):
            assert not target.startswith(("http", "//")), target
            file, _, anchor = target.partition("#")
            there = (page.parent / file).resolve() if file else page
            assert there.exists(), (page, target)
            if anchor:
                assert f'id="{anchor}"' in there.read_text(encoding="utf-8"), (page, target)


def test_manual__search_index_knows_codes_groups_and_where_they_stand(manual: Path) -> None:
    script = (manual / "codes.js").read_text(encoding="utf-8")
    parts = {
        name: json.loads(value)
        for name, value in re.findall(r"const (\w+) = (.*?);$", script, flags=re.S | re.M)
    }
    rows = {(kind, code): (name, groups) for kind, code, name, groups in parts["CODES"]}
    assert set(rows[("d", "J18.100")][1].split()) >= {"MDCE", "ES1", "ET1"}
    assert rows[("g", "ES11")][1] == "mdc/MDCE.html#ES1"
    assert rows[("p", "36.0700")][1] == "FM1"
    for place in parts["PLACES"].values():
        file, _, anchor = place.partition("#")
        page = (manual / file).read_text(encoding="utf-8")
        assert not anchor or f'id="{anchor}"' in page


def test_command__writes_a_bundled_scheme_and_never_overwrites(tmp_path: Path) -> None:
    words = ["docs", "zj-drg-2022", "-o", str(tmp_path / "m")]
    result = CliRunner().invoke(command.scheme, words)
    assert result.exit_code == 0 and "index.html" in result.output
    size = sum(path.stat().st_size for path in (tmp_path / "m").rglob("*.*"))
    assert 3_000_000 < size < 60_000_000
    with pytest.raises(InputError, match="already"):
        write_manual(load_scheme(TINY), tmp_path / "m")


@pytest.mark.parametrize("code", ["../../outside", "/tmp/outside", "a/b", "..", "con", "x" * 400])
def test_manual__codes_that_are_paths_stay_in_the_folder(tmp_path: Path, code: str) -> None:
    scheme = load_scheme(TINY)
    first = scheme.mdcs[0].mdc
    scheme = replace(
        scheme,
        mdcs=(replace(scheme.mdcs[0], mdc=code), *scheme.mdcs[1:]),
        adrgs=tuple(replace(a, mdc=code) if a.mdc == first else a for a in scheme.adrgs),
    )
    before = {p for p in tmp_path.parent.rglob("*") if tmp_path not in (p, *p.parents)}
    write_manual(scheme, tmp_path / "manual")
    pages = list((tmp_path / "manual" / "mdc").iterdir())
    assert len(pages) == len(scheme.mdcs) and all(p.suffix == ".html" for p in pages)
    assert [p.name for p in tmp_path.iterdir()] == ["manual"]
    assert {p for p in tmp_path.parent.rglob("*") if tmp_path not in (p, *p.parents)} == before
    index = (tmp_path / "manual" / "index.html").read_text(encoding="utf-8")
    for link in re.findall(r'href="(mdc/[^"#]+)"', index):
        assert (tmp_path / "manual" / unquote(link)).is_file()


def test_docs__a_scheme_with_faults_is_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(TINY, tmp_path / "scheme")
    text = (folder / "mdc.csv").read_text(encoding="utf-8")
    head, first, *rest = text.splitlines()
    order, _, *more = first.split(",")
    changed = [head, ",".join([order, "../../outside", *more]), *rest]
    (folder / "mdc.csv").write_text("\n".join(changed) + "\n", encoding="utf-8")
    done = CliRunner().invoke(command.scheme, ["docs", str(folder), "-o", str(tmp_path / "m")])
    assert isinstance(done.exception, SchemeError)
    assert [p.name for p in tmp_path.iterdir()] == ["scheme"]
