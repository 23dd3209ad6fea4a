"""Per-diem payment (按床日付费)."""
