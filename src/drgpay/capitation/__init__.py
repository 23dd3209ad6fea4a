"""Capitation (按人头) of outpatient cost: people to communities, their budgets, use and balance."""
