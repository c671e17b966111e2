"""The part that tasks of tests share: an attempt states itself, of a question as it is."""

AS_IT_IS = """
FIRST_PROMPT = "{question}"
CORRECTION_PROMPT = ""
EVALUATOR_FUNCTIONS = ("do",)
MARKER = ""
def parse_gold(raw): return raw
def state(answer, marker): return answer
def extract(attempt, mode, marker): return attempt
"""
