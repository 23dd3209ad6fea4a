"""`drgpay scheme`: list, check and show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from drgpay.cli import scheme as command
from drgpay.cli import scheme_show
from drgpay.ground.errors import InputError
from drgpay.ground.reference import bundled
from drgpay.schemes.checks import CHECKS
from drgpay.schemes.load import NO_LONGER_FOUND, is_sealed, load_scheme

HERE = Path(__file__).parent


def _run(*words: str | Path) -> Result:
    return CliRunner().invoke(command.scheme, [str(word) for word in words])


def test_list__names_bundled_schemes_with_counts() -> None:
    result = _run("list")
    assert result.exit_code == 0
    for name in bundled("schemes"):
        assert name in result.output
    assert "DRG 1006" in result.output
    assert "chs-drg-2.0" in result.output
    assert load_scheme("zj-drg-2022").digest[:12] in result.output


def test_check__of_sound_tables_prints_counts(tiny: Any) -> None:
    result = _run("check", tiny.write())
    assert result.exit_code == 0
    assert "tiny: MDC 2，ADRG 4，DRG 7" in result.output
    assert "新问题 0，已知问题 0" in result.output


def test_check__of_broken_tables_prints_each_finding_and_exits_with_3(tiny: Any) -> None:
    tiny.tables["mdc.csv"][0][2] = ""
    tiny.tables["drg.csv"][6][3] = "mcc and"
    result = _run("check", tiny.write())
    assert result.exit_code == 3
    assert "mdc.csv 第2行：MDCZ 没有名称" in result.output
    assert "drg.csv 第8行：FU1.FU19 的规则读不懂" in result.output
    assert "规则读不懂" in result.output


def test_check__prints_known_findings_too(tiny: Any) -> None:
    tiny.tables["mdc.csv"][0][2] = ""
    tiny.tables["known_findings.csv"] = [["name_missing", "mdc.csv", "MDCZ", "why"]]
    result = _run("check", tiny.write())
    assert result.exit_code == 0
    assert "已知问题 (1)" in result.output
    assert "mdc.csv 第2行：MDCZ 没有名称" in result.output


def test_check__seals_sound_tables_and_mends_a_wrong_digest(tiny: Any) -> None:
    tiny.manifest = 'digest = "0"\n' + tiny.manifest
    assert _run("check", tiny.write()).exit_code == 3
    result = _run("check", tiny.folder, "--seal")
    assert result.exit_code == 0
    assert is_sealed(load_scheme(tiny.folder))


def test_check__does_not_seal_broken_tables(tiny: Any) -> None:
    tiny.tables["mdc.csv"][0][2] = ""
    result = _run("check", tiny.write(), "--seal")
    assert result.exit_code == 3
    assert "有新问题，未封存" in result.output
    assert (tiny.folder / "manifest.toml").read_text(encoding="utf-8") == tiny.manifest


def test_show__of_a_scheme_is_a_summary() -> None:
    result = _run("show", "zj-drg-2022")
    assert result.exit_code == 0
    for text in ("浙江省疾病诊断相关分组", "DRG 1006", "MDCF 循环系统疾病及功能障碍", "与封存一致"):
        assert text in result.output


def test_show__of_a_drg_has_rules_lists_split_and_place() -> None:
    result = _run("show", "zj-drg-2022", "fr11")
    assert result.exit_code == 0
    for text in (
        "FR11 心力衰竭、休克，伴严重并发症与合并症",
        "ADRG FR1 ",
        "MDCF 循环系统疾病及功能障碍",
        "ADRG规则: 主要诊断在列表dx中，且 主要手术不在有效手术操作中",
        "dx: 54 诊断",
        "I50.000 充血性心力衰竭",
        "→ 2 FR11",
        "顺序 MDC第11个（共26个），ADRG第26个（共42个）",
    ):
        assert text in result.output


def test_show__of_an_adrg_with_several_rules_shows_each() -> None:
    result = _run("show", HERE / "testland-tiny", "AH1")
    assert result.exit_code == 0
    assert "AH1_1 " in result.output
    assert "AH1_2 " in result.output


def test_show__of_an_mdc_has_its_sites_and_adrgs() -> None:
    result = _run("show", HERE / "testland-tiny", "MDCZ")
    assert "site_2 胸部: 2 诊断" in result.output
    assert "ZZ2" in result.output
    assert "ZQY（主要手术操作）" in result.output


def test_show__of_a_missing_list_says_so() -> None:
    assert "空：表中没有这个列表" in _run("show", "zj-drg-2022", "DA1").output


def test_show__of_an_unknown_group_is_an_input_error() -> None:
    result = _run("show", "zj-drg-2022", "QQ99")
    assert isinstance(result.exception, InputError)


def test_texts__are_english_on_request(monkeypatch: pytest.MonkeyPatch, tiny: Any) -> None:
    monkeypatch.setattr("drgpay.cli.lang.LANG", "en")
    tiny.tables["mdc.csv"][0][2] = ""
    output = _run("check", tiny.write()).output
    assert "new findings (1)" in output
    assert "Fail if an MDC, ADRG or DRG has no name." in output


def test_checks__all_have_a_chinese_name() -> None:
    assert set(scheme_show.CHINESE) == {*(check.__name__ for check in CHECKS), NO_LONGER_FOUND}
