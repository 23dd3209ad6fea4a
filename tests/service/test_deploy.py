"""What the service is deployed with: read by the programs that will read it, where they are here."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from drgpay.cli.keys import keys
from drgpay.cli.runs import runs
from drgpay.cli.serve import serve
from drgpay.service.app import rows
from drgpay.service.server import STOP_SECONDS
from drgpay.service.settings import secret_of

ROOT = Path(__file__).parents[2]
NGINX = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


def test_compose__starts_the_service_with_options_that_there_are(compose: Any) -> None:
    command, *words = shlex.split(compose["services"]["service"]["command"])
    known = {name for option in serve.params for name in option.opts}
    options = [word for word in words if word.startswith("--")]
    assert command == "serve" and options and set(options) <= known
    assert {"--secure", "--behind-proxy", "--workers"} <= set(options)


def test_compose__tells_every_command_where_store_and_secret_are(
    compose: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = compose["services"]["service"]
    for name, value in service["environment"].items():
        if name.startswith("DRGPAY_"):
            monkeypatch.setenv(name, value.replace("/run/secrets", str(tmp_path)))
    (tmp_path / "database").write_text("postgresql://drgpay:x@database/drgpay\n")
    (tmp_path / "drgpay").write_text("ab" * 32 + "\n")
    assert secret_of(tmp_path / "none") == bytes.fromhex("ab" * 32)
    for one in (serve, keys.commands["list"], runs.commands["publish"]):
        given = {option.name: option.get_default(click.Context(one)) for option in one.params}
        assert given["database"] == "postgresql://drgpay:x@database/drgpay", one.name
        assert Path(given["data"]) == Path("/data"), one.name
    mounted = {volume.partition(":")[2] for volume in service["volumes"]}
    assert "/data" in mounted
    assert {f"/run/secrets/{name}" for name in service["secrets"]} == {
        value for name, value in service["environment"].items() if name.endswith("_FILE")
    }


def test_compose__opens_no_door_but_the_proxys(compose: Any) -> None:
    services = compose["services"]
    assert {name for name, one in services.items() if "ports" in one} == {"proxy"}
    assert compose["networks"]["inside"]["internal"] is True
    assert services["service"]["networks"] == services["database"]["networks"] == ["inside"]
    subnet = compose["networks"]["inside"]["ipam"]["config"][0]["subnet"]
    assert services["service"]["environment"]["FORWARDED_ALLOW_IPS"] == subnet
    assert services["service"]["cap_drop"] == ["ALL"] and services["service"]["read_only"]
    text = str(compose)
    assert "PASSWORD': '" not in text, "no password stands in the file"


def test_containerfile__runs_as_nobody_in_particular_and_copies_what_there_is() -> None:
    lines = (ROOT / "Containerfile").read_text(encoding="utf-8").splitlines()
    users = [line for line in lines if line.startswith("USER ")]
    assert users == ["USER drgpay"] and lines.index(users[0]) < lines.index('ENTRYPOINT ["drgpay"]')
    assert all("slim" in line for line in lines if line.startswith("FROM "))
    for line in lines:
        if line.startswith("COPY ") and "--from" not in line:
            for name in line.split()[1:-1]:
                assert (ROOT / name).exists(), name


def test_containerfile__copies_what_the_wheel_is_built_from() -> None:
    lines = (ROOT / "Containerfile").read_text(encoding="utf-8").splitlines()
    build = lines[
        : next(i for i, line in enumerate(lines) if line.startswith("RUN python -m venv"))
    ]
    copied = {n for line in build if line.startswith("COPY ") for n in line.split()[1:-1]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    asked = {wheel["hooks"]["custom"]["path"], *wheel["force-include"], *wheel["packages"]}
    asked |= {project["project"]["readme"], *project["project"]["license-files"]}
    lacking = {n for n in asked if n.split("/")[0] not in copied}
    assert not lacking
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert not {n for n in asked if any(n.startswith(one) for one in ignored)}


def test_nginx__knows_the_routes_that_it_treats_otherwise() -> None:
    found = re.findall(r"location (=|~) (\S+) \{", NGINX)
    paths = [re.sub(r"\{[^}]*\}", "x", row.path) for row in rows()]
    assert len(found) == 4
    for kind, pattern in found:
        fits = [p for p in paths if p == pattern or (kind == "~" and re.fullmatch(pattern, p))]
        assert fits, f"no route at {pattern}"


def test_nginx__reads_its_settings(tmp_path: Path) -> None:
    nginx, openssl = shutil.which("nginx", path="/usr/sbin:/usr/bin"), shutil.which("openssl")
    if not nginx or not openssl:
        pytest.skip("nginx or openssl is not installed")
    words = f"{openssl} req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=x"
    more = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")]
    subprocess.run([*words.split(), *more], check=True, capture_output=True)
    text = NGINX.replace("/etc/nginx/tls", str(tmp_path)).replace("service:8000", "127.0.0.1:8000")
    text = text.replace("/run/nginx.pid", f"{tmp_path}/pid")
    (tmp_path / "nginx.conf").write_text(text, encoding="utf-8")
    told = subprocess.run(
        [nginx, "-t", "-c", str(tmp_path / "nginx.conf"), "-g", f"error_log {tmp_path}/log;"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr


def test_compose__can_write_the_machine_code_of_the_kernels(compose: Any) -> None:
    service = compose["services"]["service"]
    image = (ROOT / "Containerfile").read_text(encoding="utf-8")
    (folder,) = re.findall(r"NUMBA_CACHE_DIR=(\S+)", image)
    assert service["read_only"] and any(v.endswith(f":{folder}") for v in service["volumes"])


@pytest.mark.parametrize("name", ["compose.yaml", "deploy/drgpay.service"])
def test_head__names_commands_that_there_are(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    found = re.findall(r"(?:exec service |bin/)drgpay (keys|runs) (\w+)(.*)", text)
    assert len(found) == 2
    for group, own, rest in found:
        made = {"keys": keys, "runs": runs}[group].commands[own]
        known = {option for param in made.params for option in param.opts}
        assert {word for word in rest.split() if word.startswith("--")} <= known


def test_systemd__runs_as_its_own_user_where_it_may_write() -> None:
    text = (ROOT / "deploy" / "drgpay.service").read_text(encoding="utf-8")
    unit = dict(re.findall(r"(?m)^(\w+)=(.*)$", text))
    assert unit["User"] == "drgpay" and f"DRGPAY_DATA=/var/lib/{unit['StateDirectory']}" in text
    assert f"NUMBA_CACHE_DIR=/var/cache/{unit['CacheDirectory']}" in text
    options = {word for word in unit["ExecStart"].split() if word.startswith("--")}
    assert options <= {name for option in serve.params for name in option.opts}
    assert int(unit["TimeoutStopSec"]) > STOP_SECONDS
    verify = shutil.which("systemd-analyze")
    if verify is None:
        return
    told = subprocess.run(
        [verify, "verify", str(ROOT / "deploy" / "drgpay.service")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    strange = [line for line in told.stderr.splitlines() if "drgpay.service:" in line]
    assert not [line for line in strange if "not executable" not in line], told.stderr
