"""Write a policy as an ordinary folder of transformers, with a model card filled from its run.

    python -m score.export --policy results/puzzle/score --output puzzle-score
    python -m score.export --policy results/puzzle/score --output puzzle-score --push owner/name

Adapters are merged, weights are safetensors. The folder is loaded again by plain transformers, and the
card's own code has to give the same greedy tokens as the original on a few of the run's test problems;
else nothing is left. Nothing leaves this machine without --push, which makes a private repository.
"""

from pathlib import Path

from score.chat.command import policy_flags, wanted_by
from score.jobs.command import Command, optional

COMMAND = Command(__spec__, __doc__)


def main(arguments: list[str] | None = None) -> None:
    flags = COMMAND.flags(
        arguments,
        **policy_flags(dtype="float32 or bfloat16; default: what the policy holds"),
        output={"help": "folder to write, new or empty", "required": True, "type": Path},
        problems=optional("JSON Lines of problems to check with; default: the run's test.jsonl"),
        check=optional("how many of them (default 4)", type=int, default=4),
        base_model=optional("hub name of the base policy, for the card; default: as in the run"),
        license=optional("its licence, for the card; default: as its own card says"),
        push=optional("owner/name of a repository on the hub to upload it to"),
    )
    with COMMAND.errors():
        from score.export.export import (
            export,  # here, as it takes seconds that --help need not take
        )
        from score.export.folder import check_output, listing
        from score.export.push import hub_client, push

        check_output(flags.output)
        if flags.check < 1:
            raise ValueError(f"--check is {flags.check}; expected at least 1. Raise it.")
        client = None if flags.push is None else hub_client(flags.push)
        export(flags, wanted_by(flags))
        print(f"wrote {flags.output}\n{listing(flags.output)}", flush=True)
        if client is not None:
            print(f"uploading to {flags.push}", flush=True)
            print(f"pushed to {push(client, flags.output, flags.push)}")


def run() -> None:
    COMMAND.run(main)


if __name__ == "__main__":
    run()
