"""Attempts to verdicts, in processes that a deadline can end: `python -m score.verifiers`."""
