"""chat-topics: the list, and changes of it."""

import json
import re
import time

import pytest

DEFAULTS = ["topic1", "topic2", "topic3", "topic4"]


def names(server):
    return server.run("chat-topics", "--names").lines


def listed(server):
    """The topics of --json by name."""
    rows = [json.loads(line) for line in server.run("chat-topics", "--json").lines]
    return {row["topic"]: row for row in rows}


def test_the_defaults_are_there_on_an_empty_redis_which_stays_empty(server):
    assert names(server) == DEFAULTS
    assert list(listed(server)) == DEFAULTS
    assert server.run("chat-topics").lines
    server.run("chat-replay", "topic1")
    server.run("chat-topics", "who")
    server.run("chat-sub", "topic1", "--timeout", "10ms", code=124)
    assert server.client().dbsize() == 0


def test_list_is_the_command_unless_another_is_given(server):
    assert server.run("chat-topics", "list", "--names").text == server.run("chat-topics", "--names").text
    assert server.run("chat-topics", "list").text == server.run("chat-topics").text


def test_the_table_shows_what_there_is(server):
    server.store("topic2", "a", "b", "c")
    server.run("chat-topics", "set", "topic2", "--description", "all about b")
    sub = server.follow("topic2")
    rows = server.run("chat-topics").lines
    (row,) = [row for row in rows if "topic2" in row]
    assert re.search(r"\btopic2\b.*\b1\b.*\b3\b.*2024-11-23.*all about b", row), row
    assert [name for name in DEFAULTS if any(name in row for row in rows)] == DEFAULTS
    sub.stop()


def test_some_topics_by_name_and_pattern(server):
    for topic in ("team/a", "team/b/c", "teams"):
        server.run("chat-topics", "add", topic)
    assert server.run("chat-topics", "--names", "team/*", "topic[34]", "teams").lines == ["team/a", "team/b/c", "teams", "topic3", "topic4"]
    assert server.run("chat-topics", "list", "--names", "topic?").lines == DEFAULTS
    assert [json.loads(line)["topic"] for line in server.run("chat-topics", "*1", "--json").lines] == ["topic1"]
    assert server.run("chat-topics", "--names", "nothing*").text == ""
    server.run("chat-topics", "list", "tpoic1", code=66, err="did you mean topic1")
    server.run("chat-topics", "tpoic1", code=64, err='"tpoic1" is neither a command nor a topic')
    server.run("chat-topics", "topic1 *", code=64, err="pattern")


def test_who_of_topics_by_pattern(server):
    server.follow("topic1", "-u", "ana")
    server.follow("topic2", "-u", "ben")
    server.follow("topic3", "-u", "carl")
    assert server.run("chat-topics", "who", "topic[13]").lines == ["topic1\tana", "topic3\tcarl"]
    assert server.run("chat-topics", "who", "topic1", "topic2").lines == ["topic1\tana", "topic2\tben"]
    assert server.run("chat-topics", "who", "topic1*").lines == ["topic1\tana"]
    assert server.run("chat-topics", "who", "x*").lines == []


def test_the_last_hour_is_shown_in_twelve_parts(server):
    now = int(time.time() * 1000)
    middles = [now - part * 300_000 - 150_000 for part in reversed(range(12))]
    server.store("topic1", *range(12), ms=middles[0], step=300_000)
    server.store("topic2", *range(3), ms=middles[4], step=1)
    assert listed(server)["topic1"]["last_hour"] == [1] * 12
    assert listed(server)["topic2"]["last_hour"] == [0] * 4 + [3] + [0] * 7
    rows = server.run("chat-topics").lines
    assert "█" * 12 in rows[1]
    assert rows[2].count("█") == 1


def test_the_last_hour_counts_what_was_published_now(server):
    server.pub("topic1", *range(1000))
    assert sum(listed(server)["topic1"]["last_hour"]) == 1000


def test_add(server):
    server.run("chat-topics", "add", "news", "--max-len", "5", "--description", "what is new", "--max-age", "1h")
    assert names(server) == ["news", *DEFAULTS]
    info = server.client(decode_responses=True).hgetall("chat:{news}:info")
    assert (info["max_len"], info["max_age"], info["description"]) == ("5", "3600000", "what is new")
    server.pub("news", *range(9), err="news")
    assert server.messages("news") == [b"4", b"5", b"6", b"7", b"8"]


def test_add_again_changes_nothing(server):
    server.run("chat-topics", "add", "news", "--max-len", "5")
    server.pub("news", "a")
    server.run("chat-topics", "add", "news", "--max-len", "7", err="news is there already")
    assert server.client().hget("chat:{news}:info", "max_len") == b"5"
    assert server.messages("news") == [b"a"]


def test_set_acts_at_once(server):
    server.pub("topic1", *range(20))
    server.run("chat-topics", "set", "topic1", "--max-len", "3")
    assert server.messages() == [b"17", b"18", b"19"]
    server.run("chat-topics", "set", "topic1", "--max-len", "0")
    server.pub("topic1", *range(20))
    assert len(server.messages()) == 23


def test_set_acts_on_a_publisher_that_runs(server):
    pub = server.start("chat-pub", "topic1", "--print-ids")
    pub.write("1\n2\n3\n")
    pub.lines(3)
    server.run("chat-topics", "set", "topic1", "--max-len", "2")
    pub.write("4\n")
    pub.line()
    assert server.messages() == [b"3", b"4"]
    pub.close_stdin()
    assert pub.wait() == 0


def test_set_max_age_trims_at_once(server):
    server.store("topic1", "old", "older")
    server.pub("topic1", "new")
    server.run("chat-topics", "set", "topic1", "--max-age", "1h")
    assert server.messages() == [b"new"]


def test_set_leaves_other_settings(server):
    server.run("chat-topics", "set", "topic1", "--max-len", "7", "--description", "d")
    server.run("chat-topics", "set", "topic1", "--max-age", "7d")
    info = server.client(decode_responses=True).hgetall("chat:{topic1}:info")
    assert (info["max_len"], info["max_age"], info["description"]) == ("7", "604800000", "d")


def test_set_of_an_unknown_topic(server):
    server.run("chat-topics", "set", "topic7", "--max-len", "3", code=66, err="topic7.*did you mean")
    assert server.client().dbsize() == 0


def test_rm_keeps_the_history_and_purge_does_not(server):
    for topic in ("news", "olds"):
        server.run("chat-topics", "add", topic)
        server.pub(topic, "a")
    server.run("chat-topics", "rm", "news")
    server.run("chat-topics", "rm", "olds", "--purge")
    assert names(server) == DEFAULTS
    assert server.client().keys("chat:{*") == [b"chat:{news}"]
    server.run("chat-pub", "news", "x", code=66)
    server.run("chat-topics", "add", "news")
    server.pub("news", "b")
    assert server.messages("news") == [b"a", b"b"]
    assert [id.split("-")[1] for id, _ in server.entries("news")] == ["1", "2"]


def test_a_removed_default_stays_removed(server):
    server.pub("topic2", "a")
    server.run("chat-topics", "rm", "topic2", "--purge")
    server.run("chat-topics", "rm", "topic3")
    assert names(server) == ["topic1", "topic4"]
    server.run("chat-pub", "topic2", "x", code=66)
    server.run("chat-pub", "topic3", "x", code=66)
    server.run("chat-sub", "topic3", code=66)
    server.run("chat-topics", "rm", "topic3", code=66)
    server.run("chat-topics", "add", "topic3")
    assert names(server) == ["topic1", "topic3", "topic4"]
    server.run("chat-pub", "topic2", "--create", "again")
    assert names(server) == DEFAULTS
    assert server.messages("topic2") == [b"again"]


def test_rm_of_an_unknown_topic(server):
    server.run("chat-topics", "rm", "tpoic1", code=66, err="did you mean topic1")


def test_who(server):
    for topic, user in (("topic1", "ben"), ("topic1", "ana"), ("topic2", "Ana María")):
        server.follow(topic, "-u", user)
    nameless = server.follow("topic1")
    one = server.run("chat-topics", "who", "topic1", err="topic1: 1 more without a name")
    assert one.lines == ["ana", "ben"]
    every = server.run("chat-topics", "who", err="topic1: 1 more without a name")
    assert every.lines == ["topic1\tana", "topic1\tben", "topic2\tAna María"]
    (line,) = server.run("chat-topics", "who", "topic1", "--json").lines
    assert json.loads(line) == {"topic": "topic1", "users": ["ana", "ben"], "nameless": 1}
    server.run("chat-topics", "add", "x", "--json", code=64)
    nameless.stop()


def test_who_of_a_name_with_pattern_characters(server):
    server.run("chat-topics", "add", "a")
    server.follow("a", "-u", "b*[x]?\\")
    assert "b*[x]?\\" in server.run("chat-topics", "who", "a").text


def test_who_of_an_unknown_topic(server):
    server.run("chat-topics", "who", "tpoic1", code=66, err="did you mean topic1")


@pytest.mark.parametrize("name", ["", "-x", "chat:x", "a b", "a\nb", "é", "x" * 129, "a{b}", "a*", "a\x1b[31m"])
def test_bad_names(server, name):
    done = server.run("chat-topics", "add", "--", name, code=64)
    assert b"\x1b" not in done.err
    server.run("chat-pub", "--create", "--", name, "hi", code=64)
    if name != "a*":  # there a pattern
        server.run("chat-sub", "--", name, code=64)
    server.run("chat-replay", "--", name, code=64)
    assert server.client().dbsize() == 0


@pytest.mark.parametrize("name", ["x" * 128, "A-Za-z0-9._-/:", "0", "a:chat:", "...", "/"])
def test_good_names(server, name):
    server.run("chat-topics", "add", name)
    server.pub(name, "hi")
    assert server.replay(name, "--raw") == ["hi"]
    assert name in names(server)


@pytest.mark.parametrize("options", [["--max-len", "-1"], ["--max-len", "many"], ["--max-age", "1"], ["--max-age", "1y"], ["--max-age", "-1s"], ["--max-len", "1.5"], ["--max-len", "99999999999999999999"]])  # fmt: skip
def test_bad_values(server, options):
    done = server.run("chat-topics", "add", "news", *options, code=64)
    assert options[1] in done.err_text
    done = server.run("chat-topics", "set", "topic1", *options, code=64)
    assert server.client().dbsize() == 0


def test_set_of_nothing_is_wrong_usage(server):
    server.run("chat-topics", "set", "topic1", code=64)
    server.run("chat-topics", "set", code=64)
    server.run("chat-topics", "frobnicate", code=64)


def test_a_flag_that_does_nothing_is_not_taken(server):
    """who --json must give JSON, or be refused."""
    server.follow("topic1", "-u", "ana")
    done = server.run("chat-topics", "who", "topic1", "--json", code=None, err="")
    assert done.code == 64 or json.loads(done.lines[0])


def test_a_description_can_not_drive_a_terminal(server):
    server.run("chat-topics", "add", "news")
    server.client().hset("chat:{news}:info", "description", "x\x1b[31my\nz\u202e")
    shown = server.terminal("chat-topics", "--color", "never").shown()
    assert "\x1b" not in shown and "\u202e" not in shown
    assert len([line for line in shown.splitlines() if "news" in line]) == 1 and "\nz" not in shown
    json.loads(server.run("chat-topics", "--json").lines[0])
