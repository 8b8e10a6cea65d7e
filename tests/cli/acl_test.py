"""scripts/acl: each role can do its work and nothing else."""

import hashlib
import subprocess

import pytest
import redis

from cluster import Cluster
from harness import LIMIT, SOURCE, Server

MINE = ["mine", "team/*"]
TOPICS = ["mine", "team/a", "other", "mine.failed"]
ROLES = {
    "pub": ["publisher"],
    "sub": ["reader"],
    "work": ["--dead-letter", "mine.failed", "worker"],
    "boss": ["admin"],
    "both": ["publisher,admin"],
    "talk": ["publisher,reader"],
}


def acl(*arguments, input="pw\n", code=0):
    done = subprocess.run([SOURCE / "scripts/acl", *arguments], input=input, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture(scope="module")
def ruled(tmp_path_factory):
    """A server whose redis.conf has a user of each role."""
    lines = []
    for user, role in ROLES.items():
        lines.append(acl("--password-file", "-", *role, user, *MINE).stdout)
    lines.append(acl("--password-file", "-", "reader", "all", "*").stdout)
    file = tmp_path_factory.mktemp("acl") / "users.acl"
    file.write_text("user default on nopass ~* &* +@all\n" + "".join(lines))
    server = Server(tcp=True, aclfile=file)
    yield server
    server.close()


@pytest.fixture
def server(ruled):
    ruled.reset()
    for topic in TOPICS:
        ruled.run("chat-topics", "add", topic)
    yield ruled
    ruled.reset()


def as_(server, user):
    return ["--redis", f"redis://{user}:pw@127.0.0.1:{server.port}"]


def refused(server, user, *argv, **options):
    """Redis refuses it, and the error tells the way out."""
    done = server.run(*argv, *as_(server, user), code=77, err="man redis-chat-server", **options)
    assert "pw" not in done.err_text
    return done


def test_what_the_script_may_not_do_is_not_done_twice(server):
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "lame", "on", ">pw", "~*", "&*", "+@all", "-set")
        refused(server, "lame", "chat-pub", "mine", "once")
        client.execute_command("ACL", "DELUSER", "lame")
    assert server.replay("mine", "--raw") in ([], ["once"])


# Each can do its work.


def test_a_publisher(server):
    me = as_(server, "pub")
    sub = server.follow("mine", "--raw")
    server.run("chat-pub", "mine", "--print-ids", *me, input="a\nb\n")
    server.run("chat-pub", "mine", "--import-id", "i", *me, input="c\n")
    server.run("chat-pub", "mine", "--import-id", "i", *me, input="c\nd\n")
    assert sub.lines(4) == list("abcd")
    server.run("chat-pub", "mine", "--ephemeral", *me, input="e\n")
    assert sub.line() == "e"  # on its own: it has no place among the stored ones
    server.run("chat-pub", "mine", "--json", *me, input='{"message": "f", "data": "//8="}\n')
    assert server.messages("mine") == [b"a", b"b", b"c", b"d", b"\xff\xff"]
    assert server.client().keys("*:pub:*") == []
    server.run("chat-pub", "team/a", "hi", *me)
    server.run("chat-pub", "mine", "--wait", "1", "--retry-for", "100ms", "x", *me, code=75, err="0 of 1 replicas|in time")


def test_a_publisher_after_retention_and_a_foreign_entry(server):
    server.run("chat-topics", "set", "mine", "--max-len", "3", "--max-age", "1h")
    server.client().xadd("chat:{mine}", {"message": "ahead"}, id=f"{2**45}-9")
    server.run("chat-pub", "mine", *as_(server, "pub"), input="".join(f"{i}\n" for i in range(9)), err="keeps only its last 3")
    assert server.messages("mine") == [b"6", b"7", b"8"]


def test_a_reader(server):
    me = as_(server, "sub")
    server.pub("mine", "a", "b", "c")
    assert server.replay("mine", "--raw", *me) == ["a", "b", "c"]
    assert server.replay("mine", "--raw", "--reverse", "--last", "2", *me) == ["c", "b"]
    assert server.replay("mine", "--raw", "--cursor", "cursor", "--exec", "cat", *me) == ["a", "b", "c"]
    for options in (["--last", "3"], ["--since", "1h"], ["--from", "0-1"]):
        assert server.run("chat-sub", "mine", "--raw", *options, "-n", "3", *me).lines == ["a", "b", "c"]
    sub = server.follow("mine", "team/a", "--raw", "--user", "ana", *me)
    server.pub("mine", "live", user="ben")
    assert sub.line() == "live"
    assert server.run("chat-topics", "who", "mine", *me).text == "ana\n"
    sub.stop()
    assert "mine" in server.run("chat-topics", "--names", *me).text
    assert "team/a" in server.run("chat-topics", "team/*", *me).text


def test_a_reader_of_all(server):
    me = as_(server, "all")
    sub = server.follow("--all", "--raw", "--user", "ana", *me)
    server.pub("other", "hi", user="ben")
    assert sub.line() == "hi"
    server.run("chat-topics", "add", "new")
    server.pub("new", "here", user="ben")
    assert sub.line() == "here"
    assert "other" in server.run("chat-topics", *me).text
    assert "other\tana" in server.run("chat-topics", "who", *me).text
    sub.stop()


def test_a_worker(server):
    me = as_(server, "work")
    server.pub("mine", "a", "bad", "c")
    work = ["chat-replay", "mine", "--group", "g", "--raw", "--exec", "read -r x; [ $x != bad ] && echo $x", "--retries", "1"]
    assert server.run(*work, "--dead-letter", "mine.failed", *me, err="put aside").lines == ["a", "c"]
    assert server.messages("mine.failed") == [b"bad"]
    server.pub("mine", "d", "e")
    assert server.run("chat-replay", "mine", "--group", "g", "--raw", "-n", "1", *me).lines == ["d"]
    left = server.start("chat-replay", "mine", "--group", "g", "--exec", "cat; sleep 60", "--consumer", "c", *me)
    left.line()
    left.kill()
    taken = server.run("chat-replay", "mine", "--group", "g", "--raw", "--claim-after", "1ms", *me)
    assert taken.lines == ["e"]
    server.run("chat-replay", "mine", "--raw", "--cursor", "c", "--exec", "false", "--retries", "0", "--dead-letter", "mine.failed", *me, err="")


def test_an_administrator(server):
    me = as_(server, "boss")
    server.run("chat-topics", "add", "team/new", "--max-len", "9", "--description", "x", *me)
    server.pub("team/new", "a")
    server.run("chat-topics", "set", "team/new", "--max-len", "10000", "--max-age", "1h", *me)
    server.run("chat-topics", "set", "team/new", "--max-len", "5", *me)
    assert "team/new" in server.run("chat-topics", "--names", *me).text
    server.run("chat-topics", "rm", "team/new", "--purge", *me)
    server.run("chat-topics", "rm", "mine", *me)
    server.run("chat-topics", "add", "mine", *me)


def test_roles_together(server):
    server.run("chat-pub", "team/made", "--create", "hi", *as_(server, "both"))
    assert server.replay("team/made", "--raw", *as_(server, "talk")) == ["hi"]
    server.run("chat-pub", "team/made", "ho", *as_(server, "talk"))


# And no other.


def test_another_topic_is_refused(server):
    server.pub("other", "secret")
    assert "chat:{other}:info" in refused(server, "pub", "chat-pub", "other", "x").err_text
    refused(server, "pub", "chat-pub", "other", "--ephemeral", "x")
    refused(server, "sub", "chat-sub", "other")
    refused(server, "sub", "chat-sub", "--all")
    refused(server, "sub", "chat-replay", "other")
    refused(server, "work", "chat-replay", "other", "--group", "g")
    refused(server, "work", "chat-replay", "mine", "--dead-letter", "other", "--exec", "false")
    for change in (["add"], ["set", "--max-len", "1"], ["rm"]):
        refused(server, "boss", "chat-topics", *change, "other")
    assert server.messages("other") == [b"secret"]


def test_another_role_is_refused(server):
    server.pub("mine", "a")
    refused(server, "sub", "chat-pub", "mine", "x")
    refused(server, "sub", "chat-pub", "mine", "--ephemeral", "x")
    refused(server, "work", "chat-pub", "mine", "x")
    refused(server, "boss", "chat-pub", "mine", "x")
    for user in ("pub",):
        refused(server, user, "chat-replay", "mine")
        refused(server, user, "chat-sub", "mine")
        refused(server, user, "chat-topics", "who", "mine")
    for user in ("sub", "pub", "boss"):
        refused(server, user, "chat-replay", "mine", "--group", "g")
    for user in ("sub", "pub", "work"):
        for change in (["add", "team/x"], ["set", "mine", "--max-len", "1"], ["rm", "mine"]):
            refused(server, user, "chat-topics", *change)
    assert server.messages("mine") == [b"a"]


COMMANDS = [
    "FLUSHALL", "FLUSHDB", "KEYS *", "SCAN 0", "CONFIG GET *", "CONFIG SET maxmemory 1", "SHUTDOWN NOSAVE", "MONITOR", "CLIENT LIST", "CLIENT KILL ID 1", "ACL LIST", "ACL SETUSER x on", "INFO", "DBSIZE", "SAVE", "BGSAVE",
    "REPLICAOF NO ONE", "SCRIPT FLUSH", "FUNCTION LIST", "MODULE LIST", "PSUBSCRIBE *",
    "XRANGE chat:{other} - +", "XADD chat:{other} * message x", "XLEN chat:{other}", "HGETALL chat:{other}:info",
    "XREAD STREAMS chat:{other} 0", "SUBSCRIBE other", "PUBLISH other x", "SPUBLISH other x", "SUBSCRIBE chat:{other}:user:ana",
    "GET chat:{other}:pub:x", "SET chat:{other}:pub:x 1", "DEL chat:{mine}", "SET chat:{mine} x", "RENAME chat:{mine} x",
    "HSET chat:{other}:info max_len 1", "UNLINK chat:{other}", "EVAL return(1) 1 chat:{other}", "SET free x", "GET free",
    "HGET chat:{mine.}:info n", "XRANGE chat:{mine - +", "DUMP chat:{mine}", "COPY chat:{mine} x", "OBJECT FREQ chat:{mine}",
]  # fmt: skip


@pytest.mark.parametrize("user", ROLES)
def test_commands_outside_of_all_roles(server, user):
    with redis.Redis(port=server.port, username=user, password="pw", socket_timeout=LIMIT) as client:
        for command in COMMANDS:
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*command.split())
                pytest.fail(f"{user} may {command}")
    assert server.client().ping()


OF_ONE_ROLE = {
    "pub": ["XADD chat:{mine} 1-1 message x", "XTRIM chat:{mine} MAXLEN 9", "HSET chat:{mine}:info n 0", "PUBLISH mine x", "SPUBLISH mine x"],
    "work": ["XGROUP CREATE chat:{mine} g 0 MKSTREAM", "XGROUP DELCONSUMER chat:{mine} g c", "XPENDING chat:{mine} g"],
    "boss": ["HSET chat:topics x present", "XTRIM chat:{mine} MAXLEN 9", "UNLINK chat:{mine}", "EVAL return(1) 0"],
    "sub": ["XRANGE chat:{mine} - +", "PUBSUB NUMSUB mine", "READONLY"],
}


@pytest.mark.parametrize("user", OF_ONE_ROLE)
def test_commands_of_one_role(server, user):
    """What is allowed is as documented; and those that write are refused to a reader."""
    for command in OF_ONE_ROLE[user]:
        with redis.Redis(port=server.port, username=user, password="pw", socket_timeout=LIMIT) as client:
            try:
                client.execute_command(*command.split())
            except redis.exceptions.NoPermissionError as error:
                pytest.fail(f"{user} may not {command}: {error}")
            except redis.exceptions.ResponseError as error:
                assert "cluster" in str(error), command
        if user == "sub":
            continue
        with redis.Redis(port=server.port, username="sub", password="pw", socket_timeout=LIMIT) as client:
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*command.split())
                pytest.fail(f"a reader may {command}")


def test_a_script_of_ones_own_has_no_more_rights(server):
    script = "return redis.call('XRANGE', KEYS[1], '-', '+')"
    with redis.Redis(port=server.port, username="pub", password="pw") as client:
        sha = client.script_load(script)
        with pytest.raises(redis.exceptions.ResponseError, match="(?i)acl|permission|can't run"):
            client.evalsha(sha, 1, "chat:{mine}")
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.evalsha(sha, 1, "chat:{other}")


def test_the_index_of_topics_can_be_read_and_not_written(server):
    for user in ("pub", "sub", "work"):
        with redis.Redis(port=server.port, username=user, password="pw") as client:
            assert b"mine" in client.hgetall("chat:topics")
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.hset("chat:topics", "x", "removed")


# The script itself.


def test_the_password_comes_from_a_file_and_only_its_hash_goes_out(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("s3cret \nnot this")
    line = acl("--password-file", secret, "reader", "ana", "mine").stdout
    assert "s3cret" not in line and line.count("\n") == 1
    assert f" #{hashlib.sha256(b's3cret ').hexdigest()} " in line
    assert acl("--password-file", "-", "reader", "ana", "mine", input="s3cret ").stdout == line
    acl("--password-file", tmp_path / "missing", "reader", "ana", "mine", code=73)


def test_the_placeholder_keeps_redis_from_starting(make_server, tmp_path):
    file = tmp_path / "users.acl"
    file.write_text(acl("reader", "ana", "mine").stdout)
    with pytest.raises(AssertionError, match="(?i)error"):
        make_server(aclfile=file)


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["reader"], "needed"),
        (["king", "ana", "mine"], "'king'"),
        (["reader", "a b", "mine"], "'a b'"),
        (["reader", "ana", "mi ne"], "'mi ne'"),
        (["reader", "ana", "mine +@all"], "'mine"),
        (["reader", "ana", "chat:topics"], "'chat:topics'"),
        (["--frob", "reader", "ana", "mine"], "'--frob'"),
    ],
)
def test_wrong_usage(arguments, said):
    done = acl(*arguments, code=64)
    assert said in done.stderr and done.stdout == ""


def test_the_line_works_in_redis_conf(make_server):
    line = acl("--password-file", "-", "reader", "ana", "mine").stdout
    server = make_server()
    conf = server.folder / "redis.conf"
    conf.write_text(line)
    server.kill9()
    server.options["include"] = conf
    server.restart()
    assert server.client(username="ana", password="pw").xlen("chat:{mine}") == 0


# In a cluster the same rights do.


def test_each_role_in_a_cluster():
    cluster = Cluster(masters=3, replicas=1)
    try:
        for user, role in ROLES.items():
            rules = acl("--password-file", "-", *role, user, *MINE).stdout.split()[1:]
            for port in cluster.ports:
                cluster.client(port).execute_command("ACL", "SETUSER", *rules)
        for topic in TOPICS:
            cluster.run("chat-topics", "add", topic)

        def me(user):
            return ["--redis", cluster.url.replace("redis://", f"redis://{user}:pw@")]

        sub = cluster.follow("mine", "team/*", "--format", "%t %m", "--user", "ana", *me("sub"))
        cluster.run("chat-pub", "mine", "--wait", "1", "one", *me("pub"))
        cluster.run("chat-pub", "team/a", "two", "--ephemeral", *me("pub"))
        assert sorted(sub.lines(2)) == ["mine one", "team/a two"]
        assert cluster.run("chat-topics", "who", "mine", *me("sub")).text == "ana\n"
        assert cluster.replay("mine", "--raw", "--read-from", "replica", *me("sub")) == ["one"]
        cluster.run("chat-topics", "add", "team/new", *me("boss"))
        cluster.run("chat-pub", "team/new", "three", *me("pub"))
        assert sub.line() == "team/new three"
        cluster.run("chat-topics", "rm", "team/new", "--purge", *me("boss"))
        done = cluster.run("chat-replay", "mine", "--group", "g", "--exec", "false", "--retries", "0", "--dead-letter", "mine.failed", *me("work"), err="put aside")
        assert done.out == b""
        assert cluster.replay("mine.failed", "--raw") == ["one"]
        cluster.run("chat-pub", "other", "x", *me("pub"), code=77, err="man redis-chat-server")
        cluster.run("chat-replay", "mine", *me("pub"), code=77, err="man redis-chat-server")
    finally:
        cluster.close()
