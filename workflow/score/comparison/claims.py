"""Test the paper's eight claims on a run: supported, not supported or undecided, and by what.

    python -m score.comparison.claims --settings settings.json --scaling analyses/scaling.csv \\
        --attempts base=base/attempts.parquet score/seed0=score/seed0/attempts.parquet ... \\
        --markdown claims.md --json claims.json

Both files are computed from verified attempts alone, and name what a run lacks to test a claim.
"""

import json
from dataclasses import asdict

from score.comparison.effects import Effects
from score.comparison.hypotheses import further_parts, paper_claims
from score.comparison.outcomes import read_arms
from score.comparison.settings import ClaimsSettings
from score.comparison.tables import HOW_SURE, interval, markdown_table, p_text, write_page
from score.comparison.verdicts import LEVEL, Claim, Part
from score.files.atomic import replace_file
from score.jobs.command import Command, optional, several

COMMAND = Command(__spec__, __doc__)
FURTHER = (
    "Ours: RL on the summed return, r2 credited to the tokens of both turns. It is no policy of the "
    "paper's claims. The same is asked of it as of direct multi-turn RL in claim 3, without a "
    "verdict: these p are not corrected and outside the family above."
)


def markdown_text(claims: list[Claim], further: list[Part], settings: ClaimsSettings) -> str:
    """A row a claim, how they were decided, a table of parts for each, and what is not the paper's."""
    rows = [["claim", "", "verdict", "corrected p", "corrected p of the opposite"]]
    for claim in claims:
        ps = ["" if p is None else p_text(p) for p in (claim.p_holm, claim.p_against_holm)]
        rows.append([str(claim.number), claim.claim, claim.verdict, *ps])
    sections = [_section(claim) for claim in claims]
    if further:
        table = _parts_table(further, verdicts=False)
        sections.append(f"## Further comparison: RL on the summed return\n\n{table}\n{FURTHER}\n")
    return "\n".join(["# Claims", "", markdown_table(rows), _explanation(settings), *sections])


def _explanation(settings: ClaimsSettings) -> str:
    paragraphs = (
        "A claim holds when each of its parts does: its p is the largest of theirs. It is refuted "
        "when the opposite of any part holds: its p of the opposite is the smallest of theirs, times "
        "their number. Both p of all claims that could be tested are Holm-corrected together. "
        f"Supported: corrected p < {LEVEL:g}. Not supported: corrected p of the opposite < "
        f"{LEVEL:g}. Undecided: neither, or something is missing; too few problems or seeds end "
        f"here. The chance that the verdict of any claim is wrong is at most {100 * LEVEL:g} %.",
        "A part's verdict is what its claim's would be with the part's p in the place of the claim's: "
        "a claim is supported when all its parts are, and not supported when one is not. Where a "
        "part is supported and its claim is not, that is corrected for the number of claims, not for "
        "that of the claim's parts.",
        "Not comparable: the config gave the two arms of a part different KL weights, budgets or "
        "tuning, beyond what the claim is about, so that the part neither supports nor refutes it.",
        "Effects are in points, with 95 % intervals; the p of parts are one-sided and not corrected. "
        f"{HOW_SURE}",
        "To gain nothing, or no more than another, is to gain less than "
        f"{100 * settings.claims_margin:g} % of all problems: this margin is ours, the paper has "
        "none. An answer is changed where the attempts state different ones.",
    )
    return "\n\n".join(paragraphs) + "\n"


def _section(claim: Claim) -> str:
    heading = f"## {claim.number}. {claim.claim}: {claim.verdict}\n"
    if claim.missing:
        return f"{heading}\nCould not be tested. Missing: {', '.join(claim.missing)}.\n"
    return f"{heading}\n{_parts_table(claim.parts)}"


def _parts_table(parts: list[Part], verdicts: bool = True) -> str:
    headings = ["part", "has to be", "effect", "p", "p of the opposite"]
    last = ["verdict"] if verdicts else ["not comparable in"] * any(p.differs for p in parts)
    rows = [_part_cells(part, verdicts)[: len(headings) + len(last)] for part in parts]
    return markdown_table([headings + last, *rows])


def _part_cells(part: Part, verdicts: bool) -> list[str]:
    effect = interval(part.value, part.low, part.high, signed=True)
    cells = [part.quantity, part.condition, effect, p_text(part.p), p_text(part.p_against)]
    return [*cells, part.verdict if verdicts else "; ".join(part.differs)]


def json_text(claims: list[Claim], further: list[Part], settings: ClaimsSettings) -> str:
    """The same for programs: settings and level, then every claim with its parts, fractions."""
    compared = [asdict(part) for part in further]
    for part in compared:
        del part["verdict"]
    content = {"level": LEVEL, "settings": asdict(settings)}
    content |= {"claims": [asdict(claim) for claim in claims], "further": compared}
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def main(arguments: list[str] | None = None) -> None:
    flags = COMMAND.flags(
        arguments,
        settings="JSON file of ClaimsSettings",
        attempts=several("arm/seed=parquet file ..."),
        scaling=optional("CSV of sampling budgets, one a run, for claim 8", nargs="+", default=[]),
        markdown="claims for people to write",
        json="claims for programs to write",
    )
    with COMMAND.errors():
        settings = ClaimsSettings.read(flags.settings)
        effects = Effects(read_arms(flags.attempts))
        claims = paper_claims(effects, settings, flags.scaling)
    further = further_parts(effects, settings)
    replace_file(flags.json, json_text(claims, further, settings).encode())
    write_page(flags.markdown, markdown_text(claims, further, settings))


if __name__ == "__main__":
    COMMAND.run(main)
