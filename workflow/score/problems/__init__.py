"""Rows of a data set to problems: read, checked, split, and described by a data card."""
