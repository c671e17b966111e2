"""Reinforcement learning over several turns: objectives, loss, trainer and checkpoints."""
