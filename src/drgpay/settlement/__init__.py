"""Point value, monthly and year-end runs, the books (结算与清算)."""
