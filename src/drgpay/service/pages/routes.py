"""The rows of all pages."""

from __future__ import annotations

from drgpay.service.pages import (
    batch_page,
    book_objections,
    budget_page,
    groups_page,
    hospital_page,
    keys_page,
    preview_page,
    region_page,
    register_page,
    statics,
    trial_page,
    watch_page,
)
from drgpay.service.rows import Row

ROWS: tuple[Row, ...] = (
    *statics.ROWS,
    *preview_page.ROWS,
    *batch_page.ROWS,
    *groups_page.ROWS,
    *hospital_page.ROWS,
    *region_page.ROWS,
    *trial_page.ROWS,
    *budget_page.ROWS,
    *book_objections.ROWS,
    *register_page.ROWS,
    *watch_page.ROWS,
    *keys_page.ROWS,
)
