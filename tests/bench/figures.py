"""The figures: groups of rows that were measured alternately, as plain data for JSON."""
import contextlib
import statistics
import sys

from programs import OTHER_BIN, OtherBuild, Wrong


class Row:
    """One program in one group. `measure` runs it once and returns (value, memory in KiB, CPU seconds).

    kind: tool, limit (raw hiredis) or peer. A tool names the row that is its limit. `other` is the same with the
    tools of another commit, where there is one.
    """

    def __init__(self, name, kind, measure, limit=None, x=None):
        self.name, self.kind, self.measure, self.limit, self.x = name, kind, measure, limit, x
        self.values, self.memory, self.cpu, self.wrong = [], [], [], []
        self.other = Row(name, "other", measure) if kind == "tool" and OTHER_BIN else None

    def take(self):
        try:
            value, memory, cpu = self.measure()
        except Wrong as wrong:
            self.wrong.append(str(wrong))
            print(f"bench: {self.name}: {wrong}", file=sys.stderr)
            return
        self.values.append(value)
        self.memory.append(memory)
        self.cpu.append(cpu)

    def data(self):
        row = {"name": self.name, "kind": self.kind, "values": self.values, "memory_kib": self.memory,
               "cpu_seconds": self.cpu, "wrong": self.wrong}
        if self.other:
            row["other"] = self.other.data()
            row["wrong"] = row["wrong"] + self.other.wrong
        if self.limit:
            row["limit"] = self.limit
        if self.x is not None:
            row["x"] = self.x
        if self.values:
            row["median"] = statistics.median(self.values)
        return row


def alternate(group, title, unit, rounds, rows, more_is_better=True):
    """Measures each row once a round, backwards in every other one: what one leaves behind, such as memory that Redis
    has already, helps or hinders the next. Returns the group's figures.
    """
    print(f"bench: {title} …", file=sys.stderr)
    takes = []
    for row in rows:
        takes.append((row.take, contextlib.nullcontext))
        if row.other:
            takes.append((row.other.take, OtherBuild))
    for number in range(rounds):
        for take, build in takes if number % 2 == 0 else reversed(takes):
            with build():
                take()
    return {"group": group, "title": title, "unit": unit, "more_is_better": more_is_better,
            "rows": [row.data() for row in rows]}
