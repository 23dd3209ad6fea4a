"""Signals of gaming: what a hospital's cases show beside its peers, with evidence."""
