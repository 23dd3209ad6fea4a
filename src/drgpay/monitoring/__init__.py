"""The year as it goes on: what visits cost beside last year and the index, and how institutions did."""
