"""Check the table of the embedded default: check_table.py results/puzzle/self_correction.csv

SCoRe's Δ lies above 0 with its whole interval, base's does not, and Δ = i→c − c→i in every row.
"""

import sys

import pandas as pd


def check(path: str) -> None:
    table = pd.read_csv(path).set_index("policy")
    parts = table["incorrect_to_correct"] - table["correct_to_incorrect"]
    assert (table["delta"] - parts).abs().max() < 1e-12, "Δ is not i→c − c→i"
    turns = table["accuracy_t2"] - table["accuracy_t1"]
    assert (table["delta"] - turns).abs().max() < 1e-12, "Δ is not Accuracy@t2 − Accuracy@t1"
    assert table.loc["score", "delta_low"] > 0, "SCoRe does not correct itself"
    assert table.loc["base", "delta_low"] <= 0, "the base policy corrects itself already"
    assert table.loc["score", "accuracy_t2"] > table.loc["base", "accuracy_t2"]
    print(f"{path}: the table is sound, and SCoRe's Δ is above 0 where base's is not")


if __name__ == "__main__":
    check(sys.argv[1])
