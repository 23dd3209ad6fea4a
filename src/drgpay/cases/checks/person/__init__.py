"""Checks of who the patient is: ages, day of birth, weights."""
