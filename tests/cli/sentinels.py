"""Redis with replicas, watched over by sentinels: real ones, and one that says what a test wants."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

import redis

from harness import LIMIT, REDIS_SERVER, Server, Stream, Tools, free_port, until_true
from proxy import Proxy

NAME = "watched"
PATIENT, QUICK = 3_600_000, 1000  # ms: a server that is silent for so long is down; the second while a test wants that
FAILOVER = 180.0  # seconds: a sentinel that was stopped for 2 does nothing for the next 30


class Sentinel:
    """A sentinel process. `log` is what it prints: its events."""

    def __init__(self, master_port):
        self.folder = Path(tempfile.mkdtemp(prefix="chat-"))
        self.port = free_port()
        config = self.folder / "sentinel.conf"
        config.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n"
            f"sentinel monitor {NAME} 127.0.0.1 {master_port} 2\n"
            f"sentinel down-after-milliseconds {NAME} {PATIENT}\n"
            f"sentinel failover-timeout {NAME} 2000\n"
        )
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", REDIS_SERVER, config, "--sentinel"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.log = Stream(os.dup(self.process.stdout.fileno()))
        self.process.stdout.close()
        self.log.until(r"\+monitor master")

    def wait_for_others(self, replicas, sentinels):
        seen = rf"(?s)(?=(.*\+slave slave){{{replicas}}})(?=(.*\+sentinel sentinel){{{sentinels}}})"
        self.log.until(seen)

    def take_for_dead_after(self, milliseconds):
        with redis.Redis(port=self.port, socket_timeout=LIMIT) as client:
            client.execute_command("SENTINEL", "SET", NAME, "down-after-milliseconds", milliseconds)

    def wait_for_switch(self):
        self.log.until(rf"\+switch-master {NAME} \S+ \d+ \S+ \d+", FAILOVER)

    def named(self):
        """The port of the master that it names."""
        with redis.Redis(port=self.port, socket_timeout=LIMIT) as client:
            return int(client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)[1])

    def kill9(self):
        self.process.kill()
        self.process.wait(LIMIT)

    def close(self):
        self.kill9()
        shutil.rmtree(self.folder, ignore_errors=True)


class Watched(Tools):
    """A master, its replica, a replica of that one, and three sentinels, and the tools that find the master through
    them. The second follows the first, since what only one of two has is lost if the sentinels choose the other. With
    `proxies` each server is reached by all others and by the tools through one of these alone."""

    def __init__(self, proxies=False):
        with contextlib.ExitStack() as stack:
            self.servers, self.proxies, self.ports = [], [], []
            for _ in range(3):
                options = {"repl_diskless_sync_delay": "0"}
                if self.ports:
                    options["replicaof"] = f"127.0.0.1 {self.ports[-1]}"
                if proxies:
                    self.proxies.append(stack.enter_context(Proxy(None)))
                    options["replica_announce_port"] = self.proxies[-1].port
                self.servers.append(Server(tcp=True, **options))
                stack.callback(self.servers[-1].close)
                if proxies:
                    self.proxies[-1].target = self.servers[-1].port
                if self.ports:
                    self.servers[-1].log.until("(?i)finished with success")
                self.ports.append(self.proxies[-1].port if proxies else self.servers[-1].port)
            self.sentinels = []
            for _ in range(3):
                self.sentinels.append(Sentinel(self.ports[0]))
                stack.callback(self.sentinels[-1].close)
            for sentinel in self.sentinels:
                sentinel.wait_for_others(1, 2)
            self.cleanup = stack.pop_all()
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        super().__init__(f"redis-sentinel://{hosts}/{NAME}", self.servers[0].home)
        self.master = self.servers[0]

    def wait_for_switch(self):
        """Returns the new master when all sentinels name it. Only meanwhile are they quick to take a server for dead:
        one that is only slow keeps its place."""
        for sentinel in self.sentinels:
            sentinel.take_for_dead_after(QUICK)
        for sentinel in self.sentinels:
            sentinel.wait_for_switch()
        for sentinel in self.sentinels:
            sentinel.take_for_dead_after(PATIENT)
        until_true(lambda: len({sentinel.named() for sentinel in self.sentinels}) == 1)
        self.master = self.servers[self.ports.index(self.sentinels[0].named())]
        return self.master

    def close(self):
        super().close()
        self.cleanup.close()


class FakeSentinel:
    """Answers HELLO as a sentinel, AUTH if there is a `password`, and the question for the master with `addresses`,
    one after the other, the last one again and again: a port of 127.0.0.1, None for "no such master", "hang"."""

    def __init__(self, *addresses, password=None):
        self.addresses = list(addresses)
        self.password = password
        self.heard = []  # commands, as lists of arguments
        self.asked = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.place = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        known = self.password is None
        with contextlib.suppress(OSError), peer, peer.makefile("rwb", buffering=0) as file:
            while header := file.readline():
                if not header.startswith(b"*"):
                    return
                command = []
                for _ in range(int(header[1:])):
                    size = int(file.readline()[1:])
                    command.append(file.read(size + 2)[:-2].decode())
                self.heard.append(command)
                known = known or command == ["AUTH", self.password]
                answer = self._answer(command) if known else b"-NOAUTH Authentication required.\r\n"
                if answer is not None:
                    file.write(answer)

    def _answer(self, command):
        if command[0] == "AUTH":
            return b"+OK\r\n"
        if command[0] == "HELLO":
            return b"*2\r\n$4\r\nmode\r\n$8\r\nsentinel\r\n"
        assert [word.lower() for word in command] == ["sentinel", "get-master-addr-by-name", NAME]
        address = self.addresses[min(self.asked, len(self.addresses) - 1)]
        self.asked += 1
        if address == "hang":
            return None
        if address is None:
            return b"*-1\r\n"
        return b"*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%d\r\n" % (len(str(address)), address)


def url_of(*fakes):
    return f"redis-sentinel://{','.join(fake.place for fake in fakes)}/{NAME}"


def without_ports(text):
    return re.sub(r"127\.0\.0\.1:\d+", "HOST", text)
