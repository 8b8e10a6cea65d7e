"""chat-sub through outages: each message once, in order; losses are told."""

import json
import re
import shutil

import pytest

from faults import LONG, SOAK, CuttingProxy, dice, figures, in_parallel, lines, same, text, wait_for_bytes
from harness import LIMIT, until_true
from proxy import TO_CLIENT, TO_SERVER, Proxy

SAFE = {"appendonly": "yes", "appendfsync": "always"}


def keep_all(server, topic="topic1"):
    server.run("chat-topics", "set", topic, "--max-len", "0")


def forge(server, message, id, pub=None, topic="topic1"):
    payload = {"user": "eve", "message": message, "timestamp": 1, "id": id, **({"pub": pub} if pub else {})}
    server.client().publish(topic, json.dumps(payload))


def no_loss_told(text):
    return not re.search(r"lost \d|older history", text)


# Connections that break.


def test_a_server_killed_between_messages(make_server):
    server = make_server(**SAFE)
    sub = server.follow("topic1", "--raw", "--strict")
    for i in range(3):
        server.pub("topic1", f"a{i}")
        assert sub.line() == f"a{i}"
        server.kill9()
        server.restart()
        server.pub("topic1", f"b{i}")
        assert sub.line() == f"b{i}"
    assert no_loss_told(sub.stop().err_text)


@pytest.mark.parametrize("direction", [TO_SERVER, TO_CLIENT])
def test_a_cut_after_each_byte(server, direction):
    """Its two connections are cut after so many bytes; the next ones are not."""
    offsets = range(700) if SOAK else range(0, 700, 13)

    def follow(offset):
        topic = f"t{offset}"
        server.store(topic, "a", "b", "c")
        with CuttingProxy(server.socket, [{direction: offset}] * 2) as proxy:
            sub = server.start("chat-sub", topic, "--from", "0", "-n", "5", "--raw", "--retry-for", "10m", "--redis", proxy.url)
            assert sub.line() == "a"
            server.pub(topic, "d", "e")
            assert sub.finish(0, err="").text == "b\nc\nd\ne\n", offset

    in_parallel(follow, offsets)
    figures(messages=5 * len(offsets), cuts=2 * len(offsets))


def test_a_half_open_connection_is_noticed(server):
    with Proxy(server.socket) as one, Proxy(server.socket) as other:
        subs = [server.follow("topic1", "--raw", "--redis", proxy.url) for proxy in (one, other)]
        server.pub("topic1", "before")
        assert [sub.line() for sub in subs] == ["before", "before"]
        taken = [proxy.taken for proxy in (one, other)]
        one.stall(TO_SERVER)
        other.stall(TO_CLIENT)
        server.pub("topic1", "meanwhile")
        for proxy, sub, before in zip((one, other), subs, taken):
            proxy.wait_for(lambda proxy: proxy.taken > before, LIMIT)  # it has come again, by itself
            proxy.resume()
            assert sub.line() == "meanwhile"
        server.pub("topic1", "after")
        assert [sub.line() for sub in subs] == ["after", "after"]
        assert all(no_loss_told(sub.stop().err_text) for sub in subs)


def test_a_slow_reader_is_cut_off_by_redis_and_catches_up(make_server):
    server = make_server()
    server.client().config_set("client-output-buffer-limit", "pubsub 256kb 0 0")
    keep_all(server)
    messages = lines(60_000, dice())
    fifo = server.home / "go"
    script = f"mkfifo {fifo}; exec 4>&1; exec chat-sub topic1 --raw --strict -n {len(messages)} --ready-fd 3 3>&4 > >(read -r < {fifo}; exec cat >&4)"
    sub = server.start("/bin/bash", "-c", script)
    assert sub.line() == ""  # subscribed; what comes next waits until the pipe is full
    server.run("chat-pub", "topic1", input=text(messages), limit=LONG)
    server.log.until(b"overcoming of output buffer limits")
    fifo.write_text("go\n")
    same(sub.out.rest(LONG), text(messages), "the slow reader")
    assert no_loss_told(bytes(sub.err.all).decode())


# Losses.


def trim_behind(server, published, kept):
    """Publishes while the reader hears nothing, and trims all but the last ones. Returns all IDs."""
    server.pub("topic1", *published)
    ids = [id for id, _ in server.entries()]
    server.client().xtrim("chat:{topic1}", maxlen=kept, approximate=False)
    return ids


@pytest.mark.parametrize("kept", [3, 0])
def test_what_was_trimmed_while_the_reader_was_away_is_named(server, kept):
    with Proxy(server.socket) as proxy:
        sub = server.follow("topic1", "--raw", "--redis", proxy.url)
        server.pub("topic1", "seen")
        assert sub.line() == "seen"
        proxy.refuse()
        proxy.cut()
        sub.err.line()
        ids = trim_behind(server, range(10), kept)
        proxy.accept()
        assert sub.lines(kept) == [str(i) for i in range(10 - kept, 10)]
        told = sub.err.until(rf"lost {10 - kept} messages .*")
        assert ids[0] in told and (ids[-kept] if kept else ids[-1]) in told
        server.pub("topic1", "after")
        assert sub.line() == "after"
        sub.stop()


def test_strict_ends_at_a_loss(server):
    with Proxy(server.socket) as proxy:
        sub = server.follow("topic1", "--raw", "--strict", "--redis", proxy.url)
        server.pub("topic1", "seen")
        assert sub.line() == "seen"
        proxy.refuse()
        proxy.cut()
        sub.err.line()
        ids = trim_behind(server, range(10), 3)
        proxy.accept()
        done = sub.finish(76, err=rf"lost 7 messages between {ids[0]} and {ids[8]}")
        assert done.text == ""


def test_what_was_trimmed_behind_a_cursor_with_nothing_done_is_told(server):
    cursor = server.home / "cursor"
    server.pub("topic1", "a", "b")
    server.run("chat-replay", "topic1", "--cursor", cursor, "--exec", "false", "--retries", "0", code=1, err="still to be processed")
    assert cursor.read_text() == "0-0 start\n"
    server.client().xtrim("chat:{topic1}", maxlen=1, approximate=False)
    done = server.run("chat-replay", "topic1", "--raw", "--cursor", cursor, err="lost 1 message between 0-0 and")
    assert done.lines == ["b"]


def test_a_cursor_behind_what_was_trimmed_is_told(server):
    cursor = server.home / "cursor"
    server.pub("topic1", "seen")
    server.run("chat-replay", "topic1", "--cursor", cursor)
    ids = trim_behind(server, range(10), 3)
    done = server.run("chat-replay", "topic1", "--raw", "--cursor", cursor, err=rf"lost 7 messages between {ids[0]} and {ids[8]}")
    assert done.lines == ["7", "8", "9"]


def roll_back(server, change):
    """Keeps the server's files, lets `change` happen, and puts them back."""
    data, kept = server.folder / "data", server.folder / "kept"
    shutil.copytree(data, kept)
    change()
    server.kill9()
    shutil.rmtree(data)
    kept.rename(data)
    server.restart()


def test_an_older_history_is_told_and_the_rest_goes_on(make_server):
    server = make_server(**SAFE)
    server.pub("topic1", *"abc")
    sub = server.follow("topic1", "--raw", "--last", "3")
    assert sub.lines(3) == list("abc")

    def change():
        server.pub("topic1", *"defg")
        assert sub.lines(4) == list("defg")

    roll_back(server, change)
    assert re.search(r"older history: 4 messages up to \S+-7 ", sub.err.until("older history.*"))
    server.pub("topic1", *"hij")
    assert sub.lines(3) == list("hij")
    sub.stop()


def test_an_older_history_is_a_loss_for_strict(make_server):
    server = make_server(**SAFE)
    server.pub("topic1", *"abc")
    sub = server.follow("topic1", "--raw", "--strict")

    def change():
        server.pub("topic1", *"de")
        assert sub.lines(2) == list("de")

    roll_back(server, change)
    sub.finish(76, err="older history: 2 messages")


def test_what_is_stored_again_after_an_older_history_is_not_shown_twice(make_server):
    """The import's position was rolled back with its messages, so that it publishes them again."""
    server = make_server(**SAFE)
    sub = server.follow("topic1", "--raw")
    everything = [str(i) for i in range(300)]

    def publish(count):
        server.run("chat-pub", "topic1", "--import-id", "i", input=text(everything[:count]))

    publish(100)
    assert sub.lines(100) == everything[:100]

    def change():
        publish(200)
        assert sub.lines(100) == everything[100:200]

    roll_back(server, change)
    sub.err.until("older history: 100 messages.*")
    publish(300)
    assert sub.lines(100) == everything[200:]
    same(text(m.decode() for m in server.messages()), text(everything), "the history")
    server.pub("topic1", "end")
    assert sub.line() == "end"
    sub.stop()


def test_what_is_stored_again_before_the_reader_is_back_is_not_shown_twice(make_server):
    """Other messages have the places that it knows by then, or the same ones under other IDs."""
    server = make_server(**SAFE)
    with Proxy(server.socket) as proxy:
        sub = server.follow("topic1", "--raw", "--redis", proxy.url)
        everything = [str(i) for i in range(300)]

        def publish(count):
            server.run("chat-pub", "topic1", "--import-id", "i", input=text(everything[:count]))

        publish(100)
        assert sub.lines(100) == everything[:100]

        def change():
            publish(200)
            assert sub.lines(100) == everything[100:200]
            proxy.refuse()

        roll_back(server, change)
        server.pub("topic1", "between")
        publish(300)
        proxy.accept()
        assert sub.lines(101) == ["between", *everything[200:]]
        server.pub("topic1", "end")
        assert sub.line() == "end"
        assert no_loss_told(sub.stop().err_text)  # all of it is there again


def test_a_publisher_of_two_topics_is_shown_in_both(make_server):
    """Its sequence numbers count each topic's messages: those shown in one tell nothing of the other's."""
    server = make_server(**SAFE)
    sub = server.follow("topic1", "topic2", "--raw")
    pub = server.start("chat-pub", "--json")

    def publish(topic, *messages):
        pub.write("".join(f'{{"topic": "{topic}", "message": "{message}"}}\n' for message in messages))
        assert sub.lines(len(messages)) == list(messages)

    publish("topic1", *"abcdef")
    publish("topic2", "g")

    def change():
        server.pub("topic2", "gone")
        assert sub.line() == "gone"

    roll_back(server, change)
    sub.err.until("topic2: Redis came back with an older history")
    publish("topic2", *"hij")
    pub.finish(0, err=None)
    sub.stop()


def test_what_redis_has_doubled_is_shown_once(make_server):
    """A crash that cuts a transaction in two: Redis 7.0 drops it, and runs its beginning at the next start but one."""
    server = make_server(**SAFE)
    pub = ["chat-pub", "topic1", "--import-id", "i"]
    server.run(*pub, input=text("abc"))
    server.kill9()
    file = max((server.folder / "data").glob("appendonly*/*.incr.*"))
    data = file.read_bytes()
    file.write_bytes(data[: data.rindex(b"XADD") + 30])
    server.restart()
    server.run(*pub, input=text("abcd"))
    server.kill9()
    server.restart()
    assert server.replay("topic1", "--raw") == list("abcd")


def test_a_publisher_under_way_warns_of_an_older_history(make_server):
    server = make_server(**SAFE)
    sub = server.follow("topic1", "--raw")
    pub = server.start("chat-pub", "topic1", "--print-ids")
    pub.write("a\nb\n")
    pub.lines(2)

    def change():
        pub.write("c\nd\ne\n")
        pub.lines(3)
        assert sub.lines(5) == list("abcde")

    roll_back(server, change)
    pub.write("f\n")
    pub.line()
    pub.finish(0, err="3 messages before record 6 are gone")
    assert sub.line() == "f"
    assert server.messages() == [b"a", b"b", b"f"]


def test_everything_flushed_under_way(server):
    server.pub("topic1", *"abc")
    sub = server.follow("topic1", "--raw", "--last", "3")
    assert sub.lines(3) == list("abc")
    server.client().flushall()
    server.pub("topic1", *"de")
    assert sub.lines(2) == list("de")
    assert "3 messages" in sub.err.until("older history.*")
    sub.stop()


def test_a_flush_while_the_reader_is_away(server):
    with Proxy(server.socket) as proxy:
        sub = server.follow("topic1", "--raw", "--redis", proxy.url)
        server.pub("topic1", *"abc")
        assert sub.lines(3) == list("abc")
        proxy.refuse()
        proxy.cut()
        sub.err.line()
        server.client().flushall()
        server.pub("topic1", *"defgh")
        proxy.accept()
        assert sub.lines(5) == list("defgh")
        assert "3 messages" in sub.err.until("older history.*")
        sub.stop()


# Forged payloads.


def next_id(server, ms=None, n=1):
    newest = server.client().xrevrange("chat:{topic1}", count=1)
    last = newest[0][0].decode().split("-") if newest else ["1", "0"]
    return f"{ms if ms is not None else last[0]}-{int(last[1]) + n}"


FORGED = {
    "the next": lambda server: next_id(server),
    "the next, early": lambda server: next_id(server, 0),
    "the next, late": lambda server: next_id(server, 2**63),
    "the next, latest": lambda server: next_id(server, 2**64 - 1),
    "one too far": lambda server: next_id(server, n=2),
    "huge": lambda server: f"{2**64 - 1}-{2**64 - 1}",
    "old": lambda server: server.entries()[0][0],
    "the last": lambda server: server.entries()[-1][0],
    "zero": lambda server: "0-0",
}


@pytest.mark.parametrize("broken", [False, True], ids=["connected", "cut"])
@pytest.mark.parametrize("pub", [None, "forged00-1", "of the publisher"])
def test_forged_ids_hide_nothing_and_repeat_nothing(server, pub, broken):
    with Proxy(server.socket) as proxy:
        sub = server.follow("topic1", "--format", "%u %m", "--redis", proxy.url)
        publisher = server.start("chat-pub", "topic1", "--user", "ana", "--print-ids")
        publisher.write("begin\nmore\n")
        publisher.lines(2)
        expected = ["ana begin", "ana more"]
        name = server.entries()[-1][1][b"pub"].decode().rpartition("-")[0]
        assert sub.lines(2) == expected
        for kind, make in FORGED.items():
            id = make(server)
            for _ in range(2):
                forge(server, "forged", id, f"{name}-99999" if pub == "of the publisher" else pub)
            if broken:
                taken = proxy.taken
                proxy.cut()
                proxy.wait_for(lambda proxy: proxy.taken >= taken + 2)
            publisher.write(f"after {kind}\nand {kind}\n")
            publisher.lines(2)
            expected += [f"ana after {kind}", f"ana and {kind}"]
            sub.out.until(f"ana and {kind}\n")
        publisher.finish(0, err="")
        assert [line for line in bytes(sub.out.all).decode().splitlines() if line != "eve forged"] == expected
        said = sub.stop().err_text
        assert not re.search(r"\d{10} messages", said), said


def test_forged_payloads_in_full_flow(server):
    keep_all(server)
    messages = lines(20_000, dice())
    sub = server.follow("topic1", "--format", "%u %m")
    pub = server.start("chat-pub", "topic1", "--user", "ana")
    for i in range(0, len(messages), 1000):
        pub.write(text(messages[i : i + 1000]))
        for ms in (0, 2**63):
            forge(server, "forged", next_id(server, ms), "forged00-1")
    pub.finish(0, err="")
    sub.out.until(re.escape(messages[-1]) + "\n", LONG)
    real = [line for line in bytes(sub.out.all).splitlines(keepends=True) if line != b"eve forged\n"]
    same(b"".join(real), text(f"ana {m}" for m in messages), "the reader")
    said = sub.stop().err_text
    losses = [line for line in said.splitlines() if not no_loss_told(line)]
    # On a new connection what was forged looks like a loss.
    assert all("forged, or" in loss for loss in losses) or "lost Redis" in said


# Several topics.


def test_each_topic_has_its_own_position(make_server):
    server = make_server(**SAFE)
    sub = server.follow("topic1", "topic2", "topic3", "--format", "%t %m")
    expected = {}
    for round in range(4):
        for topic, count in (("topic1", 3), ("topic2", 1), ("topic3", round)):
            sent = [f"{round}.{i}" for i in range(count)]
            if sent:
                server.pub(topic, *sent)
            expected.setdefault(topic, []).extend(sent)
        sub.out.until(f"topic2 {round}.0\n")
        server.kill9()
        server.restart()
        server.pub("topic2", f"{round}.away")
        expected["topic2"].append(f"{round}.away")
    server.pub("topic3", "end")
    expected["topic3"].append("end")
    total = sum(map(len, expected.values()))
    wait_for_lines(sub, total)
    shown = [line.split() for line in bytes(sub.out.all).decode().splitlines()]
    assert len(shown) == total
    assert {topic: [m for t, m in shown if t == topic] for topic in expected} == expected
    assert no_loss_told(sub.stop().err_text)


def wait_for_lines(sub, count):
    with sub.out.change:
        assert sub.out.change.wait_for(lambda: sub.out.all.count(b"\n") >= count, LIMIT), bytes(sub.out.all)


def test_a_topic_that_is_removed_and_added_again(server):
    server.run("chat-topics", "add", "news")
    sub = server.follow("--all", "--format", "%t %m")
    server.pub("news", "one", "two")
    assert sub.lines(2) == ["news one", "news two"]
    server.run("chat-topics", "rm", "news", "--purge")
    sub.err.until("news.* removed")
    server.run("chat-topics", "add", "news")
    server.pub("news", "three")
    assert sub.line() == "news three"
    server.pub("topic1", "end")
    assert sub.line() == "topic1 end"
    sub.stop()


# Presence.


def test_who_was_killed_is_gone_at_once(server):
    sub = server.follow("topic1", "--user", "ana")
    server.follow("topic1", "--user", "ben")
    assert "ana" in server.run("chat-topics", "who", "topic1").text
    sub.kill()
    with server.client() as client:
        until_true(lambda: client.pubsub_channels("chat:{topic1}:user:ana") == [])
    text = server.run("chat-topics", "who", "topic1").text
    assert "ana" not in text and "ben" in text
