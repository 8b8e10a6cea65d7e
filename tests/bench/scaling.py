"""What the work costs when there is more of something: it should be flat."""
import json

from end_to_end import STORE, STORE_RAW, follow, follow_raw, through
from figures import Row, alternate
from inputs import LINE, lines, require_same, require_same_set, sized_lines, write
from programs import path, run, tool
from servers import new_topic, server


def measure_subscribers(counts, deliveries, rounds):
    """Each of them gets every message: enough of them that its start and its end don't count."""
    def row(name, kind, subscriber, publisher, count, limit=None):
        size = max(deliveries // count, 4_000)
        source = lines(size)

        def once():
            new_topic()
            rate, memory, cpu = through(subscriber(size), publisher, source, size, count)
            return 1e6 / rate, memory, cpu

        return Row(f"{name}, {count:,}", kind, once, limit and f"{limit}, {count:,}", count)

    rows = []
    for count in counts:
        rows += [row("chat-sub", "tool", follow, STORE, count, "raw pair"),
                 row("raw pair", "limit", follow_raw, STORE_RAW, count)]
    return alternate("subscribers", "cost of a delivery to one of N subscribers", "µs", rounds, rows, False)


def measure_topics(counts, size, rounds):
    """One chat-sub follows N topics, into which chat-pub publishes one after the other."""
    def row(count):
        names = [f"t{i}" for i in range(count)]
        each = size // count
        texts = [LINE.format(i) for i in range(each * count)]
        records = write(f"records.{count}", (json.dumps({"topic": names[i // each], "message": text})
                                             for i, text in enumerate(texts)))
        expected = write(f"texts.{count}", texts)
        first = write(f"first.{count}", (json.dumps({"topic": name, "message": "first"}) for name in names))

        def subscriber(ready):
            return [tool("chat-sub"), *names, "--raw", "-n", str(len(texts)), "--ready-fd", str(ready)]

        def once():
            server.flushall()
            run([tool("chat-pub"), "--json", "--create"], stdin=first)
            rate, memory, cpu = through(subscriber, [tool("chat-pub"), "--json"], records, len(texts),
                                        check=lambda heard: require_same_set(heard, expected))
            return 1e6 / rate, memory, cpu

        return Row(f"{count:,} topics", "tool", once, x=count)

    return alternate("topics", "cost of a message to one chat-sub on N topics", "µs", rounds,
                     [row(count) for count in counts], False)


def measure_sizes(sizes, most_bytes, rounds):
    def row(name, kind, command, size, limit=None):
        count = min(100_000, max(most_bytes // size, 1))
        source = sized_lines(count, size)

        def once():
            new_topic()
            usage = run(command, stdin=source)
            run([tool("raw_replay"), "bench"], stdout=path("stored"))
            require_same(path("stored"), source)
            return usage.seconds / count * 1e6, usage.memory_kib, usage.cpu_seconds

        return Row(f"{name}, {size:,} bytes", kind, once, limit and f"{limit}, {size:,} bytes", size)

    rows = []
    for size in sizes:
        rows += [row("chat-pub", "tool", STORE, size, "raw script"),
                 row("raw script", "limit", STORE_RAW, size)]
    return alternate("size", "cost of storing a message of N bytes", "µs", rounds, rows, False)
