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


def test_policies_that_begin_with_the_same_attempts_have_them_sampled_once(config):
    star = {"init": "base", "objective": "self_taught"}
    pairs = {"init": "base", "objective": "pair_sft"}
    config["seeds"] = [0, 3]
    config["policies"] |= {
        "star": star,
        "star_plus": star | {"variant": "ENF"},
        "star_short": star | {"max_tokens": 4},
        "pair_sft": pairs,
        "pair_sft_plus": pairs | {"keep_right_pairs": True},
        "pair_sft_few": pairs | {"number_output_initial_generations": 2},
    }
    config["tuning"]["candidates"] = [{"learning_rate": 1e-4}, {"learning_rate": 3e-4}]
    files = RunFiles(Plan(config))
    from_base, run = files.choice_from, files.results
    for one in ("candidate0", "seed0", "seed3"):
        ahead = f"{run}/pair_sft/{one}/first_attempts.parquet"
        assert from_base(f"pair_sft/{one}", 1) == from_base(f"pair_sft_plus/{one}", 1) == ahead
        assert from_base(f"pair_sft_few/{one}", 1).startswith(f"{run}/pair_sft_few/{one}/")
        first = f"{run}/star/{one}/iteration1/sampled.parquet"
        assert from_base(f"star/{one}", 1) == from_base(f"star_plus/{one}", 1) == first
        assert from_base(f"star_short/{one}", 1).startswith(f"{run}/star_short/{one}/")
        second = from_base(f"star_plus/{one}", 2)
        assert second == f"{run}/star_plus/{one}/iteration2/sampled.parquet"
    assert from_base("pair_sft/candidate1", 1) == from_base("pair_sft/candidate0", 1)
    assert from_base("star/candidate1", 1) == from_base("star/candidate0", 1)
