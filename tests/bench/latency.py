"""How long a line takes from an idle publisher's standard input to a subscriber's standard output."""
import os
import statistics

from end_to_end import PUBLISH, PUBLISH_RAW, STORE, STORE_RAW, follow, follow_raw
from figures import Row, alternate
from programs import OtherBuild, Program, Ready, path, tool
from servers import new_topic

PERCENTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}


def take_samples(subscriber, publisher, count):
    """Returns the microseconds of `count` lines, and the programs' usage."""
    new_topic()
    ready = Ready()
    heard_out, heard_in = os.pipe()
    spoken_out, spoken_in = os.pipe()
    listener = Program(subscriber(count)(ready.writer), stdout=heard_in, pass_fds=[ready.writer])
    speaker = None
    try:
        ready.wait(1)
        speaker = Program(publisher, stdin=spoken_out)
        clock = Program([tool("latency"), str(count), path("samples")], stdin=heard_out, stdout=spoken_in)
        for fd in (heard_out, heard_in, spoken_out, spoken_in):
            os.close(fd)
        clock.end()
        usages = [speaker.end(), listener.end()]
    finally:
        listener.kill()
        if speaker:
            speaker.kill()
    with open(path("samples"), encoding="ascii") as samples:
        return [float(line) for line in samples], usages


def measure_latency(samples, rounds):
    """A group for each percentile; a value is that of one round, and `pooled` that of all rounds' samples."""
    pairs = {
        "stored": ("tool", follow, STORE, "raw pair, stored"),
        "raw pair, stored": ("limit", follow_raw, STORE_RAW, None),
        "ephemeral": ("tool", follow, PUBLISH, "raw pair, ephemeral"),
        "raw pair, ephemeral": ("limit", follow_raw, PUBLISH_RAW, None),
    }
    taken = {(name, other): [] for name in pairs for other in (False, True)}

    def once(name, subscriber, publisher):
        times, usages = take_samples(subscriber, publisher, -(-samples // rounds))
        taken[name, OtherBuild.entered].append(sorted(times))
        return (statistics.median(times), max(usage.memory_kib for usage in usages),
                sum(usage.cpu_seconds for usage in usages))

    rows = [Row(name, kind, lambda name=name, sub=sub, pub=pub: once(name, sub, pub), limit)
            for name, (kind, sub, pub, limit) in pairs.items()]
    figures = alternate("latency", f"latency of a line, {samples:,} of them", "µs", rounds, rows, False)
    return [percentile(figures, taken, name, at) for name, at in PERCENTILES.items()]


def percentile(figures, taken, name, at):
    def of(times):
        return times[min(int(len(times) * at), len(times) - 1)]

    def pooled(row, other=False):
        rounds = taken[row["name"], other]
        median = of(sorted(sum(rounds, []))) if rounds else None
        more = {"other": pooled(row["other"], True)} if "other" in row else {}
        return {**row, "values": [of(times) for times in rounds], "median": median, **more}

    rows = [pooled(row) for row in figures["rows"]]
    return {**figures, "group": f"latency {name}", "title": f"{figures['title']}: {name}", "rows": rows}
