"""Reading a topic's history again."""
import os

from figures import Row, alternate
from inputs import Once, lines, message_of_json, message_of_text, messages_of_xrange
from programs import installed, path, run, tool
from servers import REDIS_CLI, new_topic, server


def measure_replay(size, rounds):
    source = lines(size)
    new_topic()
    run([tool("raw_store"), "bench"], stdin=source)

    def row(name, kind, command, messages, limit=None):
        check = Once(messages)

        def once():
            usage = run(command, stdout=path("replayed"))
            check.require(path("replayed"), source)
            return size / usage.seconds, usage.memory_kib, usage.cpu_seconds

        return Row(name, kind, once, limit)

    replay = [tool("chat-replay"), "bench"]
    rows = [
        row("chat-replay --raw", "tool", [*replay, "--raw"], iter, "raw pager"),
        row("chat-replay", "tool", replay, lambda file: map(message_of_text, file), "raw pager"),
        row("chat-replay --json", "tool", [*replay, "--json"], lambda file: map(message_of_json, file),
            "raw pager"),
        row("raw pager", "limit", [tool("raw_replay"), "bench"], iter),
    ]
    if installed("redis-cli"):
        rows.append(row("redis-cli XRANGE", "peer", [*REDIS_CLI, "XRANGE", "chat:{bench}", "-", "+"],
                        messages_of_xrange))
    figures = alternate("replay", f"replay {size:,} messages", "messages/s", rounds, rows)
    os.unlink(path("replayed"))
    server.flushall()
    return figures
