"""Nobody reads the output: deadlines and signals hold all the same. Nobody reads stderr: the work goes on."""

import os
import re
import select

import pytest
from harness import Stream, until_true

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


def test_of_bad_payloads_the_first_are_told_and_then_their_count(server):
    sub = server.follow("topic1", "--raw", "-n", "1")
    with server.client() as client, client.pipeline() as pipe:
        for _ in range(3000):
            pipe.publish("topic1", "no chat message")
        pipe.execute()
    server.pub("topic1", "hi")
    done = sub.finish(0, err="no chat message")
    assert done.out == b"hi\n"
    counts = [int(count) for count in re.findall(r"\((\d+) so far\)", done.err_text)]
    assert counts == [*range(1, 11), *(10 * 2**i for i in range(1, 9))]


def test_bad_records_whose_errors_nobody_reads(server, stalled):
    pub = server.start("chat-pub", "--json", "topic1", stderr=stalled[0])
    pub.write("no JSON\n" * 5000 + '{"message": "the last one"}\n')
    pub.finish(65)
    assert server.messages() == [b"the last one"]


def test_what_was_left_out_is_counted_when_there_is_room_again(server):
    read, write = os.pipe()
    pub = server.start("chat-pub", "--json", "topic1", stderr=write)
    os.close(write)
    pub.write("no JSON\n" * 5000 + '{"message": "one"}\n')
    until_true(lambda: server.messages() == [b"one"])
    said = Stream(read)
    said.until(b"record 1: ")
    until_true(lambda: not select.select([read], [], [], 0)[0])
    pub.write("no JSON\n")
    pub.finish(65)
    text = said.rest().decode()
    assert text.endswith("\n"), "no line is cut"
    told = [int(number) for number in re.findall(r"chat-pub: record (\d+): .*\n", text)]
    (left_out,) = re.findall(r"chat-pub: left out (\d+) lines here: nobody read them\n", text)
    assert told[-1] == 5002
    assert len(told) + 1 + int(left_out) == 5001
