"""What a region says of itself: its records and its small tables (统筹区)."""
