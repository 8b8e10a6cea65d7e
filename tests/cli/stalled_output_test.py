"""Nobody reads the output: deadlines and signals hold all the same."""

import os
import select

import pytest
from harness import until_true

LINE = "x" * 100
MANY = 20_000


@pytest.fixture
def stalled():
    """A pipe that nobody reads, and how to wait until it is full."""
    read, write = os.pipe()

    def wait_full():
        until_true(lambda: not select.select([], [write], [], 0)[1])

    yield write, wait_full
    os.close(read)
    os.close(write)


def fill(server):
    server.pub("topic1", *[LINE] * MANY)


def test_timeout_while_the_reader_has_stalled(server, stalled):
    fill(server)
    sub = server.start("chat-sub", "topic1", "--last", str(MANY), "--timeout", "1s", stdout=stalled[0])
    sub.finish(124)


def test_timeout_while_the_terminal_is_stopped(server):
    fill(server)
    sub = server.terminal("chat-sub", "topic1", "--last", str(MANY), "--timeout", "1s", on=("in", "out"))
    sub.type("\x13")  # Ctrl-S
    assert sub.wait() == 124


@pytest.mark.parametrize(
    "argv",
    [
        ["chat-sub", "topic1", "--last", str(MANY)],
        ["chat-replay", "topic1"],
        ["chat-replay", "topic1", "--cursor", "cursor"],
        ["chat-replay", "topic1", "--group", "g"],
    ],
)
def test_a_first_signal_ends_a_reader_whose_reader_has_stalled(server, stalled, argv):
    fill(server)
    tool = server.start(*argv, stdout=stalled[0])
    stalled[1]()
    tool.stop()


@pytest.mark.parametrize("option", ["--tee", "--print-ids"])
def test_a_first_signal_ends_a_publisher_whose_reader_has_stalled(server, stalled, tmp_path, option):
    lines = tmp_path / "lines"
    lines.write_text("x\n" * 100_000)
    with lines.open("rb") as file:
        pub = server.start("chat-pub", "topic1", option, stdin=file, stdout=stalled[0])
    stalled[1]()
    pub.stop()
