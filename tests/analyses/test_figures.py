"""An arm looks the same in every figure."""

from score.analyses.figures import arm_styles


def test_an_arm_keeps_its_colour_in_figures_that_show_fewer_arms():
    arms = ["base", *"abcdefghijk"]
    everywhere = arm_styles(None, arms)
    assert len({(s.colour, s.dash) for s in everywhere.values()}) == len(arms)
    some = arm_styles(arms, ["k", "base", "b", "k"])
    assert list(some) == ["k", "base", "b"]
    assert all(everywhere[arm] == style for arm, style in some.items())
