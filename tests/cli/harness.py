"""Runs the built programs and private Redis servers for the tests of this folder.

Nothing here sleeps: whatever is waited for is an event with a bound (LIMIT), and what was seen so far is
printed when the bound passes. $CHAT_BIN is the folder of the programs (else build/release), $REDIS_SERVER
the server program (else redis-server).
"""

import contextlib
import fcntl
import os
import pty
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import redis

LIMIT = 60.0  # seconds; for what hangs, never for what is measured
SOURCE = Path(os.environ.get("CHAT_SOURCE", Path(__file__).resolve().parents[2]))
BIN = Path(os.environ.get("CHAT_BIN", SOURCE / "build/release"))
REDIS_SERVER = os.environ.get("REDIS_SERVER", "redis-server")


def program(tool):
    """The path of one of our tools; anything with a slash is taken as it is."""
    return str(BIN / tool) if "/" not in str(tool) else str(tool)


def sanitized():
    """Whether the programs are built with AddressSanitizer: then their memory says nothing."""
    return b"__asan_init" in Path(program("chat-pub")).read_bytes()


def as_bytes(data):
    return data.encode() if isinstance(data, str) else data


def as_argv(argv):
    """The first is a tool's name; numbers and paths become text, bytes stay."""
    return [program(argv[0]), *(arg if isinstance(arg, bytes) else str(arg) for arg in argv[1:])]


def exit_code(returncode):
    """A process that died by a signal counts as 128 + signal, as in a shell."""
    return 128 - returncode if returncode < 0 else returncode


def environment(url, home, extra=None):
    """What a tool finds in its environment: nothing of the outside but what a program needs to run.
    `extra` is laid over it; a value of None takes a variable out."""
    env = {
        "PATH": f"{BIN}:{os.environ.get('PATH', '/usr/bin:/bin')}",
        "HOME": str(home),
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        "TERM": "xterm-256color",
        "REDIS_URL": url,
    }
    for name in ("REDIS_SERVER", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
        if name in os.environ:
            env[name] = os.environ[name]
    env.update(extra or {})
    return {name: value for name, value in env.items() if value is not None}


@dataclass
class Result:
    """How a program ended. `out` and `err` are bytes, or what no test has read yet of them."""

    code: int
    out: bytes
    err: bytes

    @property
    def text(self):
        return self.out.decode()

    @property
    def lines(self):
        return self.text.splitlines()

    @property
    def err_text(self):
        return self.err.decode(errors="backslashreplace")

    def check(self, code, err=None):
        """The exit code must be `code` (None: any). Success must be silent on stderr, unless `err` (a pattern)
        is looked for in it."""
        assert code in (self.code, None), f"exit {self.code}, not {code}\nstderr: {self.err_text}\nstdout: {self.out[:2000]}"
        if err is not None:
            assert re.search(err, self.err_text), f"no {err!r} in stderr: {self.err_text}"
        elif code == 0:
            assert self.err_text == "", f"stderr: {self.err_text}"
        return self


class Stream:
    """Collects what comes from a file descriptor, in a thread; reading waits for it with a bound."""

    def __init__(self, fd):
        self.fd = fd
        self.all = bytearray()  # what came so far
        self.taken = 0  # how much of it was read by the test
        self.ended = False
        self.change = threading.Condition()
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self):
        while not self.ended:
            try:
                data = os.read(self.fd, 1 << 16)
            except OSError:  # EIO: the last process of a terminal has gone
                data = b""
            with self.change:
                self.all += data
                self.ended = not data
                self.change.notify_all()
        os.close(self.fd)

    def _seen(self):
        return f"so far {bytes(self.all[-3000:])!r}"

    def _take(self, find, limit, what):
        """Waits until `find()` gives the end of what is looked for, and takes everything up to there."""
        deadline = time.monotonic() + limit
        with self.change:
            while (end := find()) is None:
                left = deadline - time.monotonic()
                assert not self.ended, f"ended before {what} came; {self._seen()}"
                assert left > 0, f"no {what} within {limit} s; {self._seen()}"
                self.change.wait(left)
            start, self.taken = self.taken, end
            return bytes(self.all[start:end])

    def line(self, limit=LIMIT):
        """The next line, without its newline."""

        def find():
            end = self.all.find(b"\n", self.taken)
            return None if end < 0 else end + 1

        return self._take(find, limit, "line")[:-1].decode(errors="surrogateescape")

    def lines(self, count, limit=LIMIT):
        return [self.line(limit) for _ in range(count)]

    def until(self, pattern, limit=LIMIT):
        """Waits for a regular expression, and takes everything up to the end of its match."""
        compiled = re.compile(as_bytes(pattern))

        def find():
            match = compiled.search(self.all, self.taken)
            return match.end() if match else None

        return self._take(find, limit, f"{pattern!r}").decode(errors="surrogateescape")

    def rest(self, limit=LIMIT):
        """Waits for the end, and takes what is left."""
        with self.change:
            assert self.change.wait_for(lambda: self.ended, limit), f"no end within {limit} s; {self._seen()}"
            start, self.taken = self.taken, len(self.all)
            return bytes(self.all[start:])


class Running:
    """A program in the background. It dies with the tests, whatever happens to them."""

    def __init__(self, argv, env, cwd=None, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, ready=False, **popen):
        ready_in, ready_out = os.pipe() if ready else (None, None)
        argv = as_argv(argv)
        if ready:
            argv += ["--ready-fd", str(ready_out)]
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *argv],
            env=env, cwd=cwd, stdin=stdin, stdout=stdout, stderr=stderr,
            pass_fds=[ready_out] if ready else [], bufsize=0, start_new_session=True, **popen,
        )  # fmt: skip
        if ready:
            os.close(ready_out)
        self.pid = self.process.pid
        self.ready = Stream(ready_in) if ready else None
        self.out = self._collect(self.process.stdout)
        self.err = self._collect(self.process.stderr)

    @staticmethod
    def _collect(pipe):
        """An empty stream when the output goes somewhere else."""
        if not pipe:
            return Stream(os.open(os.devnull, os.O_RDONLY))
        stream = Stream(os.dup(pipe.fileno()))
        pipe.close()
        return stream

    def wait_ready(self):
        """Waits for the newline on --ready-fd."""
        try:
            assert self.ready.line() == ""
        except AssertionError as error:
            said = self.err.rest() if self.ready.ended else bytes(self.err.all)
            raise AssertionError(f"not ready: {error}\nstderr: {said!r}") from None
        return self

    def write(self, data):
        self.process.stdin.write(as_bytes(data))

    def wait_read(self, limit=LIMIT):
        """Waits until the program has read all that was written to it."""
        deadline = time.monotonic() + limit
        while struct.unpack("i", fcntl.ioctl(self.process.stdin, termios.FIONREAD, b"\0" * 4))[0]:
            assert time.monotonic() < deadline, f"it reads no input for {limit} s"

    def close_stdin(self):
        self.process.stdin.close()

    def line(self, limit=LIMIT):
        return self.out.line(limit)

    def lines(self, count, limit=LIMIT):
        return self.out.lines(count, limit)

    def send(self, number):
        self.process.send_signal(number)

    def suspend(self):
        """SIGSTOP; send(SIGCONT) lets it go on."""
        self.send(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED)

    def wait(self, limit=LIMIT):
        """Waits for the end of the process alone, and returns its exit code."""
        try:
            return exit_code(self.process.wait(limit))
        except subprocess.TimeoutExpired:
            said = f"stderr {bytes(self.err.all[-3000:])!r}, stdout {bytes(self.out.all[-3000:])!r}"
            raise AssertionError(f"still running after {limit} s; {said}") from None

    def finish(self, code=0, err=None, limit=LIMIT):
        """Waits for the end and checks it as Result.check does. Closes its stdin first."""
        if self.process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self.close_stdin()
        return self._result(self.wait(limit)).check(code, err)

    def stop(self, code=143, number=signal.SIGTERM):
        """Ends a program that would go on: by a signal."""
        self.send(number)
        return self._result(self.wait()).check(code)

    def _result(self, code):
        out = self.out.rest()
        self.err.rest()
        return Result(code, out, bytes(self.err.all))

    def kill(self):
        """kill -9, together with the programs that it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdin:
            with contextlib.suppress(OSError):
                self.process.stdin.close()


class Terminal(Running):
    """A program on a pseudo-terminal of its own. `on` names which of its three streams are that terminal:
    "in", "out", "err". `screen` is what the terminal got (newlines are CR LF there, and typed text is echoed)."""

    def __init__(self, argv, env, on=("in", "out", "err"), size=None, **popen):
        master, slave = pty.openpty()
        self.master = master
        if size:
            self.resize(*size)
        popen.setdefault("stdin", slave if "in" in on else subprocess.DEVNULL)
        popen.setdefault("stdout", slave if "out" in on else subprocess.PIPE)
        popen.setdefault("stderr", slave if "err" in on else subprocess.PIPE)
        super().__init__(argv, env, preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0), **popen)
        os.close(slave)
        self.screen = Stream(os.dup(master))

    def resize(self, columns, rows):
        """The kernel tells the programs by SIGWINCH."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, as_bytes(text))

    def shown(self, code=0):
        """Waits for the end, and returns all that the terminal got, with plain newlines."""
        ended = self.wait()
        text = self.screen.rest().decode(errors="surrogateescape").replace("\r\n", "\n")
        assert ended == code, f"exit {ended}, not {code}; stderr {bytes(self.err.all)!r}, terminal {text!r}"
        return text

    def kill(self):
        super().kill()
        with contextlib.suppress(OSError):
            os.close(self.master)


class Tools:
    """Runs tools against one Redis URL, and ends those that still run."""

    def __init__(self, url, home):
        self.url = url
        self.home = home
        self.running = []

    def run(self, *argv, input=b"", code=0, err=None, env=None, limit=LIMIT, **popen):
        """Runs to the end. `code` and `err` are what Result.check expects."""
        argv = as_argv(argv)
        popen.setdefault("stdout", subprocess.PIPE)
        if "stdin" not in popen:
            popen["input"] = as_bytes(input)
        try:
            done = subprocess.run(
                argv, stderr=subprocess.PIPE, env=environment(self.url, self.home, env), cwd=self.home, timeout=limit, **popen
            )
        except subprocess.TimeoutExpired as late:
            raise AssertionError(f"{argv} still runs after {limit} s: {late.stdout!r:.2000} {late.stderr!r:.2000}") from None
        return Result(exit_code(done.returncode), done.stdout or b"", done.stderr).check(code, err)

    def shell(self, script, **options):
        """Runs a bash script in which the tools are in PATH; a failing part of a pipe fails it."""
        return self.run("/bin/bash", "-o", "pipefail", "-c", script, **options)

    def start(self, *argv, env=None, **options):
        """Starts a program in the background, as Running."""
        self.running.append(Running(argv, environment(self.url, self.home, env), cwd=self.home, **options))
        return self.running[-1]

    def follow(self, *argv, **options):
        """Starts chat-sub and waits until it is subscribed."""
        return self.start("chat-sub", *argv, ready=True, **options).wait_ready()

    def terminal(self, *argv, env=None, **options):
        self.running.append(Terminal(argv, environment(self.url, self.home, env), cwd=self.home, **options))
        return self.running[-1]

    def pub(self, topic, *messages, user="ana", **options):
        """Publishes messages, one a line."""
        return self.run("chat-pub", topic, "--user", user, input="".join(f"{m}\n" for m in messages), **options)

    def replay(self, topic, *options, **more):
        """The lines that chat-replay prints."""
        return self.run("chat-replay", topic, *options, **more).lines

    def close(self):
        while self.running:
            self.running.pop().kill()


def until_true(check, limit=LIMIT, seen=lambda: ""):
    """Asks until the answer is yes: each question should be a round trip to Redis. `seen` tells why it was no."""
    end = time.monotonic() + limit
    while not check():
        assert time.monotonic() < end, f"not so within {limit} s {seen()}"


claims = []


def free_port():
    """Below those that the system gives to outgoing connections, so that none of them takes it meanwhile. Nor do the
    tests that run beside these: as long as this process lives, the name of a socket tells them (scripts/cluster too)."""
    while True:
        port = random.randrange(10000, 32000)
        claim = socket.socket(socket.AF_UNIX)
        with socket.socket() as probe, contextlib.suppress(OSError):
            claim.bind(f"\0chat-port-{port}")
            probe.bind(("127.0.0.1", port))
            claims.append(claim)
            return port
        claim.close()


class Server(Tools):
    """A private redis-server in a temporary folder, and the tools that talk to it. `options` are those of
    redis-server without the dashes, such as appendonly="yes"; `tcp` also listens on a port of 127.0.0.1: this one, or
    any if it is True."""

    def __init__(self, tcp=False, **options):
        self.folder = Path(tempfile.mkdtemp(prefix="chat-"))  # short: a socket's path has 107 bytes
        home = self.folder / "home"
        home.mkdir()
        (self.folder / "data").mkdir()
        self.socket = self.folder / "redis.sock"
        super().__init__(f"unix://{self.socket}", home)
        self.tcp = tcp
        self.port = 0 if isinstance(tcp, bool) else tcp
        self.options = {"save": "", "appendonly": "no", "repl_diskless_sync_delay": "0", **options}
        self.process = None
        try:
            self.restart()
        except BaseException:
            self.close()
            raise

    def restart(self):
        """Starts the server (again, with the same files and port), and waits until it answers."""
        for _ in range(5):
            if self.tcp and not self.port:
                self.port = free_port()
            if self._start():
                return
            self.port = 0  # somebody else has taken it meanwhile
        raise AssertionError(f"redis-server does not start: {self.log.all.decode()}")

    def _start(self):
        arguments = {"port": self.port, "unixsocket": self.socket, "dir": self.folder / "data", **self.options}
        argv = [REDIS_SERVER]
        for name, value in arguments.items():
            argv += [f"--{name.replace('_', '-')}", *(str(value).split() or [""])]
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *argv],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self.folder,
        )  # fmt: skip
        self.log = Stream(os.dup(self.process.stdout.fileno()))
        self.process.stdout.close()
        try:
            self.log.until(b"(?i)ready to accept connections")
            return True
        except AssertionError:
            if b"ddress already in use" in self.log.all:
                self.process.wait(LIMIT)
                return False
            raise

    @property
    def tcp_url(self):
        return f"redis://127.0.0.1:{self.port}"

    def client(self, **options):
        """A redis-py client. It gives bytes unless decode_responses=True."""
        return redis.Redis(unix_socket_path=str(self.socket), socket_timeout=LIMIT, retry=None, **options)

    def kill9(self):
        self.process.kill()
        self.process.wait(LIMIT)

    def stop_process(self):
        """SIGSTOP: the server hangs, its connections stay."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)

    def continue_process(self):
        self.process.send_signal(signal.SIGCONT)

    def reset(self):
        """As new: no keys, no scripts, nobody connected, nothing in the home folder."""
        super().close()
        with self.client() as client:
            client.execute_command("CLIENT UNPAUSE")  # a test that failed may have left it so
            client.execute_command("CLIENT KILL TYPE PUBSUB")
            client.execute_command("CLIENT KILL TYPE NORMAL SKIPME YES")
            client.flushall()
            client.script_flush()
        shutil.rmtree(self.home)
        self.home.mkdir()

    def close(self):
        super().close()
        if self.process and self.process.poll() is None:
            self.kill9()
        shutil.rmtree(self.folder, ignore_errors=True)

    def entries(self, topic="topic1"):
        """The stream of a topic: a list of (ID, fields) as bytes in dicts, IDs as text."""
        with self.client() as client:
            return [(id.decode(), fields) for id, fields in client.xrange(f"chat:{{{topic}}}")]

    def position(self, name="cursor"):
        """The ID in a cursor file: its first word."""
        return (self.home / name).read_text().split()[0]

    def messages(self, topic="topic1"):
        """The messages of a topic's stream, as bytes."""
        return [fields[b"message"] for _, fields in self.entries(topic)]

    def store(self, topic, *messages, ms=1732400000000, step=1000, user="ana"):
        """Writes a history as chat-pub would, but with known times: message i (text, or (user, text)) has the ID
        <ms + i·step>-<i + 1>. Returns the IDs."""
        ids = []
        with self.client() as client, client.pipeline() as pipe:
            for i, message in enumerate(messages):
                name, text = message if isinstance(message, tuple) else (user, message)
                at = ms + i * step
                ids.append(f"{at}-{i + 1}")
                fields = {"user": name, "message": text, "timestamp": at // 1000, "pub": f"tester00-{i + 1}"}
                pipe.xadd(f"chat:{{{topic}}}", fields, id=ids[-1])
            last_ms, n = ids[-1].split("-")
            info = {"ms": last_ms, "n": n, "max_len": 100000, "max_age": 0, "description": "", "created": ms // 1000}
            pipe.hset(f"chat:{{{topic}}}:info", mapping=info)
            if topic not in ("topic1", "topic2", "topic3", "topic4"):
                pipe.hset("chat:topics", topic, "present")
            pipe.execute()
        return ids
