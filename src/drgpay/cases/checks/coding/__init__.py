"""Checks of diagnoses and procedures."""
