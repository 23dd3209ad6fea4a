"""`drgpay keys`: who may ask the service, as what, and until when; and who logs in by a password."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from drgpay.cli.lang import LANG, t
from drgpay.cli.options import option
from drgpay.cli.serving import data_options, open_store
from drgpay.cli.told import day_of, note, say, say_table
from drgpay.ground.errors import both, in_language, located
from drgpay.service.roles import WORDS, Role

if TYPE_CHECKING:
    from drgpay.service.store import Store

ROLES = tuple(str(role) for role in Role)
HOSPITAL = (
    "--hospital",
    "医疗机构编码（角色为 hospital 时）",
    "hospital id (of the role hospital)",
)
ANYWAY = (
    "--anyway",
    "机构编码不在已发布的结果中也用",
    "also for a hospital that is in no published result",
)


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
@option(*HOSPITAL, default="")
@option(*ANYWAY, is_flag=True)
@option("--days", "有效天数；0为长期有效", "days until it expires; 0: never", type=int, default=365)
@data_options
def add(
    role: str, name: str, hospital: str, anyway: bool, days: int, data: Path, database: str
) -> None:
    """Make a key."""
    store, secret = open_store(data, database)
    from drgpay.service.keys import add_key

    made = add_key(
        store, secret, Role(role), name, hospital=hospital, days=days or None, by="cli",
        anyway=anyway,
    )  # fmt: skip
    _tell_unchecked(store, hospital)
    click.echo(made)
    say("请妥善保存：只显示这一次", "keep it safe: it is not shown again", err=True)


@keys.command("list", help=t("列出密钥（不显示密钥本身）", "List keys, not what opens doors"))
@data_options
def list_command(data: Path, database: str) -> None:
    """List keys."""
    store, _ = open_store(data, database)
    from drgpay.service.keys import STATES, list_keys
    from drgpay.service.store import now

    head = t("编号 角色 机构 名称 发放 到期 状态", "id role hospital name made expires state")
    rows = [
        (key.id, in_language(WORDS[key.role], LANG), key.hospital or "—", key.name,
         day_of(key.made_at), day_of(key.expires_at), in_language(STATES[key.state(now())], LANG))
        for key in list_keys(store)
    ]  # fmt: skip
    say_table(head.split(), rows)


@keys.command(
    "hospitals", help=t("列出已发布结果中的医疗机构", "List the hospitals of published results")
)
@data_options
def hospitals(data: Path, database: str) -> None:
    """List the hospitals that keys and users may be of."""
    store, _ = open_store(data, database)
    from drgpay.service.hospitals import known_hospitals
    from drgpay.service.published import list_published

    found, faults = known_hospitals(list_published(store))
    for fault in faults:
        note(located(fault.where, fault.what), err=True)
    if not found:
        say("没有发布过结果，或读不出来", "nothing is published, or it cannot be read")
        return
    say_table(t("编码 名称", "id name").split(), [(own, name) for own, name in found.items()])


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


@keys.group(
    help=t(
        "用用户名和密码登录网页的用户：添加、列出、停用、换密码。密码在提示处输入，"
        "或作为一行由管道送入。",
        "Users who log in to the pages by name and password: add, list, lock, change the "
        "password. It is asked for, or comes as a line through a pipe.",
    )
)
def user() -> None:
    """Run a command on users."""


@user.command("add", help=t("添加一个用户", "Add a user"))
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
@option(*HOSPITAL, default="")
@option(*ANYWAY, is_flag=True)
@data_options
def user_add(name: str, role: str, hospital: str, anyway: bool, data: Path, database: str) -> None:
    """Add a user."""
    store, _ = open_store(data, database)
    from drgpay.service.users import add_user

    add_user(store, name, Role(role), _password(), hospital=hospital, anyway=anyway)
    _tell_unchecked(store, hospital)
    say(f"已添加用户 {name}", f"the user {name} is added")


@user.command("list", help=t("列出用户", "List users"))
@data_options
def user_list(data: Path, database: str) -> None:
    """List users."""
    store, _ = open_store(data, database)
    from drgpay.service.users import USER_STATES, list_users

    head = t("用户名 角色 机构 添加 登录 状态", "name role hospital added log-in state")
    rows = [
        (one.name, in_language(WORDS[one.role], LANG), one.hospital or "—", day_of(one.made_at),
         t("密码", "password") if one.local else t("统一认证", "elsewhere"),
         in_language(USER_STATES[one.locked_at is not None], LANG))
        for one in list_users(store)
    ]  # fmt: skip
    say_table(head.split(), rows)


@user.command("lock", help=t("停用一个用户，其会话一并结束", "Lock a user and end the sessions"))
@click.argument("name")
@data_options
def user_lock(name: str, data: Path, database: str) -> None:
    """Lock a user."""
    store, _ = open_store(data, database)
    from drgpay.service.users import lock_user

    lock_user(store, name)
    say(f"已停用 {name}，两秒内生效", f"{name} is locked, within two seconds")


@user.command(
    "password",
    help=t("给用户换密码：停用的恢复，原会话结束", "Change a password: unlocks, ends the sessions"),
)
@click.argument("name")
@data_options
def user_password(name: str, data: Path, database: str) -> None:
    """Change a password."""
    store, _ = open_store(data, database)
    from drgpay.service.users import set_password

    set_password(store, name, _password())
    say(f"已换 {name} 的密码", f"{name} has a new password")


def _tell_unchecked(store: Store, hospital: str) -> None:
    """Say of a hospital that nothing was published yet to look it up in."""
    from drgpay.service.published import list_published

    if hospital and not list_published(store):
        note(
            both(
                f"尚未发布结果，机构编码 {hospital} 没有核对",
                f"nothing is published yet: the hospital id {hospital} was not checked",
            ),
            err=True,
        )


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    asked: str = click.prompt(
        t("密码（至少12个字符）", "password (at least 12 letters)"),
        hide_input=True,
        confirmation_prompt=t("再输入一次", "once more"),
    )
    return asked
