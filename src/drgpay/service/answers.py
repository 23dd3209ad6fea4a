"""Answers as JSON: plain values, and those that a client may keep (ETag)."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from fractions import Fraction
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

JSON = "application/json"


def dumped(value: Any) -> bytes:
    """Return plain values as JSON in UTF-8."""
    return orjson.dumps(value, default=_exact)  # 8 µs for a preview where json takes 42


def _exact(value: Any) -> str:
    """Return an exact number as text; raises TypeError for what has no text of its own."""
    if isinstance(value, Decimal | Fraction):
        return str(value)
    raise TypeError(type(value).__name__)


def json_response(value: Any) -> Response:
    """Return plain values as an answer."""
    return Response(dumped(value), media_type=JSON)


def kept_response(request: Request, value: Any) -> Response:
    """Return plain values as an answer that a client may keep and ask about: 304 if it has it."""
    body = dumped(value)
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Accept-Language"}
    known = [
        t.strip().removeprefix("W/") for t in request.headers.get("if-none-match", "").split(",")
    ]
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=JSON, headers=headers)
