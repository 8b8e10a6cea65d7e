"""The same work through a proxy that makes the way to Redis long (far.cpp)."""
import os
import statistics
import subprocess
import time

from figures import Row, alternate
from inputs import LINE, Once, lines, protocol, write
from programs import Program, Ready, Wrong, installed, path, run, tool
from servers import REDIS_SOCKET, new_topic, published, server

DELAYS = [0, 1, 5, 20, 100]  # ms there and back
TYPED = 12  # lines, of which each is written when the one before was acknowledged
IMPORTS = 4


class Way:
    """A socket as far away as this; the server's own for 0."""

    def __init__(self, delay):
        self.socket = path(f"far.{delay}") if delay else REDIS_SOCKET
        self.process = None
        if delay:
            self.process = subprocess.Popen([tool("far"), str(delay / 2), self.socket, REDIS_SOCKET],
                                            stdout=subprocess.PIPE)
            if self.process.stdout.readline() != b"ready\n":
                raise Wrong("the proxy did not start")

    def end(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            os.unlink(self.socket)


def at(name, *arguments):
    return lambda way: [tool(name), "bench", *arguments, "--redis", f"unix://{way.socket}"]


def measure_far(count, rounds):
    ways = {delay: Way(delay) for delay in DELAYS}

    def rows(name, kind, command, work, limit=None):
        return [Row(f"{name}, {delay} ms", kind, lambda way=way: work(command(way)), limit and f"{limit}, {delay} ms", delay)
                for delay, way in ways.items() if kind == "tool" or installed(command(way)[0])]

    groups = [measure_publishing(count, rounds, rows), measure_replaying(2 * count, rounds, rows),
              measure_starting(rounds, rows), measure_typing(5 * count, rounds, rows)]
    for way in ways.values():
        way.end()
    server.flushall()
    return groups


def measure_publishing(count, rounds, rows):
    source, piped = lines(count), protocol(count)

    def counted(command):
        new_topic()
        before = published()
        usage = run(command, stdin=piped if "--pipe" in command else source)
        if published() - before != count:
            raise Wrong(f"{published() - before} messages were published, not {count}")
        return count / usage.seconds, usage.memory_kib, usage.cpu_seconds

    return alternate("far", f"publish {count:,} lines of 31 bytes from far away", "messages/s", rounds, [
        *rows("chat-pub", "tool", at("chat-pub"), counted),
        *rows("chat-pub --print-ids", "tool", at("chat-pub", "--print-ids"), counted),
        *rows("chat-pub --ephemeral", "tool", at("chat-pub", "--ephemeral"), counted, "redis-cli --pipe"),
        *rows("redis-cli --pipe", "limit", lambda way: ["redis-cli", "-s", way.socket, "--pipe"], counted)])


def measure_replaying(count, rounds, rows):
    source = lines(count)
    new_topic()
    run([tool("raw_store"), "bench"], stdin=source)
    check = Once(iter)

    def replayed(command):
        usage = run(command, stdout=path("replayed"))
        check.require(path("replayed"), source)
        return count / usage.seconds, usage.memory_kib, usage.cpu_seconds

    return alternate("far", f"replay {count:,} messages from far away", "messages/s", rounds,
                     rows("chat-replay --raw", "tool", at("chat-replay", "--raw"), replayed))


def measure_starting(rounds, rows):
    said = write("said", [LINE.format(0)])

    def once(command):
        usage = run(command, stdin=said, stdout=path("printed"))
        return usage.seconds * 1000, usage.memory_kib, usage.cpu_seconds

    def until_ready(command):
        ready = Ready()
        begin = time.perf_counter()
        sub = Program([*command, "--ready-fd", str(ready.writer)], pass_fds=[ready.writer])
        try:
            ready.wait(1)
            return (time.perf_counter() - begin) * 1000, 0, 0
        finally:
            sub.kill()

    def publish(way):
        return ["redis-cli", "-s", way.socket, "publish", "nobody", "x"]

    return alternate("far", "start, do one thing far away, end", "ms", rounds, [
        *rows("chat-pub T", "tool", at("chat-pub"), once, "redis-cli publish"),
        *rows("chat-sub T, until it is ready", "tool", at("chat-sub"), until_ready, "redis-cli publish"),
        *rows("chat-replay T -n 1", "tool", at("chat-replay", "-n", "1"), once, "redis-cli publish"),
        *rows("chat-topics", "tool", lambda way: [tool("chat-topics"), "--redis", f"unix://{way.socket}"], once,
              "redis-cli publish"),
        *rows("redis-cli publish", "limit", publish, once)], False)


def measure_typing(count, rounds, rows):
    """How long a line takes until its ID is there, alone and while others import into the same topic."""
    source = lines(count)

    def typed(imports):
        def once(command):
            new_topic()
            others = [Program(command, stdin=source) for _ in range(imports)]
            typing = subprocess.Popen([*command, "--print-ids"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            try:
                return statistics.median([say(typing) for _ in range(TYPED + 1)][1:]), 0, 0
            finally:
                if any(other.process.poll() is not None for other in others):
                    raise Wrong("an import has ended before the last line was typed")
                for process in (typing, *(other.process for other in others)):
                    process.kill()
                    process.wait()
        return once

    def say(typing):
        begin = time.perf_counter()
        typing.stdin.write(b"hello\n")
        typing.stdin.flush()
        if not typing.stdout.readline():
            raise Wrong("a typed line was not acknowledged")
        return (time.perf_counter() - begin) * 1000

    return alternate("far", "a typed line, until it is acknowledged", "ms", rounds, [
        *rows("alone", "limit", at("chat-pub"), typed(0)),
        *rows("beside an import", "tool", at("chat-pub"), typed(1), "alone"),
        *rows(f"beside {IMPORTS} imports", "tool", at("chat-pub"), typed(IMPORTS), "alone")], False)
