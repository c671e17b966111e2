"""The embedded default: number puzzles, and a tiny base policy pretrained on them."""
