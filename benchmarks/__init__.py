"""What we claim about speed, measured in one run: `python -m benchmarks`."""
