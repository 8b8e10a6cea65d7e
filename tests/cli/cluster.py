"""A private Redis Cluster made by scripts/cluster, whose nodes can be killed, paused, brought back and resharded."""

import os
import re
import signal
import subprocess
import tempfile
from pathlib import Path

import redis

from faults import text
from harness import LIMIT, REDIS_SERVER, SOURCE, Running, Tools, environment, free_port, until_true


LONG = 180.0
PATIENT, QUICK = 60_000, 2000  # ms: a node that is silent for so long has failed; the second while a test wants that
TOPICS = ("topic1", "topic2", "topic3")  # each on another node


class Node:
    """A line of CLUSTER NODES."""

    def __init__(self, line):
        self.id, address, flags, self.master, *_ = words = line.split()
        self.port = int(address.split("@")[0].rsplit(":")[-1])
        self.flags = flags.split(",")
        self.spans = [span.split("-") for span in words[8:] if not span.startswith("[")]

    def serves(self, slot):
        return any(int(span[0]) <= slot <= int(span[-1]) for span in self.spans)


class Cluster(Tools):
    """`options` are those of scripts/cluster."""

    def __init__(self, **options):
        self.temporary = tempfile.TemporaryDirectory(prefix="chat-")
        home = Path(self.temporary.name)
        super().__init__("", home)
        arguments = [word for name, value in {"timeout": PATIENT, **options}.items() for word in (f"--{name}", value)]
        # The program ends when its input does.
        self.script = Running(
            [str(SOURCE / "scripts/cluster"), *arguments, "sh", "-c", 'echo "$CHAT_CLUSTER"; echo "$REDIS_URL"; exec cat'],
            environment(None, home),
        )
        self.folder = Path(self.script.line(LONG))
        self.url = self.script.line()
        self.ports = [int(folder.name) for folder in self.folder.iterdir()]

    def end_tools(self):
        super().close()

    def close(self):
        self.end_tools()
        self.script.close_stdin()
        self.script.wait()
        self.temporary.cleanup()

    def keep_all(self, *topics):
        for topic in topics:
            self.run("chat-topics", "set", topic, "--max-len", 0)

    def flood(self, topic, messages, *options):
        """A publisher under way."""
        path = self.home / f"{topic}.in"
        path.write_bytes(text(messages))
        with path.open("rb") as file:
            return self.start("chat-pub", topic, "--user", "ana", *options, stdin=file)

    def client(self, port):
        return redis.Redis(port=port, socket_timeout=LIMIT, retry=None, decode_responses=True)

    def ask(self, port, *command):
        """By redis-cli, as redis-py's versions parse the CLUSTER commands' replies in different ways. None when the
        node doesn't answer, or with an error."""
        done = self.cli(port, *command)
        return done.stdout.strip() if done.returncode == 0 else None

    def cli(self, port, *command):
        argv = ["redis-cli", "-p", str(port), "-e", *map(str, command)]
        return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT)

    def up(self):
        return [port for port in self.ports if self.is_running(port)]

    def pid(self, port):
        return int((self.folder / str(port) / "redis.pid").read_text())

    def is_running(self, port):
        try:
            os.kill(self.pid(port), 0)
            return Path(REDIS_SERVER).name.encode() in Path(f"/proc/{self.pid(port)}/cmdline").read_bytes()
        except (OSError, ValueError):
            return False

    def nodes(self, asked=None):
        """The nodes as one of them knows them."""
        return [Node(line) for line in self.ask(asked or self.up()[0], "CLUSTER", "NODES").splitlines()]

    def id(self, port):
        return self.ask(port, "CLUSTER", "MYID")

    def master_of(self, topic, asked=None):
        """The port of the master that serves a topic, as a node sees it."""
        port = asked or self.up()[0]
        slot = int(self.ask(port, "CLUSTER", "KEYSLOT", topic))
        return next(node.port for node in self.nodes(port) if node.serves(slot))

    def replicas_of(self, port):
        return [node.port for node in self.nodes(port) if node.master == self.id(port) and "fail" not in node.flags]

    def kill9(self, port):
        os.kill(self.pid(port), signal.SIGKILL)
        until_true(lambda: not self.is_running(port))

    def restart(self, port):
        folder = self.folder / str(port)
        argv = [REDIS_SERVER, folder / "redis.conf"]
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
        until_true(lambda: self.ask(port, "PING") == "PONG")

    def pause(self, port):
        os.kill(self.pid(port), signal.SIGSTOP)

    def resume(self, port):
        os.kill(self.pid(port), signal.SIGCONT)

    def wait_for_failover(self, topic, old):
        """Waits until all nodes that run see another master serve the topic; returns it. Only meanwhile are they quick
        to take a node for dead: one that is only slow keeps its place."""
        others = [port for port in self.up() if port != old]
        self.take_for_dead_after(QUICK, others)

        def well(port):
            failed = [node.port for node in self.nodes(port) if "fail" in node.flags]
            return self.master_of(topic, port) != old and not set(failed) & set(others)

        until_true(lambda: all(map(well, others)), LONG)
        self.take_for_dead_after(PATIENT, others)
        return self.master_of(topic, others[0])

    def take_for_dead_after(self, timeout, ports):
        for port in ports:
            assert self.ask(port, "CONFIG", "SET", "cluster-node-timeout", timeout) == "OK"

    def wait_for_replica(self, port):
        """Waits until a node follows a master and has all of its data."""

        def follows():
            said = self.ask(port, "INFO", "replication") or ""
            return "role:slave" in said and "master_link_status:up" in said

        until_true(follows, 60)

    def announce(self, node, port):
        """Lets clients connect to a node by another port."""
        self.ask(node, "CONFIG", "SET", "cluster-announce-port", port)
        until_true(lambda: all(str(port) in self.ask(other, "CLUSTER", "SLOTS").split() for other in self.up()), 60)

    def move_slot(self, topic, target):
        """Moves a topic's slot, with all its keys, to another master."""
        source = self.master_of(topic)
        slot = self.ask(source, "CLUSTER", "KEYSLOT", topic)
        target_id = self.id(target)
        assert self.ask(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", self.id(source)) == "OK"
        assert self.ask(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", target_id) == "OK"

        said = []

        def empty():
            keys = self.ask(source, "CLUSTER", "GETKEYSINSLOT", slot, 100).splitlines()
            if keys:  # REPLACE: a try that broke off has left copies there
                done = self.cli(source, "MIGRATE", "127.0.0.1", target, "", 0, 10000, "REPLACE", "KEYS", *keys)
                said[:] = [done.stdout.strip(), *keys]
            return not keys

        until_true(empty, 60, lambda: said)
        masters = [node.port for node in self.nodes() if "master" in node.flags and "fail" not in node.flags]
        for port in (target, source, *masters):
            self.ask(port, "CLUSTER", "SETSLOT", slot, "NODE", target_id)
        until_true(lambda: all(self.master_of(topic, port) == target for port in self.up()), 60)

    def add_master(self):
        """A node more, without slots; returns its port."""
        known = self.up()[0]
        config = (self.folder / str(known) / "redis.conf").read_text()
        port, bus = free_port(), free_port()
        old_bus = re.search(r"cluster-port (\d+)", config)[1]
        config = config.replace(str(self.folder / str(known)), str(self.folder / str(port)))
        config = config.replace(f"port {known}\n", f"port {port}\n").replace(old_bus, str(bus))
        folder = self.folder / str(port)
        folder.mkdir()
        (folder / "redis.conf").write_text(config)
        self.ports.append(port)
        self.restart(port)
        self.ask(known, "CLUSTER", "MEET", "127.0.0.1", port, bus)
        ids = {self.id(other) for other in self.up()}

        def met(other):
            return {node.id for node in self.nodes(other) if "handshake" not in node.flags} == ids

        until_true(lambda: all(met(other) for other in self.up()), 60)
        # One that is told to import a slot before it knows whose it was never learns that.
        until_true(lambda: "cluster_state:ok" in self.ask(port, "CLUSTER", "INFO"), 60)
        return port
