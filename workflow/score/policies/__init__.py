"""Weights of a policy: looked at, loaded, converted, and the memory that training them needs."""
