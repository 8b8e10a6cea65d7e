"""Errors from outside: each exit code, what is said about it, and what must never be said."""

import re
import shlex
import socket
import subprocess
import time
from pathlib import Path

import pytest

from harness import LIMIT, program

NOBODY = "redis://127.0.0.1:1"  # a port that no other test's server takes
TOOLS = {
    "chat-pub": ["chat-pub", "topic1", "hi"],
    "chat-sub": ["chat-sub", "topic1", "--timeout", "1m", "-n", "1"],
    "chat-replay": ["chat-replay", "topic1"],
    "chat-topics": ["chat-topics"],
}
each_tool = pytest.mark.parametrize("tool", TOOLS)


@each_tool
def test_help_and_version_go_to_stdout_and_succeed(server, tool):
    text = server.run(tool, "--help").text
    assert tool in text and "--redis" in text and "--password-file" in text
    assert re.search(r"\d+\.\d+", server.run(tool, "--version").text)


@each_tool
def test_help_needs_no_redis(server, tool):
    server.run(tool, "--help", env={"REDIS_URL": "redis://127.0.0.1:1"})
    server.run(tool, "--help", env={"REDIS_URL": "nonsense"})


@each_tool
def test_an_unknown_option_is_wrong_usage(server, tool):
    done = server.run(*TOOLS[tool], "--frobnicate", code=64, err="frobnicate")
    assert done.out == b"" and done.err_text.startswith(f"{tool}: ")


BAD_URLS = {  # and what of it is named: never what may be a password
    "nonsense": "nonsense",
    "http://x": "http",
    "redis://host:99999": "99999|redis://host:",
    "redis://host:port": "redis://host:",
    "unix://": "unix://",
    "redis://h/x": "redis://h/x",
    "redis://host:secret@x:y": "redis://",
}


@each_tool
@pytest.mark.parametrize("url", BAD_URLS)
def test_a_bad_url_is_wrong_usage_and_named(server, tool, url):
    done = server.run(*TOOLS[tool], "--redis", url, code=64, err=BAD_URLS[url])
    assert b"secret" not in done.err
    done = server.run(*TOOLS[tool], code=64, err=BAD_URLS[url], env={"REDIS_URL": url})
    assert b"secret" not in done.err


@each_tool
def test_another_database_is_refused(server, tool):
    for url in (f"{server.url}?db=1", "redis://127.0.0.1:1/1"):
        server.run(*TOOLS[tool], "--redis", url, code=64, err="database|db")
    server.run("chat-topics", "--redis", f"{server.url}?db=0")


@each_tool
def test_nobody_there(server, tool):
    begin = time.monotonic()
    done = server.run(*TOOLS[tool], "--redis", NOBODY, code=69, err=re.escape(NOBODY.partition("://")[2]))
    assert time.monotonic() - begin < 30
    assert len(done.err_text.splitlines()) == 1 and done.err_text.startswith(f"{tool}: ")
    server.run(*TOOLS[tool], "--redis", "unix:///nonexistent/redis.sock", code=69, err="/nonexistent/redis.sock")
    server.run(*TOOLS[tool], "--redis", "redis://no-such-host.invalid", code=69, err="no-such-host.invalid")


@each_tool
def test_retry_for_waits_for_a_redis_that_comes(make_server, tool):
    server = make_server(tcp=True)
    server.pub("topic1", "x")
    server.kill9()
    run = server.start(*TOOLS[tool][:2], "--retry-for", "1m", *(["--last", "1", "-n", "1"] if tool == "chat-sub" else []))
    server.restart()
    if tool == "chat-sub":
        server.pub("topic1", "x")
    run.close_stdin()
    assert run.wait() == 0


@each_tool
def test_retry_for_passes_when_nobody_comes(server, tool):
    server.run(*TOOLS[tool], "--redis", NOBODY, "--retry-for", "100ms", code=69)


def test_somebody_there_who_never_answers(server):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        begin = time.monotonic()
        running = [server.start(*argv, "--redis", url) for argv in TOOLS.values()]
        for tool in running:
            tool.finish(code=69, err=re.escape(url.partition("://")[2]))
        assert time.monotonic() - begin < 30


def test_somebody_there_who_is_no_redis(server):
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(LIMIT)
        url = f"redis://127.0.0.1:{other.getsockname()[1]}"
        for greeting in (b"HTTP/1.0 400 Bad \x1b[31mRequest\r\n\r\n", b"\0" * 100, b"$99999999999\r\n", b"*-7\r\n"):
            run = server.start("chat-topics", "--redis", url)
            peer, _ = other.accept()
            peer.sendall(greeting)
            peer.close()
            assert run.wait() == 69
            assert b"\x1b" not in run.err.rest()


@pytest.mark.parametrize(
    "argv",
    [
        ["chat-pub", "topic1", "x"],
        ["chat-sub", "topic1", "--last", "1", "--timeout", "1m"],
        ["chat-replay", "topic1"],
        ["chat-replay", "topic1", "--group", "g"],
        ["chat-topics"],
    ],
)
@pytest.mark.parametrize("key", ["chat:{topic1}", "chat:{topic1}:info"])
def test_a_key_of_another_type_is_named(server, argv, key):
    with server.client() as client:
        client.set(key, "somebody else's")
    server.run(*argv, code=69, err=rf"WRONGTYPE .*{re.escape(key)}[ )].*another program")


# Logging in.


@pytest.fixture
def guarded(make_server):
    """A server with a password for the default user, and users with fewer rights."""
    server = make_server(tcp=True, requirepass="s3cret/@:")
    with server.client(password="s3cret/@:") as client:
        everything = "on ~* &* +@all".split()
        for user, rules in {
            "ann": [">pw", *everything],
            "mute": [">pw", *everything, "-evalsha", "-eval", "-publish"],
            "deaf": [">pw", *everything, "-subscribe"],
            "blind": [">pw", *everything, "-xrange", "-xrevrange", "-xread"],
            "outside": [">pw", "on", "~other:*", "&other:*", "+@all"],
            "off": [">pw", "off", "~*", "&*", "+@all"],
        }.items():
            client.execute_command("ACL", "SETUSER", user, *rules)
    return server


def address(server, login=""):
    return f"redis://{login}127.0.0.1:{server.port}"


@each_tool
def test_no_password(guarded, tool):
    guarded.run(*TOOLS[tool], code=77)


@each_tool
def test_a_wrong_password_is_never_said(guarded, tool):
    for url in (address(guarded, ":wr0ng-one@"), address(guarded, "ann:wr0ng-one@"), f"unix://:wr0ng-one@{guarded.socket}"):
        for option, env in ((["--redis", url], {}), ([], {"REDIS_URL": url})):
            done = guarded.run(*TOOLS[tool], *option, "-v", code=77, env=env)
            assert b"wr0ng" not in done.err + done.out
    guarded.run(*TOOLS[tool], code=77, env={"REDISCLI_AUTH": "wr0ng-one"})


def test_a_password_in_every_place(guarded):
    secret = guarded.home / "secret"
    secret.write_text("s3cret/@:\n")
    encoded = "s3cret%2F%40%3A"
    for option, env in (
        (["--redis", address(guarded, f":{encoded}@")], {}),
        (["--redis", address(guarded, f"default:{encoded}@")], {}),
        (["--redis", address(guarded, "ann:pw@")], {}),
        ([], {"REDIS_URL": address(guarded, f":{encoded}@")}),
        ([], {"REDISCLI_AUTH": "s3cret/@:"}),
        (["--password-file", str(secret)], {}),
        (["--password-file", str(secret)], {"REDISCLI_AUTH": "wrong"}),
        (["--password-file", str(secret)], {"REDIS_URL": address(guarded, ":wrong@")}),
        ([], {"REDIS_URL": address(guarded, f":{encoded}@"), "REDISCLI_AUTH": "wrong"}),
    ):
        guarded.run("chat-topics", "--names", *option, env=env)


def test_a_password_file_that_is_not_there(server):
    server.run("chat-topics", "--password-file", "/nonexistent/secret", code=73, err="/nonexistent/secret")


def test_no_password_in_the_list_of_processes(guarded):
    url = address(guarded, "ann:pw-hidden@")
    with guarded.client(password="s3cret/@:") as client:
        client.execute_command("ACL", "SETUSER", "ann", ">pw-hidden")
    for options in (["--redis", url], [f"--redis={url}"]):
        sub = guarded.follow("topic1", *options)
        line = Path(f"/proc/{sub.pid}/cmdline").read_bytes()
        assert b"chat-sub" in line and b"topic1" in line and b"pw-hidden" not in line
        sub.stop()


@pytest.mark.parametrize(
    "user, argv",
    [
        ("mute", ["chat-pub", "topic1", "hi"]),
        ("mute", ["chat-pub", "topic1", "--ephemeral", "hi"]),
        ("deaf", ["chat-sub", "topic1", "--timeout", "1m"]),
        ("blind", ["chat-replay", "topic1"]),
        ("outside", ["chat-pub", "topic1", "hi"]),
        ("outside", ["chat-sub", "topic1", "--timeout", "1m"]),
        ("outside", ["chat-replay", "topic1"]),
        ("outside", ["chat-topics", "set", "topic1", "--max-len", "1"]),
        ("off", ["chat-topics"]),
        ("nobody", ["chat-topics"]),
    ],
)
def test_no_permission(guarded, user, argv):
    guarded.run("chat-pub", "topic1", "there", env={"REDISCLI_AUTH": "s3cret/@:"})
    guarded.run(*argv, "--redis", address(guarded, f"{user}:pw@"), code=77)


def test_rights_that_do_suffice(guarded):
    """What a reader and a writer need at the least; the README says so."""
    with guarded.client(password="s3cret/@:") as client:
        client.execute_command("ACL", "SETUSER", "reader", "on", ">pw", "~chat:*", "&*", "+@read", "+@connection", "+@pubsub", "-publish", "+time", "+info")
    guarded.run("chat-pub", "topic1", "there", env={"REDISCLI_AUTH": "s3cret/@:"})
    url = address(guarded, "reader:pw@")
    assert guarded.replay("topic1", "--raw", "--redis", url) == ["there"]
    assert guarded.run("chat-sub", "topic1", "--last", "1", "-n", "1", "--raw", "--redis", url).text == "there\n"
    guarded.run("chat-pub", "topic1", "x", "--redis", url, code=77)


# Where Redis is.


def test_host_and_port_of_the_environment(make_server):
    server = make_server(tcp=True)
    for env in (
        {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(server.port)},
        {"REDIS_HOST": "localhost", "REDIS_PORT": str(server.port)},
        {"REDIS_PORT": f"tcp://127.0.0.1:{server.port}"},
        {"REDIS_URL": "", "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(server.port)},
    ):
        server.run("chat-pub", "topic1", "hi", env={"REDIS_URL": None, **env})
    assert len(server.messages()) == 4
    server.run("chat-topics", env={"REDIS_URL": None, "REDIS_HOST": "127.0.0.1", "REDIS_PORT": "many"}, code=64, err="many")


def test_the_option_wins_over_the_environment(make_server):
    server = make_server(tcp=True)
    env = {"REDIS_URL": "redis://127.0.0.1:1", "REDIS_HOST": "nowhere.invalid"}
    server.run("chat-pub", "topic1", "hi", "--redis", server.tcp_url, env=env)
    env = {"REDIS_URL": server.tcp_url, "REDIS_HOST": "nowhere.invalid", "REDIS_PORT": "1"}
    server.run("chat-pub", "topic1", "hi", env=env)
    assert len(server.messages()) == 2


# The other exit codes.


@pytest.mark.parametrize("tool", ["chat-pub", "chat-sub", "chat-replay"])
def test_a_topic_is_needed(server, tool):
    server.run(tool, code=64, input="x\n")


@pytest.mark.parametrize(
    "argv",
    [
        ["chat-pub", "topic1", "--rate", "0"],
        ["chat-pub", "topic1", "--rate", "-5"],
        ["chat-pub", "topic1", "--rate", "fast"],
        ["chat-pub", "topic1", "--max-size", "0"],
        ["chat-pub", "topic1", "--max-size", "huge"],
        ["chat-pub", "topic1", "--retry-for", "10"],
        ["chat-pub", "topic1", "--color", "blue"],
        ["chat-sub", "topic1", "--timeout", "soon"],
        ["chat-sub", "topic1", "--timeout", "5"],
        ["chat-sub", "topic1", "-n", "-3"],
        ["chat-sub", "topic1", "-n", "many"],
        ["chat-sub", "topic1", "--last", "few"],
        ["chat-sub", "topic1", "--since", "25:99"],
        ["chat-sub", "topic1", "--since", "2024-02-30"],
        ["chat-sub", "topic1", "--from", "1-2-3"],
        ["chat-sub", "topic1", "--user", "a\nb"],
        ["chat-sub", "topic1", "--ready-fd", "stdout"],
        ["chat-replay", "topic1", "topic2"],
        ["chat-replay", "topic1", "--from", "99999999999999999999"],
    ],
)
def test_wrong_usage_names_the_value(server, argv):
    done = server.run(*argv, code=64, input="x\n")
    assert done.err_text.startswith(f"{argv[0]}: ")
    assert argv[-1].replace("\n", "\\n") in done.err_text
    assert server.client().dbsize() == 0


@pytest.mark.parametrize(
    "argv",
    [
        ["chat-pub", "topic1", "--whole", "--null"],
        ["chat-pub", "topic1", "--whole", "--json"],
        ["chat-pub", "topic1", "--ephemeral", "--print-ids"],
        ["chat-sub", "topic1", "--from", "0", "--last", "3"],
        ["chat-sub", "topic1", "--since", "1h", "--last", "3"],
        ["chat-sub", "topic1", "--all"],
    ],
)
def test_options_that_exclude_each_other_are_named(server, argv):
    server.run(*argv, code=64, input="x\n", err=[arg for arg in argv if arg.startswith("--")][-1])
    assert server.client().dbsize() == 0


@pytest.mark.parametrize(
    "argv",
    [
        ["chat-replay", "topic1"],
        ["chat-sub", "topic1", "--last", "1", "-n", "1"],
        ["chat-topics"],
        ["chat-topics", "--json"],
        ["chat-pub", "topic1", "--print-ids", "x"],
        ["chat-pub", "--help"],
    ],
)
def test_a_full_disk_for_stdout(server, argv):
    server.pub("topic1", "a")
    with open("/dev/full", "w") as full:
        server.run(*argv, stdout=full, code=74, err="(?i)space")


def test_a_full_disk_for_tee(server):
    with open("/dev/full", "w") as full:
        server.run("chat-pub", "topic1", "--tee", input="x\n", stdout=full, code=74)
        many = "".join(f"{i}\n" for i in range(200_000))
        told = server.run("chat-pub", "topic1", "--tee", input=many, stdout=full, code=74, err=r"space.*nothing from record \d+ on").err_text
    assert int(re.search(r"record (\d+)", told)[1]) - 1 <= len(server.entries())


def test_a_closed_stdout_is_an_error_of_output(server):
    server.pub("topic1", "a")
    assert server.shell("chat-replay topic1 >&-", code=74)


def test_input_closed_from_the_start(server):
    code = server.shell("chat-pub topic1 <&-; echo $?", err="").text
    assert code in ("65\n", "0\n")
    server.shell("chat-pub topic1 words <&-")
    assert server.messages() == [b"words"]


def test_a_bound_on_an_outage_names_the_first_record(make_server):
    server = make_server()
    pub = server.start("chat-pub", "topic1", "--retry-for", "200ms", "--print-ids")
    pub.write("a\nb\n")
    pub.lines(2)
    server.kill9()
    pub.write("c\nd\n")
    pub.finish(code=75, err=r"\b3\b")


def test_a_reader_gives_up_on_an_outage_when_told_so(make_server):
    server = make_server()
    sub = server.follow("topic1", "--retry-for", "200ms")
    server.kill9()
    assert sub.wait() == 75


def test_a_full_redis_is_tried_again_and_given_up_on(make_server):
    server = make_server(maxmemory="2mb", maxmemory_policy="noeviction")
    with server.client() as client:
        with pytest.raises(Exception, match="OOM|memory"):
            for i in range(10000):
                client.set(f"fill{i}", "x" * 10000)
    server.run("chat-pub", "topic1", "--retry-for", "200ms", input="x\n", code=75)


def test_errors_are_never_success_when_the_server_dies(make_server):
    server = make_server()
    server.kill9()
    server.run("chat-pub", "topic1", "hi", code=69)


@each_tool
def test_quiet_and_verbose_are_known(server, tool):
    argv = TOOLS[tool][:2]
    if tool == "chat-sub":
        server.pub("topic1", "a")
        argv += ["--last", "1", "-n", "1"]
    server.run(*argv, "-q")
    done = server.run(*argv, "-v", err="")
    assert all(line.startswith(f"{tool}: ") for line in done.err_text.splitlines())


def test_home_and_user_are_not_needed(server):
    server.run("chat-pub", "topic1", "hi", env={"HOME": None, "PATH": None, "LC_ALL": None, "TZ": None, "TERM": None})
    server.run("chat-replay", "topic1", env={"HOME": None, "LC_ALL": "xx_YY", "TZ": "Nowhere/At_All"})


@each_tool
def test_help_fits_a_screen(server, tool):
    short, whole = server.run(tool, "-h").lines, server.run(tool, "--help").lines
    assert len(short) < 24 and len(whole) <= 60
    assert [line for line in short + whole if len(line) > 80] == []
    assert short[-1] == f"All options: {tool} --help"
    rows = [line for line in short + whole if line.startswith("  -")]
    for row in rows:
        assert re.fullmatch(r"  (-\S, )?-\S+( [A-Za-z|]+)?", row) or re.match(r"  (-\S, )?-\S+( [A-Za-z|]+)?  +\S", row), row
    assert set(line for line in short if line.startswith("  -")) < set(whole)


def test_help_of_each_command(server):
    for command in ("list", "add", "set", "rm", "who"):
        lines = server.run("chat-topics", command, "--help").lines
        assert lines[0].startswith(f"Usage: chat-topics {command} [OPTION]...")
        assert len(lines) <= 24
        assert [line for line in lines if len(line) > 80] == []
        assert any(line.startswith(f"Example: chat-topics {command} ") for line in lines)


def test_words_that_people_try(server):
    assert server.run("chat-topics", "ls").text == server.run("chat-topics", "list").text
    server.run("chat-topics", "create", "mine", "--max-len", "5")
    assert "mine" in server.run("chat-topics", "ls", "--names").lines
    server.run("chat-topics", "delete", "mine", "--purge")
    assert "mine" not in server.run("chat-topics", "--names").lines
    assert server.run("chat-topics", "help").text == server.run("chat-topics", "--help").text
    assert server.run("chat-topics", "help", "add").text == server.run("chat-topics", "add", "--help").text
    server.store("topic1", "a")
    for option in ("-f", "--follow"):
        assert server.run("chat-sub", option, "topic1", "--last", "1", "-n", "1", "--raw").text == "a\n"


def test_what_was_meant_is_said(server):
    for name in ("a.txt", "b.txt"):
        (server.home / name).write_text("")
    hint = "these are files: a pattern wants quotes"
    server.run("chat-sub", "a.txt", "b.txt", code=66, err=hint)
    server.run("chat-topics", "a.txt", "b.txt", code=64, err=hint)
    assert hint not in server.run("chat-sub", "a.txt", "c.txt", code=66).err_text
    server.run("chat-pub", "hello", "topic1", code=66, err="no topic \"hello\".*TOPIC comes first: chat-pub topic1 MESSAGE")
    assert "TOPIC comes first" not in server.run("chat-pub", "hello", "there", code=66).err_text
    for tool in ("chat-sub", "chat-replay", "chat-pub"):
        server.run(tool, "help", code=66, err='no topic "help"; --help shows how to use this')


def test_where_nobody_listens_the_default_address_has_a_hint(server):
    """Whether a Redis is at the default address doesn't matter in a name space without a network."""
    if subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no right to make a name space")
    up = ["unshare", "--net", "/bin/sh", "-c", 'ip link set lo up 2>/dev/null; exec "$@"', "-"]
    done = server.run("/usr/bin/env", *up, program("chat-topics"), env={"REDIS_URL": None}, code=69)
    if "refused" in done.err_text:
        assert done.err_text.endswith("Connection refused; is one running? --redis or $REDIS_URL name another\n")
    assert "is one running" not in server.run("chat-topics", "--redis", NOBODY, code=69).err_text


WRONG = {  # what is typed: what must be said of it
    "chat-pub topic1 hi --user": "--user wants a value: NAME",
    "chat-pub topic1 hi --use ana": "unknown option --use: did you mean --user?",
    "chat-pub topic1 hi --import x": "unknown option --import: did you mean --import-id?",
    "chat-pub topic1 hi --max-size 5X": '--max-size: must be bytes, also as 64K or 16M, at most 256M, not "5X"',
    "chat-pub topic1 hi --max-size 1G": '--max-size: must be bytes, also as 64K or 16M, at most 256M, not "1G"',
    "chat-pub topic1 hi --rate 0": '--rate: must be a number from 0.001 to 1000000000, not "0"',
    "chat-pub topic1 hi --wait all": '--wait: must be a whole number from 0 to 4294967295, not "all"',
    "chat-pub topic1 hi --import-id ''": "--import-id: must not be empty; is a variable not set?",
    "chat-pub topic1 --null --whole": "--null and --whole exclude each other",
    "chat-sub topic1 --last 5 --since 1h": "--last and --since exclude each other",
    "chat-sub topic1 --ready-fd x": '--ready-fd: must be a whole number from 0 to 1048576, not "x"',
    "chat-replay": "TOPIC is required; usage: chat-replay [OPTION]... TOPIC",
    "chat-replay topic1 topic2": 'unexpected argument "topic2"; usage: chat-replay [OPTION]... TOPIC',
    "chat-replay topic1 --cursor ''": "--cursor: must not be empty; is a variable not set?",
    "chat-replay topic1 --exec ''": "--exec: must not be empty; is a variable not set?",
    "chat-replay topic1 --speed fast": '--speed: must be a number from 0.001 to 1000000, not "fast"',
    "chat-topics adl x": '"adl" is neither a command nor a topic: did you mean add?',
    "chat-topics watch": '"watch" is neither a command nor a topic: did you mean chat-topics --watch?',
    "chat-topics users": '"users" is neither a command nor a topic: did you mean chat-topics who?',
    "chat-topics topic1 rm": "TOPIC is required: did you mean chat-topics rm topic1?",
    "chat-pub -h localhost topic1 hi": "-h is for help; what names a server is --redis redis://localhost:6379",
    "chat-sub -h 127.0.0.1": "-h is for help; what names a server is --redis redis://127.0.0.1:6379",
    "chat-sub topic1 --since today 9:00": "--since: a time of two words wants quotes: --since 'today 9:00'",
    "chat-replay topic1 --until=2026-11-25 14:03": "--until: a time of two words wants quotes: --until '2026-11-25 14:03'",
    "chat-topics topic": '"topic" is neither a command nor a topic: did you mean topic1, topic2 or topic3?',
    "chat-topics add": "TOPIC is required; usage: chat-topics add [OPTION]... TOPIC",
    "chat-topics add -x": "unknown option -x; try 'chat-topics add --help'",
    "chat-pub topic1 -hello": "unknown option -hello; what begins with - and is no option stands behind --",
    "chat-topics list --wach": "unknown option --wach: did you mean --watch?",
    "chat-sub topic1 --json=no": "--json takes no value",
    "chat-sub topic1 --json=banana": "--json takes no value",
    "chat-topics list --names=false": "--names takes no value",
    "chat-topics add x y": 'unexpected argument "y": add, set and rm take one topic at a time',
    "chat-topics set topic1 --max-len -3": '--max-len: must be a whole number from 0 to 9007199254740992, not "-3"',
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_usage_is_told_as_compilers_do(server, line):
    done = server.run(*shlex.split(line), code=64)
    assert done.err_text == f"{line.split()[0]}: {WRONG[line]}\n"
    assert done.out == b""
