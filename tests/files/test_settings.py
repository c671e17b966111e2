"""Settings are read as their dataclass types them, and refused by key and value."""

import json
from dataclasses import dataclass

import pytest
from score.files.settings import Settings


@dataclass(kw_only=True)
class Example(Settings):
    size: int
    name: str | None = None
    rate: float = 1.0
    greedy: bool = False


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"size": 1, "nmae": "x"}', "unknown key 'nmae'; expected only .*'name'"),
        ('{"name": "x"}', "key 'size' is missing"),
        ('{"size": "1"}', "size is '1'; expected int"),
        ('{"size": 1.0}', "size is 1.0; expected int"),
        ('{"size": true}', "size is True; expected int"),
        ('{"size": 1, "greedy": 1}', "greedy is 1; expected bool"),
        ('{"size": 1, "rate": "1e-5"}', "rate is '1e-5'; expected float"),
        ("[]", "is not an object"),
        ("{", "can't be read as JSON"),
        pytest.param("[" * 100_000, "can't be read as JSON", id="deep"),
    ],
)
def test_a_bad_setting_is_refused_by_key_and_value(tmp_path, text, message):
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        Example.read(tmp_path / "s.json")


def test_settings_are_read_with_their_defaults(tmp_path):
    (tmp_path / "s.json").write_text(json.dumps({"size": 3, "rate": 2, "greedy": True}))
    assert Example.read(tmp_path / "s.json") == Example(size=3, rate=2, greedy=True)
    with pytest.raises(ValueError, match="can't be read"):
        Example.read(tmp_path / "none.json")


def test_settings_file_has_a_key_a_line_and_what_depends_on_it_does_not_on_its_lines(tmp_path):
    settings = Example.from_config({"size": 3, "rate": 0.5})
    written = tmp_path / "s.json"
    written.write_text(settings.to_json())
    assert written.read_text() == '{\n  "rate": 0.5,\n  "size": 3\n}'
    indented = Example.read(written)
    written.write_text('{"rate": 0.5, "size": 3}')
    indented.require_file()  # says the same, on one line
    assert indented.provenance() == Example.read(written).provenance()
    assert settings.rerun_on() == '{"rate": 0.5, "size": 3}'
