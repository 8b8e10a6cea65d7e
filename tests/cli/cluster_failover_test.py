"""Redis Cluster with replicas: the same chat, with the same guarantees, while masters die and replicas lag."""

import re

import pytest

from cluster import LONG, TOPICS, Cluster
from faults import SOAK, dice, figures, lines, same, text, wait_for_bytes
from harness import until_true

COUNT, KILLS = (100_000, 4) if SOAK else (20_000, 1)
REPLICA = ("--wait", "1", "--retry-for", "1h")


@pytest.fixture
def cluster():
    cluster = Cluster()
    yield cluster
    cluster.close()


def check_reader(sub, topic, messages):
    expected = text(messages)
    wait_for_bytes(sub.out, len(expected), LONG)
    same(bytes(sub.out.all), expected, f"subscriber of {topic}")


# Of chat-pub, which may have met an outage or not: each one is told when it begins and when it ends, and nothing else.
OUTAGES = r"\A(chat-pub: warning: lost Redis at .*: trying again\nchat-pub: back at Redis\n)*\Z"


def check(cluster, topic, messages, sub, pub):
    pub.finish(0, err=OUTAGES, limit=LONG)
    check_reader(sub, topic, messages)
    same(cluster.run("chat-replay", topic, "--raw", limit=LONG).out, text(messages), f"history of {topic}")


@pytest.mark.parametrize("read_from", ["master", "replica"])
def test_kill9_of_masters_under_load(cluster, read_from):
    random = dice()
    cluster.keep_all(*TOPICS)
    messages = {topic: lines(COUNT, random) for topic in TOPICS}
    subs = {topic: cluster.follow(topic, "--raw", "--read-from", read_from) for topic in TOPICS}
    pubs = {topic: cluster.flood(topic, messages[topic], *REPLICA) for topic in TOPICS}
    for _ in range(KILLS):
        topic = random.choice(TOPICS)
        out = subs[topic].out
        wait_for_bytes(out, min(len(out.all) + random.randrange(COUNT * 10), len(text(messages[topic]))), LONG)
        victim = cluster.master_of(topic)
        cluster.kill9(victim)
        cluster.wait_for_failover(topic, victim)
        cluster.restart(victim)
        cluster.wait_for_replica(victim)
    for topic in TOPICS:
        check(cluster, topic, messages[topic], subs[topic], pubs[topic])
        subs[topic].stop()
    figures(messages=len(TOPICS) * COUNT, kills=KILLS)


def calls(cluster, port, command):
    found = re.search(rf"cmdstat_{command}:calls=(\d+)", cluster.ask(port, "INFO", "commandstats"))
    return int(found[1]) if found else 0


def test_replicas_are_read(cluster):
    cluster.keep_all("topic1")
    master = cluster.master_of("topic1")
    (replica,) = cluster.replicas_of(master)
    messages = lines(20_000, dice())
    sub = cluster.follow("topic1", "--raw", "--read-from", "replica", "--user", "bob")
    cluster.flood("topic1", messages, *REPLICA).finish(0, limit=LONG)
    check_reader(sub, "topic1", messages)
    assert cluster.run("chat-replay", "topic1", "--raw", "--read-from", "replica", limit=LONG).out == text(messages)
    assert calls(cluster, master, "xrange") == 0
    assert calls(cluster, replica, "xrange") >= 10  # pages of up to 2,000
    assert cluster.run("chat-topics", "who", "topic1").lines == ["bob"]
    cluster.run("chat-pub", "topic1", "end")
    assert sub.line() == messages[0]
    sub.stop()


def hold_replication(cluster, replica):
    """The replica gets nothing more of the stream, while the channel's messages still come, by the cluster's bus."""
    cluster.ask(replica, "CONFIG", "SET", "masterauth", "none")
    cluster.ask(replica, "CLIENT", "KILL", "TYPE", "master")


def release_replication(cluster, replica):
    cluster.ask(replica, "CONFIG", "SET", "masterauth", "")
    cluster.wait_for_replica(replica)


def wait_for_calls(cluster, port, command, more):
    before = calls(cluster, port, command)
    until_true(lambda: calls(cluster, port, command) >= before + more)


def test_a_replica_that_lags_shows_nothing_twice(cluster):
    (replica,) = cluster.replicas_of(cluster.master_of("topic1"))
    sub = cluster.follow("topic1", "--raw", "--read-from", "replica", "--strict")
    # While it looks for what it has shown, it takes nothing from the channel: each time that must be over
    # before the replica is held.
    cluster.run("chat-pub", "topic1", "a", *REPLICA)
    assert sub.line() == "a"
    wait_for_calls(cluster, replica, "hmget", 2)
    hold_replication(cluster, replica)
    cluster.pub("topic1", "b", "c")
    assert sub.lines(2) == ["b", "c"]
    wait_for_calls(cluster, replica, "xrange", 1)  # it has looked there, in vain
    release_replication(cluster, replica)
    cluster.pub("topic1", "d")
    assert sub.line() == "d"
    wait_for_calls(cluster, replica, "hmget", 2)

    hold_replication(cluster, replica)
    cluster.pub("topic1", "e")
    assert sub.line() == "e"
    cluster.ask(replica, "CLIENT", "KILL", "TYPE", "pubsub")
    assert "lost Redis" in sub.err.line()
    wait_for_calls(cluster, replica, "xrange", 3)
    release_replication(cluster, replica)
    sub.err.until("back at Redis")
    cluster.pub("topic1", "f")
    assert sub.line() == "f"
    sub.stop()


def test_a_replica_whose_history_changes_shows_nothing_twice(cluster):
    """Its connections stay: it has only another master's data than it passed on messages of."""
    master = cluster.master_of("topic1")
    (replica,) = cluster.replicas_of(master)
    sub = cluster.follow("topic1", "--raw", "--read-from", "replica")
    everything = ["--import-id", "i", "--json"]
    hold_replication(cluster, replica)
    cluster.run("chat-pub", "topic1", *everything, input='{"message": "a"}\n{"message": "b"}\n')
    assert sub.lines(2) == ["a", "b"]
    cluster.ask(master, "UNLINK", "chat:{topic1}", "chat:{topic1}:info")
    cluster.run("chat-pub", "topic1", *everything, input='{"message": "a"}\n{"message": "b"}\n{"message": "c"}\n')
    release_replication(cluster, replica)
    assert sub.line() == "c"
    cluster.pub("topic1", "d")
    assert sub.line() == "d"
    sub.stop()


def test_a_paused_master_comes_back_as_a_replica(cluster):
    """As when the network keeps it from all others: its clients hang, and it knows nothing of its successor."""
    cluster.keep_all("topic1")
    messages = lines(20_000, dice())
    sub = cluster.follow("topic1", "--raw")
    pub = cluster.flood("topic1", messages, *REPLICA)
    wait_for_bytes(sub.out, 50_000)
    victim = cluster.master_of("topic1")
    cluster.pause(victim)
    cluster.wait_for_failover("topic1", victim)
    cluster.resume(victim)
    cluster.wait_for_replica(victim)
    check(cluster, "topic1", messages, sub, pub)
    sub.stop()
