"""The year's months: prepaid, booked, ordered, adjusted (月度结算)."""
