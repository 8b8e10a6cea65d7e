"""From the start of a tool to its end, when there is next to nothing to do."""
import statistics

from figures import Row, alternate
from inputs import LINE, write, require_same
from programs import path, run, tool
from servers import REDIS_CLI, new_topic

REPEAT = 20


def measure_startup(rounds):
    new_topic()
    message = LINE.format(0)
    run([tool("chat-pub"), "bench", message])
    said, nothing = write("said", [message]), write("nothing", [])
    listed, pong = write("listed", ["bench", *(f"topic{i}" for i in range(1, 5))]), write("pong", ["PONG"])

    def row(name, kind, command, expected):
        def once():
            usages = [run(command, stdout=path("printed")) for _ in range(REPEAT)]
            require_same(path("printed"), expected)
            return (statistics.median(usage.seconds for usage in usages) * 1000,
                    max(usage.memory_kib for usage in usages), sum(usage.cpu_seconds for usage in usages))

        return Row(name, kind, once, None if kind == "limit" else "redis-cli ping")

    rows = [
        row("chat-pub T MESSAGE", "tool", [tool("chat-pub"), "bench", message], nothing),
        row("chat-sub T --last 1 -n 1", "tool", [tool("chat-sub"), "bench", "--last", "1", "-n", "1", "--raw"], said),
        row("chat-replay T -n 1", "tool", [tool("chat-replay"), "bench", "-n", "1", "--raw"], said),
        row("chat-topics --names", "tool", [tool("chat-topics"), "--names"], listed),
        row("redis-cli ping", "limit", [*REDIS_CLI, "ping"], pong),
    ]
    return alternate("start-up", "start, do one thing, end", "ms", rounds, rows, False)
