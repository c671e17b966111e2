"""STaR, STaSC and Pair-SFT: corrections are chosen, and a policy is fine-tuned on them."""
