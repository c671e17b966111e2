"""The first sentence of a report: what was trained, on what, and whether it corrects itself."""

from score.comparison.instances import arm_of
from score.comparison.tables import interval, points
from score.report.run_folder import RunFolder

WAYS = {
    "stage_one": "Stage I of SCoRe",
    "stage_two": "SCoRe",
    "single_turn": "single-turn reinforcement learning",
    "direct_multi_turn": "direct multi-turn reinforcement learning",
    "summed_return": "reinforcement learning on the summed return",
    "grpo": "GRPO",
    "thinktwice": "ThinkTwice",
    "pag": "PAG",
    "self_rewarding_rl": "reinforcement learning of self-rewarding correction",
    "self_taught": "fine-tuning on its own corrections",
    "pair_sft": "fine-tuning on pairs of its own attempts",
    "self_rewarding": "fine-tuning on its own verdicts and corrections",
    "supervised": "fine-tuning on given attempts",
    "self_refine": "prompting it to criticise and refine",
    "pag_prompted": "prompting it to judge its attempts",
}


def main_row(run: RunFolder) -> dict | None:
    """The row that the report is about: `score`, else the last one; None without a table."""
    rows = run.rows()
    return next((row for row in rows if row["policy"] == "score"), rows[-1] if rows else None)


def main_instance(run: RunFolder) -> str | None:
    """The first instance of that row with verified attempts, else any that has."""
    row = main_row(run)
    have = [name for name in run.instances() if run.attempts(name).is_file()]
    own = [name for name in have if row is not None and arm_of(name) == row["policy"]]
    return next(iter(own or have[-1:]), None)


def sentence(run: RunFolder) -> list[str]:
    """Its parts: verdict first, then the numbers; without a table, one part that says so."""
    row = main_row(run)
    if row is None:
        return ["This run has no table of results yet."]
    try:
        return [_verdict(run, row), _numbers(run, row)]
    except (KeyError, ValueError, TypeError):
        return [f"The table of this run has another form than expected; see {run.path.name}."]


def _verdict(run: RunFolder, row: dict) -> str:
    """By the interval of Δ, and where that is above 0 also by the second of the paper's claims."""
    low, high = float(row["delta_low"]), float(row["delta_high"])
    name = row["policy"]
    if low > 0 and name == "score" and _claimed(run) == "undecided":
        return f"{name} gains in its second attempt, by too little for its claim to be decided."
    if low > 0:
        return f"{name} corrects itself."
    if high < 0:
        return f"{name} spoils more of its answers than it corrects."
    return f"Whether {name} corrects itself is undecided."


def _claimed(run: RunFolder) -> str | None:
    """The verdict on claim 2, that SCoRe corrects itself; None where there is none."""
    claims = run.json("claims.json").get("claims", [])
    return next((one.get("verdict") for one in claims if one.get("number") == 2), None)


def _numbers(run: RunFolder, row: dict) -> str:
    first, second = (points(100 * float(row[f"accuracy_t{turn}"])) for turn in (1, 2))
    begun = _held_to(run, row["policy"])
    base = next((r for r in run.rows() if r["policy"] == begun), None)
    text = (
        f"{_made(run, row['policy'])} solves {first}\N{NO-BREAK SPACE}% of "
        f"{int(float(row['num_problems'])):,} test problems at the first attempt and "
        f"{second}\N{NO-BREAK SPACE}% at the second, a gain of {_gain(row)} points"
    )
    if base is None or base is row:
        return f"{text}."
    return f"{text}; the policy it was trained from gains {_gain(base)}."


def _held_to(run: RunFolder, arm: str) -> str:
    """The policy that an arm is held to: base, or what a warm start has made of it."""
    return run.config.get("policies", {}).get(arm, {}).get("reference", "base")


def _gain(row: dict) -> str:
    value, low, high = (float(row[f"delta{end}"]) for end in ("", "_low", "_high"))
    return interval(value, low, high, signed=True)


def _made(run: RunFolder, arm: str) -> str:
    """`Trained by SCoRe from data/puzzle/policy on 1,024 problems of data/puzzle/problems, it`."""
    config = run.config
    entry = config.get("policies", {}).get(arm, {})
    start, data = config.get("model_path"), config.get("problems", {}).get("data_path")
    if not entry or start is None:
        return "It"
    if (begun := _held_to(run, arm)) != "base":
        start = f"{begun} (made of {start})"
    data = ", ".join(data) if isinstance(data, list) else data
    count = run.json("problems/data_card.json").get("splits", {}).get("train")
    size = f"{count:,} problems of " if isinstance(count, int) else ""
    way = WAYS.get(entry.get("objective"), str(entry.get("objective")))
    trained = "Made by" if entry.get("objective") == "self_refine" else "Trained by"
    return f"{trained} {way} from {start} on {size}{data}, it"
