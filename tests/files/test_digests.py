"""Contents of files decide a digest, dates don't."""

import os

import pytest
from score.files import digests
from score.files.digests import contents_digest, is_digested_whole


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(b"a" * 100)
    return path


def test_digest_of_contents_ignores_dates_and_sees_a_byte_a_name_and_a_file_that_is_gone(weights):
    first = contents_digest([weights])
    os.utime(weights, (1, 1))
    assert contents_digest([weights]) == first
    weights.write_bytes(b"a" * 99 + b"b")
    assert contents_digest([weights]) != first
    renamed = weights.rename(weights.with_name("other"))
    assert len({contents_digest(paths) for paths in ([weights], [renamed], [])}) == 3


def test_large_file_is_known_by_its_size_and_ends_and_asked_for_its_date(weights, monkeypatch):
    monkeypatch.setattr(digests, "WHOLE", 99)
    monkeypatch.setattr(digests, "_END", 10)
    assert not is_digested_whole(weights) and not is_digested_whole(weights.parent)
    seen = {contents_digest([weights])}
    for number, content in enumerate((b"b" + b"a" * 99, b"a" * 99 + b"b", b"a" * 101), 1):
        weights.write_bytes(content)
        os.utime(weights, (number, number))
        seen.add(contents_digest([weights]))
    assert len(seen) == 4
