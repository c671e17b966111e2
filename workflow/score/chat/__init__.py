"""A policy that one can try: it is asked a question, answers twice, and shows what it changed."""
