"""What the doctor finds amiss, and commands of a site that a test makes up."""


def command(folder, name, script):
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def amiss(findings):
    return [(f.level, f.what, f.cure) for f in findings if f.level != "ok"]


def only(findings, level, what, cure):
    """Exactly one thing is amiss, and this is how it is told."""
    [(got, said, advice)] = amiss(findings)
    assert got == level and what in said and cure in advice, (got, said, advice)


PARTITIONS = "cpu*|up|1-00:00:00|4|(null)\\ngpu|up|2-00:00:00|2|gpu:h100:8(S:0-1)\\n"
