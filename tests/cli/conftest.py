import contextlib

import pytest

from harness import BIN, Server


def pytest_sessionstart():
    """Without the programs hundreds of tests would say so, one by one."""
    missing = [tool for tool in ("chat-pub", "chat-sub", "chat-replay", "chat-topics") if not (BIN / tool).exists()]
    if missing:
        pytest.exit(f"not built in {BIN.resolve()} ($CHAT_BIN): {', '.join(missing)}", returncode=1)


@pytest.fixture(scope="module")
def shared_server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def server(shared_server):
    """A Redis as new. It is one process for all tests of a file, so tests that change its configuration,
    stop it or kill it take make_server instead."""
    shared_server.reset()
    yield shared_server
    shared_server.reset()


@pytest.fixture
def make_server():
    """make_server(tcp=False, **options) starts a server for this test alone."""
    with contextlib.ExitStack() as servers:

        def make(tcp=False, **options):
            server = Server(tcp, **options)
            servers.callback(server.close)
            return server

        yield make
