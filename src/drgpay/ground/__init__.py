"""What every room stands on: errors, money, exact numbers, files in and out, arrow, jit (地基)."""
