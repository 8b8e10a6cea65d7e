"""TLS: nobody but the right server is talked to, and all works through it as without."""

import contextlib
from pathlib import Path

import pytest

from certificates import Authority
from faults import LONG, SOAK, dice, lines, same, text, wait_for_bytes
from harness import Server, free_port, until_true
from proxy import TO_CLIENT, TO_SERVER, Proxy
from sentinels import NAME, FakeSentinel

COUNT = 200_000 if SOAK else 30_000
TOOLS = {
    "chat-pub": ["chat-pub", "topic1", "hi"],
    "chat-sub": ["chat-sub", "topic1", "--last", "1", "-n", "1"],
    "chat-replay": ["chat-replay", "topic1"],
    "chat-topics": ["chat-topics"],
}
each_tool = pytest.mark.parametrize("tool", TOOLS)
PATIENT = ("--retry-for", "1h")  # a slow server is asked again


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def make_tls(authority):
    """make_tls(files of the certificate, **options): a server whose tools trust the authority."""
    with contextlib.ExitStack() as servers:

        def make(files=None, **options):
            port = free_port()
            server = Server(tls_port=port, **authority.options(*(files or authority.server), **options))
            servers.callback(server.close)
            server.tls_port = port
            server.tls_url = f"rediss://localhost:{port}"
            server.tls = ["--redis", server.tls_url, "--cacert", authority.cert]
            return server

        yield make


@each_tool
def test_what_to_install_is_told_where_openssl_is_missing(server, tool, tmp_path):
    (tmp_path / "libssl.so.3").touch()
    server.pub("topic1", "hi")
    for scheme, end in (("rediss", ""), ("rediss-sentinel", "/m")):
        url = f"{scheme}://localhost:{free_port()}{end}"
        server.run(*TOOLS[tool], "--redis", url, "--retry-for", "10s", code=64, env={"LD_LIBRARY_PATH": str(tmp_path)},
                   err=r"rediss:// needs OpenSSL's library \(package libssl3\): .*libssl")  # fmt: skip
    server.run(*TOOLS[tool], "--redis", server.url, env={"LD_LIBRARY_PATH": str(tmp_path)})  # nobody else needs it


@each_tool
def test_the_right_server(make_tls, tool):
    server = make_tls()
    server.pub("topic1", "hi")
    server.run(*TOOLS[tool], *server.tls)
    by_address = f"rediss://127.0.0.1:{server.tls_port}"
    server.run(*TOOLS[tool], "--redis", by_address, env={"REDIS_TLS_CACERT": server.tls[3]})
    server.run(*TOOLS[tool], "--redis", by_address, env={"SSL_CERT_FILE": server.tls[3]})


# What is wrong with a certificate is told, and nothing is said to such a server.


def refused(server, why, *options, code=69):
    run = server.start("chat-pub", "topic1", "hi", *PATIENT, *(options or server.tls), env={"REDISCLI_AUTH": "s3cret"})
    run.finish(code, err=why)
    (line,) = bytes(run.err.all).decode().splitlines()
    assert "localhost" in line and "s3cret" not in line
    assert server.entries() == []


def test_an_expired_certificate(make_tls, authority):
    refused(make_tls(authority.sign("expired", "DNS:localhost", days="0")), r"rediss://localhost:\d+ has expired")


def test_a_certificate_for_another_host(make_tls, authority):
    refused(make_tls(authority.sign("other", "DNS:other.example")), 'rediss://localhost.* is not for "localhost"')
    server = make_tls(authority.sign("name", "DNS:localhost"))
    url = f"rediss://127.0.0.1:{server.tls_port}"
    server.run("chat-pub", "topic1", "hi", *server.tls, "--redis", url, code=69, err='is not for "127.0.0.1"')


def test_a_certificate_that_names_the_host_only_as_its_subject(make_tls, authority):
    refused(make_tls(authority.sign("localhost", "email:nobody@example.org")), 'rediss://localhost.* is not for "localhost"')


def test_a_message_larger_than_the_socket_takes(make_tls):
    server = make_tls()
    text = "y" * 20_000_000
    server.run("chat-pub", "topic1", "--whole", "--max-size", "64M", *server.tls, input=text)
    assert server.run("chat-replay", "topic1", "--raw", *server.tls).text == text + "\n"


def test_an_unknown_authority(make_tls, tmp_path):
    server = make_tls()
    unknown = r"is signed by nobody that is trusted here \(.*--cacert"
    refused(server, unknown, "--redis", server.tls_url)  # the system's authorities
    refused(server, unknown, "--redis", server.tls_url, "--cacert", Authority(tmp_path, "somebody").cert)


def test_a_server_without_tls(make_server):
    server = make_server(tcp=True)
    server.run("chat-topics", "--redis", f"rediss://127.0.0.1:{server.port}", code=69, err="no TLS there|TLS")


def test_tls_1_1_is_refused(make_tls):
    server = make_tls(tls_protocols="TLSv1.1", tls_ciphers="ALL:@SECLEVEL=0")
    server.run("chat-topics", *server.tls, code=69, err="TLS handshake failed.*version")


@pytest.mark.parametrize("protocols", ["TLSv1.2", "TLSv1.3"])
def test_a_server_that_wants_a_certificate(make_tls, authority, tmp_path, protocols):
    server = make_tls(tls_auth_clients="yes", tls_protocols=protocols)
    refused(server, r"wants a certificate: give --cert and --key", code=77)
    stranger = Authority(tmp_path, "stranger").sign("unknown", "DNS:client")
    refused(server, "refuses the certificate", *server.tls, "--cert", stranger[0], "--key", stranger[1], code=77)
    cert, key = authority.sign("client", "DNS:client")
    server.run("chat-pub", "topic1", "hi", *server.tls, "--cert", cert, "--key", key)
    server.run("chat-replay", "topic1", *server.tls, env={"REDIS_TLS_CERT": str(cert), "REDIS_TLS_KEY": str(key)})
    assert server.messages() == [b"hi"]


# Wrong usage.


def test_files_that_cannot_be_used(server, authority, tmp_path):
    nonsense = tmp_path / "nonsense"
    nonsense.write_text("no certificate")
    locked = tmp_path / "locked.key"
    cert, key = authority.server
    Authority._openssl("ec", "-in", key, "-aes128", "-passout", "pass:x", "-out", locked)
    tls = ["chat-topics", "--redis", f"rediss://localhost:{free_port()}"]
    server.run(*tls, "--cacert", tmp_path / "missing", code=73, err="missing.*No such file")
    server.run(*tls, "--cacert", nonsense, code=73, err="nonsense")
    server.run(*tls, "--cert", nonsense, "--key", key, code=73, err="nonsense")
    server.run(*tls, "--cert", cert, "--key", nonsense, code=73, err="nonsense")
    server.run(*tls, "--cert", cert, "--key", authority.key, code=73, err="key.*mismatch")
    server.run(*tls, "--cert", cert, "--key", locked, code=73, err="locked.key")


def test_options_that_do_not_fit(server):
    server.run("chat-topics", "--cacert", "x", code=64, err="--cacert.*rediss://")
    for option in ("--cert", "--key"):
        server.run("chat-topics", "--redis", "rediss://localhost", option, "x", code=64, err="belong together")


# All works as without.


def test_much_at_once_and_large_messages(make_tls):
    """More than a TLS record, a socket's buffer and a read take: what OpenSSL holds back must not be waited for."""
    server = make_tls()
    server.run("chat-topics", "set", "topic1", "--max-len", "0")
    messages = [*lines(COUNT, dice()), *(f"{i} {'y' * size}" for i, size in enumerate((16_383, 16_384, 16_385, 100_000, 900_000)))]
    expected = text(messages)
    sub = server.follow("topic1", "--raw", *server.tls)
    server.run("chat-pub", "topic1", *server.tls, input=expected, limit=LONG)
    wait_for_bytes(sub.out, len(expected), LONG)
    same(bytes(sub.out.all), expected, "chat-sub")
    sub.stop()
    same(server.run("chat-replay", "topic1", "--raw", *server.tls, limit=LONG).out, expected, "chat-replay")
    server.run("chat-pub", "topic2", "--ephemeral", *server.tls, input=text(messages[:1000]))


def test_the_server_is_killed_under_load(make_tls):
    server = make_tls(appendonly="yes", appendfsync="always")
    server.run("chat-topics", "set", "topic1", "--max-len", "0")
    expected = text(lines(COUNT, dice()))
    path = server.home / "input"
    path.write_bytes(expected)
    sub = server.follow("topic1", "--raw", *server.tls)
    with path.open("rb") as file:
        pub = server.start("chat-pub", "topic1", *PATIENT, *server.tls, stdin=file)
    for part in (3, 2):
        wait_for_bytes(sub.out, len(expected) // part, LONG)
        server.kill9()
        server.restart()
    pub.finish(0, err="", limit=LONG)
    wait_for_bytes(sub.out, len(expected), LONG)
    same(bytes(sub.out.all), expected, "chat-sub")
    sub.stop()
    same(server.run("chat-replay", "topic1", "--raw", *server.tls, limit=LONG).out, expected, "the history")


def test_a_cut_at_each_part_of_the_handshake(make_tls):
    server = make_tls()
    with Proxy(server.tls_port) as proxy:
        way = [*server.tls, "--redis", proxy.url.replace("redis://", "rediss://")]
        server.run("chat-pub", "topic1", "whole", *way)
        size = proxy.passed[TO_CLIENT]
        for at in range(0, size, size // 20):
            taken = proxy.taken
            proxy.cut_after(at, TO_CLIENT)
            run = server.start("chat-pub", "topic1", f"m{at}", *PATIENT, *way)
            proxy.wait_for(lambda proxy: proxy.taken > taken)
            proxy.cut_after(None, TO_CLIENT)
            run.finish(0, err="")
    assert sorted(server.messages()) == sorted([b"whole", *(b"m%d" % at for at in range(0, size, size // 20))])


def test_a_server_that_hangs_in_the_handshake(make_tls):
    server = make_tls()
    server.stop_process()
    server.run("chat-topics", *server.tls, code=69, err="no answer to TLS in time")
    with Proxy(server.tls_port) as proxy:
        waiting = server.start("chat-topics", *server.tls, "--redis", proxy.url.replace("redis://", "rediss://"), *PATIENT)
        proxy.wait_for(lambda proxy: proxy.passed[TO_SERVER])
        waiting.stop()
    server.continue_process()


def test_sentinel_through_tls(make_tls, make_server):
    server = make_tls()
    with FakeSentinel(server.tls_port) as plain:
        url = f"rediss-sentinel://{plain.place}/{NAME}"
        server.run("chat-topics", "--redis", url, *server.tls[2:], code=69, err="sentinel.*TLS")
        assert plain.heard == []


def test_the_nodes_of_a_cluster_through_tls(make_tls):
    server = make_tls(cluster_enabled="yes", cluster_port=free_port(), tls_cluster="yes")
    with server.client() as client:
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        until_true(lambda: b"cluster_state:ok" in client.execute_command("CLUSTER", "INFO", NEVER_DECODE=[]))
    sub = server.start("chat-sub", "topic1", "topic2", "--raw", *server.tls, ready=True).wait_ready()
    server.run("chat-pub", "topic1", "hi", *server.tls)
    assert sub.line() == "hi"
    assert "topic1" in server.run("chat-topics", *server.tls).text
    sub.stop()


def test_no_secret_is_shown(make_tls):
    server = make_tls(requirepass="s3cret")
    url = server.tls_url.replace("//", "//:s3cret@")
    run = server.start("chat-sub", "topic1", "--redis", url, *server.tls[2:], "-v", ready=True).wait_ready()
    assert b"s3cret" not in Path(f"/proc/{run.pid}/cmdline").read_bytes()
    server.kill9()
    run.err.until("lost Redis.*")
    server.restart()
    run.err.until("back at Redis")
    assert "s3cret" not in run.stop().err_text
    server.run("chat-topics", "--redis", url.replace("s3cret", "wr0ng"), *server.tls[2:], code=77, err="refused the login")


# The way for builds without TLS.
