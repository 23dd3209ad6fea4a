"""What the law says: rule tables, dated parameters and the readable model of both."""
