"""A policy as an ordinary folder of transformers with a model card, which anybody can load."""
