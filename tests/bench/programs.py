"""Programs run and measured: the tools, what they are compared with, and the check of what they wrote."""
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass

BIN = os.environ.get("CHAT_BIN", "build/release")
INSTRUMENTS = os.path.join(BIN, "tests", "bench")
OTHER_BIN = os.environ.get("BENCH_OTHER_BIN")  # the tools of another commit, to be measured beside these
# Below the folder of the private server, which is removed however this run ends.
FOLDER = tempfile.mkdtemp(prefix="bench.", dir=os.path.dirname(os.environ["REDIS_URL"].removeprefix("unix://")))
PATIENCE = 600  # seconds that one run may take


class Wrong(Exception):
    """A run whose output is not what it should be: its time doesn't count."""


@dataclass
class Usage:
    seconds: float
    cpu_seconds: float
    memory_kib: int


def tool(name):
    """The path of one of the chat tools, or of a program of this folder."""
    return os.path.join(BIN if name.startswith("chat-") else INSTRUMENTS, name)


class OtherBuild:
    """While it is entered, the other commit's tools run in the place of these."""

    entered = False

    def __enter__(self):
        OtherBuild.entered = True

    def __exit__(self, *_):
        OtherBuild.entered = False


def of_this_build(command):
    program, *arguments = command
    name = os.path.basename(program)
    return [os.path.join(OTHER_BIN, name) if OtherBuild.entered and name.startswith("chat-") else program, *arguments]


def path(name):
    return os.path.join(FOLDER, name)


def installed(name):
    return shutil.which(name) or shutil.which(name, path="/usr/sbin")


class Program:
    """A command under way. Standard input and output are files' names, descriptors, or nothing."""

    count = 0

    def __init__(self, command, stdin=os.devnull, stdout=os.devnull, pass_fds=()):
        Program.count += 1
        self.command = command
        self.report = path(f"report.{Program.count}")
        self.errors = path(f"errors.{Program.count}")
        files = [stdin, stdout, self.errors]
        modes = [os.O_RDONLY] + 2 * [os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND]
        fds = [os.open(f, mode) if isinstance(f, str) else f for f, mode in zip(files, modes)]
        self.process = subprocess.Popen([tool("measure"), self.report, *of_this_build(command)],
                                        stdin=fds[0], stdout=fds[1], stderr=fds[2], pass_fds=pass_fds)
        for fd, file in zip(fds, files):
            if isinstance(file, str):
                os.close(fd)

    def end(self):
        """Waits for the command's end. Returns its Usage, or raises Wrong when it failed or took too long."""
        if not self.ended_within(PATIENCE):
            self.kill()
            raise Wrong(f"{self.command[0]}: no end after {PATIENCE} s")
        status = self.process.wait()
        with open(self.errors, encoding="utf-8", errors="replace") as errors:
            said = errors.read()
        os.unlink(self.errors)
        if status != 0:
            raise Wrong(f"{self.command[0]}: status {status}: {said.strip()}")
        with open(self.report, encoding="ascii") as report:
            seconds, cpu, memory = report.read().split()
        os.unlink(self.report)
        return Usage(float(seconds), float(cpu), int(memory))

    def ended_within(self, seconds):
        """subprocess itself would look only every 50 ms."""
        end = os.pidfd_open(self.process.pid)
        ready, _, _ = select.select([end], [], [], seconds)
        os.close(end)
        return bool(ready)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def run(command, **files):
    return Program(command, **files).end()


class Ready:
    """A pipe on which programs that were started tell that they are ready, each by a newline."""

    def __init__(self):
        self.reader, self.writer = os.pipe()
        os.set_inheritable(self.writer, True)

    def wait(self, count):
        os.close(self.writer)
        seen = 0
        while seen < count:
            told = os.read(self.reader, count)
            if not told:
                os.close(self.reader)
                raise Wrong("a subscriber ended before it was ready")
            seen += len(told)
        os.close(self.reader)


def wait_until(true, seconds=10):
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise Wrong("waited too long")
        time.sleep(0.001)
