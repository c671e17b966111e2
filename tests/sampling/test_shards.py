"""Shards: whole or skipped, of these very settings or set aside, never lost to a full disk."""

import resource

import pytest
from score.sampling.shards import missing_batches, open_shards, write_shard

MADE_WITH = {"temperature": 1.0, "policy": "a", "problems": "b"}
ROWS = [{"problem_id": "p-1", "sample": 0, "attempt_t1": "six × 7\n\u2028", "truncated_t1": False}]


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "shards"
    assert open_shards(folder, MADE_WITH) == []
    write_shard(folder, ROWS)
    return folder


def test_rows_come_back_as_they_were_written(folder):
    assert open_shards(folder, MADE_WITH) == ROWS
    write_shard(folder, ROWS)
    assert open_shards(folder, MADE_WITH) == ROWS, "the same shard twice is one"


@pytest.mark.parametrize("spoil", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b + b" "])
def test_torn_shard_is_skipped_with_a_warning(folder, capsys, spoil):
    write_shard(folder, [{"problem_id": "p-2", "sample": 0}])
    (torn,) = (p for p in folder.glob("*.json") if b"p-1" in p.read_bytes())
    torn.write_bytes(spoil(torn.read_bytes()))
    assert open_shards(folder, MADE_WITH) == [{"problem_id": "p-2", "sample": 0}]
    assert f"{torn} is not what was written: it is set aside" in capsys.readouterr().out


def test_shard_whose_writing_was_killed_is_not_seen(folder):
    (folder / ".0123.json.77.partial").write_bytes(b'[{"problem_id": "p-9"')
    assert open_shards(folder, MADE_WITH) == ROWS


def test_shards_made_with_other_settings_are_set_aside_whole_and_named(folder, capsys):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    other = {**MADE_WITH, "temperature": 0.7, "policy": "c"}
    assert open_shards(folder, other) == []
    assert "(policy, temperature)" in capsys.readouterr().out
    aside = folder.with_name("shards.set-aside-1")
    assert {path.name: path.read_bytes() for path in aside.iterdir()} == before
    write_shard(folder, [])
    open_shards(folder, MADE_WITH)
    assert folder.with_name("shards.set-aside-2").is_dir()


def test_shards_that_do_not_say_what_they_were_made_with_are_set_aside(folder, capsys):
    (folder / "made_with.json").unlink()
    assert open_shards(folder, MADE_WITH) == []
    assert "made_with.json is missing" in capsys.readouterr().out


def test_full_disk_is_a_clear_error_that_loses_no_earlier_shard(folder):
    """A real one: the kernel refuses to let a file grow beyond 4 kB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(RuntimeError, match=r"written: the disk is full.* Make room and run"):
            write_shard(folder, [{"problem_id": "p-2", "sample": 0, "attempt_t1": "x" * 9000}])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert open_shards(folder, MADE_WITH) == ROWS
    assert len(list(folder.iterdir())) == 2, "nothing half-written is left"


def test_batches_of_a_rerun_are_those_of_the_first_run():
    prompts = {f"p{i}": [0] * (i % 7 + 1) for i in range(20)}
    whole = missing_batches(prompts, 2, 8, set())
    assert sorted(job for batch in whole for job in batch) == sorted(
        (f"p{i}", s) for i in range(20) for s in range(2)
    )
    lengths = [len(prompts[problem]) for batch in whole for problem, _ in batch]
    assert lengths == sorted(lengths, reverse=True)
    assert missing_batches(prompts, 2, 8, {*whole[0], *whole[3]}) == [whole[1], whole[2], whole[4]]
    others = missing_batches(prompts, 2, 3, set(whole[0]))  # done: 8 of the first 9
    assert sum(map(len, others)) == 32, "with another batch size what is done is left out as well"
    assert [len(batch) for batch in others[:2]] == [1, 3]
