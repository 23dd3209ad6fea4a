"""`drgpay cases`: files of cases before anything is computed from them."""

from __future__ import annotations

from pathlib import Path

from drgpay.cli.lang import LANG, t
from drgpay.cli.lazy import LazyGroup
from drgpay.cli.options import command, out_option
from drgpay.cli.told import say

cases = LazyGroup(
    "cases",
    lazy={
        "template": ("drgpay.cli.cases", "template"),
        "check": ("drgpay.cli.cases_check", "check"),
        "convert": ("drgpay.cli.cases_convert", "convert"),
        "key": ("drgpay.cli.cases", "key"),
    },
    help=t(
        "病例文件：生成填报模板、检查、转换。",
        "Files of cases: a template to fill in, checks, conversion.",
    ),
)


@command(
    "生成病例填报模板（Excel）：填表说明、带下拉选项的病例表、虚构的示例。"
    "填好后可直接用于 drgpay group 等命令。",
    "Write an Excel template for cases: instructions, a sheet with drop-downs, invented "
    "examples. Filled in, it goes into drgpay group and the other commands as it is.",
    short=("生成病例填报模板（Excel）", "Write an Excel template for cases"),
)
@out_option(
    "模板文件，.xlsx；不覆盖已有文件", "the template, .xlsx; never overwrites a file", required=True
)
def template(out: Path) -> None:
    """Write the template."""
    from drgpay.cases.template import write_template

    write_template(out, LANG)
    say(f"模板 {out}", f"template {out}")


@command(
    "生成假名密钥：清单中的证件号码以它变成假名（patient_id），历年须用同一把。放在统筹区文件夹中，"
    "名为 pseudonym.key；只有本人可读，从不覆盖，不要随结果外传。",
    "Make the key under which certificate numbers of settlement lists become pseudonyms "
    "(patient_id); keep one for all years. It belongs into the region folder as pseudonym.key, "
    "only its owner may read it, and it is never overwritten; do not hand it on with results.",
    short=("生成统筹区的假名密钥", "Make a region's key of pseudonyms"),
)
@out_option(
    "密钥文件，如 统筹区文件夹/pseudonym.key", "the file, as REGION/pseudonym.key", required=True
)
def key(out: Path) -> None:
    """Make a key."""
    from drgpay.cases.pseudonyms import make_key

    make_key(out)
    say(f"密钥 {out}：请妥善保存", f"key {out}: keep it safe")
