"""Where the bundled schemes, code systems and policies lie."""

from __future__ import annotations

import re
from pathlib import Path

from drgpay.ground.errors import InputError, both

# the family of Zhejiang's schemes: each case by the version in force on its day of discharge
DEFAULT_SCHEME = "zhejiang"
_PACKAGE = Path(__file__).resolve().parent.parent
_KINDS = {
    "schemes": ("分组方案", "scheme"),
    "policies": ("政策", "policy"),
    "mappings": ("对照文件", "mapping file"),
    "code_systems": ("编码版本", "code system"),
}


def reference_dir() -> Path:
    """Return the folder of the bundled tables: inside the wheel, or of the source tree."""
    for candidate in (_PACKAGE / "_reference", _PACKAGE.parent.parent / "reference"):
        if (candidate / "schemes").is_dir():
            return candidate
    raise InputError(
        both("缺少内置的分组方案和政策", "the bundled schemes and policies are missing"),
        where=_PACKAGE,
        remedy=both(
            "重新安装 drgpay，安装包内带有这些文件",
            "reinstall drgpay; they travel inside its wheel",
        ),
    )


def bundled(kind: str, suffix: str = "") -> list[str]:
    """Return the sorted names of what is bundled of a kind (`schemes`, `policies`)."""
    folder = reference_dir() / kind
    if suffix:
        return sorted(path.stem for path in folder.glob(f"*{suffix}"))
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


def resolve(kind: str, name: str | Path, base: Path | None = None, suffix: str = "") -> Path:
    """Return the path of a bundled thing by name, or of a path (relative to `base`).

    Raises InputError that lists what is bundled when neither exists.
    """
    by_name = reference_dir() / kind / f"{name}{suffix}"
    if "/" not in str(name) and by_name.exists():
        return by_name
    path = Path(name) if base is None else base / Path(name)
    if path.exists():
        return path
    chinese, english = _KINDS[kind]
    names = bundled(kind, suffix)
    families = ", ".join(_families(names)) if kind == "schemes" else ""
    raise InputError(
        both(f"没有名为“{name}”的{chinese}", f"no {english} named {str(name)!r}"),
        remedy=both(
            f"内置的有：{'、'.join(names)}{families and f'，方案族 {families}'}；也可以写文件夹或文件的路径",
            f"bundled: {', '.join(names)}{families and f', families {families}'}; or give the path "
            "of a folder or file",
        ),
    )


def _families(names: list[str]) -> list[str]:
    """Return the families that bundled schemes say they are versions of."""
    found = set()
    for name in names:
        text = (reference_dir() / "schemes" / name / "manifest.toml").read_text(encoding="utf-8")
        found |= set(re.findall(r'(?m)^family *= *"(.+)"$', text))
    return sorted(found)
