"""chat-topics through outages."""

import pytest

from faults import CuttingProxy, in_parallel
from proxy import TO_CLIENT, TO_SERVER


def names(server):
    return server.run("chat-topics", "--names").lines


@pytest.mark.parametrize("direction", [TO_SERVER, TO_CLIENT])
def test_a_cut_after_each_byte(server, direction):
    """What was done but not answered is not told as an error when it is tried again."""

    def change(offset):
        server.run("chat-topics", "add", f"old{offset}")
        server.store(f"old{offset}", "a")
        commands = {
            "list": ["--names", "topic1"],
            "add": [f"new{offset}"],
            "set": [f"new{offset}", "--max-len", "7", "--description", "d"],
            "rm": [f"old{offset}", "--purge"],
        }
        for command, arguments in commands.items():
            with CuttingProxy(server.socket, [{direction: offset}]) as proxy:
                done = server.run("chat-topics", command, *arguments, "--retry-for", "1h", "--redis", proxy.url, err="")
                assert done.text == ("topic1\n" if command == "list" else ""), (command, offset)
                assert "already" not in done.err_text

    offsets = range(3, 600, 23)
    in_parallel(change, offsets)
    assert set(names(server)) == {"topic1", "topic2", "topic3", "topic4", *(f"new{offset}" for offset in offsets)}
    client = server.client()
    for offset in offsets:
        assert client.hmget(f"chat:{{new{offset}}}:info", "max_len", "description") == [b"7", b"d"]
        assert not client.exists(f"chat:{{old{offset}}}", f"chat:{{old{offset}}}:info")


@pytest.mark.parametrize("command", [["chat-topics", "add"], ["chat-pub", "--create", "--user", "u"]])
def test_a_topic_whose_making_breaks_off_is_listed_and_heard_of(server, command):
    """At each byte of each answer. A reader of all topics runs, and hears of each."""

    def make(offset):
        topic = f"cut{offset}"
        with CuttingProxy(server.socket, [{TO_CLIENT: offset}]) as proxy:
            options = ["--retry-for", "1h", "--redis", proxy.url]
            server.run(*command, topic, *(["hello"] if command[0] == "chat-pub" else []), *options, err="")
        if command[0] == "chat-topics":
            server.run("chat-pub", topic, "hello")

    offsets = range(200, 460, 4)
    sub = server.follow("--all", "--format", "%t")
    in_parallel(make, offsets)
    expected = {f"cut{offset}" for offset in offsets}
    assert expected <= set(names(server))
    heard = set()
    while heard != expected:
        heard.add(sub.line())


def test_an_answer_that_may_change_is_waited_out(make_server):
    server = make_server()
    server.client().replicaof("127.0.0.1", 1)
    adding = server.start("chat-topics", "add", "news", "--retry-for", "1h")
    assert "READONLY" in (told := adding.err.line()) and told.endswith("trying again")
    server.client().replicaof("no", "one")
    adding.finish(0, err="trying again")
    assert "news" in names(server)


def test_an_answer_that_does_not_change_is_given_up_on(make_server):
    server = make_server()
    server.client().replicaof("127.0.0.1", 1)
    server.run("chat-topics", "add", "news", "--retry-for", "300ms", code=75, err="gave up on Redis at .* after 300ms: .*READONLY")


def test_a_stop_while_it_waits(make_server):
    server = make_server()
    server.client().replicaof("127.0.0.1", 1)
    adding = server.start("chat-topics", "add", "news", "--retry-for", "1h")
    adding.err.line()
    assert "internal" not in adding.stop().err_text
