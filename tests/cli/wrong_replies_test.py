"""Whatever a server answers, no tool crashes, hangs, drives the terminal or fills the memory: each reply of each tool's
exchange is replaced by other shapes, one at a time, at once, late, in pieces, or again and again without end.
$CHAT_WRONG_REPLIES=all tries every shape in every place (minutes); else each place gets a few, others in the next
place."""

import asyncio
import itertools
import logging
import os
import re
import resource

from harness import LIMIT, environment, exit_code, program, sanitized

ENTRY = b"*2\r\n$%d\r\n%b\r\n*2\r\n$7\r\nmessage\r\n$3\r\nbad\r\n"
SHAPES = {
    "nil": b"$-1\r\n",
    "nil array": b"*-1\r\n",
    "empty array": b"*0\r\n",
    "array of a nil": b"*1\r\n$-1\r\n",
    "array of six nils": b"*6\r\n" + b"$-1\r\n" * 6,
    "nested arrays": b"*1\r\n*1\r\n*1\r\n*1\r\n*0\r\n",
    "huge integer": b":9223372036854775807\r\n",
    "negative integer": b":-9223372036854775808\r\n",
    "status": b"+OK\r\n",
    "controls in a status": b"+\x1b]0;bad\x07\x9b31m\r\n",
    "error": b"-ERR \x1b]0;bad\x07\r\n",
    "temporary error": b"-LOADING \x1b[31m\r\n",
    "unknown error": b"-\r\n",
    "empty bulk": b"$0\r\n\r\n",
    "short bulk": b"$1\r\nx\r\n",
    "long bulk": b"$70000\r\n" + b"\x1b[2J7 " * 11666 + b"\x1b[2J\r\n",
    "array of integers": b"*6\r\n" + b":-7\r\n" * 6,
    "wrong map": b"*4\r\n$4\r\nmode\r\n:7\r\n*0\r\n$-1\r\n",
    "array of errors": b"*2\r\n-ERR a\r\n-ERR b\r\n",
    "entry without an ID": b"*1\r\n*2\r\n$-1\r\n*0\r\n",
    "entry 0-0": b"*1\r\n" + ENTRY % (3, b"0-0"),
    "entry of the end of time": b"*1\r\n" + ENTRY % (41, b"18446744073709551615-18446744073709551615"),
    "push": b"*3\r\n$7\r\nmessage\r\n$6\r\ntopic1\r\n$3\r\n{\x1b}\r\n",
    "no reply": b"HTTP/1.1 400 Bad Request\r\n\r\n",
}
MANNERS = ["at once", "late", "in pieces", "without end"]
ALL = os.environ.get("CHAT_WRONG_REPLIES") == "all"
EVERY = 1 if ALL else 8
PLACES = 1000 if ALL else 20  # then the topics repeat themselves
AT_ONCE = 6
LATE = 0.05  # seconds; all else is there at once
MEMORY = 64 << 10  # KiB

CODES = {0, 64, 65, 66, 69, 75, 76, 77, 124}
CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]")

PUB = ("chat-pub", "made", "--user", "ana", "--retry-for", "1s")
SUB = ("chat-sub", "topic1", "--timeout", "2s", "--retry-for", "1s", "--last", "2", "-n", "2")
REPLAY = ("chat-replay", "topic1", "--retry-for", "1s")
TOPICS = ("chat-topics", "--retry-for", "1s")
EXCHANGES = [
    PUB, (*PUB, "--ephemeral"), (*PUB, "--print-ids"), ("chat-pub", "new{run}", "--create", *PUB[2:]),
    SUB, ("chat-sub", "--all", *SUB[2:]),
    REPLAY, (*REPLAY, "--reverse"), (*REPLAY, "--cursor", "cursor{run}"), (*REPLAY, "--group", "group{run}"),
    (*TOPICS, "list"), (*TOPICS, "list", "--json"), (*TOPICS, "who", "topic1"), (*TOPICS, "add", "add{run}"),
    (*TOPICS, "set", "made", "--max-len", "50"), (*TOPICS, "rm", "remove{run}"),
]  # fmt: skip


def end_of(data, at=0):
    """Where the reply that begins there ends; None when it is not all there."""
    line = data.find(b"\r\n", at)
    if line < 0:
        return None
    size = int(data[at + 1 : line]) if data[at : at + 1] in b"$*" else 0
    end = line + 2
    if data[at : at + 1] == b"$" and size >= 0:
        end += size + 2
    for _ in range(size if data[at : at + 1] == b"*" else 0):
        if end is not None:
            end = end_of(data, end)
    return end if end is not None and end <= len(data) else None


async def look_through(stream):
    """Returns how it begins, and the first raw control byte with what stands before it. Nothing else is kept: a tool
    may print without end, and what this program takes would count as its children's."""
    begin, before = b"", b""
    raw = None
    while data := await stream.read(1 << 16):
        begin = begin or data[:500]
        found = CONTROL.search(before[-1:] + data)
        raw = raw or (found and (before + data)[-200:])
        before = data
    return begin, raw


class Run:
    """One run of a tool through a relay that puts `shape` in the place of the reply with this number, in this manner."""

    numbers = itertools.count()

    def __init__(self, server, argv, place=None, shape=None, manner=None):
        self.number = next(Run.numbers)
        self.server, self.place, self.shape, self.manner = server, place, shape, manner
        self.argv = [word.format(run=self.number) for word in argv]
        self.replies = 0

    async def relay(self, reader, writer):
        upstream, downstream = await asyncio.open_unix_connection(str(self.server.socket))
        await asyncio.gather(self.commands(reader, downstream), self.answers(upstream, writer))

    async def commands(self, reader, downstream):
        try:
            while data := await reader.read(1 << 16):
                downstream.write(data)
        except OSError:
            pass
        downstream.close()

    async def answers(self, upstream, writer):
        rest = b""
        try:
            while (data := await upstream.read(1 << 16)) and not writer.is_closing():
                rest += data
                while end := end_of(rest):
                    reply, rest = rest[:end], rest[end:]
                    self.replies += 1
                    if self.replies - 1 == self.place:
                        await self.answer(writer, SHAPES[self.shape])
                    else:
                        writer.write(reply)
        except OSError:
            pass
        writer.close()

    async def answer(self, writer, data):
        if self.manner == "late":
            await asyncio.sleep(LATE)
        first = min(len(data), 64) if self.manner == "in pieces" else 0
        for i in range(first):
            writer.write(data[i : i + 1])
            await asyncio.sleep(0)
        writer.write(data[first:])
        while self.manner == "without end" and not writer.is_closing():  # until the tool has gone
            writer.write(data)
            await writer.drain()
            await asyncio.sleep(0)

    async def run(self):
        path = str(self.server.folder / f"r{self.number}")
        relay = await asyncio.start_unix_server(self.relay, path)
        env = environment(f"unix://{path}", self.server.home)
        process = await asyncio.create_subprocess_exec(
            program(self.argv[0]), *self.argv[1:], env=env, cwd=self.server.home,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        process.stdin.write(b"one\ntwo\n")
        process.stdin.close()
        printed = [look_through(stream) for stream in (process.stdout, process.stderr)]
        try:
            (out, raw), (err, raw_error) = await asyncio.wait_for(asyncio.gather(*printed), LIMIT)
            code = exit_code(await process.wait())
        except asyncio.TimeoutError:
            process.kill()
            return self.told(f"still runs after {LIMIT} s")
        finally:
            relay.close()
        if code not in CODES:
            return self.told(f"exit {code}: {err!r}")
        if raw or raw_error:
            return self.told(f"raw {raw or raw_error!r} in {out + err!r}")
        return None

    def told(self, what):
        return f"{' '.join(self.argv)}: {self.shape} {self.manner} as reply {self.place}: {what}"


def prepare(server, runs):
    with server.client() as client, client.pipeline() as pipe:
        for run in runs:
            if "rm" in run.argv:
                pipe.hset("chat:topics", f"remove{run.number}", "present")
                pipe.hset(f"chat:{{remove{run.number}}}:info", mapping={"ms": 0, "n": 0})
        pipe.execute()


async def all_of(runs):
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(run):
        async with slots:
            return await run.run()

    return [told for told in await asyncio.gather(*map(one, runs)) if told]


logging.getLogger("asyncio").setLevel(logging.ERROR)  # it tells of each write to a tool that has gone, and all is kept


def test_no_reply_of_another_shape_breaks_a_tool(server):
    server.store("topic1", "one", "two", "three")
    server.store("made", "one")
    plain = [Run(server, argv) for argv in EXCHANGES]
    prepare(server, plain)
    assert asyncio.run(all_of(plain)) == []
    # A chat-pub waits for the replies to its greeting and to its message, not for what comes behind them.
    assert [run.argv for run in plain if run.replies < 2] == []
    places = [(run.argv, argv, place) for run, argv in zip(plain, EXCHANGES) for place in range(min(run.replies, PLACES))]
    runs = [
        Run(server, argv, place, shape, MANNERS[(i + j // EVERY) % len(MANNERS)])
        for i, (_, argv, place) in enumerate(places)
        for j, shape in enumerate(SHAPES)
        if (i + j) % EVERY == 0
    ]
    prepare(server, runs)
    told = asyncio.run(all_of(runs))
    assert told == [], "\n".join([f"{len(told)} of {len(runs)}", *told[:20]])
    if not sanitized():
        assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < MEMORY


def test_a_worker_that_leaves_is_not_held_by_a_list_without_end(server):
    """What it still has is asked for in parts, until there is no more."""
    server.store("topic1", "one", "two", "three")
    (argv,) = (argv for argv in EXCHANGES if "--group" in argv)
    whole = Run(server, argv)
    assert asyncio.run(all_of([whole])) == []
    last = range(whole.replies - 6, whole.replies)
    runs = [Run(server, argv, place, shape, "without end") for place in last for shape in ("push", "array of errors")]
    assert asyncio.run(all_of(runs)) == []
