"""Every command in poor surroundings: no home, no cache, another code page, hostile names."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import pyarrow as pa
import pytest

from drgpay.cli import cli

ROOT = Path(__file__).resolve().parents[2]
EX1 = ROOT / "tests" / "cases" / "ex1"
TINY = ROOT / "tests" / "schemes" / "ex1-tiny"
RARE = "\U00020bb7"  # of no GBK
STEERING = "\x1b[2J\x1b]0;title\x07\x9b2J\r\u202e"


def command(
    *words: object, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    given = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "PYTHON"))}
    return subprocess.run(
        [sys.executable, "-m", "drgpay", *map(str, words)],
        env={**given, "PYTHONPATH": str(ROOT / "src"), **(env or {})},
        cwd=cwd,
        capture_output=True,
        check=False,
    )


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The worked example, its ids and names full of what terminals and code pages do not take."""
    folder = tmp_path_factory.mktemp("city") / "region"
    shutil.copytree(EX1, folder, ignore=shutil.ignore_patterns("expected"))
    head = (folder / "region.toml").read_text(encoding="utf-8")
    head = head.replace('"../../schemes/ex1-tiny"', f'"{TINY}"')
    (folder / "region.toml").write_text(head, encoding="utf-8")
    text = (folder / "hospitals.csv").read_text(encoding="utf-8")
    lines = text.splitlines()
    at = lines[0].split(",").index("name")
    for number, line in enumerate(lines[1:], 1):
        cells = line.split(",")
        cells[at] = f'"{RARE}{cells[at]}{STEERING.replace(chr(13), "")}"'
        lines[number] = ",".join(cells)
    (folder / "hospitals.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


ALL = """
import json, sys
from pathlib import Path
from drgpay.cli import main
told = []
for words in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
    sys.argv = ["drgpay", *words]
    code = 0
    try:
        main()
    except SystemExit as stop:
        code = int(stop.code or 0)
    told.append(code)
Path("codes").write_text(json.dumps(told))
"""


def commands(folder: Path, every: list[tuple[object, ...]], env: Mapping[str, str]) -> bytes:
    """Run commands one after another in one process; all must end well. Returns what they said."""
    (folder / "words").write_text(json.dumps([[str(w) for w in words] for words in every]))
    given = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, "-c", ALL, "words"],
        env={**given, "PYTHONPATH": str(ROOT / "src"), **env},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    codes = json.loads((folder / "codes").read_text())
    assert codes == [0] * len(every), (codes, done.stdout.decode("gb18030", errors="replace"))
    return done.stdout


PLACES = {
    "gbk": {"PYTHONIOENCODING": "gbk", "LC_ALL": "C"},
    "c": {"LC_ALL": "C"},
    "posix": {"LC_ALL": "POSIX", "PYTHONIOENCODING": "ascii", "PYTHONCOERCECLOCALE": "0"},
    "gbk locale": {"LC_ALL": "zh_CN.GBK"},
}
# what is run elsewhere: they take a book further (test_budget), make cities, read books that other tests make, ask for passwords, take
# the id of what there is, or serve until they are told to end
NOT_HERE = {
    "demo", "synth", "scheme import", "scheme import-nhsa", "keys revoke", "keys user add",
    "keys user lock", "keys user password", "runs withdraw", "serve", "mcp", "budget month",
    "budget clear", "budget reopen", "budget check", "budget approve", "budget return", "budget withdraw",
    "budget order propose", "budget order confirm", "budget plan", "budget settlement-plan", "budget done",
    "budget area price", "budget area claim", "budget area paid", "budget area list", "budget indices", "budget index-month", "budget index-clear",
    "budget community file", "budget community withdraw", "budget community transfer",
    "budget community settle", "budget community rebalance", "budget community show", "budget community templates", "budget adjust", "budget costly", "budget draw", "budget reviews",
    "budget advance grant", "budget advance return", "budget recover",
    "budget watch", "budget volume", "budget late-lists", "budget unreferred", "budget notices", "budget give", "budget assess propose", "budget assess show",
    "budget assess effects", "budget assess doctors", "budget objection add",
    "budget objection answer", "budget objection effect", "budget opinion add",
    "budget opinion answer", "budget opinion take-up", "budget agreement file",
}  # fmt: skip


def leaves(command: click.Command, before: str = "") -> set[str]:
    """Return the words of every command below one."""
    if not isinstance(command, click.Group):
        return {before.strip()}
    made = click.Context(command)
    found: set[str] = set()
    for name in command.list_commands(made):
        below = command.get_command(made, name)
        assert below is not None
        found |= leaves(below, f"{before} {name}")
    return found


# every command in one poor place, and in every other one behind `long`
@pytest.mark.parametrize(
    "place",
    [name if name == "gbk" else pytest.param(name, marks=pytest.mark.long) for name in PLACES],
)
def test_commands__run_in_any_code_page(region: Path, tmp_path: Path, place: str) -> None:
    run, one, case = tmp_path / f"run{RARE}", tmp_path / "one.csv", f"C01{RARE}"
    book = tmp_path / f"book{RARE}.sqlite"
    text = (region / "cases.csv").read_text(encoding="utf-8")
    one.write_text(text.replace("C01", case), encoding="utf-8")
    every: list[tuple[object, ...]] = [
        ("group", one, "--scheme", TINY, "-o", tmp_path / "g.csv"),
        ("cases", "check", one, "--scheme", TINY),
        ("cases", "convert", one, "-o", tmp_path / "c.csv"),
        ("cases", "template", "-o", tmp_path / "t.xlsx"),
        ("explain", "--from", one, "--case", case, "--scheme", TINY),
        ("year-end", region, "-o", run),
        ("month", region, "--month", "2024-03", "-o", tmp_path / "month"),
        ("simulate", region, "-o", tmp_path / "trial", "--set", "keep_ratio=0.5"),
        ("why", run, "--hospital", "H1"),
        ("letters", run, "-o", tmp_path / "letters"),
        ("runs", "list", tmp_path),
        ("runs", "diff", run, run),
        ("runs", "balance", run),
        ("signals", region, "-o", tmp_path / "signals"),
        ("scheme", "show", TINY),
        ("scheme", "list"),
        ("scheme", "check", TINY),
        ("scheme", "docs", TINY, "-o", tmp_path / "docs"),
        ("scheme", "diff", TINY, TINY),
        ("scheme", "impact", TINY, TINY, one),
        ("policy", "show", "hangzhou"),
        ("policy", "list"),
        ("policy", "parameters"),
        ("policy", "check", "hangzhou"),
        ("policy", "diff", "hangzhou", "jinhua"),
        ("cases", "key", "-o", tmp_path / "pseudonym.key"),
        ("keys", "add", "agency", "--name", RARE, "--data", tmp_path / "service"),
        ("keys", "list", "--data", tmp_path / "service"),
        ("keys", "hospitals", "--data", tmp_path / "service"),
        ("keys", "user", "list", "--data", tmp_path / "service"),
        ("runs", "publish", run, "--by", RARE, "--data", tmp_path / "service"),
        ("runs", "published", "--data", tmp_path / "service"),
        ("budget", "init", book, "--region", "R", "--name", RARE, "--year", "2024", "--as", RARE),
        ("budget", "entries", "--book", book),
        ("budget", "voucher", "1", "--book", book),
        ("budget", "balances", "--book", book),
        ("budget", "order", "list", "--book", book),
        ("budget", "why", "1", "--book", book),
        ("budget", "paid", RARE, RARE, "--book", book),
        ("budget", "community", "list", "--year", "2024", "--book", book),
        (
            "budget",
            "community",
            "form",
            "1",
            "--community",
            RARE,
            "--year",
            "2024",
            "-o",
            tmp_path / "form.html",
            "--book",
            book,
        ),
        ("budget", "verify", "--book", book),
        ("budget", "status", "--year", "2024", "--book", book),
        (
            "budget",
            "publish",
            "--year",
            "2024",
            "--policy",
            "testland-budget",
            "--as",
            RARE,
            "-o",
            tmp_path / "public",
            "--book",
            book,
        ),
        ("budget", "assess", "record", "--year", "2024", "--book", book),
        ("budget", "objection", "list", "--year", "2024", "--book", book),
        ("budget", "opinion", "list", "--year", "2024", "--book", book),
        ("budget", "agreement", "list", "--year", "2024", "--book", book),
        ("budget", "backup", tmp_path / "book.zip", "--book", book),
        ("budget", "restore", tmp_path / "book.zip", tmp_path / "again.sqlite"),
        ("--help",),
    ]
    run_here = {" ".join(map(str, words[:n])) for words in every for n in (1, 2, 3)}
    assert leaves(cli) - NOT_HERE <= run_here, leaves(cli) - NOT_HERE - run_here
    said = commands(tmp_path, every, PLACES[place])
    said.decode(
        "gbk" if place == "gbk" else "utf-8"
    )  # ASCII has no Chinese: UTF-8, as click has it
    assert b"Traceback" not in said and b"\x1b" not in said and b"\x9b2J" not in said
    assert (run / "manifest.json").is_file() and (tmp_path / "g.csv").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="locales of POSIX")
def test_commands__a_name_that_this_locale_has_not_is_refused(tmp_path: Path) -> None:
    env = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "utf-8"}
    case = EX1 / "cases.csv"
    done = command("explain", "--from", case, "--case", RARE, "--scheme", TINY, env=env)
    assert done.returncode == 5 and "UTF-8" in done.stderr.decode(), done.stderr.decode()


def test_commands__what_steers_a_terminal_is_shown(region: Path, tmp_path: Path) -> None:
    text = (region / "cases.csv").read_text(encoding="utf-8")
    bad = tmp_path / "bad.csv"
    bad.write_text(text.replace("C01", f"C01{STEERING[:-2]}"), encoding="utf-8")
    every: list[tuple[object, ...]] = [
        ("explain", "--from", bad, "--case", "C01" + STEERING[:-2], "--scheme", TINY),
        ("cases", "check", bad, "--scheme", TINY),
        ("runs", "list", tmp_path),
    ]
    said = commands(tmp_path, every, {"PYTHONIOENCODING": "utf-8"}).decode("utf-8")
    assert not set("\x1b\x07\x9b\u202e") & set(said)
    done = command("scheme", "show", "\x1b]0;x\x07", env={"PYTHONIOENCODING": "utf-8"})
    assert done.returncode and r"\x1b]0;x\x07" in done.stderr.decode("utf-8")
    done = command("scheme", "show", "\x1b]0;x\x07", env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode and r"\x1b]0;x\x07" in done.stderr.decode("utf-8")  # as click has it


def grouped(installed: Path, tmp_path: Path, **env: str) -> subprocess.CompletedProcess[bytes]:
    return command(
        "group", EX1 / "cases.csv", "--scheme", TINY, "-o", tmp_path / "g.csv", "--threads", "1",
        env={"PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1", **env},
    )  # fmt: skip


def cached(cache: Path) -> list[Path]:
    return sorted(p for p in cache.rglob("*") if p.suffix in (".nbi", ".nbc"))


def warm(cache: Path) -> None:
    """Lay what is compiled already into a cache: what is lacking is compiled by who needs it."""
    from numba.core.caching import _CacheLocator  # type: ignore[attr-defined]

    for index in (ROOT / "src" / "drgpay").rglob("__pycache__/drgpay-*.nb[ic]"):
        source = index.parent.parent / "__init__.py"
        folder = cache / _CacheLocator.get_suitable_cache_subpath(str(source))
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy2(index, folder)


# tells which machine code a command takes from the cache, or puts there
TELLING = """
import sys
from pathlib import Path
from drgpay.ground.compiled import _CacheFile
names = set()
for of in ("_load_data", "_save_data"):
    def tell(self, name, *more, work=getattr(_CacheFile, of)):
        names.add(name)
        return work(self, name, *more)
    setattr(_CacheFile, of, tell)
out = Path(sys.argv[1])
sys.argv = ["drgpay", *sys.argv[2:]]
import drgpay.cli
try:
    drgpay.cli.main()
finally:
    out.write_text("\\n".join(sorted(names)), encoding="utf-8")
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of what two commands need: tests damage copies of it.

    The names of what the first of them, `group`, needs stand in the file `of_group` beside it.
    """
    folder = tmp_path_factory.mktemp("compiled")
    cache = folder / "cache"
    warm(cache)
    cases = EX1 / "cases.csv"
    every: dict[str, list[object]] = {
        "of_group": ["group", cases, "--scheme", TINY, "-o", folder / "g.csv", "--threads", "1"],
        "of_explain": ["explain", "--from", cases, "--case", "C01", "--scheme", TINY],
    }
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "NUMBA_CACHE_DIR": str(cache)}
    for name, words in every.items():
        done = subprocess.run(
            [sys.executable, "-c", TELLING, str(folder / name), *map(str, words)],
            env=env, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0 and not done.stderr, done.stderr.decode()
    return folder


def test_cache__damaged_empty_or_cut_is_made_anew(compiled: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(compiled / "cache", cache)
    env = {"NUMBA_CACHE_DIR": str(cache)}
    due = (compiled / "g.csv").read_bytes()
    harms = (
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: data[:-60] + bytes([data[-60] ^ 1]) + data[-59:],
    )
    # the smallest ones: they are compiled again soonest
    needed = set((compiled / "of_group").read_text(encoding="utf-8").splitlines())
    code = [p for p in cached(cache) if p.suffix == ".nbc" and p.name in needed]
    code.sort(key=lambda path: path.stat().st_size)
    for path, harm in zip(code, harms, strict=False):
        path.write_bytes(harm(path.read_bytes()))
    index = next(
        p for p in cached(cache) if p.suffix == ".nbi" and p.stem == code[3].stem.rpartition(".")[0]
    )
    index.write_bytes(b"")
    done = grouped(ROOT / "src", tmp_path, **env)
    assert done.returncode == 0, done.stderr
    assert done.stderr.decode().count("编译缓存损坏") == 1, done.stderr.decode()
    assert (tmp_path / "g.csv").read_bytes() == due
    again = grouped(ROOT / "src", tmp_path, **env)
    assert again.returncode == 0 and again.stderr == b"", again.stderr.decode()


LIMITED = """
import resource, sys
sys.argv = ["drgpay", *sys.argv[1:]]
import drgpay.cli
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
drgpay.cli.main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_cache__on_a_full_disk(compiled: Path, tmp_path: Path) -> None:
    shutil.copytree(compiled / "cache", tmp_path / "c")
    # called by itself: helpers that are compiled into others are never asked for
    code = [p for p in cached(tmp_path / "c") if ".changed_numbers-" in p.name]
    assert code, "explain has no such kernel any more: name another"
    for path in code:
        path.unlink()
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "NUMBA_CACHE_DIR": str(tmp_path / "c")}
    words = ["explain", "--from", EX1 / "cases.csv", "--case", "C01", "--scheme", TINY]
    # -B: Python keeps bytecode that a limit cut short, for all who import it later
    done = subprocess.run(
        [sys.executable, "-B", "-c", LIMITED, *map(str, words)],
        env=env,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr.decode().count("编译缓存写不下来") == 1, done.stderr.decode()


AS_NOBODY = """
import os, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
sys.argv = ["drgpay", *sys.argv[1:]]
import drgpay.cli
drgpay.cli.main()
"""


def open_to_others(*paths: Path) -> bool:
    """Whether everybody may enter the folders of some files."""
    folders = {folder for path in paths for folder in path.resolve().parents}
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in folders)


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0, reason="needs the right to be somebody else"
)
@pytest.mark.skipif(
    not open_to_others(Path(os.__file__), Path(pa.__file__), ROOT / "src" / "drgpay"),
    reason="nobody else can read this interpreter or this folder",
)
@pytest.mark.parametrize("temporary", ["writable", "taken by another", "read-only"])
def test_cache__neither_home_nor_package_can_be_written(tmp_path: Path, temporary: str) -> None:
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(folder.stat().st_mode | stat.S_IXOTH | stat.S_IROTH)
    tmp, out = tmp_path / "tmp", tmp_path / "out"
    tmp.mkdir()
    out.mkdir()
    out.chmod(0o777)
    tmp.chmod(0o777 if temporary != "read-only" else 0o555)
    if temporary == "taken by another":
        (tmp / "drgpay-cache-of-65534").mkdir()
    words = ["group", EX1 / "cases.csv", "--scheme", TINY, "-o", out / "g.csv", "--threads", "1"]
    env = {
        "PYTHONPATH": str(ROOT / "src"), "HOME": "/nonexistent", "PATH": os.environ["PATH"],
        "TMPDIR": str(tmp), "PYTHONIOENCODING": "utf-8", "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, *map(str, words)],
        env=env, capture_output=True, check=False, cwd=out,
    )  # fmt: skip
    said = done.stderr.decode()
    assert done.returncode == 0, said
    due = "编译缓存放在" if temporary == "writable" else "没有可写的文件夹放编译缓存"
    assert said.count(due) == 1, said
    assert (out / "g.csv").is_file()
    if temporary == "writable":
        (kept,) = tmp.iterdir()
        assert kept.stat().st_mode & 0o777 == 0o700 and cached(kept)
