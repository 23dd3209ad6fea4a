"""The server under the app: uvicorn, with a deadline for the head of a request as well."""

from __future__ import annotations

import uvicorn

from drgpay.service.app import make_app
from drgpay.service.service import Service
from drgpay.service.settings import Settings


def serve(settings: Settings, host: str, port: int, workers: int = 1) -> None:
    """Serve until told to end."""
    config = uvicorn.Config(
        make_app(Service(settings)),
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
        timeout_keep_alive=30,
        backlog=2048,
        proxy_headers=settings.behind_proxy,
    )
    uvicorn.Server(config).run()
