"""What a process keeps of earlier runs, compiled schemes and read policies, follows their files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from drgpay.ground.errors import SchemeError
from drgpay.grouper.engine import Grouper
from drgpay.grouper.versions import any_grouper
from drgpay.policy.files import load_policy
from tests.settlement.regions import TESTS
from tests.settlement.small import TINY


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def compiled(name: str, base: Path) -> Grouper:
    found = any_grouper(name, (), None, base)
    assert isinstance(found, Grouper)
    return found


def test_scheme__is_compiled_again_when_its_files_change(tmp_path: Path) -> None:
    shutil.copytree(TINY, tmp_path / "tiny")
    first = compiled("./tiny", tmp_path)
    assert compiled("./tiny", tmp_path) is first
    edit(tmp_path / "tiny" / "manifest.toml", '"main"', '"any"')
    second = compiled("./tiny", tmp_path)
    assert (first.scheme.surgical_match, second.scheme.surgical_match) == ("main", "any")
    edit(tmp_path / "tiny" / "manifest.toml", '"any"', '"main"')
    assert compiled("./tiny", tmp_path) is first
    edit(tmp_path / "tiny" / "lists.csv", "I25.103", "I25.101")
    with pytest.raises(SchemeError, match=r"manifest\.toml"):
        compiled("./tiny", tmp_path)


def test_scheme__is_compiled_again_when_the_one_below_changes(tmp_path: Path) -> None:
    shutil.copytree(TINY, tmp_path / "tiny")
    (tmp_path / "mine").mkdir()
    mine = 'title = "t"\nbase = "../tiny"\n[effective]\nfrom = 2019-01-01\n'
    (tmp_path / "mine" / "manifest.toml").write_text(mine, "utf-8")
    first = compiled("./mine", tmp_path)
    edit(tmp_path / "tiny" / "manifest.toml", '"main"', '"any"')
    assert compiled("./mine", tmp_path).scheme.surgical_match != first.scheme.surgical_match


def test_scheme__bundled_is_compiled_once_whatever_the_region(tmp_path: Path) -> None:
    assert compiled("zj-drg-2022", tmp_path) is compiled("zj-drg-2022", tmp_path.parent)


def test_policy__is_read_again_when_its_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    shutil.copy(TESTS.parent / "reference" / "policies" / "hangzhou.toml", path)
    first = load_policy(path)
    assert load_policy(path) is first
    edit(path, first.title, "Another")
    assert load_policy(path).title == "Another" != first.title
