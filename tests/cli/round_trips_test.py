"""How often each tool waits for an answer: far from Redis, that is what takes the time."""

import pytest

from cluster import TOPICS, Cluster
from harness import until_true
from round_trips import RoundTrips


@pytest.fixture
def counted(server):
    server.store("topic1", *"abc")
    with RoundTrips(server.socket, server.home / "proxy") as proxy:
        yield proxy


def start(server, proxy, *argv, **options):
    return proxy.of(lambda: server.start(*argv, "--redis", proxy.url, **options))


def test_a_message(server, counted):
    server.pub("topic1", "the script is known")
    for argv in (["topic1", "hello"], ["topic1", "--user", "ben", "hello", "again"]):
        start(server, counted, "chat-pub", *argv).finish()
        assert (counted.connections, counted.count) == (1, 1)
    assert server.messages()[-2:] == [b"hello", b"hello again"]
    until_true(lambda: server.client().keys("*:pub:*") == [])  # that isn't waited for


def test_lines(server, counted):
    server.pub("topic1", "the script is known")
    start(server, counted, "chat-pub", "topic1", "--print-ids", stdin=server_lines(server, 3)).finish()
    assert counted.count == 1
    assert server.messages()[-3:] == [b"0", b"1", b"2"]


def server_lines(server, count):
    path = server.home / "lines"
    path.write_text("".join(f"{i}\n" for i in range(count)))
    return path.open()


def test_a_subscriber_until_it_is_ready(server, counted):
    sub = start(server, counted, "chat-sub", "topic1", "--raw", ready=True).wait_ready()
    assert counted.count <= 3
    counted.pid = None
    sub.kill()


def test_the_first_message_of_a_history(server, counted):
    for argv in (["-n", "1"], ["-n", "3"], []):
        replay = start(server, counted, "chat-replay", "topic1", "--raw", *argv)
        assert replay.line() == "a"
        replay.finish()
        assert counted.count <= 2, argv


@pytest.mark.parametrize("topics", [1, 200])
def test_topics(server, counted, topics):
    for i in range(topics):
        server.store(f"more/{i}", "x")
    start(server, counted, "chat-topics").finish()
    assert counted.count <= 3
    start(server, counted, "chat-topics", "--names").finish()
    assert counted.count <= 1
    start(server, counted, "chat-topics", "who").finish()
    assert counted.count <= 3


@pytest.fixture(scope="module")
def three():
    """A cluster of three masters, and the proxy in front of all of them."""
    cluster = Cluster(replicas=0)
    for topic in TOPICS:
        cluster.pub(topic, "the script is known", "b")
    first, *others = cluster.ports
    with RoundTrips(first) as proxy:
        seen = {first: proxy.url.rpartition(":")[2], **{port: proxy.also(port) for port in others}}
        for port in cluster.ports:
            cluster.announce(port, seen[port])
        yield cluster, proxy
        cluster.close()


@pytest.mark.parametrize("topic", TOPICS)
def test_one_more_in_a_cluster(three, topic):
    cluster, proxy = three
    start(cluster, proxy, "chat-pub", topic, "hello").finish()
    assert proxy.count == 2
    start(cluster, proxy, "chat-replay", topic, "-n", "1").finish()
    assert proxy.count == 3
    sub = start(cluster, proxy, "chat-sub", topic, "--raw", ready=True).wait_ready()
    assert proxy.count <= 4
    proxy.pid = None
    sub.kill()
    start(cluster, proxy, "chat-topics", "--names").finish()
    assert proxy.count == 2


def test_topics_of_all_nodes_of_a_cluster(three):
    cluster, proxy = three
    for i in range(20):
        cluster.run("chat-topics", "add", f"more/{i}")
    start(cluster, proxy, "chat-topics").finish()
    assert proxy.count <= 4
    start(cluster, proxy, "chat-topics", "who").finish()
    assert proxy.count <= 5
