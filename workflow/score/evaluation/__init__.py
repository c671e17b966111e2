"""One policy evaluated: verdicts of its attempts, and the metrics of the paper."""
