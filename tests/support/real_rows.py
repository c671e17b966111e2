"""Rows of the real data sets, for tests that are skipped where these are not."""

import gzip
import json

import pytest
from places import DATA


def rows(name: str) -> list[dict]:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"real data not found: {path}")
    opened = gzip.open(path, "rt") if path.suffix == ".gz" else path.open(encoding="utf-8")
    with opened as lines:
        return json.load(lines) if path.suffix == ".json" else [json.loads(line) for line in lines]
