"""Connecting: names that are looked up slowly or have several addresses, links that are slow."""

import contextlib
import os
import socket
import threading

import pytest

from faults import LONG, SOAK, in_parallel
from harness import BIN, free_port, sanitized, until_true
from proxy import Proxy
from sentinels import NAME, FakeSentinel

LOOKUP = {"LD_PRELOAD": str(BIN / "libchat_lookup.so"), "ASAN_OPTIONS": "verify_asan_link_order=0:" + os.environ.get("ASAN_OPTIONS", "")}
pytestmark = pytest.mark.skipif(sanitized(), reason="another library must come first there")
DEAD = "redis://redis.dead"


class SlowLink(Proxy):
    """Each connection passes on so many bytes a second, and keeps few on the way."""

    def __init__(self, target, rate):
        self.rate = rate
        self.pause = threading.Event()  # never set
        super().__init__(target)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 15)

    def _pass_on(self, link, source, sink, direction, left):
        with contextlib.suppress(OSError):
            while data := source.recv(self.rate // 20):
                self.pause.wait(len(data) / self.rate)
                sink.sendall(data)
        self._end(link)


def test_a_large_message_through_a_slow_link(make_server, tmp_path):
    """It takes longer than a server may be silent."""
    server = make_server(tcp=True)
    text = b"y" * (12 << 20 if SOAK else 1_700_000)
    server.run("chat-pub", "topic2", "--whole", "--max-size", "64M", input=text)
    server.pub("topic1", "the topic is there")
    (tmp_path / "text").write_bytes(text)
    with SlowLink(server.port, 1_000_000 if SOAK else 200_000) as link:
        slow = ["--redis", link.url]
        with open(tmp_path / "text", "rb") as file:
            publisher = server.start("chat-pub", "topic1", "--whole", "--max-size", "64M", *slow, stdin=file)
        reader = server.start("chat-replay", "topic2", "--raw", *slow)
        readers = [reader]
        if SOAK:  # it reads the message twice
            readers.append(server.start("chat-sub", "topic2", "--last", "1", "-n", "1", "--raw", *slow))
        for running in readers:
            assert running.finish(limit=LONG).out == text + b"\n"
        publisher.finish(limit=LONG)
        assert link.taken <= (4 if SOAK else 2)  # nothing was tried again
    assert server.messages("topic1")[1:] == [text]


@pytest.mark.skipif(not SOAK, reason="takes 2 GB of memory")
def test_the_largest_message_through_a_unix_socket(make_server):
    server = make_server()
    text = b"y" * (256 << 20)
    server.run("chat-pub", "topic1", "--whole", "--max-size", "256M", input=text, limit=LONG)
    assert server.run("chat-replay", "topic1", "--raw", limit=LONG).out == text + b"\n"


# Nobody knows how long getaddrinfo takes.


def test_a_name_server_that_is_away(server):
    why = 'can\'t reach Redis at redis://redis.dead:6379: the name server gave no answer for "redis.dead" in time'
    tools = [["chat-pub", "topic1", "hi"], ["chat-sub", "topic1"], ["chat-replay", "topic1"], ["chat-topics"]]
    in_parallel(lambda tool: server.run(*tool, "--redis", DEAD, env=LOOKUP, code=69, err=why), tools)


def test_a_stop_while_a_name_is_looked_up(server):
    for tool in (["chat-pub", "topic1", "hi"], ["chat-sub", "topic1"]):
        run = server.start(*tool, "--redis", DEAD, "--retry-for", "1h", env=LOOKUP)
        threads = f"/proc/{run.pid}/task"
        until_true(lambda: len(os.listdir(threads)) > 1)
        run.stop(code=None)
    server.run("chat-sub", "topic1", "--redis", DEAD, "--retry-for", "1h", "--timeout", "100ms", env=LOOKUP, code=None)


def test_all_addresses_of_a_name_are_tried(make_server):
    server = make_server(tcp=True, bind="127.0.0.1")
    url = f"redis://both.test:{server.port}"
    server.run("chat-pub", "topic1", "hi", "--redis", url, env=LOOKUP)
    assert server.messages() == [b"hi"]
    nowhere = f"redis://both.test:{free_port()}"
    server.run("chat-topics", "--redis", nowhere, env=LOOKUP, code=69, err="Connection refused|Cannot assign")


def test_a_sentinel_with_a_dead_name_leaves_the_others_their_time(make_server):
    server = make_server(tcp=True)
    with FakeSentinel(server.port) as sentinel:
        url = f"redis-sentinel://one.dead,two.dead,{sentinel.place}/{NAME}"
        server.run("chat-pub", "topic1", "hi", "--redis", url, env=LOOKUP)
    assert server.messages() == [b"hi"]


def test_a_sentinel_that_names_no_address(make_server):
    server = make_server(tcp=True)
    for port in (70000, 0, -1):
        with FakeSentinel(port) as sentinel:
            url = f"redis-sentinel://{sentinel.place}/{NAME}"
            server.run("chat-topics", "--redis", url, code=69, err="says what can't be an address")
