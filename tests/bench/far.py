"""The same work through a proxy that makes the way to Redis long (far.cpp)."""
import os
import subprocess

from figures import Row, alternate
from inputs import LINE, Once, lines, protocol, write
from programs import Wrong, installed, path, run, tool
from servers import REDIS_SOCKET, new_topic, published, server

DELAYS = [0, 1, 5, 20, 100]  # ms there and back


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


def measure_far(count, rounds):
    source, piped = lines(count), protocol(count)
    said = write("said", [LINE.format(0)])
    ways = {delay: Way(delay) for delay in DELAYS}
    groups = []

    def rows(name, kind, command, work, limit=None):
        return [Row(f"{name}, {delay} ms", kind, lambda way=way: work(command(way)), limit and f"{limit}, {delay} ms")
                for delay, way in ways.items() if kind == "tool" or installed(command(way)[0])]

    def counted(command):
        new_topic()
        before = published()
        usage = run(command, stdin=piped if "--pipe" in command else source)
        if published() - before != count:
            raise Wrong(f"{published() - before} messages were published, not {count}")
        return count / usage.seconds, usage.memory_kib, usage.cpu_seconds

    def at(name, *arguments):
        return lambda way: [tool(name), "bench", *arguments, "--redis", f"unix://{way.socket}"]

    def pipe(way):
        return ["redis-cli", "-s", way.socket, "--pipe"]

    groups.append(alternate("far", f"publish {count:,} lines of 31 bytes from far away", "messages/s", rounds, [
        *rows("chat-pub", "tool", at("chat-pub"), counted),
        *rows("chat-pub --print-ids", "tool", at("chat-pub", "--print-ids"), counted),
        *rows("chat-pub --ephemeral", "tool", at("chat-pub", "--ephemeral"), counted, "redis-cli --pipe"),
        *rows("redis-cli --pipe", "limit", pipe, counted)]))

    new_topic()
    run([tool("raw_store"), "bench"], stdin=source)
    check = Once(iter)

    def replayed(command):
        usage = run(command, stdout=path("replayed"))
        check.require(path("replayed"), source)
        return count / usage.seconds, usage.memory_kib, usage.cpu_seconds

    groups.append(alternate("far", f"replay {count:,} messages from far away", "messages/s", rounds,
                            rows("chat-replay --raw", "tool", at("chat-replay", "--raw"), replayed)))

    def once(command):
        usage = run(command, stdin=said, stdout=path("printed"))
        return usage.seconds * 1000, usage.memory_kib, usage.cpu_seconds

    def publish(way):
        return ["redis-cli", "-s", way.socket, "publish", "nobody", "x"]

    groups.append(alternate("far", "start, do one thing far away, end", "ms", rounds, [
        *rows("chat-pub T", "tool", at("chat-pub"), once, "redis-cli publish"),
        *rows("chat-replay T -n 1", "tool", at("chat-replay", "-n", "1"), once, "redis-cli publish"),
        *rows("chat-topics", "tool", lambda way: [tool("chat-topics"), "--redis", f"unix://{way.socket}"], once,
              "redis-cli publish"),
        *rows("redis-cli publish", "limit", publish, once)], False))
    for way in ways.values():
        way.end()
    server.flushall()
    return groups
