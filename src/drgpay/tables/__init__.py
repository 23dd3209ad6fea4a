"""Small tables: read row by row, refused with all their faults at once (小表)."""
