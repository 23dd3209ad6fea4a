"""The wheel carries schemes, code systems and policies, and works away from the source tree."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    done = subprocess.run([*command, str(ROOT)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = out.glob("*.whl")
    return built


def _try(python: str, where: Path, path: str | None) -> str:
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    if path is not None:
        env["PYTHONPATH"] = path
    script = (
        "import drgpay, pathlib; from drgpay.policy import load_policy; load_policy('hangzhou');"
        "g = drgpay.Grouper('chongqing-drg-2022');"
        "print(g.group_case(sex='F', age_years=30, diagnoses=['O80.000']).drg,"
        "pathlib.Path(drgpay.__file__).parent)"
    )
    done = subprocess.run(
        [python, "-c", script], cwd=where, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.long
def test_wheel__carries_its_tables_and_works_elsewhere(wheel: Path, tmp_path: Path) -> None:
    inside = tmp_path / "unpacked"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(inside)
    for manifest in (ROOT / "reference" / "schemes").glob("*/manifest.toml"):
        assert f"drgpay/_reference/schemes/{manifest.parent.name}/manifest.toml" in names
    for policy in (ROOT / "reference" / "policies").glob("*.toml"):
        assert f"drgpay/_reference/policies/{policy.name}" in names
    for calendar in (ROOT / "reference" / "calendars").glob("*.toml"):
        assert f"drgpay/_reference/calendars/{calendar.name}" in names
    assert "drgpay/report/templates/report.html.j2" in names
    pages = "drgpay/service/pages"
    wanted = (
        "templates/base.html.j2 static/app.css static/vendor/htmx.js static/vendor/LICENSES.txt"
    )
    assert {f"{pages}/{name}" for name in wanted.split()} <= set(names)
    assert not [name for name in names if name.startswith(("tests/", "reference/model"))]
    printed = _try(sys.executable, tmp_path, str(inside))
    assert printed.split() == ["OR19", str(inside / "drgpay")]


@pytest.mark.long
def test_wheel__works_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    python = str(tmp_path / "env" / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel)]
    subprocess.run(pip, check=True)
    assert _try(python, tmp_path, None).split()[0] == "OR19"
    region = ROOT / "tests" / "cases" / "ex1"
    command = [str(tmp_path / "env" / "bin" / "drgpay"), "year-end", str(region), "-o", "run"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "report.html").exists()
