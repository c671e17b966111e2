"""What lies in the place of a file is told by its first bytes."""

import pytest
from score.files.heads import head_of, pointed_size, refuse_stand_in

POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 147946961\n"
)


def test_a_git_lfs_pointer_is_refused_with_its_size_and_the_command_that_fetches(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(POINTER)
    assert pointed_size(head_of(path)) == 147_946_961
    message = rf"Git LFS pointer.*147.9 MB.*git -C {tmp_path} lfs pull.*--repo-type model"
    with pytest.raises(ValueError, match=message):
        refuse_stand_in(path, head_of(path), "model")
    path.write_bytes(POINTER.replace(b"\n", b"\r\n"))  # as Git for Windows checks it out
    assert pointed_size(head_of(path)) == 147_946_961


@pytest.mark.parametrize("start", [b"<!DOCTYPE html>\n<html>", b"\n <html lang='en'>"])
def test_a_saved_web_page_is_refused_as_one(tmp_path, start):
    with pytest.raises(ValueError, match=r"is a web page.*/resolve/"):
        refuse_stand_in(tmp_path / "x.jsonl", start)


def test_text_about_pointers_is_no_pointer(tmp_path):
    quoted = b'{"question": "version https://git-lfs.github.com/spec/v1 size 3"}'
    refuse_stand_in(tmp_path / "x.jsonl", quoted)
    assert pointed_size(b"") is None
