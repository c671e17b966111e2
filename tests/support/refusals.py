"""What a check says of input that it refuses."""

import pytest

GONE = object()


def with_changes(config, changes):
    """The config with `{"section.key": value}` set; GONE deletes the key."""
    for path, value in changes.items():
        *sections, key = path.split(".")
        place = config
        for section in sections:
            place = place[section]
        if value is GONE:
            del place[key]
        else:
            place[key] = value
    return config


def refusal(check, *arguments) -> str:
    with pytest.raises(ValueError) as error:
        check(*arguments)
    return str(error.value)


def says(message, parts):
    assert [part for part in parts if part not in message] == [], message
