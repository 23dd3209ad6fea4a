"""The year's book (年度账): entries in a chain, postings that balance, procedures, payment orders."""
