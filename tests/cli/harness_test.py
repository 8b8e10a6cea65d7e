"""The harness itself: what the other files take for granted."""

import signal
import socket
import sys

import pytest
import redis

from harness import LIMIT, Result, Running, environment
from proxy import TO_CLIENT, TO_SERVER, Proxy


def test_a_server_keeps_its_data_over_kill9_when_told_so(make_server):
    server = make_server(appendonly="yes", appendfsync="always")
    server.client().set("a", "1")
    server.kill9()
    with pytest.raises(redis.ConnectionError):
        server.client().ping()
    server.restart()
    assert server.client().get("a") == b"1"


def test_a_server_listens_on_tcp_on_the_same_port_after_a_restart(make_server):
    server = make_server(tcp=True)
    port = server.port
    server.kill9()
    server.restart()
    assert server.port == port
    assert redis.Redis(port=port).ping()


def test_a_stopped_server_does_not_answer(make_server):
    server = make_server()
    client = redis.Redis(unix_socket_path=str(server.socket), socket_timeout=0.05, retry=None)
    server.stop_process()
    with pytest.raises(redis.TimeoutError):
        client.ping()
    server.continue_process()
    assert server.client().ping()


def test_a_server_that_does_not_start_is_an_error(make_server):
    with pytest.raises(AssertionError, match="ended before .*ready to accept"):
        make_server(nonsense="yes")


def test_reset_leaves_nothing(server):
    server.client().set("a", "1")
    other = server.client()
    other.ping()
    server.reset()
    assert server.client().dbsize() == 0
    assert len(server.client().client_list()) == 1


def test_run_checks_code_and_silence(server):
    assert server.run("/bin/sh", "-c", "cat; exit 3", input="in", code=3).text == "in"
    with pytest.raises(AssertionError, match="exit 3, not 0"):
        server.run("/bin/sh", "-c", "exit 3")
    with pytest.raises(AssertionError, match="stderr: warning"):
        server.run("/bin/sh", "-c", "echo warning >&2")
    with pytest.raises(AssertionError, match="no 'other' in stderr"):
        server.run("/bin/sh", "-c", "echo warning >&2", err="other")
    with pytest.raises(AssertionError, match="still runs"):
        server.run("/bin/sh", "-c", "exec sleep 60", limit=0.1)


def test_death_by_a_signal_counts_as_in_a_shell(server):
    assert server.run("/bin/sh", "-c", "kill -INT $$", code=130) == Result(130, b"", b"")


def test_nothing_leaks_into_the_environment(server, monkeypatch):
    monkeypatch.setenv("CHAT_USER", "outsider")
    monkeypatch.setenv("REDIS_HOST", "nowhere")
    names = {line.partition("=")[0] for line in server.run("/usr/bin/env").lines}
    assert names <= {"PATH", "HOME", "TZ", "LC_ALL", "TERM", "REDIS_URL", "REDIS_SERVER", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"}


def test_a_background_program_is_read_by_line_and_ended(server):
    cat = server.start("/bin/cat")
    cat.write("one\ntwo\nthr")
    assert cat.lines(2) == ["one", "two"]
    with pytest.raises(AssertionError, match="no line within 0.1 s; so far b'one"):
        cat.line(limit=0.1)
    cat.write("ee\n")
    assert cat.out.until("r+e") == "thre"
    assert cat.finish().out == b"e\n"
    with pytest.raises(AssertionError, match="ended before line came"):
        cat.line()


def test_a_background_program_dies_with_its_parent(server):
    # The grandchild's stdout closes when it has gone; its stdin stays open.
    script = "import subprocess; subprocess.run(['setpriv', '--pdeathsig', 'KILL', '--', 'sh', '-c', 'echo; exec cat'])"
    parent = server.start(sys.executable, "-c", script)
    parent.line()
    parent.send(signal.SIGKILL)
    assert parent.wait() == 137
    assert parent.out.rest() == b""


def test_ready_fd(server):
    tool = server.home / "tool"
    tool.write_text("#!/bin/bash\n[[ $1 == --ready-fd ]] && echo >&$2\ncat\n")
    tool.chmod(0o755)
    assert server.start(tool, ready=True).wait_ready().finish().out == b""
    tool.write_text("#!/bin/bash\necho no >&2\n")
    with pytest.raises(AssertionError, match="not ready.*\n.*no"):
        server.start(tool, ready=True).wait_ready()


def test_terminal(server):
    cat = server.terminal("/bin/sh", "-c", "test -t 0 && test -t 1 && cat")
    cat.type("hi\n")
    assert cat.screen.until("hi\r\nhi\r\n") == "hi\r\nhi\r\n"  # the echo, then cat's
    cat.type("\x03")
    assert cat.shown(code=130) == "^C"


def test_terminal_of_one_stream(server):
    cat = server.terminal("/bin/sh", "-c", "test -t 0 && ! test -t 1 && cat", on=("in",))
    cat.type("hi\n\x04")
    assert cat.line() == "hi"
    assert cat.shown() == "hi\n"


def test_proxy_passes_on_and_cuts(server):
    with Proxy(server.socket) as proxy:
        client = redis.Redis.from_url(proxy.url, retry=None)
        assert client.set("a", "x" * 1_000_000)
        assert client.get("a") == b"x" * 1_000_000
        pubsub = client.pubsub()
        pubsub.subscribe("c")
        assert pubsub.get_message(timeout=LIMIT)["type"] == "subscribe"
        assert client.ping()
        assert proxy.taken == 2
        proxy.cut()
        with pytest.raises(redis.ConnectionError):
            pubsub.connection.read_response()
        proxy.refuse()
        with pytest.raises(redis.ConnectionError):
            redis.Redis.from_url(proxy.url, retry=None).ping()
        proxy.accept()
        assert redis.Redis.from_url(proxy.url, retry=None).ping()


def test_proxy_cuts_after_a_byte(make_server):
    server = make_server(tcp=True)
    ping = b"*1\r\n$4\r\nPING\r\n"
    with Proxy(server.port, listen=server.folder / "proxy.sock") as proxy:

        def talk():
            client = Running(
                [sys.executable, "-c", "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(sys.argv[2].encode()); [print(d) for d in iter(lambda: s.recv(99), b'')]", server.folder / "proxy.sock", ping.decode()],
                environment(server.url, server.home),
            )  # fmt: skip
            return client.finish().text

        proxy.cut_after(3, TO_CLIENT)
        assert talk() == "b'+PO'\n"
        proxy.cut_after(None, TO_CLIENT)
        proxy.cut_after(len(ping) - 1, TO_SERVER)
        assert talk() == ""
    proxy.wait_for(lambda proxy: proxy.passed == {TO_SERVER: 2 * len(ping) - 1, TO_CLIENT: 3})


def test_proxy_stalls(server):
    with Proxy(server.socket) as proxy:
        client = socket.create_connection(("127.0.0.1", proxy.port), LIMIT)
        proxy.stall(TO_CLIENT)
        client.sendall(b"RPUSH a 1\r\n")
        assert server.client().blpop("a", 30) == (b"a", b"1")  # the request came through, the answer did not
        client.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.recv(99)
        proxy.resume()
        client.settimeout(LIMIT)
        assert client.recv(99) == b":1\r\n"
        client.close()
