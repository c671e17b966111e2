"""What is done where the hub can't be reached, with a server on loopback in its place."""

import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from score.jobs.hub import offline, use_cache_where_out_of_reach


class _Busy(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_error(503)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    """A hub that answers, if only with an error; closed, one that doesn't."""
    monkeypatch.delenv("HF_HUB_OFFLINE")  # tests have it set, and get it back
    hub = HTTPServer(("127.0.0.1", 0), _Busy)
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{hub.server_port}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    threading.Thread(target=hub.serve_forever, daemon=True).start()
    yield hub
    hub.shutdown()
    hub.server_close()


def _closed(server):
    server.shutdown()
    server.server_close()


def test_a_hub_that_answers_is_used(server, capsys):
    use_cache_where_out_of_reach(["acme/puzzle"])
    assert not offline() and not capsys.readouterr().out


def test_where_it_does_not_answer_the_cache_alone_is_used_and_that_is_said(server, capsys):
    _closed(server)
    use_cache_where_out_of_reach(["acme/puzzle", "acme/problems"])
    assert offline()
    assert "acme/puzzle, acme/problems can only come from its cache" in capsys.readouterr().out


@pytest.mark.parametrize(("names", "told"), [([], None), (["acme/puzzle"], "0")])
def test_nobody_is_asked_where_nothing_is_on_the_hub_or_the_user_has_said(
    server, names, told, monkeypatch, capsys
):
    _closed(server)
    if told is not None:
        monkeypatch.setenv("HF_HUB_OFFLINE", told)
    use_cache_where_out_of_reach(names)
    assert os.environ.get("HF_HUB_OFFLINE") == told and not capsys.readouterr().out
