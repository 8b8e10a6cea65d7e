"""--progress: how far a long replay or import has come, on standard error."""

import os
import re
import select
import subprocess
import time

import pytest

from harness import LIMIT, until_true

BAR = "[0-9]+ messages  [0-9]+/s  [0-9]+ %  [0-9]:[0-9]{2} left  (█|░)+"
SUMMARY = r"{} messages in [0-9.]+ s, [0-9,]+/s\r?\n"


@pytest.fixture
def lines(server):
    """A file that takes chat-pub --rate 20 about a second."""
    path = server.home / "lines"
    path.write_text("".join(f"line {i}\n" for i in range(20)))
    return path


def test_an_import_shows_a_bar_and_a_summary(server, lines):
    with lines.open() as stdin:
        pub = server.terminal("chat-pub", "topic1", "--progress", "--rate", "20", on=("err",), size=(80, 10), stdin=stdin)
    pub.screen.until(r"\r\x1b\[K" + BAR)
    pub.screen.until(r"\r\x1b\[K" + BAR)
    assert re.search(r"\r\x1b\[Kchat-pub: " + SUMMARY.format(20) + "$", pub.screen.rest().decode(errors="replace"))
    assert pub.wait() == 0 and pub.out.rest() == b""


def test_an_import_from_a_pipe_has_no_end(server, lines):
    pub = server.terminal("chat-pub", "topic1", "--progress", "--rate", "20", on=("err",), size=(80, 10), stdin=subprocess.PIPE)
    pub.write(lines.read_text())
    assert "%" not in pub.screen.until(r"[0-9]+ messages  [0-9]+/s(?=\r)")
    pub.close_stdin()
    pub.screen.until(SUMMARY.format(20))
    assert pub.wait() == 0


def test_without_a_terminal_lines_are_written(server):
    done = server.run("chat-pub", "topic1", "--progress", input="a\nb\n", err=SUMMARY.format(2))
    assert len(re.findall(SUMMARY.format(2), done.err_text)) == 1 and b"\x1b" not in done.err
    done = server.run("chat-replay", "topic1", "--progress", "--raw", err=SUMMARY.format(2))
    assert done.lines == ["a", "b"] and done.err.startswith(b"chat-replay: ")
    assert server.run("chat-replay", "topic1", "--progress", "-q").err == b""
    assert server.run("chat-replay", "topic1").err == b""


def test_a_replay_shows_it_by_itself_where_only_stderr_is_a_terminal(server):
    server.store("topic1", *range(9), step=200)
    replay = ["chat-replay", "topic1", "--raw", "--speed", "1"]
    without = [
        server.terminal(*replay, on=("in", "err"), env={"TERM": "dumb"}),
        server.terminal(*replay, "-q", on=("in", "err")),
        server.terminal(*replay),
    ]

    def shows_it():
        run = server.terminal(*replay, on=("in", "err"), size=(80, 10))
        assert run.finish().text == "".join(f"{i}\n" for i in range(9))
        return re.search(BAR + ".*" + SUMMARY.format(9), run.shown())

    until_true(shows_it)  # a run that was held up, as by a busy machine, shows nothing
    assert not [other for other in without if "messages" in other.shown()]


def test_a_replay_whose_reader_waits_shows_nothing_by_itself(server):
    """As a pager does, which has the terminal to itself then."""
    server.store("topic1", *["x" * 1000] * 2000, step=1)  # takes two seconds, and fills a pipe early

    def shows_nothing():
        source, sink = os.pipe()
        run = server.terminal("chat-replay", "topic1", "--raw", "--speed", "1", on=("in", "err"), size=(80, 10), stdout=sink)
        os.close(sink)
        select.select([source], [], [], LIMIT)  # it has begun
        server.run("chat-sub", "topic2", "--timeout", "1s", code=124)  # nobody reads meanwhile
        with open(source) as pager:
            assert len(pager.readlines()) == 2000
        return run.shown() == ""

    until_true(shows_nothing)  # a run that fills the pipe late is not held up


def test_a_short_replay_shows_nothing_by_itself(server):
    server.pub("topic1", *range(100))
    begin = time.monotonic()
    shown = server.terminal("chat-replay", "topic1", on=("in", "err")).shown()
    assert shown == "" or time.monotonic() - begin > 1


def test_a_warning_stands_above_the_bar(server, lines):
    lines.write_text("".join(f'{{"message": "{i}"}}\n' for i in range(10)) + "bad\n" + '{"message": "more"}\n' * 10)
    with lines.open() as stdin:
        pub = server.terminal("chat-pub", "topic1", "--json", "--progress", "--rate", "20", on=("err",), size=(80, 10), stdin=stdin)
    pub.screen.until(BAR)
    pub.screen.until(r"\r\x1b\[Kchat-pub: record 11: [^\r\n]*\r\n" + BAR)
    assert pub.wait() == 65


def test_the_bar_ends_where_live_messages_begin(server):
    server.pub("topic1", "a", "b")
    replay = server.start("chat-replay", "topic1", "--follow", "--progress", "--raw")
    replay.err.until(SUMMARY.format(2))
    server.pub("topic1", "c")
    assert replay.lines(3) == ["a", "b", "c"]
    assert re.search(SUMMARY.format(2) + r"\Z", replay.stop().err_text)


def test_a_narrow_terminal(server, lines):
    with lines.open() as stdin:
        pub = server.terminal("chat-pub", "topic1", "--progress", "--rate", "20", on=("err",), size=(24, 10), stdin=stdin)
    drawn = pub.screen.until(r"\r\x1b\[K[^\r]{5,}(?=\r)")
    assert len(drawn.rpartition("\x1b[K")[2]) <= 23
    assert pub.wait() == 0
