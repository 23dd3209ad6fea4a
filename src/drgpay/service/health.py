"""Whether the service lives, is warm, how it is used, and who one is to it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from drgpay import __version__
from drgpay.service.outer import EDGES, Usage
from drgpay.service.roles import EVERYONE, REGION, Caller, Role
from drgpay.service.rows import Row


class HealthOut(BaseModel):
    """The service lives."""

    status: str
    version: str


class ReadyOut(BaseModel):
    """Whether cases are answered at once: schemes compiled, the store within reach."""

    ready: bool


class MeOut(BaseModel):
    """Who the caller is to the service."""

    id: str
    role: Role
    name: str
    hospital_id: str


async def healthz() -> HealthOut:
    """进程在运行；不查别的。"""
    return HealthOut(status="ok", version=__version__)


async def readyz(request: Request) -> Response:
    """是否可以立即答复病例；在此之前为 503。"""
    ready = request.app.state.service.ready
    return JSONResponse({"ready": ready}, 200 if ready else 503)


async def me(request: Request) -> MeOut:
    """密钥属于谁。"""
    caller: Caller = request.state.caller
    return MeOut(id=caller.id, role=caller.role, name=caller.name, hospital_id=caller.hospital)


async def metrics(request: Request) -> Response:
    """请求的次数与用时，Prometheus 可读的文本。"""
    usage: Usage = request.app.state.service.usage
    return PlainTextResponse(
        "\n".join(_lines(usage)) + "\n", media_type="text/plain; version=0.0.4"
    )


def _lines(usage: Usage) -> list[str]:
    made = ["# TYPE drgpay_requests_total counter"]
    for (method, path, status), times in sorted(usage.times.items()):
        labels = f'method="{method}",route="{path}",status="{status}"'
        made.append(f"drgpay_requests_total{{{labels}}} {times}")
    made.append("# TYPE drgpay_request_seconds histogram")
    for path in sorted(usage.seconds):
        times = 0
        for edge in (*EDGES, float("inf")):
            times += usage.within[path, edge]
            limit = "+Inf" if edge == float("inf") else f"{edge:g}"
            made.append(f'drgpay_request_seconds_bucket{{route="{path}",le="{limit}"}} {times}')
        made.append(f'drgpay_request_seconds_sum{{route="{path}"}} {usage.seconds[path]:.6f}')
        made.append(f'drgpay_request_seconds_count{{route="{path}"}} {times}')
    return made


_READY: dict[str, Any] = {"responses": {200: {"model": ReadyOut}, 503: {"model": ReadyOut}}}
ROWS = (
    Row(method="GET", path="/healthz", call=healthz, roles=None, rate="open"),
    Row(method="GET", path="/readyz", call=readyz, roles=None, rate="open", told=_READY),
    Row(method="GET", path="/metrics", call=metrics, roles=REGION),
    Row(method="GET", path="/v1/me", call=me, roles=EVERYONE),
)
