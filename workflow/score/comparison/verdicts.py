"""Claims as conjunctions of parts, and how their verdicts are found.

A claim holds when every part does, so its p is the largest of theirs (intersection-union test). It is
refuted where the opposite of any part holds, so its p against is the smallest of theirs times their
number (Bonferroni). Both p of every claim that could be tested are one family, which Holm's correction
keeps: the chance that any verdict of a page is wrong is at most LEVEL.
"""

from dataclasses import dataclass, field

from score.comparison.significance import holm

LEVEL = 0.01
SUPPORTED, NOT_SUPPORTED, UNDECIDED = "supported", "not supported", "undecided"
NOT_COMPARABLE = "not comparable"


@dataclass
class Part:
    """A quantity and the condition that it has to meet, in percent, and how sure either is.

    value, low, high: the quantity and its 95 % interval, fractions. p: small where the condition is
    met. p_against: small where its opposite is met. verdict: what the claim's would be if p were that
    of this part alone, see `decided`. differs: in what its arms are not comparable, a phrase each; the
    part then says nothing of the claim, and its verdict names them.
    """

    quantity: str
    condition: str
    value: float
    low: float
    high: float
    p: float
    p_against: float
    verdict: str = UNDECIDED
    differs: list[str] = field(default_factory=list)


@dataclass
class Claim:
    """A claim of the paper, its parts and its verdict.

    missing: what the run lacks to test it; if anything, there are no parts and p is None.
    """

    number: int
    claim: str
    parts: list[Part]
    missing: list[str]
    p: float | None = None
    p_holm: float | None = None
    p_against: float | None = None
    p_against_holm: float | None = None
    verdict: str = UNDECIDED


def decided(claims: list[Claim]) -> list[Claim]:
    """The claims with p, corrected p and verdicts, their parts with verdicts.

    Supported when the corrected p is below LEVEL, not supported when the corrected p against is,
    undecided otherwise and when it could not be tested. A part's verdict is the one that its claim
    would have if its p took the place of the claim's: a claim is supported when all of its parts are,
    and not supported when one of them is not.

    A part whose arms are not comparable can neither support its claim nor refute it, so a claim with
    such a part is not comparable, unless another part refutes it.
    """
    tested = [claim for claim in claims if not claim.missing]
    family: list[float] = []
    for claim in tested:
        p = max(_for(part) for part in claim.parts)
        against = min(_against(part, claim) for part in claim.parts)
        claim.p, claim.p_against = p, against
        family += [p, against]
    corrected = holm(family)
    for place, claim in enumerate(tested):
        p, against = corrected[2 * place : 2 * place + 2]
        claim.p_holm, claim.p_against_holm = p, against
        claim.verdict = _verdict(p, against)
        if claim.verdict == UNDECIDED and any(part.differs for part in claim.parts):
            claim.verdict = NOT_COMPARABLE
        for part in claim.parts:
            p = _corrected(family, 2 * place, _for(part))
            against = _corrected(family, 2 * place + 1, _against(part, claim))
            part.verdict = _verdict(p, against)
            if part.differs:
                part.verdict = f"{NOT_COMPARABLE}: {'; '.join(part.differs)}"
    return claims


def _for(part: Part) -> float:
    return 1.0 if part.differs else part.p


def _against(part: Part, claim: Claim) -> float:
    return 1.0 if part.differs else min(1.0, part.p_against * len(claim.parts))


def _corrected(family: list[float], place: int, p: float) -> float:
    """`p` corrected as it would be in that place of the family."""
    return holm([*family[:place], p, *family[place + 1 :]])[place]


def _verdict(p: float, against: float) -> str:
    if p < LEVEL:
        return SUPPORTED
    return NOT_SUPPORTED if against < LEVEL else UNDECIDED
