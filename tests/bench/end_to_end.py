"""From a publisher's standard input to a subscriber's standard output."""
import os
import time

from figures import Row, alternate
from inputs import HEAD, TAIL, lines, require_same
from programs import Program, Ready, path, run, tool, wait_until
from servers import new_topic


def through(subscriber, publisher, source, count, copies=1, check=None):
    """Runs a publisher of `count` lines and subscribers that get all of them, from the publisher's start to the last
    subscriber's end. Returns a row's figures. check(output) raises Wrong; by default output and source are the same.
    """
    check = check or (lambda output: require_same(output, source))
    ready = Ready()
    outputs = [path(f"heard.{i}") for i in range(copies)]
    listeners = []
    try:
        for output in outputs:
            listeners.append(Program(subscriber(ready.writer), stdout=output, pass_fds=[ready.writer]))
        ready.wait(copies)
        return timed(listeners, outputs, publisher, source, count, check)
    finally:
        for listener in listeners:
            listener.kill()
        for output in filter(os.path.exists, outputs):
            os.unlink(output)


def timed(listeners, outputs, publisher, source, count, check):
    start = time.perf_counter()
    speaker = Program(publisher, stdin=source)
    heard = [listener.end() for listener in listeners]
    seconds = time.perf_counter() - start
    spoken = speaker.end()
    for output in outputs:
        check(output)
    return (count * len(outputs) / seconds, max(usage.memory_kib for usage in [*heard, spoken]),
            sum(usage.cpu_seconds for usage in [*heard, spoken]))


def follow(count):
    return lambda ready: [tool("chat-sub"), "bench", "--raw", "-n", str(count), "--ready-fd", str(ready)]


def follow_raw(count):
    return lambda ready: [tool("raw_subscribe"), "bench", str(count), str(ready)]


STORE = [tool("chat-pub"), "bench"]
STORE_RAW = [tool("raw_store"), "bench"]
PUBLISH = [tool("chat-pub"), "bench", "--ephemeral"]
PUBLISH_RAW = [tool("raw_publish"), "bench", HEAD, TAIL]


def through_broker(broker, source, count):
    """A message that was kept for mosquitto_sub, its first line, tells that it is subscribed."""
    run(broker.client("mosquitto_pub", "-r", "-m", "kept"))
    output = path("heard.broker")
    listener = Program(broker.client("mosquitto_sub", "-C", str(count + 1)), stdout=output)
    try:
        wait_until(lambda: os.path.getsize(output) == len("kept\n"))
        os.truncate(output, 0)
        return timed([listener], [output], broker.client("mosquitto_pub", "-l"), source, count,
                     lambda heard: require_same(heard, source))
    finally:
        listener.kill()


def measure_end_to_end(size, rounds, broker):
    source = lines(size)

    def pair(subscriber, publisher):
        new_topic()
        return through(subscriber(size), publisher, source, size)

    rows = [
        Row("stored", "tool", lambda: pair(follow, STORE), "raw pair, stored"),
        Row("raw pair, stored", "limit", lambda: pair(follow_raw, STORE_RAW)),
        Row("ephemeral", "tool", lambda: pair(follow, PUBLISH), "raw pair, ephemeral"),
        Row("raw pair, ephemeral", "limit", lambda: pair(follow_raw, PUBLISH_RAW)),
    ]
    if broker:
        rows.append(Row("mosquitto QoS 0", "peer", lambda: through_broker(broker, source, size)))
    return alternate("end to end", f"end to end, {size:,} lines of 31 bytes", "messages/s", rounds, rows)
