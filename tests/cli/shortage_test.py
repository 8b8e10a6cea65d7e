"""Too few descriptors, processes, bytes of memory or of a disk: each is told as what it is, with a code of the table in
redis-chat(7), and nothing that was acknowledged is lost."""

import contextlib
import os
import re
import resource
import signal
import subprocess

import pytest
from harness import program, sanitized, until_true

TABLE = {0, 1, 64, 65, 66, 69, 73, 74, 75, 76, 77}  # 70 is a bug
USER = 54321  # nobody else's

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root may mount, and become another user")


def limited(kind, most):
    """For preexec_fn."""
    return lambda: resource.setrlimit(kind, (most, most))


def as_other(*argv, limits=()):
    return ["/usr/bin/setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--", "prlimit", *limits, "--", program(argv[0]), *argv[1:]]


@contextlib.contextmanager
def small_disk(path, kilobytes=64):
    path.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k,mode=777", "none", path], capture_output=True).returncode:
        pytest.skip("no right to mount here")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


def fill(folder):
    """Takes all that is left. The file that has it is to be removed."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4096)
    return filler


def told(done):
    """A code of the table, and a reason unless all went well."""
    assert done.code in TABLE, (done.code, done.err_text)
    assert (done.code == 0) == (done.err_text == ""), (done.code, done.err_text)
    assert "internal error" not in done.err_text and "what():" not in done.err_text
    return done


WORK = {
    "chat-pub": ["chat-pub", "topic1"],
    "chat-pub words": ["chat-pub", "topic1", "some", "words"],
    "chat-pub --print-ids": ["chat-pub", "topic1", "--print-ids"],
    "chat-sub": ["chat-sub", "topic1", "--last", "3", "-n", "3"],
    "chat-replay": ["chat-replay", "topic1"],
    "chat-replay --cursor": ["chat-replay", "topic1", "--cursor", "cursor"],
    "chat-replay --group": ["chat-replay", "topic1", "--group", "g"],
    "chat-topics": ["chat-topics"],
    "chat-topics who": ["chat-topics", "who"],
}


@pytest.mark.skipif(sanitized(), reason="AddressSanitizer takes some for itself")
@pytest.mark.parametrize("work", WORK)
def test_few_descriptors(server, work):
    server.pub("topic1", "a", "b", "c")
    before = len(server.messages())
    codes = []
    for most in range(4, 18):
        limit = limited(resource.RLIMIT_NOFILE, most)
        done = told(server.run(*WORK[work], "--retry-for", "0s", input="one\ntwo\n", code=None, err="", preexec_fn=limit))
        codes.append(done.code)
        if done.code:
            assert re.search("oo many open files|No file descriptors available", done.err_text), done.err_text
        if done.code == 0 and work.startswith("chat-pub"):
            before += 1 if "words" in work else 2
        if work.startswith("chat-pub"):
            assert len(server.messages()) == before, "what was acknowledged is there, and no more"
    assert codes[-1] == 0, codes


@pytest.mark.skipif(sanitized(), reason="AddressSanitizer takes all addresses")
@pytest.mark.parametrize("work", ["chat-pub --whole", "chat-sub", "chat-replay", "chat-replay --exec"])
def test_little_memory(server, work):
    argv = {
        "chat-pub --whole": ["chat-pub", "topic1", "--whole", "--max-size", "64M"],
        "chat-sub": ["chat-sub", "topic1", "--last", "1", "-n", "1", "--raw"],
        "chat-replay": ["chat-replay", "topic1", "--raw"],
        "chat-replay --exec": ["chat-replay", "topic1", "--exec", "cat >/dev/null"],
    }[work]
    large = b"x" * (16 << 20)
    if work != "chat-pub --whole":
        server.run("chat-pub", "topic1", "--whole", "--max-size", "64M", input=large)
    codes = set()
    for megabytes in (32, 48, 80, 512):
        limit = limited(resource.RLIMIT_AS, megabytes << 20)
        done = told(server.run(*argv, "--retry-for", "0s", input=large, code=None, err="", preexec_fn=limit))
        codes.add(done.code)
        if done.code:
            assert "emory" in done.err_text, done.err_text
    assert codes == {0, 75}
    assert all(len(message) == len(large) for message in server.messages())


@needs_root
def test_no_process_for_a_handler_is_ridden_out(make_server):
    server = make_server(unixsocketperm="777")
    for folder in (server.folder, server.home):
        folder.chmod(0o777)
    server.pub("topic1", "a", "b")
    handler = ["--cursor", "cursor", "--exec", "cat >>out"]
    worker = server.start(*as_other("chat-replay", "topic1", "--raw", *handler, limits=["--nproc=1:1000"]))
    worker.err.until(r"can't start the command \(can't start a process: Resource temporarily unavailable\): trying again")
    assert not (server.home / "out").exists()
    subprocess.run(as_other("/usr/bin/prlimit", f"--pid={worker.pid}", "--nproc=1000"), check=True)
    worker.finish(0, err="trying again")
    assert (server.home / "out").read_text() == "a\nb\n"
    assert server.position() == server.entries()[-1][0]


@pytest.mark.skipif(sanitized(), reason="UndefinedBehaviorSanitizer takes some for itself")
def test_no_descriptor_for_a_handler_is_ridden_out(server):
    server.pub("topic1", *range(5))
    worker = server.start("chat-replay", "topic1", "--raw", "--follow", "--group", "g", "--exec", "ulimit -n 1024; cat >>out")
    until_true(lambda: (server.home / "out").exists() and (server.home / "out").read_text() == "0\n1\n2\n3\n4\n")
    until_true(lambda: server.client().xpending("chat:{topic1}", "g")["pending"] == 0)  # the last handler is gone
    used = max(int(fd) for fd in os.listdir(f"/proc/{worker.pid}/fd")) + 1
    out = [0, 1, 2, 3, 4]
    for more in range(6):  # each step of a start finds none, one after the other
        resource.prlimit(worker.pid, resource.RLIMIT_NOFILE, (used + more, 1024))
        out.append(100 + more)
        server.pub("topic1", out[-1])
        if more == 0:
            worker.err.until("trying again")
        resource.prlimit(worker.pid, resource.RLIMIT_NOFILE, (1024, 1024))
        expected = "".join(f"{number}\n" for number in out)
        until_true(lambda: (server.home / "out").read_text() == expected, seen=lambda: (server.home / "out").read_text())
    worker.stop()


@needs_root
@pytest.mark.parametrize("options", [["--raw"], ["--raw", "--exec", "cat"]])
def test_a_full_disk_for_the_cursor_is_found_out_before_anything_is_done(server, options):
    server.pub("topic1", "a")
    with small_disk(server.home / "disk") as disk:
        filler = fill(disk)
        done = server.run("chat-replay", "topic1", "--cursor", disk / "cursor", *options, code=73, err="disk/cursor.*No space left on device")
        assert done.out == b""
        assert not (disk / "cursor").exists()
        filler.unlink()
        assert server.replay("topic1", "--cursor", disk / "cursor", *options) == ["a"]
        before = (disk / "cursor").read_text()
        server.pub("topic1", "b")
        filler = fill(disk)
        done = server.run("chat-replay", "topic1", "--cursor", disk / "cursor", *options, code=73, err="No space left on device")
        assert done.out == b""
        assert (disk / "cursor").read_text() == before, "the old position stays"
        filler.unlink()
        assert server.replay("topic1", "--cursor", disk / "cursor", *options) == ["b"]


@needs_root
def test_a_disk_that_gets_full_in_the_middle_keeps_the_last_position(server):
    server.pub("topic1", "a")
    with small_disk(server.home / "disk") as disk:
        worker = server.start("chat-replay", "topic1", "--raw", "--follow", "--cursor", disk / "cursor", "--exec", "cat")
        assert worker.line() == "a"
        first = server.entries()[0][0]
        until_true(lambda: (disk / "cursor").exists() and (disk / "cursor").read_text().startswith(first))
        fill(disk)
        server.pub("topic1", "b")
        done = worker.finish(73, err="disk/cursor.*No space left on device")
        assert done.out == b"b\n"
        assert (disk / "cursor").read_text().split()[0] == first
        (disk / "filler").unlink()
        assert server.replay("topic1", "--raw", "--cursor", disk / "cursor", "--exec", "cat") == ["b"]


@needs_root
def test_output_on_a_disk_that_gets_full_is_never_ahead_of_the_cursor(server):
    lines = [f"{i} {'x' * 100}" for i in range(2000)]
    server.pub("topic1", *lines)
    with small_disk(server.home / "disk") as disk:
        with (disk / "out").open("wb") as out:
            server.run("chat-replay", "topic1", "--raw", "--cursor", "cursor", stdout=out, code=74, err="standard output: No space left on device")
        written = (disk / "out").read_bytes().decode().split("\n")[:-1]
        assert 0 < len(written) < len(lines)
        rest = server.replay("topic1", "--raw", "--cursor", "cursor")
        first = lines.index(rest[0])
        assert first <= len(written), "nothing is left out"
        assert written + rest[len(written) - first :] == lines


@pytest.mark.parametrize("bytes", [0, 1000, 100_000])
def test_a_limit_of_files_is_told_as_an_error(server, bytes):
    lines = [f"{i} {'x' * 100}" for i in range(2000)]
    server.pub("topic1", *lines)
    limit = limited(resource.RLIMIT_FSIZE, bytes)
    with (server.home / "out").open("wb") as out:
        options = ["--cursor", "cursor"] if bytes else []
        server.run("chat-replay", "topic1", "--raw", *options, stdout=out, code=74, err="standard output: File too large", preexec_fn=limit)
    assert (server.home / "out").stat().st_size <= bytes
    if bytes:
        rest = server.replay("topic1", "--raw", "--cursor", "cursor")
        assert lines.index(rest[0]) <= (server.home / "out").read_bytes().count(b"\n")
    else:
        done = server.run("chat-replay", "topic1", "--cursor", "cursor", code=73, err="File too large", preexec_fn=limit)
        assert done.out == b""


def test_a_command_is_ended_by_a_limit_of_files_as_by_itself(server):
    """A tool ignores SIGXFSZ; what it starts doesn't."""
    server.pub("topic1", "a")
    ignored = server.run("chat-replay", "topic1", "--exec", "grep SigIgn /proc/self/status").text.split()[1]
    assert not int(ignored, 16) & (1 << (signal.SIGXFSZ - 1) | 1 << (signal.SIGPIPE - 1))
