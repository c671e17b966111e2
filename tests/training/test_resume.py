"""Training gone on with under DeepSpeed ends bit for bit as if it had not been interrupted."""

import json

import pytest
from launching import accelerate, run
from places import ROOT

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", ["full", "lora"])
@pytest.mark.parametrize("stage", [1, 2, 3])
def test_resumed_training_equals_an_uninterrupted_one(tmp_path, stage, kind):
    script = str(ROOT / "tests/support" / "launched_resume.py")
    run([*accelerate(f"zero{stage}", 1), script, str(tmp_path), kind])
    told = json.loads((tmp_path / "told.json").read_text())
    same = {"1": True, "2": True}
    assert told == {"stage": stage, "updates": 5, "records": same, "weights": same}
