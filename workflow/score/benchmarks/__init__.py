"""How fast the project is, each figure as a ratio of two things that run by turns on one machine."""
