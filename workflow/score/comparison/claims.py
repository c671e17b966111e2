"""Test the paper's eight claims on a run: supported, not supported or undecided, and by what.

    python -m score.comparison.claims --settings settings.json --scaling analyses/scaling.csv \
        --attempts base=base/attempts.parquet score/seed0=score/seed0/attempts.parquet ... \
        --markdown claims.md --json claims.json

Both files are computed from the judged attempts alone; what a run does not show stays in them.
"""

import argparse
import json
import sys
from dataclasses import asdict

from score.comparison.bootstrap import Resamples
from score.comparison.hypotheses import LEVEL, Claim, Part, paper_claims
from score.comparison.outcomes import read_arms
from score.comparison.settings import ClaimsSettings
from score.comparison.tables import interval, markdown_table, p_text
from score.files.atomic import replace_file


def markdown_text(claims: list[Claim], settings: ClaimsSettings) -> str:
    """A row a claim, how they were decided, then a table of parts for each."""
    rows = [["claim", "", "verdict", "corrected p"]]
    for claim in claims:
        p = "" if claim.p_holm is None else p_text(claim.p_holm)
        rows.append([str(claim.number), claim.claim, claim.verdict, p])
    sections = [_section(claim) for claim in claims]
    return "\n".join(["# Claims", "", markdown_table(rows), _explanation(settings), *sections])


def _explanation(settings: ClaimsSettings) -> str:
    margin, copies = (100 * x for x in (settings.claims_margin, settings.claims_copy_rate))
    return (
        "A claim holds when each of its parts does: its p is the largest of theirs, Holm-corrected "
        f"over the claims that could be tested. Supported: corrected p < {LEVEL:g}. Not supported: "
        f"the opposite of some part has p < {LEVEL:g}. Undecided: neither, or something is "
        "missing; too few problems or seeds end here. Effects are in points, with paired 95 % "
        "bootstrap intervals over problems and seeds, or whole runs where runs are pooled; p is "
        "one-sided, from the effect over its standard error. To gain nothing is to have a Δ below "
        f"{margin:g} % of all problems; to copy is to state more than {copies:g} % of the answers "
        "again, and more than SCoRe does. "
        "One seed tells nothing of how trainings differ, two or three tell it roughly.\n"
    )


def _section(claim: Claim) -> str:
    heading = f"## {claim.number}. {claim.claim}: {claim.verdict}\n"
    if claim.missing:
        return f"{heading}\nCould not be tested. Missing: {', '.join(claim.missing)}.\n"
    rows = [["part", "has to be", "effect", "p", "p of the opposite"]]
    rows += [_part_cells(part) for part in claim.parts]
    return f"{heading}\n{markdown_table(rows)}"


def _part_cells(part: Part) -> list[str]:
    effect = interval(part.value, part.low, part.high, signed=True)
    return [part.quantity, part.condition, effect, p_text(part.p), p_text(part.p_against)]


def json_text(claims: list[Claim], settings: ClaimsSettings) -> str:
    """The same for programs: settings and level, then every claim with its parts, fractions."""
    told = {"level": LEVEL, "settings": asdict(settings), "claims": [asdict(c) for c in claims]}
    return json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m score.comparison.claims", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--settings", required=True, help="JSON file of ClaimsSettings")
    parser.add_argument("--attempts", required=True, nargs="+", help="arm/seed=parquet file ...")
    parser.add_argument(
        "--scaling", nargs="+", default=[], help="CSV of sampling budgets, one a run, for claim 8"
    )
    parser.add_argument("--markdown", required=True, help="claims for people to write")
    parser.add_argument("--json", required=True, help="claims for programs to write")
    flags = parser.parse_args(arguments)
    try:
        settings = ClaimsSettings.read(flags.settings)
        resamples = Resamples(
            read_arms(flags.attempts), settings.bootstrap_samples, settings.bootstrap_seed
        )
        claims = paper_claims(resamples, settings, flags.scaling)
    except ValueError as error:
        sys.exit(f"claims: {error}")
    markdown = markdown_text(claims, settings)
    replace_file(flags.markdown, markdown.encode())
    replace_file(flags.json, json_text(claims, settings).encode())
    sys.stdout.buffer.write(markdown.encode())


if __name__ == "__main__":
    main()
