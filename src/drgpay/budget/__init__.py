"""Budgets (总额预算): what a pool may spend and what it settles to."""
