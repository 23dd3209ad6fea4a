"""Standings of hospitals' agreements (协议状态), and the words that tables write for them."""

from __future__ import annotations

NORMAL, PENALISED, ENDED = "normal", "penalised", "ended"
STANDINGS = {
    "": NORMAL, "normal": NORMAL, "正常": NORMAL, "penalised": PENALISED, "违规处理": PENALISED,
    "ended": ENDED, "已解除": ENDED,
}  # fmt: skip
