"""Schemes (分组方案): load, check and compile rule tables to arrays."""
