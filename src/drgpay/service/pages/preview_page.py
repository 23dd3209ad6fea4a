"""试分组: one case, its group, points and payment, beside the form at each change."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from drgpay.service.pages.shell import page
from drgpay.service.roles import READERS
from drgpay.service.rows import Row


async def home(request: Request) -> Response:
    """Show the form of one case."""
    return page(request, "preview.html.j2")


ROWS = (Row(method="GET", path="/", call=home, roles=READERS, page=True),)
