"""Whether two arms were trained on equal terms, so that what differs in their results is the method.

Terms are those that a config gives an arm: KL weights, budget and tuning. What the arms of a claim
differ in by definition is no difference of terms: the bonus; Stage I with its own KL weights, since KL
weights are compared of the training that ends an arm, and budgets of all that it starts from; a first
attempt that direct RL samples and does not train; imitation, which has no KL. Nothing is asked of
comparisons with the base policy, which is not trained.

With advantages divided by their deviation σ an update's KL is divided too, so that β weighs as much
against the rewards as without. What differs then is how large an update is.
"""

from dataclasses import dataclass, field

from score.files.settings import Settings

TOLERANCE = 0.01  # budgets that differ by less count as equal: rounds don't divide evenly


@dataclass(kw_only=True)
class Terms(Settings):
    """The terms of a trained arm.

    kl: of every candidate, or of the arm where there is none, the weights β of its turns, in units of
    reward, None of a turn that is sampled and not trained; None: it is no reinforcement learning.
    scaled: whether advantages and KL are divided by σ.
    attempts, updates, tokens: as in the results table, None where not known ahead, of tokens where they
    are no budget. candidates: settings tried for the training that ends the arm. tuning_attempts,
    tuning_tokens: of all of its tuning. judged_on: problems that candidates are judged on.
    """

    kl: list | None = None
    scaled: bool | None = None
    attempts: int | float | None = None
    updates: int | float | None = None
    tokens: int | float | None = None
    candidates: int = 0
    tuning_attempts: int | float | None = 0
    tuning_tokens: int | float | None = 0
    judged_on: int = 0


@dataclass(frozen=True)
class Comparability:
    """The terms of all trained arms, by name; arms without any are not asked about."""

    terms: dict[str, Terms] = field(default_factory=dict)

    def differences(self, one: str, other: str) -> list[str]:
        """What two arms differ in, a phrase each; empty where they are comparable."""
        if one not in self.terms or other not in self.terms:
            return []
        a, b = self.terms[one], self.terms[other]
        found: list[str] = []
        if a.kl is not None and b.kl is not None:
            found += _kl(one, a, other, b)
        found += _budget(one, a, other, b)
        if a.candidates != b.candidates:
            found.append(f"candidates: {a.candidates} of {one}, {b.candidates} of {other}")
        elif a.candidates:
            found += _tuning(one, a, other, b)
            found += _counts("validation problems", one, a.judged_on, other, b.judged_on)
        return found


def _kl(one: str, a: Terms, other: str, b: Terms) -> list[str]:
    """Effective KL: β in units of reward, of the turns that both train, and what divides an update."""
    tried = [*(a.kl or []), *(b.kl or [])]
    both = [t for t in range(min(map(len, tried))) if _trained(tried, t)]
    weights, others = ({tuple(w[t] for t in both) for w in terms.kl or []} for terms in (a, b))
    found: list[str] = []
    if weights != others:
        found.append(f"KL weights: {_weights(weights)} of {one}, {_weights(others)} of {other}")
    if a.scaled != b.scaled and any(map(any, (*weights, *others))):
        ours, theirs = ("divided" if terms.scaled else "not divided" for terms in (a, b))
        found.append(f"updates: {ours} by σ of {one}, {theirs} by σ of {other}")
    return found


def _trained(tried: list[list], turn: int) -> bool:
    return all(weights[turn] is not None for weights in tried)


def _weights(tried: set[tuple]) -> str:
    return " or ".join("/".join(f"{beta:g}" for beta in weights) for weights in sorted(tried))


def _budget(one: str, a: Terms, other: str, b: Terms) -> list[str]:
    """Tokens alone where both arms have a budget of tokens, else attempts and updates."""
    if a.tokens is not None and b.tokens is not None:
        return _counts("tokens", one, a.tokens, other, b.tokens)
    found = _counts("attempts", one, a.attempts, other, b.attempts)
    return found + _counts("updates", one, a.updates, other, b.updates)


def _tuning(one: str, a: Terms, other: str, b: Terms) -> list[str]:
    """Counted as the budget is."""
    if a.tokens is not None and b.tokens is not None:
        return _counts("tuning tokens", one, a.tuning_tokens, other, b.tuning_tokens)
    return _counts("tuning attempts", one, a.tuning_attempts, other, b.tuning_attempts)


def _counts(what: str, one: str, a: float | None, other: str, b: float | None) -> list[str]:
    if a is None or b is None:
        unknown = [arm for arm, count in ((one, a), (other, b)) if count is None]
        return [f"{what} of {' and '.join(unknown)} are not known ahead"]
    if max(a, b) <= (1 + TOLERANCE) * min(a, b):
        return []
    return [f"{what}: {a:,g} of {one}, {b:,g} of {other}"]
