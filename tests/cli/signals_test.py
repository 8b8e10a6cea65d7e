"""SIGINT and SIGTERM end cleanly, with 130 and 143."""

import contextlib
import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from harness import program, until_true

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
each_signal = pytest.mark.parametrize("number, code", SIGNALS)


@each_signal
def test_sub(server, number, code):
    sub = server.follow("topic1", "--raw")
    server.pub("topic1", "a")
    assert sub.line() == "a"
    assert sub.stop(code, number).out == b""


@each_signal
def test_sub_of_all(server, number, code):
    server.follow("--all").stop(code, number)


@each_signal
def test_pub_that_waits_for_input(server, number, code):
    pub = server.start("chat-pub", "topic1", "--print-ids")
    pub.write("a\nb\nhalf")
    pub.lines(2)
    pub.stop(code, number)
    assert server.messages() == [b"a", b"b"]
    assert server.client().keys("*:pub:*") == []


@each_signal
def test_pub_in_full_flow_has_stored_what_it_acknowledged(server, number, code):
    server.run("chat-topics", "set", "topic1", "--max-len", "0")
    pub = server.start("/bin/bash", "-c", "exec chat-pub topic1 --print-ids < <(seq 100000000)")
    first = pub.line()
    pub.send(number)
    assert pub.wait() == code
    printed = [first, *pub.out.rest().decode().splitlines()]
    entries = server.entries()
    assert [int(fields[b"message"]) for _, fields in entries] == list(range(1, len(entries) + 1))
    late = re.search(rb"stopped; nothing from record (\d+) on was acknowledged", pub.err.rest())
    if not late:  # it got all answers in its last five seconds
        assert server.client().keys("*:pub:*") == []
    acknowledged = int(late[1]) - 1 if late else len(entries)
    assert len(printed) == acknowledged
    assert printed == [id for id, _ in entries[:acknowledged]]


@each_signal
def test_pub_publishes_all_that_it_has_read(make_server, number, code):
    """Much more than may be under way at once."""
    server = make_server()
    pub = server.start("chat-pub", "topic1")
    pub.write("0\n")
    until_true(lambda: server.messages() == [b"0"])
    server.stop_process()
    pub.write("".join(f"{i}\n" for i in range(1, 10_001)))
    pub.wait_read()
    pub.send(number)
    server.continue_process()
    assert pub.wait() == code
    late = re.search(rb"stopped; nothing from record \d+ on was acknowledged", pub.err.rest())
    assert late or server.messages() == [str(i).encode() for i in range(10_001)]


@each_signal
def test_replay(server, number, code):
    server.pub("topic1", "a")
    replay = server.start("chat-replay", "topic1", "--follow", "--json")
    assert json.loads(replay.line())["message"] == "a"
    replay.stop(code, number)


@each_signal
def test_replay_at_a_slow_speed(server, number, code):
    server.store("topic1", "a", "b", step=3600_000)
    replay = server.start("chat-replay", "topic1", "--raw", "--speed", "1")
    assert replay.line() == "a"
    replay.stop(code, number)


@each_signal
def test_while_the_output_takes_nothing(server, number, code):
    server.run("chat-pub", "topic1", "-q", input=("x" * 1000 + "\n") * 2000)
    # Nobody reads this pipe. The tool has certainly begun when bash reads the first byte, and will block soon.
    script = "exec 3< <(exec chat-replay topic1 --raw); echo $!; read -rn1 <&3; echo; read -r; wait $!; echo $?"
    shell = server.start("/bin/bash", "-c", script)
    pid = int(shell.line())
    assert shell.line() == ""
    os.kill(pid, number)
    shell.write("\n")
    assert shell.line() == str(code)
    shell.finish()


@each_signal
def test_while_it_connects_again(make_server, number, code):
    server = make_server()
    sub = server.follow("topic1")
    server.kill9()
    sub.err.line()  # it says that it lost the connection
    sub.send(number)
    assert sub.wait() == code


def test_a_second_signal_ends_at_once(make_server):
    server = make_server()
    pub = server.start("chat-pub", "topic1", "--print-ids", "--retry-for", "10m")
    pub.write("a\n")
    pub.line()
    server.stop_process()
    pub.write("never acknowledged\n")
    pub.send(signal.SIGINT)
    pub.send(signal.SIGTERM)
    assert pub.wait() in (130, 143)


def test_one_signal_while_redis_hangs_ends_within_bounds_and_reports(make_server):
    server = make_server()
    pub = server.start("chat-pub", "topic1", "--print-ids", "--retry-for", "500ms")
    pub.write("a\n")
    pub.line()
    server.stop_process()
    pub.write("never acknowledged\n")
    pub.wait_read()
    pub.send(signal.SIGTERM)
    assert pub.wait(60) in (75, 143)
    assert re.search(rb"\b2\b", pub.err.rest())  # the first record that was not acknowledged


def test_ignored_signals_stay_ignored(server):
    """A shell starts a background job of a script with SIGINT ignored."""
    script = "chat-sub topic1 -n 1 --raw --ready-fd 3 3>&1 & read -r; kill -INT $!; chat-pub topic1 still-here; wait $!"
    shell = server.start("/bin/bash", "-c", script)
    assert shell.line() == ""
    shell.write("\n")
    assert shell.finish().text == "still-here\n"


def connected(running):
    return connected_pid(running.pid)


def connected_pid(pid):
    """Whether it has a socket."""
    folder = Path(f"/proc/{pid}/fd")
    with contextlib.suppress(FileNotFoundError):
        return any(os.readlink(fd).startswith("socket:") for fd in folder.iterdir())


@pytest.mark.parametrize("tool", [["chat-topics"], ["chat-topics", "--watch"], ["chat-topics", "who"], ["chat-replay", "topic1", "--progress", "-q"]])
def test_a_stop_while_redis_does_not_answer_is_quiet(make_server, tool):
    server = make_server()
    server.stop_process()
    running = server.start(*tool, "--retry-for", "10m")
    until_true(lambda: connected(running))
    assert running.stop(code=130, number=signal.SIGINT).err == b""
    server.continue_process()


def test_a_stop_while_a_new_topic_waits_for_redis(make_server):
    server = make_server()
    pub = server.start("chat-pub", "--json", "--print-ids", "--retry-for", "10m")
    pub.write('{"topic": "topic1", "message": "a"}\n')
    pub.line()
    server.kill9()
    pub.write('{"topic": "topic2", "message": "b"}\n')
    pub.wait_read()
    assert "stopped; nothing from record 2 on was acknowledged" in pub.stop().err_text


# As process 1, which a tool is in a container without an init: the kernel ignores what isn't handled there.


def as_process_1(server, *argv, **options):
    if subprocess.run(["unshare", "--pid", "--fork", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no right to make a name space")
    command = [program(argv[0]), *argv[1:]]
    return server.start("/usr/bin/unshare", "--pid", "--fork", "--kill-child", *command, **options)


def child_of(pid):
    """The only child, once it is there."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    until_true(lambda: path.read_text().split())
    return int(path.read_text().split()[0])


PROCESS_1 = {
    "chat-pub": ["chat-pub", "topic1"],
    "chat-sub": ["chat-sub", "topic1"],
    "chat-replay": ["chat-replay", "topic1", "--follow"],
    "chat-topics": ["chat-topics", "--watch"],
}


@each_signal
@pytest.mark.parametrize("tool", PROCESS_1)
def test_process_1_dies_by_a_signal(server, tool, number, code):
    run = as_process_1(server, *PROCESS_1[tool])
    first = child_of(run.pid)
    until_true(lambda: connected_pid(child_of(first)))
    os.kill(first, number)
    assert run.wait() == code


@each_signal
def test_process_1_ends_at_once_at_the_second_signal(make_server, number, code):
    server = make_server()
    run = as_process_1(server, "chat-pub", "topic1", "--print-ids", "--retry-for", "10m")
    run.write("a\n")
    run.line()
    server.stop_process()
    run.write("never acknowledged\n")
    run.wait_read()
    os.kill(child_of(run.pid), number)
    os.kill(child_of(run.pid), signal.SIGTERM)
    assert run.wait() in (code, 143)


def test_process_1_has_its_own_exit_code_and_reaps_what_is_left_behind(server):
    server.pub("topic1", "a")
    assert as_process_1(server, "chat-replay", "nosuch").wait() == 66
    os.mkfifo(server.home / "left")
    # The commands leave children behind, which end later.
    run = as_process_1(server, "chat-replay", "topic1", "--follow", "--exec", "(exec 2>&-; read -r x <left) & true")
    first = child_of(run.pid)
    with open(server.home / "left", "w"):
        pass

    def zombies():
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        return [pid for pid in children if ") Z " in Path(f"/proc/{pid}/stat").read_text()]

    until_true(lambda: len(Path(f"/proc/{first}/task/{first}/children").read_text().split()) == 1 and not zombies())
    os.kill(first, signal.SIGTERM)
    assert run.wait() == 143
