"""Analyses of a run: a CSV table and a figure each, one file an analysis."""
