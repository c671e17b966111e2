"""Stated answers of math problems: read into types, then compared within a type."""
