"""What is no GGUF file, or not a whole one, ends the conversion in one message."""

import sys

import pytest
import transformers
from score.policies import gguf


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "is no GGUF file"), (b"PK\3\4", "is no GGUF file"), (b"GGUF\3\0", "can't be converted")],
)
def test_file_that_is_no_whole_gguf_file_is_refused(tmp_path, monkeypatch, content, told):
    source = tmp_path / "policy.gguf"
    source.write_bytes(content)
    flags = ["--input", str(source), "--output", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["gguf", *flags])
    with pytest.raises(SystemExit, match=f"score.policies.gguf: .*policy.gguf {told}"):
        gguf.main()
    assert not (tmp_path / "out").exists()


def test_code_that_lies_beside_the_file_is_not_asked_about(tmp_path, monkeypatch):
    asked = []

    def from_pretrained(trust_remote_code=None, **more):
        asked.append(trust_remote_code)
        raise ValueError("no weights")

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", from_pretrained)
    with pytest.raises(ValueError, match="no weights"):
        gguf.convert(tmp_path / "policy.gguf", tmp_path / "out")
    assert asked == [False]
