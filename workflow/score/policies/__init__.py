"""Weights of a policy: loaded, converted, and the memory that training them needs."""
