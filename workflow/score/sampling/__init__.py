"""Prompts to rollouts, turn after turn, and the files that hold them."""
