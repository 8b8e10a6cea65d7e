"""Readers when the history that they read becomes another one."""

import subprocess

import pytest

from harness import until_true
from proxy import TO_SERVER, Proxy


@pytest.mark.parametrize("late", [1, 10])
@pytest.mark.parametrize("reader", ["last", "follow", "cursor"])
def test_a_late_writer_on_the_old_master_hides_nothing(make_server, reader, late):
    old, new = make_server(tcp=True), make_server(tcp=True)
    old.pub("topic1", "a1", "a2", "a3")
    with new.client() as client:
        client.execute_command("REPLICAOF", "127.0.0.1", old.port)
        until_true(lambda: len(client.xrange("chat:{topic1}")) == 3)
        client.execute_command("REPLICAOF", "NO", "ONE")
    new.pub("topic1", *(f"new{i}" for i in range(5)))
    fresh = [*(f"new{i}" for i in range(5)), "after"]
    lines = [f"late{i}" for i in range(late)]
    gone = rf"older history: {late} messages? up to \S+-{3 + late} "
    if reader == "cursor":
        old.pub("topic1", *lines)
        cursor = ["chat-replay", "topic1", "--raw", "--cursor", old.home / "cursor"]
        assert old.run(*cursor).lines == ["a1", "a2", "a3", *lines]
        new.pub("topic1", "after")
        assert old.run(*cursor, "--redis", new.url, err=gone).lines == fresh
        return
    with Proxy(old.socket) as proxy:
        if reader == "last":
            run = old.follow("topic1", "--raw", "--last", "3", "--redis", proxy.url)
        else:
            run = old.start("chat-replay", "topic1", "--raw", "--follow", "--redis", proxy.url)
        assert run.lines(3) == ["a1", "a2", "a3"]
        old.pub("topic1", *lines)
        assert run.lines(late) == lines
        before = proxy.passed[TO_SERVER]
        proxy.wait_for(lambda proxy: proxy.passed[TO_SERVER] > before)  # its pulse reads the stream
        new.pub("topic1", "after")
        proxy.target = new.socket
        proxy.cut()
        assert run.lines(6) == fresh
        run.err.until(gone)
        run.stop()


def older_history(make_server, before, gone, new):
    """A server with so many messages, and another one that has the first ones, and others after them from earlier."""
    one, other = make_server(tcp=True), make_server(tcp=True)
    one.pub("topic1", *(f"before{i}" for i in range(before)))
    with other.client() as client:
        client.execute_command("REPLICAOF", "127.0.0.1", one.port)
        until_true(lambda: len(client.xrange("chat:{topic1}")) == before)
        client.execute_command("REPLICAOF", "NO", "ONE")
    other.pub("topic1", *(f"new{i}" for i in range(new)))
    one.pub("topic1", *(f"gone{i}" for i in range(gone)))
    return one, other


@pytest.mark.parametrize("command", [(), ("--exec", "cat")])
@pytest.mark.parametrize("new", [5, 10, 12])
def test_a_cursor_goes_on_in_an_older_history_with_a_slower_clock(make_server, command, new):
    """The new messages' numbers are below the cursor's."""
    one, other = older_history(make_server, 20, 10, new)
    cursor = ["chat-replay", "topic1", "--raw", "--strict", "--cursor", one.home / "cursor", *command]
    assert len(one.run(*cursor).lines) == 30
    done = one.run(*cursor, "--redis", other.url, code=76, err=r"older history: 10 messages up to \S+-30 ")
    assert done.lines == [f"new{i}" for i in range(new)]
    assert one.run(*cursor, "--redis", other.url).lines == []


@pytest.mark.parametrize("tool", ["sub", "cursor"])
@pytest.mark.parametrize("new", [5, 10, 12])
def test_a_running_reader_goes_on_in_an_older_history_with_a_slower_clock(make_server, new, tool):
    one, other = older_history(make_server, 20, 10, new)
    with Proxy(one.socket) as proxy:
        if tool == "sub":
            run = one.follow("topic1", "--raw", "--last", "30", "--redis", proxy.url)
        else:
            cursor = ["chat-replay", "topic1", "--raw", "--cursor", one.home / "cursor"]
            run = one.start(*cursor, "--follow", "--redis", proxy.url)
        assert len(run.lines(30)) == 30
        proxy.target = other.socket
        proxy.cut()
        assert run.lines(new) == [f"new{i}" for i in range(new)]
        run.err.until(r"older history: 10 messages up to \S+-30 ")
        other.pub("topic1", "after")
        assert run.line() == "after"
        assert "lost" not in run.stop().err_text.replace("lost Redis", "")
    if tool == "cursor":
        other.pub("topic1", "later")
        assert one.run(*cursor, "--redis", other.url).lines == ["later"]


@pytest.mark.parametrize("wait", [(), ("--wait", "1")])
def test_a_paused_masters_last_push_is_shown_once_or_told(make_server, wait):
    """It was taken over, and runs and pushes what lay in its socket when it wakes up."""
    old, new = make_server(tcp=True), make_server(tcp=True)
    with new.client() as client, Proxy(old.socket) as to_read, Proxy(old.socket) as to_write:
        client.execute_command("REPLICAOF", "127.0.0.1", old.port)
        if wait:
            make_server(replicaof=f"127.0.0.1 {new.port}")
        sub = old.follow("topic1", "--raw", "--redis", to_read.url)
        pub = old.start("chat-pub", "topic1", *wait, "--redis", to_write.url, stdin=subprocess.PIPE)
        pub.write("before\n")
        assert sub.line() == "before"
        until_true(lambda: len(client.xrange("chat:{topic1}")) == 1)
        client.execute_command("REPLICAOF", "NO", "ONE")
        lines = [f"new{i}" for i in range(300)]
        new.pub("topic1", *lines)
        old.stop_process()
        sent = to_write.passed[TO_SERVER]
        pub.write("buffered\n")
        to_write.wait_for(lambda proxy: proxy.passed[TO_SERVER] > sent)
        to_write.target = to_read.target = new.socket
        old.continue_process()
        assert sub.line() == "buffered"
        pub.close_stdin()
        assert pub.wait() == 0  # with --wait it was sent to the next master, since no replica has it
        to_read.cut()
        assert sub.lines(300) == lines
        if not wait:
            sub.err.until(r"older history: 1 message up to \S+-2 ")
        new.pub("topic1", "after")
        assert sub.line() == "after"
        told = sub.stop().err_text
        assert ("older history" in told) == (not wait)
        assert new.messages().count(b"buffered") == len(wait[:1])


def test_a_cursor_that_left_the_history_long_ago_leaves_nothing_out(make_server):
    one, other = older_history(make_server, 300, 100, 5)
    cursor = ["chat-replay", "topic1", "--raw", "--cursor", one.home / "cursor"]
    assert len(one.run(*cursor).lines) == 400
    lines = one.run(*cursor, "--redis", other.url, err="older history: [0-9]+ messages? up to").lines
    again = len(lines) - 5
    assert again < 150 and lines == [*(f"before{i}" for i in range(300 - again, 300)), *(f"new{i}" for i in range(5))]


@pytest.mark.parametrize("what", ["older", "trimmed", "flushed"])
def test_a_loss_with_nothing_new_behind_it_is_told_to_a_cursor_once(make_server, what):
    one, other = older_history(make_server, 20, 10, 0) if what == "older" else [make_server()] * 2
    cursor = ["chat-replay", "topic1", "--raw", "--strict", "--cursor", one.home / "cursor"]
    if what != "older":
        one.pub("topic1", *range(10))
        assert len(one.run(*cursor, "-n", "5").lines) == 5
    else:
        assert len(one.run(*cursor).lines) == 30
    if what == "trimmed":
        one.client().xtrim("chat:{topic1}", maxlen=0, approximate=False)
    if what == "flushed":
        one.client().flushall()
    told = {"older": "older history: 10 messages", "trimmed": "lost 5 messages", "flushed": "older history: 5 messages"}
    one.run(*cursor, "--redis", other.url, code=76, err=told[what])
    assert one.run(*cursor, "--redis", other.url).lines == []
    other.pub("topic1", "new")
    assert one.run(*cursor, "--redis", other.url).lines == ["new"]


def test_a_cursor_of_an_older_version_is_read_and_gets_the_new_form(server):
    server.pub("topic1", *"abc")
    ids = [id for id, _ in server.entries()]
    cursor = server.home / "cursor"
    cursor.write_text(ids[1] + "\n")
    assert server.replay("topic1", "--raw", "--cursor", cursor) == ["c"]
    pub = server.entries()[2][1][b"pub"].decode()
    assert cursor.read_text() == f"{ids[2]} {pub}\n{ids[1]}\n"


class BusyTopic(Proxy):
    """Publishes one line between any two of the first requests of a reader."""

    def __init__(self, server):
        self.server, self.left = server, 6
        super().__init__(server.socket)

    def before_passing_on(self, direction):
        if direction == TO_SERVER and self.left > 0:
            self.left -= 1
            self.server.pub("topic1", f"between {self.left}")


def test_a_start_on_a_busy_topic_tells_no_loss(server):
    server.pub("topic1", "before")
    with BusyTopic(server) as proxy:
        sub = server.follow("topic1", "--raw", "--strict", "--redis", proxy.url)
        server.pub("topic1", "end")
        sub.out.until("end\n")
        assert sub.stop().err_text == ""


@pytest.mark.parametrize("start", [("--from", "9999999999999-0"), ("--since", "2199-01-01T00:00")])
def test_a_start_in_the_future_tells_no_loss(server, start):
    """Each message makes it read the stream: the second reading begins when the first one was judged."""
    sub = server.follow("topic1", "--raw", "--strict", *start)
    with server.client() as client:

        def readings():
            return client.info("commandstats")["cmdstat_xrange"]["calls"]

        for message in "ab":
            before = readings()
            server.pub("topic1", message)
            until_true(lambda: readings() > before or sub.process.poll() is not None)
    done = sub.stop()
    assert done.err_text == "" and done.text == ""


def test_a_flush_on_a_kept_connection_is_told_at_the_next_message(server):
    sub = server.follow("topic1", "--raw")
    server.pub("topic1", *map(str, range(10)))
    assert sub.lines(10) == [str(i) for i in range(10)]
    server.client().flushall()
    server.pub("topic1", "after")
    assert sub.line() == "after"
    sub.err.until(r"older history: 10 messages")
    server.run("chat-pub", "topic1", "--import-id", "i", input="b0\nb1\n")
    assert sub.lines(2) == ["b0", "b1"]
    sub.stop()


def test_other_content_under_a_name_used_before_is_shown(server):
    sub = server.follow("topic1", "--raw")
    for letter in "ab":
        server.run("chat-pub", "topic1", "--import-id", "i", input="".join(f"{letter}{i}\n" for i in range(5)))
        assert sub.lines(5) == [f"{letter}{i}" for i in range(5)]
        server.client().flushall()
    sub.stop()


def test_a_topics_info_alone_deleted_is_no_loss(server):
    sub = server.follow("topic1", "--raw", "--strict", "--last", "3")
    server.pub("topic1", "a", "b")
    assert sub.lines(2) == ["a", "b"]
    server.client().delete("chat:{topic1}:info")
    server.pub("topic1", "c")
    assert sub.line() == "c"
    assert sub.stop().err_text == ""
