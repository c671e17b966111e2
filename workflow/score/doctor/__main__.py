"""Check a site before a run: one line a finding, and what to do where something is wrong.

    python -m score.doctor
    python -m score.doctor --configfile configs/mine.yaml    # also what this config needs

A line starts with ok, warn (works with less, or only matters to some) or FAIL (repair it first). Run
it where jobs run too: `srun --gpus 1 python -m score.doctor`.
"""

# argparse is used directly, since score.jobs.command needs a newer Python than this must run on.

import argparse
import os
import sys

from score.doctor import config, machine, slurm, torch
from score.doctor.findings import Finding, run_check
from score.files.visible import visible_lines
from score.jobs.progress import draw, erase

CHECKS = (
    machine.check_python,
    machine.check_packages,
    torch.check_gpus,
    torch.check_deepspeed,
    slurm.check_slurm,
    machine.check_disk,
    machine.check_hub,
    machine.check_limits,
    machine.check_sandbox,
    machine.check_wandb,
)

EXIT_STATUS = "exit status: 0 nothing failed; 1 a check says FAIL; 2 wrong flags or a missing file."


def show(finding: Finding) -> None:
    erase()
    print(f"{finding.level:4}  {visible_lines(finding.what)}", flush=True)
    if finding.cure:
        print(f"      -> {visible_lines(finding.cure)}", flush=True)


def main() -> int:
    description, _, rest = __doc__.partition("\n\n")
    script = os.path.basename(sys.argv[0])
    parser = argparse.ArgumentParser(
        prog=script if script.startswith("score-") else "python -m score.doctor",
        description=description,
        epilog=f"example:\n\n{rest}\n{EXIT_STATUS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--configfile", help="an experiment: checks what it needs too")
    flags = parser.parse_args()
    if flags.configfile and not os.path.isfile(flags.configfile):
        parser.error(f"--configfile is {flags.configfile}; expected an existing file. Correct it.")
    failed = 0
    checks: list[tuple] = [(check,) for check in CHECKS]
    if flags.configfile:
        checks.append((config.check_config_file, flags.configfile))
    for check, *arguments in checks:
        draw(f"checking {check.__name__.removeprefix('check_').replace('_', ' ')} ...")
        for finding in run_check(check, *arguments):
            show(finding)
            failed += finding.level == "FAIL"
    erase()
    failures = "1 check failed" if failed == 1 else f"{failed} checks failed"
    print(f"\n{failures}." if failed else "\nNo check failed.")
    return 1 if failed else 0


def run() -> None:
    try:
        status = main()
    except KeyboardInterrupt:
        erase()
        status = 130
    except BrokenPipeError:  # nobody reads on, as behind `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141
    sys.exit(status)


if __name__ == "__main__":
    run()
