"""What a publisher can send: whatever it is made of, twice as much must cost twice as much, in each tool and form."""
import fcntl
import json
import os
import pty
import struct
import subprocess
import termios

from figures import Row, alternate
from programs import Ready, Usage, Wrong, of_this_build, path, tool
from servers import new_topic, server

TALK = os.path.join(os.path.dirname(__file__), "../../scripts/chat")
SIZE = 1 << 20
MOST = 3.0  # times the CPU of half as much; square is 4
TRIES = 5  # of which the least counts, where one was too much

TEXTS = {
    "without a blank": "x",
    "blanks": " ",
    "words": "a ",
    "tabs": "\t",
    "mentions": "@ana ",
    "mentions without a blank": "@ana",
    "almost mentions": "@an",
    "wide": "漢",
    "combining": "\u0301",
    "joined": "\N{WOMAN}\u200d",
    "flags": "\N{REGIONAL INDICATOR SYMBOL LETTER D}",
    "from the right": "\u05d0",
    "both directions": "a\u05d0 1",
    "bidirectional controls": "\u202e",
    "isolates": "\u2067",
    "invisible": "\u200b",
    "links": "https://a.example/ ",
    "a link": "https://",
    "a long link": "https://a.example/?a=&b=(",
    "escapes": "\x1b[31m",
    "an unended escape": "\x1b]",
    "NUL": "\0",
    "quotes": '"',
    "backslashes": "\\",
    "braces": "{",
    "per cent": "%m",
    "newlines": "\n",
    "lines": "a\n",
    "no UTF-8": b"\xff",
    "halves of characters": b"\xf0\x9f",
}


# What repeats in a JSON object, and what stands before and behind it.
RECORDS = {
    "arrays in arrays": ('"a": ', "[", ""),
    "objects in objects": ('"a": ', '{"a":', ""),
    "nested, and closed": ('"a": ', "[[[[", "]]]]"),
    "many fields": ("", '"a": 1, ', '"b": 1'),
    "a field again and again": ("", '"message": "x", ', '"b": 1'),
    "a long number": ('"timestamp": ', "1", ""),
    "a long fraction": ('"timestamp": 1.', "1", ""),
    "a long name": ('"', "a", '": 1'),
    "a long user": ('"user": "', "a", '"'),
    "escaped": ('"message": "', "\\u00e4", '"'),
    "pairs": ('"message": "', "\\ud83d\\ude00", '"'),
    "blanks": ("", " ", '"a": 1'),
    "base64": ('"data": "', "QUFB", '"'),
    "a long publisher": ('"id": "1-1", "pub": "', "a", '-1"'),
    "without an end": ('"message": "', "a", ""),
}


def text_of(piece, size):
    piece = piece if isinstance(piece, bytes) else piece.encode()
    return piece * (size // len(piece))


def record_of(parts, size):
    before, piece, behind = parts
    count = size // len(piece)
    behind = behind * count if behind and set(behind) == {"]"} else behind
    return f'{{"user": "bo", "message": "x", "timestamp": 1, {before}{piece * count}{behind}}}'.encode()


def open_terminal():
    end, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    return end, terminal


def start(command, terminal=False, stdin=None, **options):
    """Returns the process, and the end where what it draws is read."""
    with open(stdin or os.devnull, "rb") as source, open(path("edge.errors"), "wb+") as errors:
        end, out = open_terminal() if terminal else (None, os.open(os.devnull, os.O_WRONLY))
        environment = {**os.environ, "TERM": "xterm-256color", "CHAT_USER": "ana"}
        environment.pop("NO_COLOR", None)
        process = subprocess.Popen(of_this_build(command), stdin=source, stdout=out, stderr=errors, env=environment,
                                   **options)
        os.close(out)
        return process, end


def ended(process, end, statuses=(0,)):
    """Returns the Usage; its memory is unknown here."""
    if end is not None:
        try:
            while os.read(end, 1 << 16):
                pass
        except OSError:
            pass  # EIO: nobody draws any more
        os.close(end)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in statuses:
        with open(path("edge.errors"), encoding="utf-8", errors="replace") as errors:
            raise Wrong(f"{process.args}: status {process.returncode}: {errors.read().strip()[:300]}")
    return Usage(0, usage.ru_utime + usage.ru_stime, 0)


def store(text):
    new_topic()
    server.xadd("chat:{bench}", {"user": "bo", "message": text, "timestamp": "1732400000", "pub": "p-1"},
                id="1732400000000-1")
    server.hset("chat:{bench}:info", mapping={"ms": "1732400000000", "n": "1"})


def shows(command, *options, **more):
    def prepare(text):
        store(text)
        return lambda: ended(*start([tool(command), *options], **more))

    return prepare


def replay(*options, **more):
    return shows("chat-replay", "bench", *options, **more)


class Drawn:
    """What a program draws on a terminal, which answers as terminals do."""
    def __init__(self, end):
        self.end = end
        self.rest = b""

    def wait_for(self, text):
        where = b"\x1b[6n"  # is the cursor?
        while text not in self.rest:
            before = self.rest[-100:]
            self.rest = before + os.read(self.end, 1 << 16)
            if where in self.rest[max(len(before) - len(where) + 1, 0):]:
                os.write(self.end, b"\x1b[1;1R")
        self.rest = self.rest.partition(text)[2]


def talk():
    """chat-talk, up to a message that it shows last."""
    def prepare(text):
        store(text)
        server.xadd("chat:{bench}", {"user": "bo", "message": "the end", "timestamp": "1732400000", "pub": "p-2"},
                    id="1732400000000-2")
        server.hset("chat:{bench}:info", "n", "2")

        def once():
            end, terminal = open_terminal()
            process = subprocess.Popen([TALK, "bench", "ana"], stdin=terminal, stdout=terminal, stderr=terminal,
                                       env={**os.environ, "TERM": "xterm-256color", "CHAT_BIN": os.path.dirname(tool("chat-pub"))})
            os.close(terminal)
            drawn = Drawn(end)
            drawn.wait_for(b"the end")
            drawn.wait_for(b"ana:")  # the prompt behind it: a key that comes before may be lost
            os.write(end, b"\x04")
            return ended(process, end)

        return once

    return prepare


def live(*options, **more):
    """What chat-sub hears, though no chat-pub says it, up to a message that it shows and ends with."""
    def prepare(payload):
        new_topic()

        def once():
            ready = Ready()
            running = start([tool("chat-sub"), "bench", "-n", "1", "--from-user", "end", "--ready-fd",
                             str(ready.writer), *options], pass_fds=[ready.writer], **more)
            ready.wait(1)
            server.publish("bench", payload)
            server.publish("bench", record({"user": "end"}))
            return ended(*running)

        return once

    return prepare


def publish(*options):
    def prepare(text):
        new_topic()
        with open(path("edge.in"), "wb") as file:
            file.write(text)
        command = [tool("chat-pub"), "bench", "--max-size", "256M", "-q", *options]
        return lambda: ended(*start(command, stdin=path("edge.in")), (0, 65))

    return prepare


def record(fields):
    return json.dumps({"message": "x", "timestamp": 1, **fields}, ensure_ascii=False).encode()


def said_by(user, form):
    return lambda text: form(record({"user": user, "message": text.decode(errors="replace")}))


ON_TERMINAL = ("--color", "always")
FORMS = {
    "chat-replay on a terminal": (TEXTS, replay(*ON_TERMINAL, terminal=True)),
    "chat-replay": (TEXTS, replay("--color", "never")),
    "chat-replay --json": (TEXTS, replay("--json")),
    "chat-replay --null": (TEXTS, replay("--null")),
    "chat-replay --raw": (TEXTS, replay("--raw")),
    "chat-replay --format": (TEXTS, replay("--format", "%u %m\\n")),
    "chat-replay --grep": (TEXTS, replay("--grep", "(?i)b+@?z", "--raw")),
    "chat-replay --exec": (TEXTS, replay("--exec", "cat >/dev/null")),
    "chat-topics": (TEXTS, shows("chat-topics")),
    "chat-topics --json": (TEXTS, shows("chat-topics", "--json")),
    "chat-talk": (TEXTS, talk()),
    "chat-sub on a terminal": (TEXTS, said_by("end", live(*ON_TERMINAL, terminal=True))),
    "chat-sub --json": (TEXTS, said_by("end", live("--json"))),
    "chat-sub hears other JSON": (RECORDS, live()),
    "chat-pub": (TEXTS, publish()),
    "chat-pub --null": (TEXTS, publish("--null")),
    "chat-pub --whole --tee": (TEXTS, publish("--whole", "--tee")),
    "chat-pub --json": (TEXTS, said_by("bo", publish("--json"))),
    "chat-pub --json, other JSON": (RECORDS, publish("--json")),
}


def least(once, tries):
    return min((once() for _ in range(tries)), key=lambda usage: usage.cpu_seconds)


def compare(prepare, make, pieces, tries=1):
    """Returns the Usage for SIZE bytes, and how many times that twice as much takes."""
    costs = [least(prepare(make(pieces, size)), tries) for size in (SIZE, 2 * SIZE)]
    return costs[0], costs[1].cpu_seconds / costs[0].cpu_seconds


def measure_edges(rounds):
    def row(name, contents, prepare):
        make = record_of if contents is RECORDS else text_of

        def once():
            worst, wrong = Usage(0, 0, 0), []
            for what, pieces in contents.items():
                usage, times = compare(prepare, make, pieces)
                if times > MOST:
                    usage, times = compare(prepare, make, pieces, TRIES)
                if times > MOST:
                    wrong.append(f"{what}: twice as much takes {times:.1f} times as long")
                worst = max(worst, usage, key=lambda usage: usage.cpu_seconds)
            if wrong:
                raise Wrong("; ".join(wrong))
            return worst.cpu_seconds * 1000, worst.memory_kib, worst.cpu_seconds

        return Row(name, "tool", once)

    return alternate("edges", "CPU for the worst of many messages of 1 MiB", "ms", rounds,
                     [row(name, *form) for name, form in FORMS.items()], False)
