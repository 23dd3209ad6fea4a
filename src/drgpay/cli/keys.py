"""`drgpay keys`: who may ask the service, as what, and until when."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from drgpay.cli.lang import LANG, t
from drgpay.cli.options import option
from drgpay.cli.serving import data_options, open_store
from drgpay.cli.told import say
from drgpay.ground.errors import in_language

ROLES = ("hospital", "agency", "auditor", "keys")


@click.group(
    help=t(
        "服务的密钥：发放、列出、吊销。密钥只在发放时显示一次。",
        "Keys of the service: hand out, list, revoke. A key is shown once, when it is made.",
    )
)
def keys() -> None:
    """Run a command on keys."""


@keys.command("add", help=t("发放一个密钥并显示它", "Make a key and show it"))
@click.argument("role", type=click.Choice(ROLES))
@option("--name", "交给谁用", "who it is for", required=True)
@option(
    "--hospital",
    "医疗机构编码（角色为 hospital 时）",
    "hospital id (of the role hospital)",
    default="",
)
@option("--days", "有效天数；0为长期有效", "days until it expires; 0: never", type=int, default=365)
@data_options
def add(role: str, name: str, hospital: str, days: int, data: Path, database: str) -> None:
    """Make a key."""
    store, secret = open_store(data, database)
    from drgpay.service.keys import add_key
    from drgpay.service.roles import Role

    made = add_key(store, secret, Role(role), name, hospital=hospital, days=days or None, by="cli")
    click.echo(made)
    say("请妥善保存：只显示这一次", "keep it safe: it is not shown again", err=True)


@keys.command("list", help=t("列出密钥（不显示密钥本身）", "List keys, not what opens doors"))
@data_options
def list_command(data: Path, database: str) -> None:
    """List keys."""
    store, _ = open_store(data, database)
    from drgpay.service.keys import list_keys
    from drgpay.service.roles import WORDS
    from drgpay.service.store import now

    states = {
        "valid": t("有效", "valid"),
        "expired": t("过期", "expired"),
        "revoked": t("已吊销", "revoked"),
    }
    for key in list_keys(store):
        until = "—" if key.expires_at is None else str(dt.date.fromtimestamp(key.expires_at))
        click.echo(
            "\t".join(
                (key.id, in_language(WORDS[key.role], LANG), key.hospital or "—", key.name,
                 str(dt.date.fromtimestamp(key.made_at)), until, states[key.state(now())])
            )
        )  # fmt: skip


@keys.command(
    "revoke", help=t("吊销一个密钥，由它登录的会话一并结束", "Revoke a key and its sessions")
)
@click.argument("key_id")
@data_options
def revoke(key_id: str, data: Path, database: str) -> None:
    """End a key."""
    store, _ = open_store(data, database)
    from drgpay.service.keys import revoke_key

    revoke_key(store, key_id)
    say(f"已吊销 {key_id}，两秒内生效", f"{key_id} is revoked, within two seconds")
