"""Styles, scripts and pictures of the pages: from the package, under names that hold their content.

A name changes with the content, so that a browser may keep a file for ever. What npm gives (htmx,
charts, …) lies in `static/vendor`, made by `assets/build.py`; licences stand beside it.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from drgpay.service.problems import not_there
from drgpay.service.rows import Row

FOLDER = Path(__file__).parent / "static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
LICENSES = "LICENSES.txt"
FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Static:
    """One file as it is sent; `packed` is gzip."""

    url: str
    kind: str
    plain: bytes
    packed: bytes
    etag: str


@cache
def files() -> dict[str, Static]:
    """Return the files by the name that pages call them by, read once."""
    made = {}
    for path in sorted(FOLDER.rglob("*")):
        if path.suffix in TYPES and path.is_file():
            name = path.relative_to(FOLDER).as_posix()
            plain = path.read_bytes()
            mark = hashlib.sha256(plain).hexdigest()[:16]
            stem = name.removesuffix(path.suffix)
            made[name] = Static(
                url=f"/static/{stem}.{mark}{path.suffix}",
                kind=TYPES[path.suffix],
                plain=plain,
                packed=gzip.compress(plain, 9, mtime=0),
                etag=f'"{mark}"',
            )
    return made


@cache
def _by_url() -> dict[str, Static]:
    return {static.url: static for static in files().values()}


def asset(name: str) -> str:
    """Return the address of a file; raises KeyError for one that is not in the package."""
    return files()[name].url


def have_vendor() -> bool:
    """Whether what npm gives is there; a checkout has it after `make assets`."""
    return f"vendor/{LICENSES}" in files()


async def static(request: Request) -> Response:
    """Send a file, gzipped where the browser takes it."""
    found = _by_url().get(request.url.path)
    if found is None:
        raise not_there()
    headers = {"Cache-Control": FOR_EVER, "ETag": found.etag, "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == found.etag:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(found.packed, headers=headers, media_type=found.kind)
    return Response(found.plain, headers=headers, media_type=found.kind)


# open to strangers: the log-in needs them too
ROWS = (
    Row(
        method="GET", path="/static/{name:path}", call=static, roles=None, rate="",
        told={"include_in_schema": False},
    ),
)  # fmt: skip
