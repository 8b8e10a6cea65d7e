"""Redis Cluster: the same chat, with the same guarantees, while slots move and a node can't be reached."""

import pytest

from cluster import LONG, TOPICS, Cluster
from faults import dice, lines, same, text, wait_for_bytes
from harness import until_true
from proxy import Proxy


@pytest.fixture(scope="module")
def shared():
    cluster = Cluster(replicas=0)
    yield cluster
    cluster.close()


@pytest.fixture
def three(shared):
    """Three masters without replicas, and with what earlier tests have left there."""
    yield shared
    shared.end_tools()


def test_the_topics_are_on_three_nodes(three):
    assert len({three.master_of(topic) for topic in TOPICS}) == 3


def test_any_node_will_do(three):
    for port in three.ports:
        url = f"redis://127.0.0.1:{port}"
        three.run("chat-pub", "any", "--create", "--redis", url, f"by {port}")
        assert three.run("chat-replay", "any", "--redis", url, "--last", "1", "--raw").lines == [f"by {port}"]


def test_live_messages_of_all_topics(three):
    sub = three.follow(*TOPICS, "--format", "%t %m")
    for i, topic in enumerate(TOPICS):
        three.pub(topic, f"a{i}", f"b{i}")
        assert sub.lines(2) == [f"{topic} a{i}", f"{topic} b{i}"]
    three.pub("topic1", "again")
    assert sub.line() == "topic1 again"
    sub.stop()


def test_plain_messages(three):
    sub = three.follow("topic2", "--raw")
    three.run("chat-pub", "topic2", "--ephemeral", "hi")
    assert sub.line() == "hi"
    with three.client(three.master_of("topic2")) as client:
        client.execute_command("SPUBLISH", "topic2", '{"user": "bob", "message": "own", "timestamp": 1}')
    assert sub.line() == "own"
    sub.stop()


def test_topics_come_and_go(three):
    sub = three.follow("--all", "--format", "%t %m")
    for name in ("come1", "come2", "come3"):
        three.run("chat-topics", "add", name, "--description", "new")
        three.pub(name, "hello")
        assert sub.line() == f"{name} hello"
    three.run("chat-topics", "rm", "come2")
    sub.stop()
    names = three.run("chat-topics", "--names").lines
    assert "come1" in names and "come2" not in names
    assert three.run("chat-pub", "come2", "x", code=66, err="no topic")
    three.run("chat-topics", "rm", "topic4")
    three.run("chat-replay", "topic4", code=66, err="no topic")
    three.run("chat-topics", "add", "topic4")


def test_who_is_there(three):
    ana = three.follow("topic1", "topic2", "--user", "ana")
    three.follow("topic2", "--user", "bob")

    def who():
        return three.run("chat-topics", "who", "topic2").lines

    def counted():
        return [row.split()[:2] for row in three.run("chat-topics").lines if row.startswith("topic2")]

    # Those who have gone are counted until their node has noticed.
    until_true(lambda: who() == ["ana", "bob"], seen=who)
    until_true(lambda: counted() == [["topic2", "2"]], seen=counted)
    ana.stop()
    until_true(lambda: who() == ["bob"], seen=who)


def test_a_copy_of_many_topics(three):
    records = [f'{{"topic": "topic{i % 3 + 1}", "message": "m{i}"}}' for i in range(300)]
    three.run("chat-pub", "--json", input="\n".join(records))
    for topic in range(3):
        assert three.replay(f"topic{topic + 1}", "--raw", "--last", 100) == [f"m{i}" for i in range(topic, 300, 3)]


def test_workers_share_a_topic(three):
    three.run("chat-topics", "add", "jobs")
    three.run("chat-topics", "add", "failed")
    three.pub("jobs", "a", "bad", "c")
    work = 'read -r job; [ "$job" != bad ] && echo "$job"'
    done = three.run("chat-replay", "jobs", "--group", "g", "--raw", "--exec", work, "--dead-letter", "failed", err="bad|failed")
    assert done.lines == ["a", "c"]
    assert three.replay("failed", "--raw") == ["bad"]


def test_connections_are_a_node_each_not_a_topic(three):
    names = [f"many/{i}" for i in range(200)]
    three.run("chat-pub", "--json", "--create", input="\n".join(f'{{"topic": "{name}", "message": "x"}}' for name in names))
    before = sum(len(three.ask(port, "CLIENT", "LIST").splitlines()) for port in three.ports)
    sub = three.follow("many/*", "--user", "ana", "--format", "%t %m")
    after = sum(len(three.ask(port, "CLIENT", "LIST").splitlines()) for port in three.ports)
    assert after - before <= 2 * len(three.ports)
    for name in names[::17]:
        three.pub(name, "y", user="bob")
        assert sub.line() == f"{name} y"


def test_replicas_are_of_clusters_alone(server):
    for tool in ("chat-sub", "chat-replay"):
        server.run(tool, "topic1", "--read-from", "replica", code=64, err="is none: give the replica's own address")
    server.run("chat-replay", "topic1", "--read-from", "slave", code=64, err="--read-from")


def test_a_slot_moves_under_load(three):
    three.keep_all("topic1")
    messages = lines(30_000, dice())
    old = three.replay("topic1", "--raw")
    sub = three.follow("topic1", "--raw")
    group = three.follow("topic1", "topic2", "--raw")
    pub = three.flood("topic1", messages, "--retry-for", "1h")
    home = three.master_of("topic1")
    for target in (three.master_of("topic2"), three.master_of("topic3"), home):
        wait_for_bytes(sub.out, min(len(sub.out.all) + 50_000, len(text(messages))))
        three.move_slot("topic1", target)
    pub.finish(0, err="", limit=LONG)  # what it may have waited for, it has told
    three.pub("topic1", "end")
    expected = text([*messages, "end"])
    wait_for_bytes(sub.out, len(expected), LONG)
    same(bytes(sub.out.all), expected, "subscriber")
    wait_for_bytes(group.out, len(expected), LONG)
    same(bytes(group.out.all), expected, "subscriber of two topics")
    same(three.run("chat-replay", "topic1", "--raw").out, text([*old, *messages, "end"]), "history")
    sub.stop()
    group.stop()


def test_a_node_is_added_and_takes_over(three):
    sub = three.follow("topic3", "--raw")
    three.pub("topic3", "before")
    assert sub.line() == "before"
    three.move_slot("topic3", three.add_master())
    three.pub("topic3", "after")
    assert sub.line() == "after"
    assert three.replay("topic3", "--raw", "--last", "2") == ["before", "after"]
    sub.stop()


def test_a_node_that_clients_cannot_reach(three):
    """Its connections hang, nothing is closed. The other nodes' topics go on, and nothing of its own is lost."""
    node = three.master_of("topic2")
    sub = three.follow("topic1", "topic2", "--format", "%t %m")
    with Proxy(node) as proxy:
        port = int(proxy.url.rpartition(":")[2])
        three.announce(node, port)
        behind = three.follow("topic1", "topic2", "--format", "%t %m")
        three.pub("topic2", "a")
        assert behind.line() == sub.line() == "topic2 a"
        proxy.stall()
        proxy.refuse()
        pub = three.start("chat-pub", "topic2", "--retry-for", "1h", "b")
        three.pub("topic1", "c", "d")
        assert behind.lines(2) == sub.lines(2) == ["topic1 c", "topic1 d"]
        behind.err.until(f"lost Redis.*, node 127.0.0.1:{port} ")
        three.pub("topic1", "e")
        assert behind.line() == sub.line() == "topic1 e"
        proxy.resume()
        proxy.accept()
        pub.finish(0, err="back at Redis")
        assert behind.line() == sub.line() == "topic2 b"
        three.announce(node, node)
    three.pub("topic2", "f")
    assert behind.line() == sub.line() == "topic2 f"
