"""Publishing lines: no subscriber listens."""
from figures import Row, alternate
from inputs import HEAD, TAIL, commands, lines, protocol, require_same
from programs import Wrong, installed, path, run, tool, wait_until
from servers import REDIS_CLI, new_topic, published, server

# mosquitto_pub 2.0 ends too early, with status 0, when it has more lines than MQTT has packet identifiers.
MOST_WITH_QOS_1 = 60_000


def measure_publish(size, rounds, broker):
    source = lines(size)

    def counted(command, stdin):
        new_topic()
        before = published()
        usage = run(command, stdin=stdin)
        if published() - before != size:
            raise Wrong(f"{published() - before} messages were published, not {size}")
        return size / usage.seconds, usage.memory_kib, usage.cpu_seconds

    def stored(command):
        figures = counted(command, source)
        run([tool("raw_replay"), "bench"], stdout=path("stored"))
        require_same(path("stored"), source)
        return figures

    def brokered(quality, count):
        before = broker.received()
        usage = run(broker.client("mosquitto_pub", "-q", str(quality), "-l"), stdin=lines(count))
        wait_until(lambda: broker.received() - before >= count)
        return count / usage.seconds, usage.memory_kib, usage.cpu_seconds

    rows = [
        Row("chat-pub", "tool", lambda: stored([tool("chat-pub"), "bench"]), "raw script"),
        Row("raw script", "limit", lambda: stored([tool("raw_store"), "bench"])),
        Row("chat-pub --ephemeral", "tool", lambda: counted([tool("chat-pub"), "bench", "--ephemeral"], source),
            "raw PUBLISH"),
        Row("raw PUBLISH", "limit", lambda: counted([tool("raw_publish"), "bench", HEAD, TAIL], source)),
        Row("raw PUBLISH, no JSON", "limit", lambda: counted([tool("raw_publish"), "bench"], source)),
    ]
    if installed("redis-cli"):
        typed, piped = commands(size), protocol(size)
        rows += [Row("redis-cli", "peer", lambda: counted(REDIS_CLI, typed)),
                 Row("redis-cli --pipe", "peer", lambda: counted([*REDIS_CLI, "--pipe"], piped))]
    if broker:
        rows += [Row("mosquitto QoS 0", "peer", lambda: brokered(0, size)),
                 Row("mosquitto QoS 1", "peer", lambda: brokered(1, min(size, MOST_WITH_QOS_1)))]
    figures = alternate("publish", f"publish {size:,} lines of 31 bytes", "messages/s", rounds, rows)
    server.flushall()
    return figures
