"""Checks of the stay: dates, days, way of discharge, operations, ventilator."""
