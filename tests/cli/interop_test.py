"""The original's clients and these tools chat with each other: a client as it would be written with
redis-py, in both directions."""

import json
import time

import pytest

from harness import LIMIT


class Client:
    """A user of the original demo."""

    def __init__(self, server, user, topic):
        self.redis = server.client(decode_responses=True)
        self.user, self.topic = user, topic
        self.pubsub = self.redis.pubsub(ignore_subscribe_messages=False)
        self.pubsub.subscribe(topic)
        assert self.pubsub.get_message(timeout=LIMIT)["type"] == "subscribe"

    def say(self, text):
        payload = {"user": self.user, "message": text, "timestamp": int(time.time())}
        self.redis.publish(self.topic, json.dumps(payload))

    def hear(self):
        """The next message of somebody else."""
        while True:
            message = self.pubsub.get_message(timeout=LIMIT)
            assert message, "nothing heard"
            data = json.loads(message["data"])
            if data["user"] != self.user:
                return f"{data['user']}: {data['message']}"


TEXTS = ["hi", "", "  spaces  ", 'quotes "double" \'single\'', "back\\slash \\n", "tab\tand\x01control\x7f", "Grüße, 世界 😀 \u202e \u2028", "%s %m {}"]  # fmt: skip


@pytest.fixture(params=TEXTS, ids=range(len(TEXTS)))
def text(request):
    return request.param


def test_what_they_say_we_show(server, text):
    them = Client(server, "théo", "topic1")
    sub = server.follow("topic1", "-u", "ana", "--format", "%u|%m", "-n", "1")
    them.say(text)
    assert sub.finish().text == f"théo|{text}\n"


def test_what_we_say_they_hear(server, text):
    them = Client(server, "theo", "topic1")
    server.run("chat-pub", "topic1", "-u", "ána", input=text + "\n")
    assert them.hear() == f"ána: {text}"


def test_what_we_say_without_history_they_hear(server, text):
    them = Client(server, "theo", "topic1")
    server.run("chat-pub", "topic1", "--ephemeral", "-u", "ana", input=text + "\n")
    assert them.hear() == f"ana: {text}"


def test_newlines_pass_both_ways(server):
    them = Client(server, "theo", "topic1")
    sub = server.follow("topic1", "--raw", "-0", "-n", "1")
    them.say("one\ntwo\r\n")
    assert sub.finish().out == b"one\ntwo\r\n\0"
    server.run("chat-pub", "topic1", "--whole", "-u", "ana", input="three\nfour\n")
    assert them.hear() == "ana: three\nfour\n"


def test_each_hides_his_own(server):
    ana = server.follow("topic1", "-u", "ana", "--format", "%u: %m")
    ben = Client(server, "ben", "topic1")
    for i in range(3):
        ben.say(f"from ben {i}")
        assert ana.line() == f"ben: from ben {i}"
        server.run("chat-pub", "topic1", "-u", "ana", f"from ana {i}")
        assert ben.hear() == f"ana: from ana {i}"
    ana.stop()


def test_a_conversation_in_two_topics_stays_apart(server):
    one, two = Client(server, "one", "topic1"), Client(server, "two", "topic2")
    sub = server.follow("topic1", "topic2", "--format", "%t %u", "-n", "4")
    for client in (two, one, one, two):
        client.say("x")
    lines = sub.finish().lines
    assert sorted(lines) == ["topic1 one", "topic1 one", "topic2 two", "topic2 two"]
    server.pub("topic2", "to two")
    server.pub("topic1", "to one")
    assert two.hear() == "ana: to two"
    assert one.hear() == "ana: to one"  # and nothing of topic2 before


def test_timestamps_of_many_kinds_are_shown(server):
    sub = server.follow("topic1", "--json")
    redis = server.client()
    for stamp, shown in ((1732400000, 1732400000), (1732400000.9, 1732400000), (0, 0), (-5, -5), (1.7324e9, 1732400000)):
        redis.publish("topic1", json.dumps({"timestamp": stamp, "message": "m", "user": "u"}))
        assert json.loads(sub.line())["timestamp"] == shown
    sub.stop()


def test_redis_cli_takes_part(server):
    sub = server.follow("topic1", "--format", "%u: %m", "-n", "1")
    payload = '{"user": "cli", "message": "by hand", "timestamp": 1}'
    server.shell(f"redis-cli -s {server.socket} publish topic1 '{payload}'")
    assert sub.finish().text == "cli: by hand\n"
