"""Input files, and whether an output file holds the same."""
import hashlib
import json
import os

from programs import Wrong, path

LINE = "{:08d} is a line of 31 bytes."
HEAD = '{"user": "raw", "message": "'
TAIL = '", "timestamp": 1732400000}'


def write(name, texts):
    """Writes a file of these lines. Returns its path."""
    with open(path(name), "w", encoding="ascii") as file:
        file.writelines(text + "\n" for text in texts)
    return path(name)


def lines(count, start=0):
    name = f"lines.{start}.{count}"
    if not os.path.exists(path(name)):
        write(name, map(LINE.format, range(start, start + count)))
    return path(name)


def sized_lines(count, size):
    return write(f"sized.{size}", (f"{i:010d}".ljust(size, "x")[:size] for i in range(count)))


def commands(count):
    """What redis-cli takes line by line."""
    return write("commands", (f'PUBLISH bench "{LINE.format(i)}"' for i in range(count)))


def protocol(count):
    """The same for redis-cli --pipe, ready to be sent."""
    with open(path("protocol"), "wb") as file:
        for i in range(count):
            file.write(b"*3\r\n$7\r\nPUBLISH\r\n$5\r\nbench\r\n$31\r\n%b\r\n" % LINE.format(i).encode())
    return path("protocol")


def digest(file_path):
    with open(file_path, "rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def require_same(output, expected):
    if digest(output) != digest(expected):
        raise Wrong(f"{output} is not {expected}")


def require_same_set(output, expected):
    """For several topics, between which there is no order."""
    with open(output, "rb") as got, open(expected, "rb") as wanted:
        if sorted(got) != sorted(wanted):
            raise Wrong(f"{output} has not the lines of {expected}")


def message_of_text(line):
    return line.split(b": ", 1)[1]


def message_of_json(line):
    return json.loads(line)["message"].encode() + b"\n"


def messages_of_xrange(output):
    """redis-cli prints an ID and 8 lines of fields for an entry."""
    for at, line in enumerate(output):
        if at % 9 == 4:
            yield line


class Once:
    """Checks an output's meaning once, and that the next ones are byte for byte the same."""

    def __init__(self, messages):
        self.messages = messages
        self.seen = None

    def require(self, output, expected):
        found = digest(output)
        if self.seen is None:
            with open(output, "rb") as got, open(expected, "rb") as wanted:
                if not same(self.messages(got), wanted):
                    raise Wrong(f"{output} has not the messages of {expected}")
            self.seen = found
        if found != self.seen:
            raise Wrong(f"{output} is not what it was before")


def same(one, other):
    end = object()
    one, other = iter(one), iter(other)
    while True:
        mine, its = next(one, end), next(other, end)
        if mine != its:
            return False
        if mine is end:
            return True
