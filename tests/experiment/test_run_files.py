"""Which files are a rule's input."""

from score.experiment.plan import Plan
from score.experiment.run_files import RunFiles


def test_a_file_that_a_file_manager_or_a_download_writes_makes_no_rule_run_again(config, tmp_path):
    top = tmp_path / ".hidden above"  # what is given by name is given
    data = ["data/train.jsonl", "test.jsonl"]
    left_out = [".DS_Store", "._test.jsonl", ".cache/huggingface/x.metadata", "__MACOSX/x.jsonl"]
    for name in [*data, *left_out]:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text("{}")
    config["problems"] |= {"data_path": str(top), "test_path": [str(top / "test.jsonl")]}
    found = RunFiles(Plan(config)).problem_sources()
    assert found == [*(str(top / name) for name in data), str(top / "test.jsonl")]


def test_jobs_with_prompts_run_again_when_the_file_of_their_chat_template_changes(config, tmp_path):
    template = tmp_path / "mine.jinja"
    template.write_text("{{ messages }}")
    for value, files in ((str(template), [str(template)]), ("qwen3", []), (None, [])):
        config["prompts"]["chat_template"] = value
        assert RunFiles(Plan(config)).prompts() == files
