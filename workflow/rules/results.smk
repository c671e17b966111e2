def attempts_of(evaluation):
    """instance=file of judged attempts, for every instance of an evaluation."""
    return [
        f"{instance}={RESULTS}/{instance}/{evaluation}/attempts.parquet"
        for instance in EVALUATIONS[evaluation].instances
    ]


def files_in(pairs):
    """The files of instance=file, as a rule's input."""
    return [pair.partition("=")[2] for pair in pairs]
