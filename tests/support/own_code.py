"""A policy whose code comes with it, as vendors publish what transformers does not have yet."""

import json
import shutil
from pathlib import Path

BASE = "data/puzzle/policy"
_CODE = """
from transformers import LlamaConfig, LlamaForCausalLM


class OwnConfig(LlamaConfig):
    model_type = "own_llama"


class OwnForCausalLM(LlamaForCausalLM):
    config_class = OwnConfig
"""


def policy_with_own_code(folder: Path) -> str:
    """A copy of the puzzle's policy in `folder` that only its own code can load; its path."""
    policy = folder / "own"
    shutil.copytree(BASE, policy)
    (policy / "modeling_own.py").write_text(_CODE)
    config = json.loads((policy / "config.json").read_text())
    own = {"AutoConfig": "OwnConfig", "AutoModelForCausalLM": "OwnForCausalLM"}
    config["auto_map"] = {key: f"modeling_own.{name}" for key, name in own.items()}
    config |= {"model_type": "own_llama", "architectures": ["OwnForCausalLM"]}
    (policy / "config.json").write_text(json.dumps(config))
    return str(policy)
