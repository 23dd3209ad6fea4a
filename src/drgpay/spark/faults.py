"""Faults of inputs on their way from a worker, through Spark's own exceptions, to the driver."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

from drgpay.ground.errors import BooksError, DrgpayError, InputError, PolicyError, SchemeError, both

KINDS: dict[str, type[DrgpayError]] = {
    kind.__name__: kind for kind in (InputError, PolicyError, SchemeError, BooksError)
}
MARK = re.compile(r"<drgpay:([A-Za-z0-9+/=]+)>")


@contextmanager
def told() -> Iterator[None]:
    """In a worker: raise a fault of ours as one whose text outlives Spark."""
    try:
        yield
    except DrgpayError as error:
        name = type(error).__name__ if type(error).__name__ in KINDS else "InputError"
        facts = {"kind": name, "zh": error.text("zh"), "en": error.text("en")}
        code = base64.b64encode(json.dumps(facts).encode()).decode()
        raise RuntimeError(f"<drgpay:{code}> {error}") from None


@contextmanager
def retold() -> Iterator[None]:
    """In the driver: raise a worker's fault as it was, without Spark's traceback."""
    try:
        yield
    except DrgpayError:
        raise
    except Exception as error:
        found = MARK.search(str(error))
        if found is None:
            raise
        facts = json.loads(base64.b64decode(found[1]))
        raise KINDS[facts["kind"]](both(facts["zh"], facts["en"])) from None
