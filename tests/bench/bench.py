"""Runs the measurements and shows the figures. scripts/bench is the command for people: it builds, starts a private
Redis for this, and explains the options.
"""
import argparse
import contextlib
import json
import os
import platform
import signal
import sys
import time
from dataclasses import dataclass

from edges import measure_edges
from end_to_end import measure_end_to_end
from far import measure_far
from history import measure_history
from latency import measure_latency
from programs import installed
from publish import measure_publish
from replay import measure_replay
from scaling import measure_sizes, measure_subscribers, measure_topics
from servers import Mosquitto, server
from show import show
from startup import measure_startup


@dataclass
class Size:
    """How much is measured."""
    rounds: int
    lines: int
    history: int
    samples: int
    subscribers: list
    topics: list
    bytes: list
    all_bytes: int
    lengths: list


FULL = Size(rounds=7, lines=200_000, history=1_000_000, samples=5_000, subscribers=[1, 10, 100, 1_000],
            topics=[1, 10, 100, 1_000], bytes=[10, 100, 1_000, 10_000, 100_000, 1 << 20], all_bytes=64 << 20,
            lengths=[10**3, 10**4, 10**5, 10**6, 10**7])
QUICK = Size(rounds=3, lines=50_000, history=200_000, samples=600, subscribers=[1, 10, 100],
             topics=[1, 10, 100], bytes=[10, 1_000, 100_000, 1 << 20], all_bytes=8 << 20,
             lengths=[10**3, 10**4, 10**5])

MEASUREMENTS = {
    "publish": lambda size, broker: [measure_publish(size.lines, size.rounds, broker)],
    "end-to-end": lambda size, broker: [measure_end_to_end(size.lines, size.rounds, broker)],
    "replay": lambda size, _: [measure_replay(size.history, size.rounds)],
    "latency": lambda size, _: measure_latency(size.samples, size.rounds),
    "start-up": lambda size, _: [measure_startup(size.rounds)],
    "subscribers": lambda size, _: [measure_subscribers(size.subscribers, size.lines, size.rounds)],
    "topics": lambda size, _: [measure_topics(size.topics, size.lines // 2, size.rounds)],
    "size": lambda size, _: [measure_sizes(size.bytes, size.all_bytes, size.rounds)],
    "history": lambda size, _: measure_history(size.lengths, size.rounds),
    "far": lambda size, _: measure_far(size.lines, size.rounds),
    "edges": lambda _, __: [measure_edges(1)],
}


def machine():
    return {"cpus": os.cpu_count(), "system": platform.freedesktop_os_release()["PRETTY_NAME"],
            "redis": server.info("server")["redis_version"], "load_before": os.getloadavg()[0],
            "date": time.strftime("%Y-%m-%d")}


def parse():
    parser = argparse.ArgumentParser(prog="bench", add_help=False)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=argparse.FileType("w"))
    parser.add_argument("--plot")
    parser.add_argument("group", nargs="*")
    return parser.parse_args()


def main(arguments):
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    size = QUICK if arguments.quick else FULL
    figures = {"machine": machine(), "rounds": size.rounds, "groups": []}
    for name in arguments.group or MEASUREMENTS:
        # A new one each time: what it tells of itself it forgets in a minute without work.
        peer = installed("mosquitto") and installed("mosquitto_pub")
        with Mosquitto() if peer else contextlib.nullcontext() as broker:
            figures["groups"] += MEASUREMENTS[name](size, broker)
    if arguments.json:
        json.dump(figures, arguments.json, indent=1)
    show(figures, arguments.plot)
    return 1 if any(row["wrong"] for group in figures["groups"] for row in group["rows"]) else 0


sys.exit(main(parse()))
