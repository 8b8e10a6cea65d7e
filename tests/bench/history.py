"""What the work costs when the topic has a long history: it should be flat."""
import datetime
import itertools
import os
import sys
import time

from figures import Row
from inputs import lines, require_same
from programs import path, run, tool
from servers import new_topic, server

BURST = 100


class History:
    """A topic that grows, and a file of the same lines."""

    def __init__(self):
        new_topic()
        self.length = 0
        self.file = path("history")

    def grow(self, count, publisher):
        """Returns the publisher's usage."""
        more = lines(count, self.length)
        usage = run([tool(publisher), "bench"], stdin=more)
        with open(self.file, "ab") as history, open(more, "rb") as added:
            while piece := added.read(1 << 20):
                history.write(piece)
        os.unlink(more)
        self.length += count
        return usage

    def expect(self, command, start, count=None):
        """Runs a reader, which must print `count` lines from line `start` on. Returns its usage."""
        usage = run(command, stdout=path("read"))
        expected = self.file
        if start > 0 or count:
            expected = path("expected")
            with open(self.file, "rb") as history, open(expected, "wb") as part:
                part.writelines(itertools.islice(history, start, start + count))
        require_same(path("read"), expected)
        return usage


def moment():
    """A time, in whole milliseconds, after all that was stored before and before all that is stored later."""
    time.sleep(0.003)
    now = datetime.datetime.now().astimezone().isoformat(timespec="milliseconds")
    time.sleep(0.003)
    return now


def measure_history(lengths, rounds):
    history = History()
    groups = {
        "publish": (f"start, store {BURST} messages behind N, end", "ms"),
        "replay": ("cost of a message in a replay of N", "µs"),
        "last": ("chat-replay --last 10 of N", "ms"),
        "since": (f"chat-replay --since -n 10, from N back in {lengths[-1]:,}", "ms"),
    }
    rows = {group: [] for group in groups}

    def take(group, x, once):
        row = Row(f"{x:,}", "tool", once, x=x)
        rows[group].append(row)
        row.other = None  # what was stored before counts
        for _ in range(rounds):
            row.take()

    def publish():
        usage = history.grow(BURST, "chat-pub")
        return usage.seconds * 1000, usage.memory_kib, usage.cpu_seconds

    def replay():
        usage = history.expect([tool("chat-replay"), "bench", "--raw"], 0)
        return usage.seconds / history.length * 1e6, usage.memory_kib, usage.cpu_seconds

    def read(start, *options):
        usage = history.expect([tool("chat-replay"), "bench", "--raw", *options], start, 10)
        return usage.seconds * 1000, usage.memory_kib, usage.cpu_seconds

    moments = []
    for length in lengths:
        print(f"bench: a history of {length:,} …", file=sys.stderr)
        history.grow(length - rounds * BURST - history.length, "raw_store")
        take("publish", length, publish)
        moments.append(moment())
        take("replay", length, replay)
        take("last", length, lambda: read(history.length - 10, "--last", "10"))
    for start, since in zip(lengths[:-1], moments):
        take("since", history.length - start,
             lambda start=start, since=since: read(start, "--since", since, "-n", "10"))

    server.flushall()
    os.unlink(history.file)
    return [{"group": f"history, {group}", "title": title, "unit": unit, "more_is_better": False,
             "rows": [row.data() for row in rows[group]]} for group, (title, unit) in groups.items()]
