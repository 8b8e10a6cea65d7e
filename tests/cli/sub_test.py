"""chat-sub: live messages, with history before them."""

import base64
import json
import os
import re
import signal
import socket
import subprocess
import threading

import pytest

from harness import LIMIT
from proxy import TO_SERVER, Proxy


def test_live_messages_come_in_order(server):
    sub = server.follow("topic1", "--raw", "-n", "3")
    server.pub("topic1", "one", "two")
    server.pub("topic1", "three")
    assert sub.finish().text == "one\ntwo\nthree\n"


def test_nothing_of_the_history_unless_asked(server):
    server.pub("topic1", "old")
    sub = server.follow("topic1", "--raw", "-n", "1")
    server.pub("topic1", "new")
    assert sub.finish().text == "new\n"


def test_each_line_arrives_at_once_through_a_pipe(server):
    sub = server.start("/bin/bash", "-c", 'chat-sub topic1 --last 1 --raw | grep --line-buffered ""')
    server.pub("topic1", "first")
    assert sub.line() == "first"
    for i in range(3):
        server.pub("topic1", i)
        assert sub.line() == str(i)


class Meanwhile(Proxy):
    """Does `work` before the connections' n-th piece on the way to the server is passed on."""

    def __init__(self, target, n, work):
        self.left, self.work = n, work
        self.done = threading.Event()
        super().__init__(target)

    def before_passing_on(self, direction):
        if direction == TO_SERVER:
            self.left -= 1
            if self.left == 0:
                self.work()
                self.done.set()


def test_the_first_message_of_a_topic_is_shown_at_whatever_moment_of_the_start_it_comes(server):
    for moment in range(1, 20):
        topic = f"t{moment}"
        server.run("chat-topics", "add", topic)
        with Meanwhile(server.socket, moment, lambda topic=topic: server.pub(topic, "first")) as proxy:
            sub = server.follow(topic, "--last", "1", "-n", "2", "--raw", "--redis", proxy.url)
            if proxy.left > 0:
                break
            assert proxy.done.wait(LIMIT)  # the moment may be after it is ready
            server.pub(topic, "second")
            assert sub.finish().text == "first\nsecond\n", moment
    assert moment > 5


def test_a_message_at_whatever_moment_of_a_plain_start_is_before_it_or_shown(server):
    for moment in range(1, 20):
        for earlier in (0, 3):
            topic = f"plain{moment}-{earlier}"
            server.run("chat-topics", "add", topic)
            server.pub(topic, *["earlier"] * earlier)
            with Meanwhile(server.socket, moment, lambda topic=topic: server.pub(topic, "first")) as proxy:
                sub = server.follow(topic, "-n", "2", "--raw", "--strict", "--redis", proxy.url)
                left = proxy.left
                if left > 0:
                    break
                assert proxy.done.wait(LIMIT)
                server.pub(topic, "second", "third")
                assert sub.finish().text in ("first\nsecond\n", "second\nthird\n"), (moment, earlier)
        if left > 0:
            break
    assert moment > 3


def test_text_names_the_topic_when_there_are_several(server):
    sub = server.follow("topic1", "topic2", "-n", "2")
    server.pub("topic2", "b")
    server.pub("topic1", "a", user="ben")
    lines = [re.sub(r"^(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d ", "", line) for line in sub.finish().lines]
    assert lines == ["[topic2] ana: b", "[topic1] ben: a"]


def test_json_names_the_topic(server):
    sub = server.follow("topic1", "topic2", "--json", "-n", "2")
    server.pub("topic2", "b")
    server.pub("topic1", "a")
    assert [(json.loads(line)["topic"], json.loads(line)["message"]) for line in sub.finish().lines] == [
        ("topic2", "b"),
        ("topic1", "a"),
    ]


def test_a_topic_given_twice_is_one(server):
    sub = server.follow("topic1", "topic1", "--raw", "-n", "2")
    server.pub("topic1", "a", "b")
    assert sub.finish().text == "a\nb\n"


def test_user_hides_my_own_messages(server):
    sub = server.follow("topic1", "--user", "ana", "--raw", "-n", "2")
    server.pub("topic1", "mine")
    server.pub("topic1", "yours", user="ben")
    server.pub("topic1", "mine again")
    server.pub("topic1", "yours too", user="anas")
    assert sub.finish().text == "yours\nyours too\n"


def test_user_of_the_environment_hides_too_and_the_option_wins(server):
    by_env = server.follow("topic1", "--raw", "-n", "1", env={"CHAT_USER": "ana"})
    by_option = server.follow("topic1", "--raw", "-n", "1", "-u", "ben", env={"CHAT_USER": "ana"})
    server.pub("topic1", "of ana")
    server.pub("topic1", "of ben", user="ben")
    assert by_env.finish().text == "of ben\n"
    assert by_option.finish().text == "of ana\n"


def test_the_login_name_hides_nothing(server):
    sub = server.follow("topic1", "--raw", "-n", "1")
    server.run("chat-pub", "topic1", "by login name")
    assert sub.finish().text == "by login name\n"


def test_my_own_messages_are_hidden_in_the_history_too(server):
    server.pub("topic1", "mine")
    server.pub("topic1", "yours", user="ben")
    sub = server.follow("topic1", "--user", "ana", "--last", "5", "--raw", "-n", "2")
    server.pub("topic1", "new", user="ben")
    assert sub.finish().text == "yours\nnew\n"


def test_a_name_is_listed_as_present_while_it_reads(server):
    client = server.client()
    sub = server.follow("topic1", "--user", "ana")
    assert client.pubsub_channels("chat:{topic1}:user:*") == [b"chat:{topic1}:user:ana"]
    sub.stop()
    nameless = server.follow("topic1")
    assert client.pubsub_channels("chat:*:user:*") == []
    assert client.pubsub_numsub("topic1") == [(b"topic1", 1)]
    nameless.stop()


@pytest.mark.parametrize("count, expected", [(0, []), (2, ["3", "4"]), (99, ["0", "1", "2", "3", "4"])])
def test_last(server, count, expected):
    server.pub("topic1", *range(5))
    sub = server.follow("topic1", "--last", count, "--raw", "-n", len(expected) + 1)
    server.pub("topic1", "new")
    assert sub.finish().lines == [*expected, "new"]


def test_last_is_of_each_topic(server):
    server.pub("topic1", "a1", "a2", "a3")
    server.pub("topic2", "b1", "b2", "b3")
    done = server.run("chat-sub", "topic1", "topic2", "--last", "2", "--raw", "-n", "4")
    assert sorted(done.lines) == ["a2", "a3", "b2", "b3"]


def test_from_is_inclusive(server):
    ids = server.store("topic1", *"abcd")
    sub = server.follow("topic1", "--from", ids[2], "--raw", "-n", "3")
    server.pub("topic1", "new")
    assert sub.finish().lines == ["c", "d", "new"]


def test_from_zero_is_everything(server):
    server.store("topic1", *"abcd")
    assert server.run("chat-sub", "topic1", "--from", "0", "--raw", "-n", "4").lines == list("abcd")


def test_since(server):
    server.store("topic1", *"abcd", ms=1732400000000, step=1000)
    sub = server.run("chat-sub", "topic1", "--since", "2024-11-23T22:13:22Z", "--raw", "-n", "2")
    assert sub.lines == ["c", "d"]
    server.pub("topic1", "now")
    assert server.run("chat-sub", "topic1", "--since", "1h", "--raw", "-n", "1").lines == ["now"]


@pytest.mark.parametrize("start", [["--last", "100"], ["--from", "0"], ["--since", "1h"]])
def test_history_then_live_has_no_gap_and_no_repetition_while_a_publisher_floods(server, start):
    server.run("chat-topics", "set", "topic1", "--max-len", "0")
    flood = server.start("/bin/bash", "-c", "seq 75000 | chat-pub topic1", stdin=subprocess.DEVNULL)
    with server.client() as client:
        assert client.xread({"chat:{topic1}": "0"}, block=30000, count=1)  # it has begun
    sub = server.follow("topic1", *start, "--format", "%i %m")
    flood.finish()
    last = server.run("chat-pub", "topic1", "--print-ids", "end").text.strip()
    found = [*iter(sub.line, f"{last} end"), f"{last} end"]
    first = found[0].split()[0]
    stored = server.shell(f"redis-cli -s {server.socket} --raw xrange 'chat:{{topic1}}' {first} +").lines
    assert found == [f"{id} {message}" for id, message in zip(stored[::9], stored[4::9], strict=True)]
    sub.stop()


def test_a_reader_that_starts_later_than_a_bare_one_sees_the_same(server):
    server.run("chat-topics", "set", "topic1", "--max-len", "0")
    first = server.follow("topic1", "--raw", "-n", "20000")
    flood = server.start("/bin/bash", "-c", "seq 20000 | chat-pub topic1", stdin=subprocess.DEVNULL)
    second = server.start("chat-sub", "topic1", "--from", "0", "--raw", "-n", "20000")
    flood.finish()
    expected = "".join(f"{i}\n" for i in range(1, 20001))
    assert first.finish().text == expected
    assert second.finish().text == expected


def test_all_reads_topics_that_come_later(server):
    server.run("chat-topics", "add", "early")
    sub = server.follow("--all", "--json")
    server.pub("topic4", "a")
    assert json.loads(sub.line())["topic"] == "topic4"
    server.pub("early", "b")
    assert json.loads(sub.line())["topic"] == "early"
    server.run("chat-pub", "later", "--create", "first words")
    assert json.loads(sub.line())["message"] == "first words"
    server.run("chat-topics", "add", "empty")
    server.pub("empty", "c")
    assert json.loads(sub.line())["topic"] == "empty"
    sub.stop()


def test_all_names_the_topic_in_text(server):
    sub = server.follow("--all", "-n", "1")
    server.pub("topic1", "a")
    assert re.search(r"\[topic1\] ana: a$", sub.finish().lines[0])


def test_a_pattern_reads_topics_that_match_and_come_later(server):
    server.run("chat-topics", "add", "team/a")
    server.run("chat-topics", "add", "other")
    sub = server.follow("team/*", "topic[!2-4]", "--format", "%t %m")
    for topic in ("other", "topic2", "topic1"):
        server.pub(topic, "1")
    assert sub.line() == "topic1 1"
    server.pub("team/a", "2")
    assert sub.line() == "team/a 2"
    server.run("chat-pub", "team/b/c", "--create", "3")
    assert sub.line() == "team/b/c 3"
    server.run("chat-pub", "teams", "--create", "4")
    server.run("chat-topics", "rm", "team/a")
    sub.err.until("topic team/a was removed")
    server.run("chat-topics", "add", "team/a")
    server.pub("team/a", "5")
    assert sub.line() == "team/a 5"
    sub.stop()


def test_a_pattern_without_a_match_waits_for_one(server):
    sub = server.follow("team/*", "-n", "1", "--raw")
    server.run("chat-pub", "team/a", "--create", "first")
    assert sub.finish().text == "first\n"
    server.run("chat-sub", "team/[b", code=64, err=r'"team/\[b".*its \[ has no \]')


def test_a_name_beside_a_pattern_must_be_there(server):
    server.run("chat-sub", "team/*", "tpoic1", code=66, err="did you mean topic1")
    sub = server.follow("team/*", "topic4", "--color", "never")
    server.run("chat-topics", "rm", "topic4")
    server.run("chat-pub", "team/a", "--create", "still here")
    assert re.search(r"\[team/a\] .*: still here", sub.line())
    sub.stop()


def test_many_topics_at_once(server):
    names = [f"room/{i}" for i in range(200)]
    records = "".join(json.dumps({"topic": name, "message": f"in {name}"}) + "\n" for name in names)
    server.run("chat-pub", "--json", "--create", input=records)
    assert sorted(server.run("chat-sub", *names, "--last", "1", "-n", "200", "--raw").lines) == sorted(f"in {n}" for n in names)
    assert len(server.run("chat-sub", "--all", "--last", "1", "-n", "200", "--raw").lines) == 200
    sub = server.follow(*names, "--json", "-n", "200")
    server.run("chat-pub", "--json", input=records)
    assert sorted(json.loads(line)["topic"] for line in sub.finish().lines) == sorted(names)


def test_own_entries_between_ours_are_no_loss(server):
    """They have no PUBLISH, so a live reader hears of them only when it looks at the stream."""
    sub = server.follow("topic1", "--raw")
    with server.client() as client:
        for i in range(6):
            server.pub("topic1", f"ours {i}")
            client.xadd("chat:{topic1}", {"user": "x", "message": f"own {i}", "timestamp": "1732400000"})
    found = [*iter(sub.line, "ours 5"), "ours 5"]
    assert [line for line in found if line.startswith("ours")] == [f"ours {i}" for i in range(6)]
    assert sub.stop().err == b""
    assert server.replay("topic1", "--raw") == [f"{whose} {i}" for i in range(6) for whose in ("ours", "own")]


def test_own_entries_before_any_of_ours_are_no_loss(server):
    with server.client() as client:
        client.eval("for i = 1, 4 do redis.call('XADD', KEYS[1], '*', 'user', 'x', 'message', 'own ' .. i) end", 1, "chat:{topic1}")
    sub = server.follow("topic1", "--last", "9", "--raw", "-n", "5")
    server.pub("topic1", "ours")
    assert sub.finish().lines == ["own 1", "own 2", "own 3", "own 4", "ours"]


def test_what_the_channel_told_is_looked_for_and_not_read_again(server):
    sub = server.follow("topic1", "--raw")
    server.pub("topic1", "first")
    assert sub.line() == "first"
    with server.client() as client, client.monitor() as monitor:
        server.pub("topic1", *(f"line {i}" for i in range(1000)))
        looks = (command["command"].split() for command in monitor.listen() if command["command"].startswith("XRANGE"))
        _, key, begin, end, *count = next(looks)
    assert (key, begin, count) == ("chat:{topic1}", end, [])
    assert sub.stop().err == b""


def test_count(server):
    sub = server.follow("topic1", "--raw", "--count", "2")
    server.pub("topic1", "a", "b", "c")
    assert sub.finish().text == "a\nb\n"


def test_timeout_that_passes(server):
    sub = server.run("chat-sub", "topic1", "--timeout", "50ms", code=124)
    assert sub.out == b""


def test_timeout_that_passes_after_some_messages(server):
    server.pub("topic1", "a")
    for timeout in ("200ms", "2s", "20s"):  # a slow machine needs more
        done = server.run("chat-sub", "topic1", "--last", "1", "--raw", "-n", "2", "--timeout", timeout, code=124)
        if done.out:
            break
    assert done.text == "a\n"


def test_count_and_timeout_end_with_the_count(server):
    sub = server.follow("topic1", "--raw", "-n", "1", "--timeout", "10m")
    server.pub("topic1", "a")
    assert sub.finish().text == "a\n"


def test_ready_comes_before_the_first_message(server):
    # wait_ready is in each test; here: the newline is all that is written, and its descriptor is closed.
    sub = server.follow("topic1", "topic2")
    assert sub.ready.rest() == b""
    assert server.client().pubsub_numsub("topic1", "topic2") == [(b"topic1", 1), (b"topic2", 1)]
    sub.stop()


def test_a_plain_publishers_message_is_shown_live(server):
    sub = server.follow("topic1", "--json", "-n", "1")
    server.client().publish("topic1", '{"user": "old", "message": "hi", "timestamp": 1732400000}')
    assert sub.finish().text == '{"topic": "topic1", "user": "old", "message": "hi", "timestamp": 1732400000}\n'


def test_unknown_fields_and_fractions_are_accepted(server):
    sub = server.follow("topic1", "--json", "-n", "1")
    payload = {"room": {"a": [1]}, "timestamp": 1732400000.75, "message": "hi", "user": "old", "x": None}
    server.client().publish("topic1", json.dumps(payload))
    assert json.loads(sub.finish().text)["timestamp"] == 1732400000


def test_what_is_no_chat_message_is_reported_and_skipped(server):
    sub = server.follow("topic1", "--raw")
    bad = [
        b"not json \x1b[31m",
        b"",
        b"5",
        b"null",
        b"[]",
        b'{"message": "no user"}',
        b'{"user": "a", "message": 5, "timestamp": 1}',
        b'{"user": "a", "message": "m", "timestamp": "1"}',
        b'{"user": "a", "message": "m"',
        b'{"user": "a", "message": "\xff", "timestamp": 1}',
        b"[" * 1_000_000,
        b'{"user":' * 100_000,
        b'{"user": "a", "message": "m", "timestamp": 1e999}',
    ]
    with server.client() as client:
        for payload in bad:
            client.publish("topic1", payload)
            client.publish("topic1", '{"user": "a", "message": "good", "timestamp": 1}')
            sub.out.until("good\n")
    sub.send(15)
    assert sub.wait() == 143
    said = sub.err.rest()
    assert len(said.splitlines()) >= 8 and b"\x1b" not in said and len(said) < 20000
    assert all(line.startswith(b"chat-sub: ") for line in said.splitlines())
    assert set(bytes(sub.out.all).splitlines()) <= {b"good", "\ufffd".encode()}


def test_forged_ids_on_the_channel_do_not_hide_later_messages(server):
    server.pub("topic1", "a")
    sub = server.follow("topic1", "--raw")
    last = server.entries()[-1][0]
    ms, n = last.split("-")
    with server.client() as client:
        for id in ("99999999999999-999", "0-1", last, f"{ms}-{int(n) + 1}", "18446744073709551615-18446744073709551615", "x", ""):
            payload = {"user": "eve", "message": "forged", "timestamp": 1, "id": id, "pub": "forged00-1"}
            client.publish("topic1", json.dumps(payload))
    server.pub("topic1", "b", "c")
    text = sub.out.until("c\n")
    assert [line for line in text.splitlines() if line != "forged"] == ["b", "c"]
    sub.stop()


def test_entries_without_pub_are_read(server):
    with server.client() as client:
        client.xadd("chat:{topic1}", {"user": "x", "message": "own", "timestamp": "1732400000"}, id="1732400000000-5")
    sub = server.follow("topic1", "--last", "5", "--format", "%i %u %m", "-n", "2")
    server.pub("topic1", "ours")
    id, _ = server.entries()[-1]
    assert sub.finish().lines == ["1732400000000-5 x own", f"{id} ana ours"]


def test_binary_arrives_exactly(server):
    sub = server.follow("topic1", "--json", "-n", "1")
    raw = server.follow("topic1", "--raw", "-n", "1")
    server.run("chat-pub", "topic1", "--whole", input=bytes(range(256)))
    assert base64.b64decode(json.loads(sub.finish().text)["data"]) == bytes(range(256))
    assert raw.finish().out == bytes(range(256)) + b"\n"


def test_a_big_message_arrives(server):
    sub = server.follow("topic1", "--raw", "-n", "1")
    server.run("chat-pub", "topic1", input="x" * (1 << 20))
    assert sub.finish().text == "x" * (1 << 20) + "\n"


def test_a_removed_topic_is_told_and_the_last_one_ends_it(server):
    server.run("chat-topics", "add", "one")
    server.run("chat-topics", "add", "two")
    sub = server.follow("one", "two", "--raw")
    server.run("chat-topics", "rm", "one")
    assert re.search(r"\bone\b", sub.err.line())
    server.pub("two", "still here")
    assert sub.line() == "still here"
    server.run("chat-topics", "rm", "two", "--purge")
    done = sub.finish(code=66, err=r"\btwo\b")
    assert done.out == b""


def test_all_topics_end_when_none_is_left(server):
    topics = server.run("chat-topics", "--names").lines
    sub = server.follow("--all", "--raw")
    for topic in topics[:-1]:
        server.run("chat-topics", "rm", topic)
    server.pub(topics[-1], "still here")
    assert sub.line() == "still here"
    server.run("chat-topics", "rm", topics[-1])
    sub.finish(code=66, err="no topic is left")
    server.run("chat-sub", "--all", code=66, err="no topic is left")


def test_what_was_said_before_a_topic_was_removed_is_shown(server):
    server.run("chat-topics", "add", "one")
    sub = server.follow("one", "--raw")
    sub.suspend()  # so that it sees both at once
    server.pub("one", "last words")
    server.run("chat-topics", "rm", "one")
    sub.send(signal.SIGCONT)
    assert sub.finish(code=66, err="one").text == "last words\n"


def test_an_unknown_topic(server):
    server.run("chat-sub", "tpoic1", code=66, err="tpoic1.*did you mean topic1")
    server.run("chat-sub", "topic1", "zzzzzzzz", code=66, err="zzzzzzzz")


def test_stdin_is_not_touched(server):
    server.store("topic1", "a", "b", "c")
    script = "printf '%s\\n' 1 2 3 | while read -r i; do echo $i; chat-sub topic1 --last $i -n 1 --raw; done"
    assert server.shell(script).lines == ["1", "c", "2", "b", "3", "a"]


def test_an_idle_reader_ends_quietly_when_its_output_is_closed(server):
    readable, writable = os.pipe()
    sub = server.start("chat-sub", "topic1", ready=True, stdout=writable)
    os.close(writable)
    sub.wait_ready()
    os.close(readable)
    sub.finish(code=0)


def test_head_ends_it_quietly(server):
    server.pub("topic1", *range(1000))
    assert server.shell("set +o pipefail; chat-sub topic1 --last 1000 --raw | head -n 1").text == "0\n"


def test_many_messages_are_written_in_few_writes(server):
    server.pub("topic1", *range(10000))
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # keeps each write apart
    sub = server.start("chat-sub", "topic1", "--last", "10000", "-n", "10000", "--raw", stdout=its)
    its.close()
    ours.settimeout(LIMIT)
    writes = [*iter(lambda: ours.recv(1 << 20), b"")]
    ours.close()
    sub.finish()
    assert b"".join(writes).split() == [b"%d" % i for i in range(10000)]
    assert len(writes) < 200


def test_no_option_and_no_topic_is_wrong_usage(server):
    server.run("chat-sub", code=64)
    server.run("chat-sub", "--all", "topic1", code=64)
