"""`drgpay budget`: the budget's year on the book, step by step."""

from __future__ import annotations

from drgpay.cli.lang import t
from drgpay.cli.lazy import LazyGroup

BOOK, PLAN, MONTHS = (f"drgpay.cli.budget_{own}" for own in ("book", "plan", "months"))
APPROVALS, ORDERS = (f"drgpay.cli.budget_{own}" for own in ("approvals", "orders"))
WATCH, ASSESS, PUBLISH = (f"drgpay.cli.budget_{own}" for own in ("watch", "assess", "publish"))

budget = LazyGroup(
    "budget",
    lazy={
        "init": (BOOK, "init"),
        "entries": (BOOK, "entries"),
        "voucher": (BOOK, "voucher"),
        "balances": (BOOK, "balances"),
        "why": (BOOK, "why"),
        "plan": (PLAN, "plan"),
        "settlement-plan": (PLAN, "settlement_plan"),
        "status": (PLAN, "status"),
        "done": (PLAN, "done"),
        "indices": (PLAN, "indices"),
        "adjust": ("drgpay.cli.budget_changes", "adjust"),
        "draw": ("drgpay.cli.budget_changes", "draw"),
        "costly": ("drgpay.cli.budget_changes", "costly"),
        "index-month": (MONTHS, "index_month"),
        "index-clear": (MONTHS, "index_clear"),
        "month": (MONTHS, "month"),
        "clear": (MONTHS, "clear"),
        "advance": ("drgpay.cli.budget_advances", "advance"),
        "recover": ("drgpay.cli.budget_advances", "recover"),
        "reopen": (MONTHS, "reopen"),
        "area": ("drgpay.cli.budget_areas", "area"),
        "check": (APPROVALS, "check"),
        "approve": (APPROVALS, "approve"),
        "return": (APPROVALS, "return_command"),
        "withdraw": (APPROVALS, "withdraw"),
        "paid": (MONTHS, "paid"),
        "community": ("drgpay.cli.budget_community", "community"),
        "reviews": ("drgpay.cli.budget_reviews", "reviews"),
        "order": (ORDERS, "order"),
        "watch": (WATCH, "watch"),
        "volume": (WATCH, "volume"),
        "unreferred": (WATCH, "unreferred_command"),
        "late-lists": (WATCH, "late_lists_command"),
        "notices": (WATCH, "notices"),
        "assess": (ASSESS, "assess"),
        "publish": (PUBLISH, "publish"),
        "give": (PUBLISH, "give"),
        "objection": (PUBLISH, "objection"),
        "opinion": (PUBLISH, "opinion"),
        "agreement": (PUBLISH, "agreement"),
        "verify": (BOOK, "verify_command"),
        "backup": (BOOK, "backup_command"),
        "restore": (BOOK, "restore_command"),
    },
    help=t(
        "年度总额预算：建账、拟定与审批、按月和年度清算入账、拨付、核对。"
        "账是一个文件（或 PostgreSQL 地址），用 --book 或环境变量 DRGPAY_BOOK 指出。",
        "The budget's year: open a book, propose and approve, post months and the clearing, pay, "
        "verify. The book is a file (or an address of PostgreSQL), named by --book or DRGPAY_BOOK.",
    ),
)
