"""chat-replay: history, and a cursor over it."""

import os
import re
import stat
import subprocess
import threading

import pytest

from harness import LIMIT, sanitized

START = 1732400000000  # 2024-11-23T22:13:20Z


def test_from_the_oldest_to_the_newest_then_the_end(server):
    server.pub("topic1", "one", "two", "three")
    assert server.run("chat-replay", "topic1", "--raw").text == "one\ntwo\nthree\n"


def test_an_empty_topic_has_nothing(server):
    assert server.run("chat-replay", "topic1").out == b""
    assert server.client().dbsize() == 0


def test_text(server):
    server.store("topic1", ("ana", "hello"), ("ben", "ol\u00e9"))
    assert server.run("chat-replay", "topic1").text == "2024-11-23 22:13:20 ana: hello\n2024-11-23 22:13:21 ben: olé\n"


@pytest.mark.parametrize(
    "options, expected",
    [
        (["--since", "2024-11-23T22:13:22Z"], "cde"),
        (["--since", "2024-11-23T22:13:22"], "cde"),
        (["--since", "2024-11-23 22:13:22"], "cde"),
        (["--since", "2024-11-23T23:13:22+01:00"], "cde"),
        (["--since", "2024-11-23T22:13:21.001Z"], "cde"),
        (["--since", "2024-11-24"], ""),
        (["--since", "1h"], ""),
        (["--since", "36500d"], "abcde"),
        (["--until", "2024-11-23T22:13:21Z"], "ab"),
        (["--until", "1h"], "abcde"),
        (["--since", "2024-11-23T22:13:21Z", "--until", "2024-11-23T22:13:23Z"], "bcd"),
        (["--from", f"{START + 1000}-2"], "bcde"),
        (["--from", f"{START + 1000}-3"], "cde"),
        (["--from", f"{START + 1000}"], "bcde"),
        (["--to", f"{START + 1000}-2"], "ab"),
        (["--to", f"{START + 1000}-1"], "a"),
        (["--to", f"{START + 1000}"], "ab"),
        (["--from", f"{START + 1000}", "--to", f"{START + 1000}"], "b"),
        (["--since", "2024-11-23T22:13:21Z", "--to", f"{START + 1000}"], "b"),
        (["--from", f"{START + 1000}-2", "--to", f"{START + 3000}-4"], "bcd"),
        (["--last", "2"], "de"),
        (["--last", "0"], ""),
        (["--last", "9"], "abcde"),
        (["--reverse"], "edcba"),
        (["--reverse", "-n", "2"], "ed"),
        (["--reverse", "--last", "2"], "ed"),
        (["--reverse", "--since", "2024-11-23T22:13:22Z"], "edc"),
        (["-n", "2"], "ab"),
        (["--count", "2"], "ab"),
        (["-n", "9"], "abcde"),
        (["--from", f"{START + 1000}-2", "-n", "1"], "b"),
    ],
)
def test_ranges(server, options, expected):
    server.store("topic1", *"abcde")
    assert server.replay("topic1", "--raw", *options) == list(expected)


def test_the_end_is_fixed_at_the_start_on_a_busy_topic(server):
    server.run("chat-topics", "set", "topic1", "--max-len", "0")  # what is trimmed meanwhile would be a loss
    flood = server.start("/bin/bash", "-c", "yes | chat-pub topic1 -q", stdin=subprocess.DEVNULL)
    with server.client() as client:
        assert client.xread({"chat:{topic1}": "0"}, block=30000, count=1)
        ids = server.replay("topic1", "--format", "%i")
        assert ids
        assert client.xread({"chat:{topic1}": ids[-1]}, block=30000, count=1)
    assert flood.process.poll() is None
    flood.kill()


def test_follow_goes_on_live(server):
    server.pub("topic1", "a", "b")
    replay = server.start("chat-replay", "topic1", "--follow", "--raw")
    assert replay.lines(2) == ["a", "b"]
    for i in range(3):
        server.pub("topic1", i)
        assert replay.line() == str(i)
    replay.stop()


def test_follow_ends_after_count(server):
    server.pub("topic1", "a")
    replay = server.start("chat-replay", "topic1", "--follow", "--raw", "-n", "3")
    assert replay.line() == "a"
    server.pub("topic1", "b", "c", "d")
    assert replay.finish().out.endswith(b"b\nc\n")


def test_follow_has_no_gap_while_a_publisher_floods(server):
    server.run("chat-topics", "set", "topic1", "--max-len", "0")
    flood = server.start("/bin/bash", "-c", "seq 30000 | chat-pub topic1", stdin=subprocess.DEVNULL)
    replay = server.start("chat-replay", "topic1", "--follow", "--raw", "-n", "30000")
    flood.finish()
    assert replay.finish().text == "".join(f"{i}\n" for i in range(1, 30001))


def test_speed_keeps_the_order(server):
    server.store("topic1", *"abcdef", step=1000)
    assert server.replay("topic1", "--raw", "--speed", "1000") == list("abcdef")


def test_speed_waits_between_messages(server):
    server.store("topic1", *"abc", step=3600_000)
    replay = server.start("chat-replay", "topic1", "--raw", "--speed", "1")
    assert replay.line() == "a"  # and not an hour later
    assert replay.stop().out == b""


def test_older_than_max_age_is_hidden(server):
    server.store("topic1", *"ab")
    server.pub("topic1", "new")
    server.client().hset("chat:{topic1}:info", "max_age", 3600_000)
    assert server.replay("topic1", "--raw") == ["new"]
    assert server.replay("topic1", "--raw", "--from", "0") == ["new"]
    assert server.replay("topic1", "--raw", "--reverse") == ["new"]
    assert server.replay("topic1", "--raw", "--last", "3") == ["new"]


@pytest.mark.parametrize("value", ["1e5", "1.5", "5 ", "1\n2", "-1", "9" * 30])
def test_a_max_age_that_is_none_hides_nothing(server, value):
    server.store("topic1", *"ab")
    server.client().hset("chat:{topic1}:info", "max_age", value)
    assert server.replay("topic1", "--raw") == ["a", "b"]


def test_a_message_with_a_nul_does_not_look_like_two(server):
    server.run("chat-pub", "topic1", "--whole", "--user", "ben", input=b"hi\0forged\nx")
    assert server.run("chat-replay", "topic1", "-0", "--format", "%u:%m").out == b"ben:hi\\0forged\\nx\0"
    assert server.run("chat-replay", "topic1", "--format", "%m\\0%u").out == b"hi\\0forged\\nx\0ben\n"
    assert server.run("chat-replay", "topic1", "-0").out.endswith(b" ben: hi\\0forged\\nx\0")
    assert server.run("chat-replay", "topic1", "-0", "--raw").out == b"hi\0forged\nx\0"


def test_binary_and_newlines_survive(server):
    server.run("chat-pub", "topic1", "-0", input=b"a\nb\0" + bytes(range(1, 256)) + b"\0\0")
    assert server.run("chat-replay", "topic1", "--raw", "-0").out == b"a\nb\0" + bytes(range(1, 256)) + b"\0\0"


def test_many_messages_of_all_sizes_in_constant_memory(server):
    peak = (
        "import os, sys, resource; code = os.spawnvp(os.P_WAIT, sys.argv[1], sys.argv[1:]);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); sys.exit(code)"
    )
    with server.client() as client:
        for part in range(5):
            with client.pipeline(transaction=False) as pipe:
                for i in range(part * 10_000, part * 10_000 + 10_000):
                    size = 1 << 20 if i % 1000 == 777 else i % 100
                    pipe.xadd("chat:{topic1}", {"user": "u", "message": f"{i} " + "x" * size, "timestamp": 1}, id=f"1-{i + 1}")
                pipe.execute()
    script = f"/usr/bin/python3 -S -c '{peak}' chat-replay topic1 --raw | tee >(wc -c >&2) | cut -d' ' -f1"
    done = server.shell(script + "; wait", err=r"\d", limit=3 * LIMIT)
    assert done.lines == [str(i) for i in range(50_000)]
    figures = [int(figure) for figure in done.err_text.split()]
    if not sanitized():
        assert min(figures) < 64 * 1024, f"{min(figures)} KiB"


def test_an_unknown_topic(server):
    server.run("chat-replay", "topic5", code=66, err="topic5.*did you mean")
    server.run("chat-replay", "nothing-like-it", code=66, err="nothing-like-it")


def test_a_removed_topic(server):
    server.pub("topic1", "a")
    server.run("chat-topics", "rm", "topic1")
    server.run("chat-replay", "topic1", code=66, err="topic1")


def test_head_ends_it_quietly(server):
    server.pub("topic1", *("x" * 100 for _ in range(10000)))
    assert server.shell("set +o pipefail; chat-replay topic1 --raw | head -n 1").text == "x" * 100 + "\n"


def test_a_terminal_is_no_pager(server):
    server.pub("topic1", *range(500))
    replay = server.terminal("chat-replay", "topic1", "--raw")
    assert replay.shown().splitlines() == [str(i) for i in range(500)]


# The cursor.


def test_a_cursor_holds_the_last_id_and_goes_on_after_it(server):
    cursor = server.home / "cursor"
    server.pub("topic1", "a", "b")
    assert server.replay("topic1", "--raw", "--cursor", cursor) == ["a", "b"]
    assert server.position() == server.entries()[-1][0]
    assert server.replay("topic1", "--raw", "--cursor", cursor) == []
    assert server.position() == server.entries()[-1][0]
    server.pub("topic1", "c", "d")
    assert server.replay("topic1", "--raw", "--cursor", cursor) == ["c", "d"]
    assert server.position() == server.entries()[-1][0]


def test_a_cursor_and_a_count_work_through_the_history(server):
    cursor = server.home / "cursor"
    server.pub("topic1", *"abcde")
    found = [server.replay("topic1", "--raw", "-n", "2", "--cursor", cursor) for _ in range(4)]
    assert found == [["a", "b"], ["c", "d"], ["e"], []]


def test_a_cursor_of_an_empty_topic(server):
    cursor = server.home / "cursor"
    assert server.replay("topic1", "--raw", "--cursor", cursor) == []
    server.pub("topic1", "a")
    assert server.replay("topic1", "--raw", "--cursor", cursor) == ["a"]


def test_a_cursor_made_by_hand(server):
    ids = server.store("topic1", *"abc")
    cursor = server.home / "cursor"
    for text in (ids[1] + "\n", ids[1]):
        cursor.write_text(text)
        assert server.replay("topic1", "--raw", "--cursor", cursor) == ["c"]


@pytest.mark.parametrize("text", ["nonsense\n", "1-2-3\n", "-1\n"])
def test_a_cursor_that_is_none_is_an_error_and_stays(server, text):
    server.store("topic1", *"abc")
    cursor = server.home / "cursor"
    cursor.write_text(text)
    done = server.run("chat-replay", "topic1", "--raw", "--cursor", cursor, code=65, err="cursor")
    assert done.out == b""
    assert cursor.read_text() == text


def test_a_cursor_that_is_no_regular_file_is_refused_and_stays(server):
    server.store("topic1", *"abc")
    pipe, folder = server.home / "pipe", server.home / "folder"
    os.mkfifo(pipe)
    folder.mkdir()
    for cursor in (pipe, folder):  # never a device: if this is broken, root overwrites it
        done = server.run("chat-replay", "topic1", "--raw", "--cursor", cursor, code=73, err=f"{cursor} is no regular file")
        assert done.out == b""
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert sorted(os.listdir(server.home)) == ["folder", "pipe"]


def test_a_cursor_is_not_moved_when_the_output_fails(server):
    cursor = server.home / "cursor"
    server.pub("topic1", "a", "b")
    with open("/dev/full", "w") as full:
        server.run("chat-replay", "topic1", "--raw", "--cursor", cursor, stdout=full, code=74)
    assert cursor.read_text() == "0-0 start\n"
    server.replay("topic1", "--raw", "-n", "1", "--cursor", cursor)
    before = cursor.read_text()
    with open("/dev/full", "w") as full:
        server.run("chat-replay", "topic1", "--raw", "--cursor", cursor, stdout=full, code=74)
    assert cursor.read_text() == before
    assert server.replay("topic1", "--raw", "--cursor", cursor) == ["b"]


def test_a_cursor_is_not_moved_over_what_a_closed_pipe_did_not_take(server):
    server.pub("topic1", *(f"{i} " + "x" * 1000 for i in range(1000)))
    cursor = server.home / "cursor"
    server.shell(f"set +o pipefail; chat-replay topic1 --raw --cursor {cursor} | head -n 1")
    rest = server.replay("topic1", "--format", "%m", "--cursor", cursor)
    assert rest, "the pipe holds 64 KiB, so not everything can have been processed"
    assert rest[-1].startswith("999 ")


def test_a_second_run_on_a_cursor_is_refused(server):
    cursor = server.home / "cursor"
    server.pub("topic1", "a")
    first = server.start("chat-replay", "topic1", "--raw", "--follow", "--cursor", cursor)
    assert first.line() == "a"
    server.run("chat-replay", "topic1", "--cursor", cursor, code=75, err="cursor")
    first.stop()
    assert server.position() == server.entries()[0][0]
    assert server.replay("topic1", "--raw", "--cursor", cursor) == []


def test_a_cursor_is_free_again_after_kill9(server):
    cursor = server.home / "cursor"
    server.pub("topic1", "a")
    first = server.start("chat-replay", "topic1", "--raw", "--follow", "--cursor", cursor)
    assert first.line() == "a"
    first.kill()
    assert server.replay("topic1", "--raw", "--cursor", cursor) in (["a"], [])  # at least once


def test_a_cursor_file_is_never_empty_or_half(server):
    server.run("chat-topics", "set", "topic1", "--max-len", "0")
    cursor = server.home / "cursor"
    seen, stop = set(), threading.Event()

    def watch():
        while not stop.is_set():
            try:
                seen.add(cursor.read_text())
            except FileNotFoundError:
                pass

    server.pub("topic1", *range(200))
    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(20):
        server.replay("topic1", "--raw", "-n", "10", "--cursor", cursor)
    stop.set()
    watcher.join()
    assert all(re.fullmatch(r"0-0 start\n|(\d+-\d+ [\w.-]+-\d+\n)+0-0\n", text) for text in seen), seen


def test_a_cursor_with_follow_is_there_after_a_signal(server):
    cursor = server.home / "cursor"
    replay = server.start("chat-replay", "topic1", "--raw", "--follow", "--cursor", cursor)
    server.pub("topic1", "a", "b")
    assert replay.lines(2) == ["a", "b"]
    replay.stop()
    assert server.position() == server.entries()[-1][0]


def test_a_cursor_that_can_not_be_written(server):
    server.pub("topic1", "a")
    done = server.run("chat-replay", "topic1", "--cursor", "/nonexistent/cursor", code=73, err="/nonexistent/cursor")
    assert done.out == b""


def test_a_cursor_behind_what_is_kept_tells_the_loss(server):
    cursor = server.home / "cursor"
    server.run("chat-topics", "set", "topic1", "--max-len", "10")
    server.pub("topic1", *range(1, 6))
    server.replay("topic1", "--cursor", cursor)
    server.pub("topic1", *range(6, 101), err="topic1")
    done = server.run("chat-replay", "topic1", "--raw", "--cursor", cursor, err=r"\b85\b")
    assert done.lines == [str(i) for i in range(91, 101)]
    assert server.replay("topic1", "--raw", "--cursor", cursor) == []


def test_what_was_trimmed_before_the_start_is_no_loss(server):
    server.run("chat-topics", "set", "topic1", "--max-len", "10")
    server.pub("topic1", *range(100), err="topic1")
    for start in ([], ["--from", "0"], ["--last", "50"], ["--since", "1h"]):
        assert server.replay("topic1", "--raw", *start) == [str(i) for i in range(90, 100)]


@pytest.mark.parametrize(
    "low, high, times",
    [
        (("--since", "1h"), ("--until", "2h"), 2),
        (("--since", "2024-11-23T22:13:21Z"), ("--until", "2024-11-23T22:13:20.999Z"), 2),
        (("--since", "1h"), ("--until", "2024-11-23"), 2),
        (("--from", "5-2"), ("--to", "5-1"), 0),
        (("--from", "6-0"), ("--until", "1970-01-01T00:00:00.005Z"), 1),
        (("--since", "1970-01-01T00:00:00.006Z"), ("--to", "5-7"), 1),
    ],
)
def test_bounds_that_contradict_each_other_are_wrong_usage(server, low, high, times):
    said = server.run("chat-replay", "topic1", *high, *low, code=64).err_text
    assert f"{' '.join(low)} " in said and f"is after {' '.join(high)}" in said
    assert len(re.findall(r" \(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\)", said)) == times


@pytest.mark.parametrize("bounds", [["--since", "2h", "--until", "2h"], ["--from", "5-1", "--to", "5-1"], ["--from", "5", "--to", "5"], ["--until", "1h", "--to", "1-1"]])
def test_bounds_that_meet_are_fine(server, bounds):
    assert server.replay("topic1", *bounds) == []


def test_a_cursor_leaves_no_temporary_files(server):
    folder = server.home / "folder"
    folder.mkdir()
    server.pub("topic1", "a")
    server.replay("topic1", "--cursor", folder / "cursor")
    assert {name for name in os.listdir(folder) if not name.endswith(".lock")} == {"cursor"}


@pytest.mark.parametrize(
    "options",
    [
        ["--reverse", "--cursor", "x"],
        ["--reverse", "--follow"],
        ["--follow", "--until", "1h"],
        ["--speed", "0"],
        ["--speed", "-1"],
        ["--speed", "fast"],
        ["--last", "-1"],
        ["--last", "99999999999999999999"],
        ["-n", "x"],
        ["--from", "abc"],
        ["--since", "someday"],
        ["--since", "10"],
        ["--json", "--raw"],
        ["--format", "%q"],
        ["--format", "%{"],
        ["--format", "100%"],
    ],
)
def test_what_can_not_be_is_wrong_usage(server, options):
    server.run("chat-replay", "topic1", *options, code=64)
