"""`drgpay cases key`: the key under which certificate numbers of lists become pseudonyms."""

from __future__ import annotations

from pathlib import Path

import click

from drgpay.cli.lang import t


@click.command(
    "key",
    short_help=t("生成统筹区的假名密钥", "Make a region's key of pseudonyms"),
    help=t(
        "生成假名密钥：清单中的证件号码以它变成假名（patient_id），历年须用同一把。放在统筹区文件夹中，"
        "名为 pseudonym.key；只有本人可读，从不覆盖，不要随结果外传。",
        "Make the key under which certificate numbers of settlement lists become pseudonyms "
        "(patient_id); keep one for all years. It belongs into the region folder as pseudonym.key, "
        "only its owner may read it, and it is never overwritten; do not hand it on with results.",
    ),
)
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help=t("密钥文件，如 统筹区文件夹/pseudonym.key", "the file, as REGION/pseudonym.key"),
)
def key(out: Path) -> None:
    """Make a key."""
    from drgpay.cases.pseudonyms import make_key

    make_key(out)
    click.echo(t(f"密钥 {out}：请妥善保存", f"key {out}: keep it safe"))
