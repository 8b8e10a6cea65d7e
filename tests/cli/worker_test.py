"""chat-replay as a worker: --exec and --cursor. Each message is processed at least once, in order, none skipped."""

import json
import os
import re
import signal
from pathlib import Path

import pytest

from faults import LONG, SOAK, dice, figures, same, text, wait_for_bytes
from harness import until_true

COUNT, KILLS = (2000, 50) if SOAK else (250, 8)


def replay(server, *options, **more):
    return server.run("chat-replay", "topic1", "--raw", *options, **more)


def processed(server, name="out"):
    path = server.home / name
    return path.read_text().splitlines() if path.exists() else []


# --exec alone.


def test_each_message_is_a_run_of_the_command_as_json(server):
    server.pub("topic1", "a", "b")
    done = server.run("chat-replay", "topic1", "--exec", "cat; echo end")
    first, end, second, _ = done.lines
    assert json.loads(first)["message"] == "a" and json.loads(second)["message"] == "b" and end == "end"


def test_the_format_and_the_separator_are_those_asked_for(server):
    server.pub("topic1", "a", "b")
    assert replay(server, "--exec", "cat").lines == ["a", "b"]
    assert replay(server, "-0", "--batch", "2", "--exec", "tr '\\0' ,").text == "a,b,"
    assert server.replay("topic1", "--format", "%u:%m", "--exec", "cat") == ["ana:a", "ana:b"]


@pytest.mark.parametrize("command", ["sleep 1000", "sleep 1000; true", "sleep 1000 | cat", "(sleep 1000) & wait", "nohup sleep 1000"])
def test_what_a_command_has_started_dies_with_its_worker(server, command):
    """It must not run on beside its repetition, which the next worker starts."""
    server.pub("topic1", "a")
    run = server.start("chat-replay", "topic1", "--exec", f"echo $$ >pid; {command}")
    pid = server.home / "pid"
    until_true(lambda: pid.exists() and pid.read_text().endswith("\n"))
    shell = int(pid.read_text())

    def parents():
        found = {}
        for entry in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, parent, *_ = entry.read_text().rpartition(")")[2].split()
                if state != "Z":  # dead, and not everywhere is somebody who takes note of that
                    found[int(entry.parent.name)] = int(parent)
            except (OSError, ValueError):
                pass
        return found

    until_true(lambda: shell in parents().values())
    started = {shell, *(process for process, parent in parents().items() if parent == shell)}
    os.kill(run.pid, signal.SIGKILL)
    until_true(lambda: not started & parents().keys())


def test_a_batch_is_so_many_messages_at_the_most(server):
    server.pub("topic1", *range(5))
    assert replay(server, "--batch", "2", "--exec", "wc -l").lines == ["2", "2", "1"]


def test_count_ends_after_so_many(server):
    server.pub("topic1", *range(5))
    assert replay(server, "--batch", "2", "-n", "3", "--exec", "cat; echo end").lines == ["0", "1", "end", "2", "end"]


def test_messages_are_never_arguments(server):
    server.pub("topic1", "$(touch broken); `touch broken`", "'; touch broken; '")
    assert replay(server, "--exec", "cat").lines == ["$(touch broken); `touch broken`", "'; touch broken; '"]
    assert not (server.home / "broken").exists()


def test_a_command_that_leaves_its_input_unread_is_no_error(server):
    server.run("chat-pub", "topic1", input=("x" * 200_000 + "\n") * 3)
    replay(server, "--batch", "3", "--exec", "true")
    assert replay(server, "--batch", "3", "--exec", "head -c 1").text == "x"


def test_a_command_that_closes_its_input_early_or_dies_is_told(server):
    server.pub("topic1", "a")
    id = server.entries()[0][0]
    replay(server, "--exec", "exit 3", code=1, err=rf"{id} .*exit status 3")
    replay(server, "--exec", "kill -9 $$", code=1, err=rf"{id} .*signal 9")
    replay(server, "--exec", "no-such-command-here", code=1, err="127")


# Failures.


def test_a_failure_stops_there_and_the_mended_command_goes_on(server):
    count = 1000 if SOAK else 100
    server.pub("topic1", *range(1, count + 1))
    cursor = server.home / "cursor"
    command = 'read -r m; [ "$m" != %d ] || [ -e mended ] || exit 1; echo "$m" >> out' % (count // 2)
    for _ in range(2):
        replay(server, "--cursor", cursor, "--exec", command, code=1, err="still to be processed", limit=LONG)
        assert processed(server) == [str(i) for i in range(1, count // 2)]
        assert server.position() == server.entries()[count // 2 - 2][0]
    (server.home / "mended").touch()
    replay(server, "--cursor", cursor, "--exec", command, limit=LONG)
    assert processed(server) == [str(i) for i in range(1, count + 1)]
    replay(server, "--cursor", cursor, "--exec", command)
    assert len(processed(server)) == count


def test_a_failing_batch_is_split(server):
    server.pub("topic1", *range(10))
    cursor = server.home / "cursor"
    command = "cat > now; ! grep -qx 6 now && cat now >> out"
    replay(server, "--cursor", cursor, "--batch", "4", "--exec", command, code=1)
    assert processed(server) == [str(i) for i in range(6)]
    assert server.position() == server.entries()[5][0]


def test_retries_are_so_many_more(server):
    server.pub("topic1", "a", "b")
    command = 'read -r m; echo "$m" >> tries; [ $(grep -c "$m" tries) -gt 2 ]'
    replay(server, "--retries", "1", "--exec", command, code=1)
    assert processed(server, "tries") == ["a", "a"]
    replay(server, "--retries", "2", "--exec", command)
    assert processed(server, "tries") == ["a", "a", "a", "b", "b", "b"]


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_dead_letters_are_moved_aside_and_the_rest_goes_on(server, batch):
    server.run("chat-topics", "add", "dead")
    server.run("chat-pub", "topic1", "--user", "ben", input=text(range(9)))
    cursor = server.home / "cursor"
    command = "cat > now; ! grep -qE '^(2|7)$' now && cat now >> out"
    done = replay(server, "--cursor", cursor, "--batch", batch, "--retries", "1", "--dead-letter", "dead", "--exec", command, err="dead letter")
    assert len(re.findall("dead letter", done.err_text)) == 2
    assert processed(server) == ["0", "1", "3", "4", "5", "6", "8"]
    assert server.replay("dead", "--format", "%u %m") == ["ben 2", "ben 7"]
    assert server.position() == server.entries()[-1][0]


def test_a_dead_letter_topic_must_be_there(server):
    server.pub("topic1", "a")
    replay(server, "--dead-letter", "daed", "--exec", "touch run", code=66, err="daed")
    assert not (server.home / "run").exists()


# The cursor.


def test_two_runs_on_one_cursor(server):
    server.pub("topic1", "a", "b")
    first = server.start("chat-replay", "topic1", "--cursor", "cursor", "--exec", "echo on; exec sleep 60")
    assert first.line() == "on"
    replay(server, "--cursor", "cursor", code=75, err="cursor.*in use")
    first.kill()
    assert replay(server, "--cursor", "cursor").lines == ["a", "b"]  # a lock of a run that was killed is none


@pytest.mark.parametrize("options", [["--batch", "1"], ["--batch", "7"]])
def test_kill9_at_random_moments(server, options):
    random = dice()
    server.pub("topic1", *range(COUNT))
    cursor, out = server.home / "cursor", server.home / "out"
    ids = [id for id, _ in server.entries()]
    argv = ["chat-replay", "topic1", "--raw", "--cursor", cursor, *options, "--exec", "tee -a out"]
    known = 0
    for _ in range(KILLS):
        run = server.start(*argv)
        wait_for_bytes(run.out, random.randrange(1, 8 * COUNT // KILLS), LONG)
        run.kill()
        begun = cursor.exists() and cursor.read_text() != "0-0 start\n"
        at = ids.index(server.position() if begun else ids[0])
        assert at >= known
        known = at
        done = out.read_text().splitlines() if out.exists() else []
        assert not begun or str(at) in done  # never ahead of what was processed
    server.run(*argv, limit=LONG)
    check_at_least_once_in_order(out.read_text().splitlines(), COUNT)
    assert server.position() == ids[-1]
    figures(messages=COUNT, kills=KILLS)


def check_at_least_once_in_order(done, count):
    """Each message may begin again behind a kill, but nothing is skipped."""
    next_one = 0
    for number in map(int, done):
        assert number <= next_one, f"{next_one} was skipped"
        next_one = max(next_one, number + 1)
    assert next_one == count


def test_kill9_of_a_run_that_prints(server):
    """Without --exec the output is what was processed: the cursor is never ahead of it."""
    random = dice()
    server.pub("topic1", *range(20_000))
    everything = text(range(20_000))
    parts = b""
    for _ in range(KILLS):
        run = server.start("chat-replay", "topic1", "--raw", "--cursor", "cursor")
        wait_for_bytes(run.out, random.randrange(len(everything) // 4))
        run.kill()
        out = run.out.rest()
        parts += out[: out.rfind(b"\n") + 1]  # it may have been killed in a line
    parts += replay(server, "--cursor", "cursor").out
    check_at_least_once_in_order(parts.split(), 20_000)
    assert replay(server, "--cursor", "cursor").out == b""


@pytest.mark.parametrize("bad", ["", "\n"])
def test_an_empty_cursor_begins_at_the_beginning(server, bad):
    server.pub("topic1", "a")
    (server.home / "cursor").write_text(bad)
    assert replay(server, "--cursor", "cursor", err="the cursor cursor is empty").lines == ["a"]


def test_a_cursor_that_holds_something_else_is_not_overwritten(server):
    server.pub("topic1", "a")
    (server.home / "cursor").write_text("my diary\n")
    replay(server, "--cursor", "cursor", code=65, err="cursor")
    assert (server.home / "cursor").read_text() == "my diary\n"


# Ending.


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_lets_the_running_command_end_and_records_it(server, number, code):
    server.pub("topic1", "a", "b")
    fifo = server.home / "go"
    command = f"mkfifo {fifo} && echo on && read -r go < {fifo} && cat >> out"
    run = server.start("chat-replay", "topic1", "--raw", "--cursor", "cursor", "--exec", command)
    assert run.line() == "on"
    run.send(number)
    fifo.write_text("go\n")
    assert run.wait() == code
    assert processed(server) == ["a"]
    fifo.unlink()
    assert server.position() == server.entries()[0][0]
    assert replay(server, "--cursor", "cursor").lines == ["b"]


def test_a_stop_from_the_keyboard_is_not_the_messages_fault(server):
    """It ends the command too."""
    server.run("chat-topics", "add", "dead")
    server.pub("topic1", "a", "b")
    options = ["--cursor", "cursor", "--dead-letter", "dead", "--exec"]
    run = server.start("chat-replay", "topic1", "--raw", *options, "echo on; exec sleep 60")
    assert run.line() == "on"
    os.killpg(run.pid, signal.SIGINT)
    assert run.wait() == 130
    assert run.err.rest() == b"" and server.messages("dead") == []
    assert replay(server, *options, "cat").lines == ["a", "b"]


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_command_dies_with_its_worker(server):
    """Or it would go on beside its own repetition."""
    server.pub("topic1", "a")
    run = server.start("chat-replay", "topic1", "--cursor", "cursor", "--exec", "echo $$; exec sleep 600")
    pid = int(run.line())
    assert is_running(pid)
    run.send(signal.SIGKILL)  # to the worker alone
    until_true(lambda: not is_running(pid))


def test_a_stop_between_tries_ends_at_once(server):
    server.pub("topic1", "a")
    run = server.start("chat-replay", "topic1", "--retries", "1000", "--exec", "echo on; exit 1")
    run.lines(3)
    assert run.stop(143).err_text == ""


def test_a_long_worker_goes_on_live_and_through_an_outage(make_server):
    server = make_server(appendonly="yes", appendfsync="always")
    server.pub("topic1", "a")
    run = server.start("chat-replay", "topic1", "--raw", "--follow", "--cursor", "cursor", "--exec", "cat")
    assert run.line() == "a"
    server.pub("topic1", "b", "c")
    assert run.lines(2) == ["b", "c"]
    server.kill9()
    server.restart()
    server.pub("topic1", "d")
    assert run.line() == "d"
    run.stop()
    server.pub("topic1", "e")
    assert replay(server, "--cursor", "cursor").lines == ["e"]


def test_a_server_killed_again_and_again_under_a_long_worker(make_server):
    random = dice()
    server = make_server(appendonly="yes", appendfsync="always")
    run = server.start("chat-replay", "topic1", "--raw", "--follow", "--batch", "50", "--cursor", "cursor", "--exec", "cat")
    expected = []
    for round in range(5):
        sent = [f"{round}.{i}" for i in range(200)]
        server.pub("topic1", *sent)
        expected += sent
        wait_for_bytes(run.out, random.randrange(1, len(text(expected))))  # it is connected at least
        server.kill9()
        server.restart()
    wait_for_bytes(run.out, len(text(expected)))
    same(run.stop().out, text(expected), "the worker")
    assert server.position() == server.entries()[-1][0]
