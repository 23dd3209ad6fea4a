"""`drgpay keys`: handed out, listed, revoked; users with their passwords."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from drgpay.cli import cli
from drgpay.ground.errors import InputError
from drgpay.months.folder import write_month
from drgpay.months.run import run_month
from drgpay.report.amounts import display_width
from drgpay.service.hospitals import UnknownHospitalError, known_hospitals, refuse_unknown
from drgpay.service.keys import KeyRing, add_key
from drgpay.service.published import list_published, publish
from drgpay.service.roles import Role
from drgpay.service.settings import Settings, secret_of
from drgpay.service.store import KEYS, Store, now
from drgpay.service.users import add_user, check_password
from tests.command import drgpay, warm
from tests.service.conftest import EX1


@pytest.fixture(scope="module", autouse=True)
def loaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    warm("keys", "list", "--data", tmp_path_factory.mktemp("keys"))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(Settings(data=tmp_path).url)
    made.upgrade()
    return made


def test_key__is_handed_out_listed_and_revoked(tmp_path: Path, store: Store) -> None:
    made = drgpay(
        "keys",
        "add",
        "hospital",
        "--name",
        "病案室 HIS",
        "--hospital",
        "330106001",
        "--data",
        tmp_path,
    )
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    assert re.fullmatch(r"dp_[0-9a-f]{12}_[\w-]{43}", key) and "只显示这一次" in made.stderr
    drgpay("keys", "add", "agency", "--name", "a", "--days", "0", "--data", tmp_path)
    ring = KeyRing(store, secret_of(tmp_path))
    caller = ring.find(key)
    assert caller is not None and (caller.role, caller.hospital) == (Role.HOSPITAL, "330106001")
    listed = drgpay("keys", "list", "--data", tmp_path).stdout
    lines = listed.splitlines()
    assert lines[0].split() == ["编号", "角色", "机构", "名称", "发放", "到期", "状态"]
    own, agency = (
        next(line for line in lines if word in line) for word in ("330106001", "经办机构")
    )
    assert "医疗机构" in own and "病案室 HIS" in own and own.endswith("有效") and "—" in agency
    states = {display_width(line[: line.rindex(line.split()[-1])]) for line in lines}
    assert len(states) == 1, "the columns stand under their heads"
    assert key not in listed and key.split("_", 2)[2] not in listed
    key_id = key.split("_")[1]
    assert "已吊销" in drgpay("keys", "revoke", key_id, "--data", tmp_path).stdout
    ring.refresh()
    assert ring.find(key) is None
    assert "revoked" in drgpay("keys", "list", "--data", tmp_path, lang="en").stdout
    again = drgpay("keys", "revoke", key_id, "--data", tmp_path)
    assert again.returncode == 5 and "没有可以吊销的密钥" in again.stderr
    assert (tmp_path / "secret.key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("role", "name", "hospital", "days"),
    [
        (Role.HOSPITAL, "x", "", 1),
        (Role.AGENCY, "x", "H1", 1),
        (Role.AGENCY, " ", "", 1),
        (Role.AGENCY, "x", "", -1),
        (Role.AGENCY, "x", "", 99_999),
    ],
    ids=range(5),
)
def test_key__that_cannot_be_is_refused(
    role: Role, name: str, hospital: str, days: int, store: Store
) -> None:
    with pytest.raises(InputError):
        add_key(store, b"s" * 32, role, name, hospital=hospital, days=days)
    assert store.rows(sa.select(KEYS)) == []


def test_key__of_no_role_is_refused_by_the_command(tmp_path: Path, store: Store) -> None:
    made = drgpay("keys", "add", "nobody", "--name", "x", "--data", tmp_path)
    assert made.returncode == 2 and not made.stdout and re.search("[\u4e00-\u9fff]", made.stderr)
    made = drgpay("keys", "add", "hospital", "--name", "x", "--data", tmp_path)
    assert made.returncode == 5 and not made.stdout and "须写明机构编码" in made.stderr


def test_key__that_has_expired_opens_nothing(tmp_path: Path, store: Store) -> None:
    secret = secret_of(tmp_path)
    key = add_key(store, secret, Role.AGENCY, "short", days=1)
    ring = KeyRing(store, secret)
    assert ring.find(key) is not None
    store.write(sa.update(KEYS).values(expires_at=now() - 1))
    ring.refresh()
    assert ring.find(key) is None
    assert "过期" in drgpay("keys", "list", "--data", tmp_path).stdout


def test_key__of_another_secret_opens_nothing(tmp_path: Path, store: Store) -> None:
    key = add_key(store, secret_of(tmp_path), Role.AGENCY, "a")
    assert KeyRing(store, b"x" * 32).find(key) is None


def test_secret__that_others_can_read_is_refused(tmp_path: Path) -> None:
    secret_of(tmp_path)
    (tmp_path / "secret.key").chmod(0o644)
    with pytest.raises(InputError, match="other users can read"):
        secret_of(tmp_path)
    (tmp_path / "secret.key").chmod(0o600)
    (tmp_path / "secret.key").write_text("not a secret")
    with pytest.raises(InputError, match="hexadecimal"):
        secret_of(tmp_path)


def test_user__is_added_listed_locked_and_given_a_password(tmp_path: Path, store: Store) -> None:
    def user(*words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PYTHONIOENCODING": "utf-8"}
        return subprocess.run(
            [sys.executable, "-m", "drgpay", "keys", "user", *words, "--data", str(tmp_path)],
            input=typed, capture_output=True, encoding="utf-8", env=env, check=False,
        )  # fmt: skip

    added = user("add", "王", "hospital", "--hospital", "H1", typed="correct horse 马\n")
    assert added.returncode == 0, added.stderr
    assert "已添加" in added.stdout and "horse" not in added.stdout + added.stderr
    assert check_password(store, "王", "correct horse 马")[1]
    weak = user("add", "李", "agency", typed="123\n")
    assert weak.returncode == 5 and "12" in weak.stderr
    listed = drgpay("keys", "user", "list", "--data", tmp_path).stdout
    assert "王" in listed and "李" not in listed and "argon2" not in listed
    drgpay("keys", "user", "lock", "王", "--data", tmp_path)
    assert not check_password(store, "王", "correct horse 马")[1]
    assert "停用" in drgpay("keys", "user", "list", "--data", tmp_path).stdout
    assert user("password", "王", typed="another horse 马\n").returncode == 0
    assert check_password(store, "王", "another horse 马")[1]
    nobody = drgpay("keys", "user", "lock", "nobody", "--data", tmp_path)
    assert nobody.returncode == 5 and "没有用户" in nobody.stderr


def test_environment__by_a_file_that_cannot_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRGPAY_SECRET_FILE", str(tmp_path / "none"))
    with pytest.raises(InputError, match="DRGPAY_SECRET_FILE"):
        secret_of(tmp_path)
    monkeypatch.setenv("DRGPAY_SECRET", "cd" * 32)
    (tmp_path / "none").write_text("ab" * 32)
    assert secret_of(tmp_path) == bytes.fromhex("cd" * 32), "what stands there goes before its file"


def test_command__tells_a_store_that_takes_nothing(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise sa.exc.OperationalError("INSERT", {}, Exception("database or disk is full"))

    monkeypatch.setattr("drgpay.service.keys.add_key", full)
    words = ["keys", "add", "agency", "--name", "x", "--data", str(tmp_path)]
    with pytest.raises(InputError, match="disk of the database is full") as found:
        cli.main(words, standalone_mode=False)
    assert found.value.remedy


def test_hospital__that_no_published_result_has_is_refused_unless_asked(
    tmp_path: Path, store: Store, ex1_run: Path
) -> None:
    words = ("keys", "add", "hospital", "--name", "x", "--data", tmp_path, "--hospital")
    early = drgpay(*words, "H9")
    assert early.returncode == 0 and "没有核对" in early.stderr
    assert "没有发布过结果" in drgpay("keys", "hospitals", "--data", tmp_path).stdout
    publish(store, ex1_run, "test")
    rows = drgpay("keys", "hospitals", "--data", tmp_path).stdout.splitlines()
    named = {row.split()[0]: row.split()[1] for row in rows[1:]}
    assert {"H1", "H2"} <= set(named)
    wrong = drgpay(*words, "H11")
    assert wrong.returncode == 5 and not wrong.stdout
    assert f"H1 {named['H1']}" in wrong.stderr and "--anyway" in wrong.stderr
    by_name = drgpay(*words, named["H2"])
    assert by_name.returncode == 5 and f"如 H2 {named['H2']}\n" in by_name.stderr
    right = drgpay(*words, "H1")
    assert right.returncode == 0 and "核对" not in right.stderr
    assert drgpay(*words, "H11", "--anyway").returncode == 0
    with pytest.raises(UnknownHospitalError):
        add_user(store, "王", Role.HOSPITAL, "correct horse 马", hospital="H11")
    add_user(store, "王", Role.HOSPITAL, "correct horse 马", hospital="H11", anyway=True)


def test_hospital__is_looked_for_in_months_and_what_cannot_be_read_is_told(
    tmp_path: Path, store: Store, ex1_run: Path
) -> None:
    month, year = tmp_path / "month", tmp_path / "year"
    write_month(run_month(EX1, "2024-01"), month)
    shutil.copytree(ex1_run, year)
    publish(store, month, "test")
    own = next(iter(known_hospitals(list_published(store))[0]))
    refuse_unknown(store, own)
    publish(store, year, "test")
    year.rename(tmp_path / "moved")
    refuse_unknown(store, own)
    with pytest.raises(UnknownHospitalError) as caught:
        refuse_unknown(store, "H11")
    assert "1 个结果读不出来" in caught.value.text("zh") and str(year) in caught.value.text("zh")
