"""Flags that the commands share which take a policy that somebody tries."""

import argparse

from score.jobs.command import optional


def policy_flags(dtype: str = "float32 or bfloat16; default: as trained, float32 without a GPU"):
    """Flags that name a policy and say what it does not say itself. dtype: help of --dtype."""
    return {
        "policy": "results/{run}/{policy}, the folder of a policy, or its name on the hub",
        "task": optional(
            "math, qa, code, … or a .py file; of a policy that does not say it itself"
        ),
        "few_shot_dir": optional("folder of worked examples; default: as in its run"),
        "dtype": optional(dtype, choices=("float32", "bfloat16")),
        "trust_remote_code": optional(
            "run code that comes with the policy; read it before", action="store_true"
        ),
    }


def wanted_by(flags: argparse.Namespace, **more):
    """What these flags, and `more` of the fields, want of a policy: a `policy_folder.Wanted`."""
    from score.chat.policy_folder import (
        Wanted,  # here, as it takes seconds that --help need not take
    )

    names = ("task", "few_shot_dir", "dtype", "trust_remote_code")
    return Wanted(**{name: getattr(flags, name) for name in names}, **more)
