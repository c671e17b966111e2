"""Training gone on with under DeepSpeed ends bit for bit as if it had not been interrupted."""

import json
from functools import cache

import pytest
from launching import accelerate, run
from places import ROOT

pytestmark = pytest.mark.slow
KINDS = ("full", "lora")


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Call it with a ZeRO stage for what its trainings tell, both kinds from one process."""

    @cache
    def of_stage(stage):
        folder = tmp_path_factory.mktemp(f"zero{stage}")
        script = str(ROOT / "tests/support/launched_resume.py")
        run([*accelerate(f"zero{stage}", 1), script, str(folder), *KINDS])
        return {kind: json.loads((folder / kind / "told.json").read_text()) for kind in KINDS}

    return of_stage


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stage", [1, 2, 3])
def test_resumed_training_equals_an_uninterrupted_one(told, stage, kind):
    same = {"1": True, "2": True, "5": True}
    assert told(stage)[kind] == {"stage": stage, "updates": 5, "records": same, "weights": same}
