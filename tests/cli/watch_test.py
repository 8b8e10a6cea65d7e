"""chat-topics --watch: drawn over on a terminal, lines in a pipe; and chat-topics who on a terminal."""

import contextlib
import json
import re
import signal
import socket
import termios
import threading

import pytest

OTHER, BACK = b"\x1b[?1049h", b"\x1b[?7h\x1b[?25h\x1b[?1049l"


def frame(watch, *wanted):
    """The lines of the first drawing in which all of this stands."""
    while True:
        watch.screen.until(r"\x1b\[H")
        text = watch.screen.until(r"(?=\x1b\[H|\x1b\[\?7h)")
        lines = [line.partition("\x1b[")[0].rstrip() for line in text.replace("\x1b[2K", "").split("\r\n")]
        if all(any(what in line for line in lines) for what in wanted):
            return lines


def watching(server, *options, size=(80, 10)):
    return server.terminal("chat-topics", "--watch", "--color", "never", *options, size=size)


def test_it_is_drawn_over_until_q(server):
    server.follow("topic1", "-u", "ana")
    watch = watching(server)
    lines = frame(watch, "q quits")
    assert lines[0].startswith("4 topics, 1 subscription, 0 messages/s at ")
    assert lines[1].split() == ["TOPIC", "SUBS", "MSG/S", "LAST", "HOUR", "LAST", "MESSAGE"]
    assert [line.split()[:2] for line in lines[2:6]] == [["topic1", "1"], ["topic2", "0"], ["topic3", "0"], ["topic4", "0"]]
    server.pub("topic2", "hello 日本語", user="ben")
    # It may come between two questions of a look; the next look counts it then.
    rows = [line for _ in range(2) for line in frame(watch, "ben: hello 日本語") if "topic2" in line]
    assert any(float(line.split()[2]) > 0 for line in rows) and all("█" in line for line in rows)
    server.run("chat-topics", "add", "later")
    frame(watch, "later")
    watch.type("xq")
    watch.shown()
    assert watch.screen.all.startswith(OTHER) and watch.screen.all.endswith(BACK)
    assert b"xq" not in watch.screen.all, "typed text isn't echoed"


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_terminal_is_restored(server, number, code):
    watch = watching(server)
    before = termios.tcgetattr(watch.master)
    frame(watch, "q quits")
    assert termios.tcgetattr(watch.master) != before or not before[3] & termios.ECHO
    watch.send(number)
    watch.shown(code=code)
    assert watch.screen.all.endswith(BACK)
    assert termios.tcgetattr(watch.master)[3] & (termios.ECHO | termios.ICANON) == termios.ECHO | termios.ICANON


def test_it_follows_the_size(server):
    server.store("topic1", "x" * 200)
    watch = watching(server, size=(60, 10))
    lines = frame(watch, "xxx…")
    assert max(map(len, lines)) == 60
    watch.resize(50, 6)
    lines = frame(watch, "… 2 more below")
    assert max(map(len, lines)) == 50 and len(lines) == 6
    watch.send(signal.SIGTERM)
    watch.shown(code=143)


def test_only_some_topics(server):
    server.run("chat-topics", "add", "team/a")
    watch = watching(server, "team/*")
    assert [line.split()[0] for line in frame(watch, "team/a")[2:-1]] == ["team/a"]
    server.run("chat-topics", "add", "team/b")
    frame(watch, "team/b")
    watch.type("q")
    watch.shown()


def test_an_outage_is_shown_and_ridden_out(make_server):
    server = make_server()
    watch = watching(server)
    frame(watch, "topic4")
    server.kill9()
    lines = frame(watch, "topic4", "lost Redis at")
    assert " - messages/s" in lines[0], "what goes on now nobody knows"
    assert all(line.split()[2] == "-" for line in lines[2:6])
    server.restart()
    frame(watch, "topic4", "q quits")
    watch.type("q")
    watch.shown()


def test_a_servers_error_drives_no_terminal(server):
    hostile = threading.Event()

    def relay(peer):
        with contextlib.suppress(OSError), peer, socket.socket(socket.AF_UNIX) as redis:
            redis.connect(str(server.socket))
            while asked := peer.recv(100_000):
                if hostile.is_set():
                    return peer.sendall(b"-LOADING \x1b]0;pwned\x07\x9b2J\r\n")
                redis.sendall(asked)
                peer.sendall(redis.recv(100_000))

    def accept(listener):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=relay, args=[listener.accept()[0]], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, args=[listener], daemon=True).start()
        url = f"redis://127.0.0.1:{listener.getsockname()[1]}"
        watch = watching(server, "--redis", url, size=(200, 10))
        frame(watch, "topic4")
        hostile.set()
        watch.screen.until("LOADING")
        watch.type("q")
        watch.shown()
    assert b"pwned" in watch.screen.all and b"\x1b]" not in watch.screen.all and b"\x07" not in watch.screen.all


@pytest.mark.parametrize("number, code", [(signal.SIGHUP, 129), (signal.SIGQUIT, 131)])
def test_other_ends_give_the_terminal_back_too(server, number, code):
    watch = watching(server)
    frame(watch, "q quits")
    watch.send(number)
    watch.shown(code=code)
    assert watch.screen.all.endswith(BACK)
    assert termios.tcgetattr(watch.master)[3] & (termios.ECHO | termios.ICANON) == termios.ECHO | termios.ICANON


def test_control_z_stops_it_and_fg_goes_on(server):
    shell = server.terminal("/bin/bash", "--noprofile", "--norc", "-i", env={"PS1": "ready> "}, size=(80, 10))
    for _ in range(2):
        shell.type("chat-topics --watch --color never\n")
        shell.screen.until("q quits")
        shell.type("\x1a")
        shell.screen.until(re.escape(BACK.decode()))
        shell.screen.until("Stopped")
        shell.type("stty -a | grep -o '.icanon'; stty -a | grep -o ' echo '; echo in-the-\"\"shell\n")
        assert " icanon\r\n echo" in shell.screen.until("in-the-shell")
        shell.type("fg\n")
        shell.screen.until(re.escape(OTHER.decode()))
        shell.screen.until("q quits")
        shell.type("q")
        shell.screen.until(re.escape(BACK.decode()))
    shell.type("exit 5\n")
    shell.shown(code=5)


def test_the_busiest_come_first(server):
    server.run("chat-topics", "add", "zzz")
    server.pub("topic3", "older")
    server.pub("zzz", "newest")
    assert [line.split()[0] for line in frame(watching(server), "zzz")[2:7]] == ["zzz", "topic3", "topic1", "topic2", "topic4"]
    names = ["topic1", "topic2", "topic3", "topic4", "zzz"]
    assert [line.split()[0] for line in frame(watching(server, "--sort", "name"), "zzz")[2:7]] == names
    assert [line.split()[0] for line in server.run("chat-topics").lines[1:]] == names
    assert server.run("chat-topics", "--sort", "activity").lines[1].split()[0] == "zzz"


def test_it_scrolls(server):
    for i in range(8):
        server.run("chat-topics", "add", f"a{i}")
    watch = watching(server, "--sort", "name")

    def rows(last):
        lines = frame(watch, last)
        return [line.split()[0] for line in lines[2:-2]], lines[-2]

    assert rows("… 6 more below") == ([f"a{i}" for i in range(6)], "… 6 more below")
    for keys, first, hidden in (
        ("j", "a1", "… 1 more above, 5 more below"),
        ("\x1b[B", "a2", "… 2 more above, 4 more below"),
        ("\x1bOA", "a1", "… 1 more above, 5 more below"),
        ("\x1b[6~", "a6", "… 6 more above"),
        ("k", "a5", "… 5 more above, 1 more below"),
        ("g", "a0", "… 6 more below"),
        ("G", "a6", "… 6 more above"),
        ("jj\x1b[5~", "a0", "… 6 more below"),
    ):
        watch.type(keys)
        while True:
            names, last = rows("more")
            if last == hidden:
                break
        assert names[0] == first
    watch.type("q")
    watch.shown()


def test_lines_in_a_pipe(server):
    server.follow("topic1", "-u", "ana")
    watch = server.start("chat-topics", "--watch", "topic[12]")
    first = [line.split("\t") for line in watch.lines(2)]
    assert [line[1:] for line in first] == [["topic1", "1", "0", ""], ["topic2", "0", "0", ""]]
    server.pub("topic2", "a\tb\x1b", user="ben")
    line = watch.line().split("\t")
    assert line[1:3] == ["topic2", "0"] and float(line[3]) > 0 and line[4:] == ["ben", "a\\tb\\x1b"]
    assert "\x1b" not in watch.stop().text


def test_json_in_a_pipe(server):
    watch = server.start("chat-topics", "--watch", "--json", "topic2")
    assert "rate" not in json.loads(watch.line())
    server.pub("topic2", "a", "b")
    said = json.loads(watch.line())
    assert said["rate"] > 0 and said["messages"] == 2
    watch.stop()


def test_it_ends_with_its_reader(server):
    assert len(server.shell("chat-topics --watch | head -n 4").lines) == 4


def test_what_is_refused(server):
    server.run("chat-topics", "--watch", "tpoic1", code=64, err="tpoic1")
    server.run("chat-topics", "list", "--watch", "tpoic1", code=66, err="did you mean topic1")
    server.run("chat-topics", "who", "--watch", code=64)
    server.run("chat-topics", "--watch", "--names", code=64)
    server.run("chat-topics", "--watch", env={"REDIS_URL": "redis://127.0.0.1:1"}, code=69)


def test_a_dumb_terminal_gets_lines(server):
    watch = server.terminal("chat-topics", "--watch", env={"TERM": "dumb"})
    watch.screen.until("topic4\t0\t0\t\r\n")
    watch.send(signal.SIGTERM)
    assert "\x1b" not in watch.shown(code=143)


def test_long_descriptions_are_cut_on_a_terminal(server):
    server.run("chat-topics", "add", "news", "--description", "日本語" * 30)
    shown = server.terminal("chat-topics", size=(90, 10)).shown().splitlines()
    assert shown[1].startswith("news ") and shown[1].endswith("日本…")
    assert len(server.run("chat-topics").lines[1]) >= 150


def test_a_long_name_leaves_room_on_a_terminal(server):
    server.run("chat-topics", "add", "team/" + "x" * 50)
    server.pub("topic1", "hello")
    shown = server.terminal("chat-topics", size=(80, 10)).shown().splitlines()
    assert shown[0].rstrip("…").split() == ["TOPIC", "SUBSCRIBERS", "MESSAGES", "LAST", "ACTIVITY", "LAST", "HOUR"]
    assert shown[1].startswith("team/x") and "x…  " in shown[1] and max(map(len, shown)) <= 80
    assert "█" in shown[2]
    lines = frame(watching(server), "ana: hello")
    assert max(map(len, lines)) <= 80


def test_names_are_not_broken_on_a_narrow_terminal(server):
    for user in ("ben", "花子", "cleo"):
        server.follow("topic1", "-u", user)
    assert server.terminal("chat-topics", "who", size=(18, 10)).shown().splitlines() == [
        "TOPIC   WHO",
        "topic1  ben, cleo,",
        "        花子",
    ]
    assert server.terminal("chat-topics", "who", size=(15, 10)).shown().splitlines() == [
        "TOPIC  WHO",
        "topic1",
        "  ben, cleo,",
        "  花子",
    ]


def test_who_on_a_terminal(server):
    for topic, user in (("topic1", "ben"), ("topic1", "花子"), ("topic2", "ana")):
        server.follow(topic, "-u", user)
    server.follow("topic2")
    assert server.terminal("chat-topics", "who").shown().splitlines() == [
        "TOPIC   WHO",
        "topic1  ben, 花子",
        "topic2  ana, 1 without a name",
    ]


def test_a_second_signal_restores_the_terminal_too(server):
    watch = watching(server)
    before = termios.tcgetattr(watch.master)
    frame(watch, "q quits")
    watch.suspend()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCONT):  # both are there when it goes on
        watch.send(number)
    assert watch.wait() in (130, 143)
    watch.screen.rest()
    assert watch.screen.all.endswith(BACK)
    assert termios.tcgetattr(watch.master)[3] & (termios.ECHO | termios.ICANON) == termios.ECHO | termios.ICANON
