"""Measures what a message, a delivery, a subscriber and a topic cost a node of a cluster, and works out from that how
far clusters of 3, 30 and 300 nodes go. `scripts/bench --capacity` runs it, beside a cluster of one master and one
replica whose append-only file is synced before each reply.
"""
import json
import os
import random
import subprocess
import tempfile
import time

import redis

BIN = os.environ["CHAT_BIN"]
PORT = int(os.environ["REDIS_URL"].rpartition(":")[2])
NODES = (3, 30, 300)
SLOTS = 16384
BUSY = 0.5  # of a core: the rest is for bursts, failovers and snapshots
MEMORY = 8 << 30  # of a node
ROOM = 50  # people in a topic, of whom each says a line a minute
LINE = "{:08d} is a line of 31 bytes."


def master():
    """The node that isn't the replica, whichever of the two was asked."""
    node = redis.Redis(port=PORT)
    info = node.info("replication")
    return node if info["role"] == "master" else redis.Redis(port=info["master_port"])


node = master()


def run(tool, *arguments, **files):
    subprocess.run([os.path.join(BIN, tool), *map(str, arguments)], check=True, stdin=files.get("stdin", subprocess.DEVNULL),
                   stdout=files.get("stdout", subprocess.DEVNULL))


def used():
    """CPU seconds of the thread that carries out the commands, and bytes of data and buffers, when the replica has all."""
    node.wait(1, 10_000)
    cpu = node.info("cpu")
    return cpu["used_cpu_user_main_thread"] + cpu["used_cpu_sys_main_thread"], node.info("memory")["used_memory"]


def cost(work, count):
    """Microseconds and bytes of one of `count`."""
    cpu, memory = used()
    work()
    cpu, memory = used()[0] - cpu, used()[1] - memory
    return cpu / count * 1e6, memory / count


def publish(topic, texts):
    with tempfile.TemporaryFile("w+") as file:
        file.writelines(f"{text}\n" for text in texts)
        file.seek(0)
        run("chat-pub", topic, stdin=file)


def publish_one_by_one(topic, count):
    """Each is stored before the next one is written."""
    pub = subprocess.Popen([os.path.join(BIN, "chat-pub"), topic, "--print-ids"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    for i in range(count):
        pub.stdin.write(f"{LINE.format(i)}\n".encode())
        pub.stdin.flush()
        pub.stdout.readline()
    pub.stdin.close()
    pub.wait()


class Subscribers:
    def __init__(self, count, *arguments):
        reading, writing = os.pipe()
        os.set_inheritable(writing, True)
        argv = [os.path.join(BIN, "chat-sub"), *arguments, "--raw", "--ready-fd", str(writing)]
        self.all = [subprocess.Popen(argv, pass_fds=[writing], stdout=subprocess.DEVNULL) for _ in range(count)]
        os.close(writing)
        ready = 0
        while ready < count:
            ready += len(os.read(reading, count))
        os.close(reading)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sub in self.all:
            sub.terminate()
        for sub in self.all:
            sub.wait()

    def rest(self, pulses):
        """Until each has given so many signs of life."""
        def pings():
            return node.info("commandstats").get("cmdstat_ping", {}).get("calls", 0)
        due = pings() + pulses * len(self.all)
        while pings() < due:
            time.sleep(0.05)


def topic(name):
    run("chat-topics", "add", name, "--max-len", 0)
    return name


def measure():
    figures = {}
    lines = [LINE.format(i) for i in range(300_000)]
    figures["stored"], figures["bytes of 31"] = cost(lambda: publish(topic("batches"), lines), len(lines))
    figures["read"], _ = cost(lambda: run("chat-replay", "batches", "--raw"), len(lines))
    _, figures["bytes of 200"] = cost(lambda: publish(topic("longer"), (line.ljust(200, "x") for line in lines[:100_000])), 100_000)
    figures["stored alone"], _ = cost(lambda: publish_one_by_one(topic("alone"), 5_000), 5_000)
    topic("room")
    _, memory = used()
    with Subscribers(100, "room") as room:
        room.rest(1)
        figures["bytes of a subscriber"] = (used()[1] - memory) / 100
        begin = time.monotonic()
        room_cpu, _ = cost(lambda: room.rest(3), 1)
        figures["subscriber, a second"] = room_cpu / (time.monotonic() - begin) / 100
        alone, _ = cost(lambda: publish_one_by_one("room", 2_000), 2_000)
        figures["delivery alone"] = (alone - figures["stored alone"]) / 100
        batches, _ = cost(lambda: publish("room", lines[:20_000]), 20_000)
        figures["delivery"] = (batches - figures["stored"]) / 100
    names = [f"topic/{i}" for i in range(5_000)]
    with tempfile.TemporaryFile("w+") as file:
        file.writelines(json.dumps({"topic": name, "message": "x"}) + "\n" for name in names)
        file.seek(0)
        _, figures["bytes of a topic"] = cost(lambda: run("chat-pub", "--json", "--create", stdin=file), len(names))
    with Subscribers(1, "topic/*") as all_topics:
        all_topics.rest(1)
        begin = time.monotonic()
        pulses, _ = cost(lambda: all_topics.rest(3), 1)
        figures["topic of a subscriber, a second"] = pulses / (time.monotonic() - begin) / len(names)
    figures["list of a topic"], _ = cost(lambda: run("chat-topics", "--names"), len(names))
    return figures


def fullest(nodes, topics, dice):
    """How much more than the average the node has to do that serves most of so many equally busy topics."""
    owner = [slot * nodes // SLOTS for slot in range(SLOTS)]
    rounds = 20
    total = 0
    for _ in range(rounds):
        load = [0] * nodes
        for _ in range(topics):
            load[owner[dice.randrange(SLOTS)]] += 1
        total += max(load) * nodes / topics
    return total / rounds


def rounded(value):
    """To two digits."""
    return f"{float(f'{value:.1e}'):,.0f}"


def show(figures):
    print("What it costs a node:\n\n| | CPU, µs | memory, bytes |\n|---|---|---|")
    for name, cpu, memory in (
        ("a line of 31 bytes, stored in batches", "stored", "bytes of 31"),
        ("… of 200 bytes", None, "bytes of 200"),
        ("… stored one at a time", "stored alone", None),
        ("its delivery to a subscriber, in batches", "delivery", None),
        ("… one at a time", "delivery alone", None),
        ("its replay", "read", None),
        ("a subscriber at rest, each second", "subscriber, a second", "bytes of a subscriber"),
        ("each topic that it follows, each second", "topic of a subscriber, a second", None),
        ("a topic with one message", None, "bytes of a topic"),
        ("each topic that there is, in `chat-topics --names`", "list of a topic", None),
    ):
        print(f"| {name} | {f'{figures[cpu]:.3g}' if cpu else ''} | {rounded(figures[memory]) if memory else ''} |")

    core = BUSY * 1e6
    person = (figures["stored alone"] + ROOM * figures["delivery alone"]) / 60 + figures["subscriber, a second"]
    dice = random.Random(1)
    rows = [
        ("lines stored a second, in batches", lambda n: rounded(n * core / figures["stored"])),
        ("… one at a time", lambda n: rounded(n * core / figures["stored alone"])),
        ("deliveries a second, one at a time", lambda n: rounded(n * core / figures["delivery alone"])),
        (f"people in rooms of {ROOM} who say a line a minute", lambda n: rounded(n * core / person)),
        ("… of whom a node has", lambda _: rounded(core / person)),
        (f"million lines of 31 bytes in {MEMORY >> 30} GiB a node", lambda n: rounded(n * MEMORY / figures["bytes of 31"] / 1e6)),
        ("the fullest node, of 1,000 equally busy topics", lambda n: f"{fullest(n, 1_000, dice):.1f} × the average"),
        ("… of 100,000", lambda n: f"{fullest(n, 100_000, dice):.1f} × the average"),
    ]
    print("\n| with half of a core of each node |", *(f"{n} nodes |" for n in NODES))
    print("|---|" + "---|" * len(NODES))
    for name, value in rows:
        print(f"| {name} |", *(f"{value(n)} |" for n in NODES))


show(measure())
