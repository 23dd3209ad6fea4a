"""Checks of money: items, payers, amounts out of proportion."""
