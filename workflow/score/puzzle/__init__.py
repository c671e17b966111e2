"""Problems that are made here: the number puzzles with their tiny base policy, and sums."""
