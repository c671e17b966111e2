"""STaR, STaSC, Pair-SFT, self-rewarding correction: a policy is fine-tuned on what is chosen."""
