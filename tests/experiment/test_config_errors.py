"""A config that holds an access key is refused, and the key is not shown."""

import pytest
from score.experiment.config_errors import refuse_keys

KEY = "deadbeefcafe" + "0123456789abcdef0123456789ab"


@pytest.mark.parametrize(
    ("changes", "path", "variable"),
    [
        ({"wandb_project_name": KEY}, "wandb_project_name", "WANDB_API_KEY"),
        ({"wandb_project_name": f"local-{KEY}"}, "wandb_project_name", "WANDB_API_KEY"),
        ({"wandb_api_key": "anything at all"}, "wandb_api_key", "WANDB_API_KEY"),
        ({"training": {"wandb_key": KEY}}, "training.wandb_key", "WANDB_API_KEY"),
        ({"report_to": ["wandb", KEY]}, "report_to.1", "WANDB_API_KEY"),
        ({"hf_token": "x"}, "hf_token", "HF_TOKEN"),
        ({"model_path": "hf_" + "aB3" * 12}, "model_path", "HF_TOKEN"),
    ],
)
def test_access_key_in_a_config_is_refused_without_being_shown(config, changes, path, variable):
    with pytest.raises(ValueError) as error:
        refuse_keys({**config, **changes})
    message = str(error.value)
    assert message.startswith(f"{path} holds") and f"environment variable {variable} " in message
    assert KEY not in message and "anything" not in message and "aB3" not in message


def test_commit_of_a_data_set_is_no_key(config):
    config["problems"]["revision"] = KEY
    refuse_keys(config)
