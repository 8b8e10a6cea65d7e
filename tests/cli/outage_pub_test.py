"""chat-pub through outages: nothing lost, nothing twice, order kept."""

import re
import signal
import socket
import threading
from contextlib import suppress
from itertools import chain, repeat

import pytest
import redis

from faults import LONG, SOAK, CuttingProxy, background, dice, figures, in_parallel, lines, moments, same, text, wait_for_bytes
from harness import LIMIT, SOURCE, until_true
from proxy import TO_CLIENT, TO_SERVER, Proxy

SAFE = {"appendonly": "yes", "appendfsync": "always"}
COUNT, KILLS = (200_000, 10) if SOAK else (20_000, 4)


def input_file(server, messages):
    path = server.home / "input"
    path.write_bytes(text(messages))
    return path.open("rb")


def start_flood(server, messages, *options):
    with input_file(server, messages) as file:
        return server.start("chat-pub", "topic1", *options, stdin=file)


def keep_all(server, topic="topic1"):
    server.run("chat-topics", "set", topic, "--max-len", "0")


def check_all(server, sub, pub, messages, what):
    """The publisher has succeeded, and the subscriber and the history have exactly its input."""
    pub.finish(0, err="", limit=LONG)
    assert "older history" not in bytes(pub.err.all).decode()
    expected = text(messages)
    wait_for_bytes(sub.out, len(expected), LONG)
    assert not sub.out.ended, f"the subscriber has ended: {sub.err.rest()}"
    same(bytes(sub.out.all), expected, f"the subscriber, {what}")
    # Redis may send what it then fails to keep: nobody was told that it is stored, and chat-pub sends it again.
    assert "trimmed" not in sub.stop(143).err_text
    same(server.run("chat-replay", "topic1", "--raw", limit=LONG).out, expected, f"the history, {what}")


def test_kill9_of_the_server_under_load(make_server):
    random = dice()
    server = make_server(**SAFE)
    keep_all(server)
    messages = lines(COUNT, random)
    sub = server.follow("topic1", "--raw")
    pub = start_flood(server, messages, "--retry-for", "10m")
    for size in moments(random, KILLS, len(text(messages))):
        wait_for_bytes(sub.out, 1 + size, LONG)  # the publisher is connected at least
        server.kill9()
        server.restart()
    check_all(server, sub, pub, messages, f"after {KILLS} kills")
    figures(messages=COUNT, kills=KILLS)


@pytest.mark.parametrize("direction", [TO_SERVER, TO_CLIENT])
def test_connections_cut_under_load(make_server, direction):
    """Requests and answers are lost separately. Each connection lives long enough for some progress."""
    random = dice()
    server = make_server(**SAFE)
    keep_all(server)
    messages = lines(COUNT // 2, random)

    def lives(least, most):
        while True:
            yield {direction: random.randrange(least, most)}

    to_pub = lives(20_000, 120_000) if direction == TO_SERVER else lives(150, 2_000)
    to_sub = lives(800, 5_000) if direction == TO_SERVER else lives(150_000, 500_000)
    with CuttingProxy(server.socket, to_pub) as pub_way, CuttingProxy(server.socket, to_sub) as sub_way:
        sub = server.follow("topic1", "--raw", "--strict", "--redis", sub_way.url, "--retry-for", "10m")
        pub = start_flood(server, messages, "--redis", pub_way.url, "--retry-for", "10m")  # the first one is cut too
        check_all(server, sub, pub, messages, f"cut {direction}")
        assert pub_way.taken > 3
        figures(messages=len(messages), cuts=pub_way.taken + sub_way.taken - 3)


class LateProxy(Proxy):
    """Once it keeps, what comes from a client ends that client's connection, and is handed to the server later."""

    keeping, kept = False, None

    def _pass_on(self, link, source, sink, direction, left):
        if direction == TO_CLIENT:
            return super()._pass_on(link, source, sink, direction, left)
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if self.keeping:
                    self.keeping, self.kept = False, (sink, data)
                    source.shutdown(socket.SHUT_RDWR)
                    return None
                sink.sendall(data)
        return None

    def deliver(self):
        sink, data = self.kept
        sink.sendall(data)


def test_bytes_that_arrive_after_the_end_store_nothing_twice(server):
    with LateProxy(server.socket) as proxy:
        pub = server.start("chat-pub", "topic1", "--redis", proxy.url, "--print-ids")
        pub.write("one\n")
        pub.line()
        proxy.keeping = True
        pub.write("hello\n")
        pub.finish(0, err="lost Redis")
        assert server.messages() == [b"one", b"hello"]
        proxy.deliver()
        let_server_read(server)
        assert server.messages() == [b"one", b"hello"]


def test_bytes_that_arrive_after_their_time_store_nothing(server):
    """Not even when the key has expired that would tell what they are."""
    with LateProxy(server.socket) as proxy:
        pub = server.start("chat-pub", "topic1", "--redis", proxy.url, "--print-ids")
        pub.write("one\n")
        pub.line()
        proxy.keeping = True
        pub.write("hello\n")
        pub.finish(0, err="lost Redis")
        sink, data = proxy.kept
        by = re.search(rb"\r\n(1[0-9]{12})\r\n", data)  # the first time in it
        proxy.kept = (sink, data.replace(by[1], b"%d" % (int(by[1]) - 120_000), 1))  # as if it were two minutes later
        server.client().delete(*server.client().keys("chat:{topic1}:pub:*"))
        proxy.deliver()
        let_server_read(server)
        assert server.messages() == [b"one", b"hello"]
        assert answered(server, "LATE") == 1


def exchange(server, *argv):
    """How many bytes a run passes in each direction."""
    with Proxy(server.socket) as proxy:
        server.run(*argv, "--redis", proxy.url)
        return proxy.passed


@pytest.mark.parametrize("direction", [TO_SERVER, TO_CLIENT])
def test_a_cut_at_each_byte_of_a_short_exchange(server, direction):
    size = exchange(server, "chat-pub", "topic2", "x")[direction]
    offsets = range(size + 1)
    if not SOAK:
        # The end of the exchange is where a message is stored; its beginning is the login and the script.
        offsets = [*range(0, size, size // 30), *range(size - 60, size + 1)]

    def publish(offset):
        with CuttingProxy(server.socket, [{direction: offset}]) as proxy:
            server.run("chat-pub", "topic1", "--user", "u", f"m{offset}", "--redis", proxy.url, "--retry-for", "10m", err="")

    in_parallel(publish, offsets)
    assert sorted(server.messages()) == sorted(f"m{offset}".encode() for offset in offsets)
    figures(messages=len(offsets), cuts=len(offsets))


def test_an_outage_is_told_once_when_it_begins_and_once_when_it_ends(server):
    with Proxy(server.socket) as proxy:
        pub = server.start("chat-pub", "topic1", "--redis", proxy.url, "--print-ids")
        pub.write("one\n")
        pub.line()
        for _ in range(2):
            proxy.stall(TO_CLIENT)
            pub.write("more\n")
            pub.wait_read()
            proxy.refuse()
            proxy.cut()
            told = pub.err.line()
            assert told.startswith(f"chat-pub: warning: lost Redis at {proxy.url} (") and told.endswith("): trying again")
            proxy.resume()
            proxy.accept()
            assert pub.err.line() == "chat-pub: back at Redis"
            pub.line()
        assert pub.finish(0, err="").err_text.count("lost Redis") == 2


@pytest.mark.parametrize("command", [["chat-pub", "topic1", "x"], ["chat-topics", "list"], ["chat-topics", "who"], ["chat-topics", "add", "new"]])
def test_a_node_that_cannot_be_reached_at_the_address_it_announces_is_named(make_server, command):
    server = make_server(tcp=True, cluster_enabled="yes", cluster_announce_ip="127.0.0.1", cluster_announce_port=1)
    server.client().execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    until_true(lambda: "cluster_state:ok" in str(server.client().execute_command("CLUSTER", "INFO")))
    at = f"Redis at redis://127.0.0.1:{server.port}, node 127.0.0.1:1"
    err = server.run(*command, "--redis", f"redis://127.0.0.1:{server.port}", "--retry-for", "300ms", code=75, err="").err_text
    assert f"lost {at} (Connection refused): trying again" in err
    assert f"gave up on {at} after 300ms: Connection refused" in err


# What Redis may answer instead: each is waited out, and what was being published comes exactly once.


def set_config(name, wrong, right):
    def fault(server):
        server.client().config_set(name, wrong)
        return lambda: server.client().config_set(name, right)

    return fault


def read_only(server):
    server.client().replicaof("127.0.0.1", "1")
    return lambda: server.client().replicaof("NO", "ONE")


def master_down(server):
    server.client().config_set("replica-serve-stale-data", "no")
    return read_only(server)


def disk_error(server):
    (server.folder / "data" / "dump.rdb").mkdir()
    client = server.client()
    client.config_set("save", "3600 1")
    client.bgsave()
    server.log.until(b"Background saving error")
    return lambda: client.config_set("stop-writes-on-bgsave-error", "no")


def busy(server):
    client = server.client()
    client.config_set("busy-reply-threshold", 1)

    def spin():
        with suppress(redis.RedisError):  # it is killed, or the server
            server.client().eval("while true do end", 0)

    thread = threading.Thread(target=spin, daemon=True)
    thread.start()
    while True:  # the answers before the script has begun
        try:
            client.get("x")
        except redis.ResponseError as error:
            assert str(error).startswith(("BUSY", "Redis is busy"))
            break

    def mend():
        client.script_kill()
        thread.join(LIMIT)

    return mend


FAULTS = {
    "OOM": set_config("maxmemory", "1", "0"),
    "NOREPLICAS": set_config("min-replicas-to-write", "1", "0"),
    "READONLY": read_only,
    "MASTERDOWN": master_down,
    "MISCONF": disk_error,
    "BUSY": busy,
}


@pytest.mark.parametrize("answer", FAULTS)
def test_an_answer_that_may_change_is_waited_out(make_server, answer):
    server = make_server()
    with Proxy(server.socket) as proxy:
        pub = server.start("chat-pub", "topic1", "--redis", proxy.url, "--print-ids")
        pub.write("before\n")
        pub.line()
        mend = FAULTS[answer](server)
        taken = proxy.taken
        pub.write("one\ntwo\n")
        proxy.wait_for(lambda proxy: proxy.taken >= taken + 3)  # it was refused, and has come again and again
        mend()
        pub.lines(2)
        pub.write("after\n")
        pub.finish(0, err="")
    assert server.messages() == [b"before", b"one", b"two", b"after"]


def let_server_read(server):
    """Returns when the server has read what clients sent before: each question is answered in a later round."""
    client = server.client()
    for _ in range(3):
        with suppress(redis.RedisError):
            client.ping()


@pytest.mark.parametrize("answer", FAULTS)
def test_an_answer_that_does_not_change_is_given_up_on(make_server, answer):
    server = make_server()
    pub = server.start("chat-pub", "topic1", "--retry-for", "300ms", "--print-ids")
    pub.write("one\ntwo\n")
    pub.lines(2)
    mend = FAULTS[answer](server)
    pub.write("three\n")
    pub.finish(75, err=rf"({answer} |no answer in time).*record 3 on")
    let_server_read(server)  # a last try may be under way
    mend()
    assert server.messages() == [b"one", b"two"]


def test_a_server_that_still_loads_is_waited_for(make_server):
    server = make_server(loading_process_events_interval_bytes=1024)
    with server.client() as client, client.pipeline(transaction=False) as pipe:
        for i in range(20_000):
            pipe.set(f"k{i}", "x" * 200)
        pipe.execute()
    with Proxy(server.socket) as proxy:
        pub = server.start("chat-pub", "topic1", "--redis", proxy.url, "--print-ids", "--retry-for", "10m")
        pub.write("before\n")
        pub.line()
        server.client().save()
        server.kill9()
        server.options["key-load-delay"] = 10_000  # microseconds for each key: minutes in all
        pub.write("after\n")

        def hurry(stop):
            proxy.wait_for(lambda proxy: proxy.taken >= 4)  # it was let in, and told to wait
            server.client().config_set("key-load-delay", 0)

        with background(hurry):
            server.restart()  # in this thread: the server dies with the one that has started it
        pub.line()
        pub.finish(0, err="")
    assert server.messages() == [b"before", b"after"]


def answered(server, error):
    """How often the server has answered so."""
    stat = server.client().info("errorstats").get(f"errorstat_{error}", "count=0")
    return stat["count"] if isinstance(stat, dict) else int(stat.removeprefix("count="))  # newer redis-py parses it


def test_a_refused_batch_is_not_overtaken(server):
    """NOSCRIPT for one batch, while the next ones find the script that another client has loaded."""
    client = server.client()
    script = (SOURCE / "lib/chat/publish.lua").read_text()
    sent = []
    with Proxy(server.socket) as proxy:
        pub = server.start("chat-pub", "topic1", "--redis", proxy.url, "--retry-for", "10m")

        def publish():
            sent.append(str(len(sent)))
            pub.write(sent[-1] + "\n")
            pub.wait_read()  # so that each is a batch

        def wait_for_answer(error):
            """Or until the publisher has taken the silence for an outage: then this test was too slow."""
            until_true(lambda: answered(server, error) or proxy.taken > taken)

        publish()
        until_true(lambda: len(server.messages()) == len(sent))
        refused = False
        while not refused:
            client.config_resetstat()
            taken = proxy.taken
            proxy.stall(TO_CLIENT)
            client.script_flush()
            publish()
            wait_for_answer("NOSCRIPT")
            client.script_load(script)
            for _ in range(3):
                publish()
            wait_for_answer("HOLE")
            refused = answered(server, "HOLE") > 0
            proxy.resume()
            until_true(lambda: len(server.messages()) == len(sent))
        pub.finish(0, err="")
    assert server.messages() == [message.encode() for message in sent]


# Giving up, and going on where that was.


def test_what_was_given_up_on_can_be_sent_from_the_record_that_is_named(make_server):
    server = make_server(**SAFE)
    keep_all(server)
    random = dice()
    messages = []
    sub = server.follow("topic1", "--raw")
    pub = server.start("chat-pub", "topic1", "--retry-for", "200ms")

    def feed(stop):
        with suppress(BrokenPipeError):
            while True:
                more = lines(1000, random)
                messages.extend(more)
                pub.write(text(more))

    with background(feed):  # without end, so that the kill comes in the middle, however late it is
        wait_for_bytes(sub.out, 50_000)
        server.kill9()
        pub.wait()
    said = pub.finish(75, err=r"record \d+ on was acknowledged").err_text
    first = int(re.search(r"record (\d+) on", said).group(1))
    server.restart()
    stored = server.messages()
    assert len(stored) >= first - 1
    same(text(m.decode() for m in stored[: first - 1]), text(messages[: first - 1]), "what was acknowledged")


def test_ids_are_printed_of_all_that_was_acknowledged_before_it_was_given_up_on(server):
    keep_all(server)
    numbers = "".join(f"{i}\n" for i in range(5000))

    def publish(offset):
        with CuttingProxy(server.socket, chain([{TO_CLIENT: offset}], repeat({TO_CLIENT: 0}))) as proxy:
            command = ["chat-pub", "topic1", "--redis", proxy.url, "--retry-for", "200ms", "--print-ids"]
            done = server.run(*command, input=numbers, code=None)
        late = re.search(r"record (\d+) on was acknowledged", done.err_text)
        assert done.code == (75 if late else 0)
        first = int(late[1]) if late else 5001
        assert len(done.lines) == first - 1, offset
        return first

    assert len(set(in_parallel(publish, range(500, 3300, 50)))) > 1  # cut at different batches


def test_an_import_run_twice_publishes_once(server):
    expected = [f"{i}".encode() for i in range(1000)]
    for _ in range(2):
        server.run("chat-pub", "topic1", "--import-id", "books", input=text(range(1000)))
        assert server.messages() == expected
    server.run("chat-pub", "topic1", "--import-id", "books", input=text(range(1003)))
    assert server.messages() == [*expected, b"1000", b"1001", b"1002"]


def test_an_import_that_is_mended_goes_on_at_the_bad_record(server):
    records = [f'{{"message": "m{i}"}}' for i in range(10)]
    bad = [*records[:6], "{broken", *records[7:]]
    for _ in range(2):
        server.run("chat-pub", "topic1", "--json", "--import-id", "i", input=text(bad), code=65, err=r"record 7\b")
        assert server.messages() == [f"m{i}".encode() for i in range(6)]
    server.run("chat-pub", "topic1", "--json", "--import-id", "i", input=text(records))
    assert server.messages() == [f"m{i}".encode() for i in range(10)]


def test_an_import_killed_again_and_again_publishes_once(make_server):
    random = dice()
    server = make_server(**SAFE)
    keep_all(server)
    messages = lines(20_000, random)
    sub = server.follow("topic1", "--raw")
    for size in moments(random, 5, len(text(messages))):
        pub = start_flood(server, messages, "--import-id", "books")
        wait_for_bytes(sub.out, size)
        pub.kill()
    start_flood(server, messages, "--import-id", "books").finish(limit=LONG)
    wait_for_bytes(sub.out, len(text(messages)))
    same(sub.stop().out, text(messages), "the subscriber")
    same(text(m.decode() for m in server.messages()), text(messages), "the history")


def test_an_import_loses_its_position_with_the_topic(server):
    server.run("chat-topics", "add", "books")
    for _ in range(2):
        server.run("chat-pub", "books", "--import-id", "i", input="a\nb\n")
        server.run("chat-pub", "books", "--import-id", "i", input="a\nb\n")
        assert server.messages("books") == [b"a", b"b"]
        server.run("chat-topics", "rm", "books", "--purge")
        server.run("chat-topics", "add", "books")


# Replicas.


def test_wait_counts_real_replicas(make_server):
    master = make_server(tcp=True, repl_diskless_sync_delay=0)
    replica = make_server(replicaof=f"127.0.0.1 {master.port}")
    replica.log.until(b"(?i)sync: finished with success|successfully with master")
    master.run("chat-pub", "topic1", "--wait", "1", "here")
    assert replica.messages() == [b"here"]
    master.run("chat-pub", "topic1", "--wait", "2", "--retry-for", "1500ms", input="a\nb\n", code=75, err="[01] of 2 replicas.*record 1 on")


def test_wait_rides_out_a_replica_that_hangs(make_server):
    master = make_server(tcp=True, repl_diskless_sync_delay=0)
    replica = make_server(replicaof=f"127.0.0.1 {master.port}")
    replica.log.until(b"(?i)sync: finished with success|successfully with master")
    pub = master.start("chat-pub", "topic1", "--wait", "1", "--print-ids", "--retry-for", "10m")
    pub.write("one\n")
    last = pub.line()
    replica.stop_process()
    with master.client() as client:
        pub.write("two\n")
        assert client.xread({"chat:{topic1}": last}, block=30_000)  # stored here, but not acknowledged
    replica.continue_process()
    pub.line()
    pub.finish(0, err="")
    assert master.messages() == [b"one", b"two"] == replica.messages()


# Signals.


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_an_answer_is_due(server, number, code):
    """What was read is acknowledged before the end, although the answer is late."""
    with Proxy(server.socket) as proxy:
        pub = server.start("chat-pub", "topic1", "--redis", proxy.url, "--print-ids")
        pub.write("one\n")
        pub.line()
        proxy.stall(TO_CLIENT)
        pub.write("two\nthree\n")
        until_true(lambda: len(server.messages()) == 3)
        pub.suspend()  # it waits some seconds for the answer: not while this test is slow
        pub.send(number)
        proxy.resume()
        pub.send(signal.SIGCONT)
        assert pub.wait() == code
        assert len(pub.out.rest().splitlines()) == 2
    assert server.messages() == [b"one", b"two", b"three"]


def test_a_signal_while_no_answer_comes_reports_the_first_record(server):
    with Proxy(server.socket) as proxy:
        pub = server.start("chat-pub", "topic1", "--redis", proxy.url, "--print-ids")
        pub.write("one\n")
        pub.line()
        proxy.stall(TO_CLIENT)
        pub.write("two\n")
        until_true(lambda: len(server.messages()) == 2)
        pub.send(signal.SIGTERM)
        pub.finish(143, err=r"record 2 on")


def test_giving_up_names_the_record_whose_topic_could_not_be_looked_up(server):
    pub = server.start("chat-pub", "--json", "--retry-for", "200ms", "--print-ids")
    pub.write('{"topic": "topic1", "message": "a"}\n')
    pub.line()
    server.kill9()
    try:
        pub.write('{"topic": "topic2", "message": "b"}\n')
        pub.finish(75, err="gave up on Redis .*; nothing from record 2 on was acknowledged")
    finally:
        server.restart()


class Forgetful(Proxy):
    """The server never knows the script."""

    def altered(self, data, direction):
        return re.sub(rb"(EVALSHA\r\n\$40\r\n).{40}", rb"\g<1>" + b"0" * 40, data)


def test_a_server_that_refuses_for_ever_is_an_outage(server):
    """Between tries there are pauses soon."""
    with Forgetful(server.socket) as proxy:
        gone = r"lost Redis at .*NOSCRIPT.*trying again\n(.*\n)*.*gave up on .* after 1s: .*NOSCRIPT.*nothing from record 1 on"
        server.run("chat-pub", "topic1", "--retry-for", "1s", "--redis", proxy.url, input="a\n", code=75, err=gone)
        assert proxy.taken > 2
    assert server.entries() == []
