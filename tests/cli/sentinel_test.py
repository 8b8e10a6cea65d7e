"""The master found through sentinels, and the way to the next one when it dies."""

import os
import re
from pathlib import Path

import pytest

from faults import LONG, SOAK, dice, lines, moments, same, text, wait_for_bytes
from harness import free_port, until_true
from sentinels import NAME, FakeSentinel, Sentinel, Watched, url_of, without_ports

COUNT = 60_000 if SOAK else 15_000

TOOLS = {
    "chat-pub": ["chat-pub", "topic1", "hi"],
    "chat-sub": ["chat-sub", "topic1", "--last", "1", "-n", "1"],
    "chat-replay": ["chat-replay", "topic1"],
    "chat-topics": ["chat-topics"],
}
each_tool = pytest.mark.parametrize("tool", TOOLS)
PATIENT = ("--retry-for", "1h")  # a slow server or sentinel is asked again


@pytest.fixture
def watched():
    watched = Watched()
    yield watched
    watched.close()


def test_the_master_dies_under_load(watched):
    random = dice()
    messages = lines(COUNT, random)
    expected = text(messages)
    watched.run("chat-topics", "set", "topic1", "--max-len", "0")
    sub = watched.follow("topic1", "--raw")
    replay = watched.start("chat-replay", "topic1", "--raw", "--follow")
    path = watched.home / "input"
    path.write_bytes(expected)
    with path.open("rb") as file:
        pub = watched.start("chat-pub", "topic1", "--wait", "1", *PATIENT, stdin=file)
    (when,) = moments(random, 1, len(expected))
    for reader in (sub, replay):
        wait_for_bytes(reader.out, when + 1, LONG)  # it is connected
    watched.master.kill9()
    watched.wait_for_switch()
    pub.finish(0, err="", limit=LONG)
    for reader, what in ((sub, "chat-sub"), (replay, "chat-replay --follow")):
        wait_for_bytes(reader.out, len(expected), LONG)
        assert not reader.out.ended, reader.err.rest()
        same(bytes(reader.out.all), expected, what)
        reader.err.until("(?s)lost Redis.*back at Redis")
        assert "trimmed" not in reader.stop(143).err_text
    same(watched.run("chat-replay", "topic1", "--raw", limit=LONG).out, expected, "the history")


def test_what_the_dead_master_alone_had_is_told_and_stored_again(watched):
    """It gave a message to its subscribers, but to no replica: the publisher, still waiting for one, stores it again
    under another ID."""
    sub = watched.follow("topic1", "--raw", "--last", "9")
    pub = watched.start("chat-pub", "topic1", "--wait", "1", "--print-ids", *PATIENT)
    pub.write("one\n")
    pub.line()
    assert sub.line() == "one"
    for replica in watched.servers[1:]:
        replica.stop_process()
    with watched.master.client() as client:
        client.execute_command("CLIENT KILL TYPE REPLICA")
    pub.write("two\nthree\n")
    assert sub.lines(2) == ["two", "three"]
    watched.master.kill9()
    for replica in watched.servers[1:]:
        replica.continue_process()
    watched.wait_for_switch()
    pub.write("four\n")
    pub.lines(3)
    pub.finish(0, err="")
    assert sub.line() == "four"
    # They are told as gone only if the reader was back before they were stored again.
    told = re.findall("older history: .* messages?", sub.stop().err_text)
    assert told in ([], ["older history: 1 message"], ["older history: 2 messages"])
    assert watched.replay("topic1", "--raw") == ["one", "two", "three", "four"]


def test_workers_go_on_at_the_next_master(watched):
    messages = lines(2000, dice())
    path = watched.home / "input"
    path.write_bytes(text(messages))
    gate = watched.home / "gate"
    os.mkfifo(gate)  # each worker of the group waits there with its first messages, so that the other gets some too
    work = ["chat-replay", "topic1", "--follow", "--raw", "--batch", "10"]
    sharing = [*work, "--group", "g", "--claim-after", "3s"]
    workers = [watched.start(*sharing, "--exec", f"cat >> shared{i}; cat gate") for i in range(2)]
    workers.append(watched.start(*work, "--cursor", "cursor", "--exec", "cat >> ordered"))

    def done(*names):
        files = [watched.home / name for name in names]
        return [line for file in files if file.exists() for line in file.read_text().splitlines()]

    with path.open("rb") as file:
        pub = watched.start("chat-pub", "topic1", "--wait", "1", "--rate", "1000", *PATIENT, stdin=file)
    until_true(lambda: done("shared0") and done("shared1") and done("ordered"))
    (watched.home / "open").touch()
    with gate.open("w"):
        (watched.home / "open").rename(gate)
    watched.master.kill9()
    watched.wait_for_switch()
    pub.finish(0, err="", limit=LONG)
    until_true(lambda: set(done("shared0", "shared1")) == set(messages), LONG)
    until_true(lambda: set(done("ordered")) == set(messages), LONG)
    for worker in workers:
        worker.stop()
    assert list(dict.fromkeys(done("ordered"))) == messages


def test_a_dead_sentinel_is_passed_over(watched):
    watched.sentinels[0].kill9()
    watched.pub("topic1", "hello")
    assert watched.replay("topic1", "--raw") == ["hello"]


# What sentinels may say.


def test_one_that_still_names_a_replica_is_asked_again(make_server):
    master = make_server(tcp=True)
    replica = make_server(tcp=True, replicaof=f"127.0.0.1 {master.port}")
    with FakeSentinel(replica.port, replica.port, master.port) as fake:
        master.run("chat-pub", "topic1", "hi", "--redis", url_of(fake), *PATIENT)
    assert master.messages() == [b"hi"]


def test_the_next_one_is_asked_when_the_first_names_a_wrong_one(make_server):
    master = make_server(tcp=True)
    replica = make_server(tcp=True, replicaof=f"127.0.0.1 {master.port}")
    with FakeSentinel(replica.port) as stale, FakeSentinel(free_port()) as dead, FakeSentinel(master.port) as right:
        master.run("chat-pub", "topic1", "hi", "--redis", url_of(stale, dead, right), *PATIENT)
    assert master.messages() == [b"hi"]


def test_they_are_asked_again_at_each_reconnect(make_server):
    first, second = make_server(tcp=True), make_server(tcp=True)
    with FakeSentinel(first.port) as fake:
        sub = first.follow("topic1", "--raw", "--redis", url_of(fake))
        first.pub("topic1", "a")
        assert sub.line() == "a"
        fake.addresses = [second.port]
        second.pub("topic1", "b", "c")
        first.kill9()
        sub.out.until("c\n")
        sub.stop()


@each_tool
def test_all_are_down(server, tool):
    places = [f"127.0.0.1:{free_port()}" for _ in range(3)]
    done = server.run(*TOOLS[tool], "--redis", f"redis-sentinel://{','.join(places)}/{NAME}", code=69)
    (line,) = done.err_text.splitlines()
    for place in places:
        assert f"sentinel {place}: Connection refused" in line


def test_each_that_hangs_gets_a_bounded_time(server):
    with FakeSentinel("hang") as one, FakeSentinel("hang") as two, FakeSentinel("hang") as three:
        done = server.run("chat-topics", "--redis", url_of(one, two, three), code=69, err="no answer in time")
        assert all(fake.place in done.err_text for fake in (one, two, three))


def test_one_that_hangs_keeps_nobody_from_the_next(make_server):
    master = make_server(tcp=True)
    with FakeSentinel("hang") as one, FakeSentinel("hang") as two, FakeSentinel(master.port) as three:
        master.run("chat-pub", "topic1", "hi", "--redis", url_of(one, two, three), *PATIENT)


def until_told(server, url, told):
    """Each sentinel has but a second to answer: a slow one is asked again."""
    said = []

    def is_told():
        said[:] = [server.run("chat-topics", "--redis", url, code=69).err_text]
        return told(said[0])

    until_true(is_told, seen=lambda: said)


def test_what_each_said_is_told(make_server):
    master = make_server(tcp=True)
    replica = make_server(tcp=True, replicaof=f"127.0.0.1 {master.port}")
    with FakeSentinel(None) as ignorant, FakeSentinel(replica.port) as stale, FakeSentinel(free_port()) as dead:
        url = f"{url_of(ignorant, stale, dead)[: -len(NAME) - 1]},127.0.0.1:{master.port}/{NAME}"
        expected = (
            "chat-topics: can't reach Redis at redis-sentinel://HOST,HOST,HOST,HOST/watched: "
            'sentinel HOST: knows no master "watched"; sentinel HOST: says HOST, which is a replica; '
            "sentinel HOST: says HOST, where: Connection refused; sentinel HOST: is no sentinel, but a Redis server\n"
        )
        until_told(master, url, lambda said: without_ports(said) == expected)


def test_a_sentinel_given_as_a_server_is_named(server):
    with FakeSentinel(None) as fake:
        server.run("chat-topics", "--redis", f"redis://{fake.place}", *PATIENT, code=69, err="is a sentinel: write redis-sentinel://")


# A master that is cut off.


def test_a_master_without_its_replicas_is_left_for_the_next(make_server):
    """It answers its clients, and is a master by its own account: only the replicas that --wait wants are missing."""
    old, new = make_server(tcp=True), make_server(tcp=True, repl_diskless_sync_delay="0")
    other = make_server(tcp=True, replicaof=f"127.0.0.1 {new.port}")
    other.log.until("(?i)finished with success")
    with FakeSentinel(old.port) as fake:
        pub = old.start("chat-pub", "topic1", "--wait", "1", "--redis", url_of(fake), *PATIENT)
        pub.write("one\ntwo\n")
        until_true(lambda: old.messages() == [b"one", b"two"])
        fake.addresses = [new.port]
        pub.finish(0, err="")
    assert new.messages() == [b"one", b"two"]


def test_a_master_that_nobody_reaches_any_more():
    """All ways to it are stalled, and open again when another one has taken over."""
    watched = Watched(proxies=True)
    try:
        random = dice()
        messages = lines(2 * COUNT // 3, random)
        expected = text(messages)
        watched.run("chat-topics", "set", "topic1", "--max-len", "0")
        sub = watched.follow("topic1", "--raw")
        path = watched.home / "input"
        path.write_bytes(expected)
        with path.open("rb") as file:
            pub = watched.start("chat-pub", "topic1", "--wait", "1", *PATIENT, stdin=file)
        (when,) = moments(random, 1, len(expected))
        wait_for_bytes(sub.out, when, LONG)
        cut_off = watched.proxies[0]
        cut_off.stall()
        watched.wait_for_switch()
        pub.finish(0, err="", limit=LONG)
        wait_for_bytes(sub.out, len(expected), LONG)
        cut_off.resume()
        watched.servers[0].log.until("(?i)<-> REPLICA sync: (finished with success|.*accepted a partial)", 3 * LONG)  # sentinels take their time
        watched.pub("topic1", "after")
        wait_for_bytes(sub.out, len(expected + b"after\n"), LONG)
        same(bytes(sub.out.all), expected + b"after\n", "chat-sub")
        sub.stop()
        same(watched.run("chat-replay", "topic1", "--raw", limit=LONG).out, expected + b"after\n", "the history")
    finally:
        watched.close()


# Passwords.


def test_each_password_goes_where_it_belongs(make_server):
    master = make_server(tcp=True, requirepass="s3cret")
    with FakeSentinel(master.port, password="pst") as fake:
        url = url_of(fake).replace("//", "//:s3cret@")
        run = master.start("chat-pub", "topic1", "--redis", url, *PATIENT, env={"REDIS_SENTINEL_AUTH": "pst"})
        run.write("hi\n")
        run.wait_read()
        seen = Path(f"/proc/{run.pid}/cmdline").read_bytes()
        assert b"s3cret" not in seen and b"redis-sentinel" in seen
        run.finish(0)
        assert "s3cret" not in str(fake.heard)
    with master.client(password="s3cret") as client:
        assert client.xlen("chat:{topic1}") == 1


def test_a_sentinel_that_wants_a_password_is_not_given_that_of_redis(make_server):
    master = make_server(tcp=True, requirepass="s3cret")
    with FakeSentinel(master.port, password="pst") as fake:
        asking = ["chat-topics", *PATIENT, "--redis", url_of(fake).replace("//", "//:s3cret@")]
        done = master.run(*asking, code=77, err=f"{fake.place}.*REDIS_SENTINEL_AUTH")
        assert "s3cret" not in done.err_text + str(fake.heard)
        done = master.run(*asking, code=77, err=fake.place, env={"REDIS_SENTINEL_AUTH": "wrong"})
        assert "s3cret" not in done.err_text and "wrong" not in done.err_text.replace("wrong user", "")
    with FakeSentinel(master.port) as fake:
        asking = ["chat-topics", *PATIENT, "--redis", url_of(fake).replace("//", "//:nope@")]
        done = master.run(*asking, code=77, err="refused the login")
        assert "nope" not in done.err_text


def test_a_real_sentinel_with_no_master_of_that_name(make_server):
    sentinel = Sentinel(make_server(tcp=True).port)
    try:
        server = make_server()
        url = f"redis-sentinel://127.0.0.1:{sentinel.port}/other"
        until_told(server, url, lambda said: 'knows no master "other"' in said)
    finally:
        sentinel.close()
