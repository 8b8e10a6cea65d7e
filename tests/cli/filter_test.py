"""--grep and --from-user: only some messages, in all that chat-sub and chat-replay do."""

import pytest

from harness import LIMIT


def numbers(server, count, **options):
    server.pub("topic1", *range(1, count + 1), **options)


def test_grep(server):
    server.store("topic1", "ERROR disk full", "all well", "error again", b"\xff error \xfe")
    assert server.replay("topic1", "--raw", "--grep", "ERROR") == ["ERROR disk full"]
    found = server.run("chat-replay", "topic1", "--raw", "--grep", "(?i)error").out
    assert found == b"ERROR disk full\nerror again\n\xff error \xfe\n"
    assert server.replay("topic1", "--raw", "--grep", "^(?!.*(?i:error))", "--last", "3", "-n", "1") == ["all well"]
    assert server.run("chat-replay", "topic1", "--raw", "--grep", "").out.count(b"\n") == 4
    assert server.replay("topic1", "--raw", "--grep", "nothing") == []


def test_from_user(server):
    server.store("topic1", ("ana", "1"), ("ben", "2"), ("Ana", "3"), ("carl é", "4"))
    assert server.replay("topic1", "--raw", "--from-user", "ana") == ["1"]
    assert server.replay("topic1", "--raw", "--from-user", "ben", "--from-user=carl é") == ["2", "4"]
    assert server.replay("topic1", "--raw", "--from-user", "ana", "--grep", "[23]") == []
    server.run("chat-replay", "topic1", "--from-user", "a\nb", code=64, err="user's name")


@pytest.mark.parametrize("tool", ["chat-sub", "chat-replay"])
def test_a_bad_pattern(server, tool):
    server.run(tool, "topic1", "--grep", "a(b", code=64, err=r'"a\(b" is no regular expression: missing closing parenthesis, at byte 3 of 3')
    assert b"\x1b" not in server.run(tool, "topic1", "--grep", "(\x1b", code=64).err


def test_the_count_is_of_matches_and_last_comes_first(server):
    numbers(server, 20)
    assert server.replay("topic1", "--raw", "--grep", "[05]$", "-n", "3") == ["5", "10", "15"]
    assert server.replay("topic1", "--raw", "--grep", "[05]$", "--last", "6") == ["15", "20"]
    assert server.replay("topic1", "--raw", "--grep", "[05]$", "--reverse", "-n", "1") == ["20"]
    sub = server.run("chat-sub", "topic1", "--raw", "--grep", "[05]$", "--last", "6", "-n", "2")
    assert sub.lines == ["15", "20"]


def test_live(server):
    sub = server.follow("topic1", "--raw", "--grep", "5", "--from-user", "ana", "-n", "2")
    numbers(server, 10)
    assert sub.line() == "5"
    server.pub("topic1", "5 of ben", user="ben")
    server.client().publish("topic1", '{"user": "ana", "message": "plain 5", "timestamp": 1}')
    assert sub.finish().lines == ["plain 5"]


def test_from_user_shows_mine_when_i_ask(server):
    server.store("topic1", ("ana", "1"), ("ben", "2"))
    env = {"CHAT_USER": "ana"}
    assert server.run("chat-sub", "topic1", "--last", "9", "-n", "1", "--raw", env=env).lines == ["2"]
    assert server.run("chat-sub", "topic1", "--last", "9", "-n", "1", "--raw", "--from-user", "ana", env=env).lines == ["1"]


def test_a_costly_pattern_is_told_and_bounded(server):
    server.pub("topic1", "a" * 5000 + "b", "aa")
    done = server.run("chat-replay", "topic1", "--raw", "--grep", "^(a+)+$", err="topic1: skipped message .*too long", limit=LIMIT)
    assert done.lines == ["aa"]


def test_long_messages(server):
    server.run("chat-pub", "topic1", "--whole", "--max-size", "8M", input="a" * (4 << 20) + "b")
    assert len(server.run("chat-replay", "topic1", "--raw", "--grep", "^(a|x)*b$", err="").out) in (0, (4 << 20) + 2)
    assert len(server.run("chat-replay", "topic1", "--raw", "--grep", "ab$").out) == (4 << 20) + 2


def test_a_command_gets_matches_only_and_the_cursor_moves_on(server):
    numbers(server, 10)
    replay = ["chat-replay", "topic1", "--cursor", "c", "--raw", "--exec", "cat", "--grep", "[37]"]
    assert server.run(*replay).lines == ["3", "7"]
    last = server.entries()[-1][0]
    assert (server.home / "c").read_text().split()[0] == last
    assert server.run(*replay).lines == []


def test_a_failed_match_holds_the_cursor_back(server):
    numbers(server, 10)
    replay = ["chat-replay", "topic1", "--cursor", "c", "--raw", "--grep", "[2468]", "--batch", "2", "--exec"]
    failed = 'read a; read b; echo $a $b; [ "$a" != 6 ]'
    assert server.run(*replay, failed, code=1).lines == ["2 4", "6 8", "6"]
    assert (server.home / "c").read_text().split()[0] == server.entries()[4][0]
    assert server.run(*replay, "cat").lines == ["6", "8"]
    assert (server.home / "c").read_text().split()[0] == server.entries()[9][0]


def test_a_printed_cursor_passes_over_what_does_not_match(server):
    numbers(server, 10)
    replay = ["chat-replay", "topic1", "--cursor", "c", "--raw"]
    assert server.run(*replay, "--grep", "[3]").lines == ["3"]
    assert server.run(*replay).lines == []
    server.pub("topic1", 11, 12, 13)
    assert server.run(*replay, "--grep", "12", "-n", "1").lines == ["12"]
    assert server.run(*replay).lines == ["13"]


@pytest.mark.parametrize("how", [["--raw"], ["--raw", "--exec", "cat"], ["--raw", "--exec", "cat", "--batch", "3"]])
def test_a_group_is_done_with_what_does_not_match(server, how):
    numbers(server, 20)
    replay = ["chat-replay", "topic1", "--group", "g", "--consumer", "c", *how]
    assert server.run(*replay, "--grep", "[05]$", "-n", "2").lines == ["5", "10"]
    assert server.run(*replay, "--grep", "[05]$").lines == ["15", "20"]
    assert server.run(*replay).lines == []
    assert server.client().xpending("chat:{topic1}", "g")["pending"] == 0
