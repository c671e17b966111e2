"""A job on one machine or many: launched, kept to one writer, interrupted, and watched."""
