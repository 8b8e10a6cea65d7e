"""What the tests with real faults share: random moments that can be had again, and exact comparisons.

$CHAT_SEED repeats what a failed test has printed. $CHAT_SOAK=1 chooses the long forms; each of them appends a line
of figures to the file $CHAT_FIGURES, if that is set.
"""

import os
import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from harness import LIMIT
from proxy import Proxy

SEED = int(os.environ.get("CHAT_SEED") or random.SystemRandom().randrange(1, 1 << 31))
SOAK = os.environ.get("CHAT_SOAK") == "1"
LONG = 240.0  # seconds; for floods


def dice():
    """pytest shows the seed when a test fails."""
    print(f"CHAT_SEED={SEED}")
    return random.Random(SEED)


def lines(count, dice):
    """So many different lines, of different lengths."""
    return [f"{i} {'x' * dice.randrange(40)}" for i in range(count)]


def text(messages):
    return "".join(f"{message}\n" for message in messages).encode()


def same(found, expected, what):
    """Both are bytes. Said is what differs, in figures: pytest would compare for minutes."""
    if found == expected:
        return
    found, expected = found.splitlines(), expected.splitlines()
    lost, repeated = Counter(expected) - Counter(found), Counter(found) - Counter(expected)
    at = next((i for i, (a, b) in enumerate(zip(found, expected)) if a != b), min(len(found), len(expected)))
    figures(lost=sum(lost.values()), repeated=sum(repeated.values()))
    raise AssertionError(
        f"{what}: {len(found)} lines, not {len(expected)}; lost {sum(lost.values())}, repeated or foreign "
        f"{sum(repeated.values())}; first difference in line {at + 1}: {found[at : at + 1]}, not {expected[at : at + 1]}"
    )


def wait_for_bytes(stream, count, limit=LIMIT):
    """Waits until so much has come, or all."""
    with stream.change:
        assert stream.change.wait_for(lambda: len(stream.all) >= count or stream.ended, limit), f"{len(stream.all)} of {count} bytes"


def moments(dice, count, size):
    """Random amounts of progress, in order."""
    return sorted(dice.randrange(size) for _ in range(count))


def in_parallel(work, items, threads=6):
    """All results; raises what a call has raised."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, items))


@contextmanager
def background(work):
    """Runs work(stop) in a thread until the block has ended; what it raises fails the test."""
    stop, failed = threading.Event(), []

    def run():
        try:
            work(stop)
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(LONG)
    if failed:
        raise failed[0]


class CuttingProxy(Proxy):
    """Cuts the first connections: each element of `plan` is a dictionary of bytes by direction, for one of them.
    An iterator without end cuts all."""

    def __init__(self, target, plan):
        self.plan = iter(plan)
        super().__init__(target)

    def limits_of_next(self):
        return next(self.plan, {})


def figures(**numbers):
    """For scripts/soak."""
    if path := os.environ.get("CHAT_FIGURES"):
        with open(path, "a") as file:
            print(*(f"{name}={number}" for name, number in numbers.items()), file=file)
