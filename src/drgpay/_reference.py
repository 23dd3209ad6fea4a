"""Where the bundled schemes, code systems and policies lie."""

from __future__ import annotations

from pathlib import Path

from drgpay.errors import InputError

_PACKAGE = Path(__file__).resolve().parent


def reference_dir() -> Path:
    """Return the folder of the bundled tables: inside the wheel, or of the source tree."""
    for candidate in (_PACKAGE / "_reference", _PACKAGE.parent.parent / "reference"):
        if (candidate / "schemes").is_dir():
            return candidate
    raise InputError(
        "the bundled schemes and policies are missing",
        where=_PACKAGE,
        remedy="reinstall drgpay; they travel inside its wheel",
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
    raise InputError(
        f"no {kind[:-1] if kind != 'policies' else 'policy'} named {name!r}",
        remedy=f"bundled: {', '.join(bundled(kind, suffix))}; or give the path of a folder or file",
    )
