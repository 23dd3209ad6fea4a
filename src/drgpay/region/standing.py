"""Standings of hospitals' agreements (协议状态)."""

from __future__ import annotations

NORMAL, PENALISED, ENDED = "normal", "penalised", "ended"
