"""scripts/chat as a person meets it: keys into a tmux, and what stands on the screen then."""

import contextlib
import re
import shlex
import subprocess

import pytest

from harness import BIN, LIMIT, SOURCE, until_true

CHAT = SOURCE / "scripts/chat"


class Tmux:
    """A tmux of its own, with scripts/chat in it."""

    def __init__(self, server, *arguments, size=(80, 24), env=None):
        self.server = server
        self.socket = server.folder / "tmux"
        self.socket.unlink(missing_ok=True)
        # In the foreground, so that it dies with the tests.
        self.running = server.start("/usr/bin/env", "tmux", "-u", "-D", "-S", self.socket, "-f", "/dev/null")
        until_true(lambda: subprocess.run(["tmux", "-S", self.socket, "list-sessions"], capture_output=True).returncode == 0)
        variables = {"REDIS_URL": server.url, "HOME": str(server.home), "CHAT_BIN": str(BIN), "LC_ALL": "C.UTF-8", **(env or {})}
        command = shlex.join(["env", *[f"{name}={value}" for name, value in variables.items()], str(CHAT), *arguments])
        # tmux itself sometimes doesn't notice that a program has ended.
        command += '; echo "exit status $?"; read -r end'
        self.tmux("new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), command)

    def tmux(self, *command):
        done = subprocess.run(["tmux", "-S", self.socket, *command], capture_output=True, text=True, timeout=LIMIT)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def screen(self, *options):
        return self.tmux("capture-pane", "-p", *options)

    def keys(self, *keys):
        """`Enter`, `C-c`, `Up`, or text."""
        self.tmux("send-keys", *keys)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def until(self, pattern):
        """Waits until the screen, without spaces at lines' ends, matches; the whole of it is given."""
        seen = ""

        def there():
            nonlocal seen
            seen = re.sub(r" +$", "", self.screen(), flags=re.M).rstrip("\n")
            return re.search(pattern, seen)

        try:
            until_true(there)
        except AssertionError:
            raise AssertionError(f"no {pattern!r} on the screen:\n{seen}") from None
        return seen

    def ended(self):
        """Waits for the end of scripts/chat, and returns its exit status."""
        return int(re.search(r"^exit status ([0-9]+)$", self.until(r"(?m)^exit status [0-9]+$"), re.M)[1])

    def close(self):
        with contextlib.suppress(AssertionError):
            self.tmux("kill-server")
        self.running.kill()


@pytest.fixture
def tmux(server):
    with contextlib.ExitStack() as open_ones:

        def start(*arguments, **options):
            one = Tmux(server, *arguments, **options)
            open_ones.callback(one.close)
            return one

        yield start


PROMPT = r"\[topic1\] ana:"


def test_history_comes_first_and_others_appear_above_the_prompt(server, tmux):
    server.pub("topic1", *[f"before {i}" for i in range(12)], user="ben")
    chat = tmux("topic1", "ana")
    screen = chat.until("before 11\n" + PROMPT + "$")  # the prompt alone may be there first
    assert "before 1\n" not in screen and "before 2\n" in screen and screen.count("ben: before") == 10
    chat.type("half a li")
    chat.until("half a li$")
    server.pub("topic1", "in between", user="carl")
    screen = chat.until(r"carl: in between\n" + PROMPT + " half a li$")
    chat.type("ne")
    chat.keys("Enter")
    chat.until(r"[0-9] ana: half a line\n" + PROMPT + "$")
    until_true(lambda: server.messages()[-1:] == [b"half a line"])
    chat.keys("C-d")
    assert chat.ended() == 0
    with server.client() as client:
        assert client.pubsub_channels() == []


def test_what_was_said_comes_back(server, tmux):
    chat = tmux("topic1", "ana")
    chat.until(PROMPT + "$")
    chat.type("first")
    chat.keys("Enter")
    until_true(lambda: server.messages() == [b"first"])
    chat.type("/quit")
    chat.keys("Enter")
    assert chat.ended() == 0
    state = server.home / ".local/state/redis-chat"
    assert (state / "history").stat().st_mode & 0o777 == 0o600 and state.stat().st_mode & 0o777 == 0o700
    chat.close()

    chat = tmux("topic1", "ana")
    chat.until(PROMPT + "$")
    chat.keys("Up", "Up")
    chat.until(PROMPT + " first$")
    chat.keys("Enter")
    until_true(lambda: server.messages() == [b"first", b"first"])


def test_the_history_is_where_xdg_says(server, tmux):
    chat = tmux("topic1", "ana", env={"XDG_STATE_HOME": str(server.home / "state")})
    chat.until(PROMPT + "$")
    assert (server.home / "state/redis-chat/history").exists()
    chat.close()
    (server.home / "file").touch()
    chat = tmux("topic1", "ana", env={"XDG_STATE_HOME": str(server.home / "file")})
    chat.until(r"what you say is not kept for the next run: .*(.|\n)*" + PROMPT + "$")


def test_commands(server, tmux):
    server.follow("topic1", "-u", "ben")
    server.follow("topic2", "-u", "carl")
    chat = tmux("topic1", "ana", size=(80, 40))
    chat.until(PROMPT + "$")
    chat.type("/who\r")
    chat.until(r"topic1 +ana, ben\n" + PROMPT + "$")
    chat.type("/topics\r")
    chat.until(r"topic4 +0 +0(.|\n)*" + PROMPT + "$")
    chat.type("/help\r")
    chat.until(r"/quit +end\n(.|\n)*" + PROMPT + "$")
    chat.type("/topic\r")
    chat.until(r"you are in topic1; (.|\n)*topic4")
    chat.type("/nonsense\r")
    chat.until(r"no command /nonsense: /help lists them, and //nonsense says it")
    assert server.messages() == []
    chat.type("//path\r")
    until_true(lambda: server.messages() == [b"/path"])


def test_another_topic(server, tmux):
    server.pub("topic2", "what was said there", user="ben")
    chat = tmux("topic1", "ana")
    chat.until(PROMPT + "$")
    chat.type("/topic tpoic2\r")
    chat.until(r"did you mean topic2\?\n(.|\n)*" + PROMPT + "$")
    chat.type("/topic topic2\r")
    chat.until(r"── topic2 ──\n.*ben: what was said there\n\[topic2\] ana:$")
    until_true(lambda: server.run("chat-topics", "who").lines == ["topic2\tana"])
    server.pub("topic1", "not here", user="ben")
    server.pub("topic2", "but here", user="ben")
    screen = chat.until(r"but here\n\[topic2\] ana:$")
    assert "not here" not in screen
    chat.type("hello\r")
    until_true(lambda: server.messages("topic2")[-1] == b"hello")
    chat.keys("C-d")
    assert chat.ended() == 0


def test_a_topic_is_made(server, tmux):
    chat = tmux("topic1", "ana")
    chat.until(PROMPT + "$")
    chat.type("/topic party\r")
    chat.until(r"/topic --create party makes it\n" + PROMPT + "$")
    chat.type("/topic --create party\r")
    chat.until(r"── party ──\n\[party\] ana:$")
    assert "party" in server.run("chat-topics", "--names").lines


def test_my_own_words_are_in_the_history(server, tmux):
    for i in range(5):
        server.pub("topic1", f"mine {i}", user="ana")
        server.pub("topic1", f"yours {i}", user="ben")
    chat = tmux("topic1", "ana")
    screen = chat.until("yours 4\n" + PROMPT + "$")
    assert all(f"ana: mine {i}" in screen for i in range(5))


def test_two_terminals_of_one_user_hear_each_other(server, tmux):
    one = tmux("topic1", "ana")
    one.until(PROMPT + "$")
    other = server.terminal(CHAT, "topic1", "ana", env={"HOME": str(server.home), "CHAT_BIN": str(BIN)})
    other.screen.until('ana is here already; "chat-talk topic1 NAME" gives you another name')
    other.screen.until(r"\[topic1\] ana:")
    one.type("from here\r")
    other.screen.until(": from here")
    other.type("from there\r")
    one.until("ana: from there\n" + PROMPT + "$")


def test_what_is_not_acknowledged_looks_so(server, tmux):
    chat = tmux("topic1", "ana")
    chat.until(PROMPT + "$")
    with server.client() as client:
        client.execute_command("CLIENT", "PAUSE", 600000, "WRITE")
        chat.type("wait for me\r")
        chat.until(r"sending: wait for me\n" + PROMPT + "$")
        client.execute_command("CLIENT", "UNPAUSE")
    screen = chat.until(r"ana: wait for me\n" + PROMPT + "$")
    assert "sending" not in screen


def test_what_could_not_be_sent_is_told_at_the_end(server, tmux):
    chat = tmux("topic1", "ana")
    chat.until(PROMPT + "$")
    with server.client() as client:
        client.execute_command("CLIENT", "PAUSE", 600000, "WRITE")
        chat.type("never\r")
        chat.until(r"sending: never\n" + PROMPT + "$")
        chat.keys("C-d")
        chat.until(r"chat-talk: Redis has not acknowledged: never\n")
        assert chat.ended() == 75
        client.execute_command("CLIENT", "UNPAUSE")


def test_several_lines_are_one_message(server, tmux):
    chat = tmux("topic1", "ana")
    chat.until(PROMPT + "$")
    chat.type("one")
    chat.keys("M-Enter")
    chat.type("two")
    chat.keys("Enter")
    until_true(lambda: server.messages() == [b"one\ntwo"])
    chat.until(PROMPT + "$")
    chat.tmux("set-buffer", "three\n\nfour")
    chat.tmux("paste-buffer", "-p")
    chat.until("three\n.*\n.*four$")
    assert server.messages() == [b"one\ntwo"], "not before it was looked at"
    chat.keys("Enter")
    until_true(lambda: server.messages() == [b"one\ntwo", b"three\n\nfour"])


def test_a_paste_between_two_prompts_is_one_message(server):
    """The terminal marks what is pasted from the beginning to the end, also while no prompt is there."""
    variables = {"HOME": str(server.home), "CHAT_BIN": str(BIN), "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}
    chat = server.terminal(CHAT, "topic1", "ana", env=variables)
    chat.screen.until("topic1. ana:")
    for text in ("one", "two"):
        chat.type(f"{text}\r")
        until_true(lambda: server.messages()[-1:] == [text.encode()])
    chat.screen.until(r": two\r\n")
    chat.type("\x1b[200~three\rfour\x1b[201~\r/quit\r")
    assert chat.shown().count("\x1b[?2004l") == 1
    assert server.messages() == [b"one", b"two", b"three\nfour"]


def test_a_terminal_that_is_gone_ends_it(server, tmux):
    chat = tmux("topic1", "eve")
    chat.until(r"\[topic1\] eve:$")
    chat.type("hello\r")
    until_true(lambda: server.messages() == [b"hello"])
    chat.close()
    until_true(lambda: "topic1\teve" not in server.run("chat-topics", "who").lines)
    until_true(lambda: subprocess.run(["pgrep", "-f", f"{server.url}.*{CHAT}"], capture_output=True).returncode == 1)


def test_input_that_is_no_utf_8(server, tmux):
    chat = tmux("topic1", "ana")
    chat.until(PROMPT + "$")
    chat.tmux("send-keys", "-H", "63", "61", "66", "e9")
    chat.type(" au lait\r")
    until_true(lambda: len(server.messages()) == 1)
    assert server.messages()[0].endswith(b" au lait")
    screen = chat.until("au lait(.|\n)*" + PROMPT + "$")
    assert "Traceback" not in screen


def test_a_terminal_that_can_not_be_drawn_on(server):
    server.pub("topic1", "before", user="ben")
    chat = server.terminal(CHAT, "topic1", "ana", env={"HOME": str(server.home), "CHAT_BIN": str(BIN), "TERM": "dumb"})
    chat.screen.until("ben: before")
    until_true(lambda: server.run("chat-topics", "who", "topic1").lines == ["ana"])
    server.pub("topic1", "now", user="ben")
    text = chat.screen.until("ben: now")
    assert "\x1b" not in text
    chat.type("hello\n")
    chat.screen.until("ana: hello")
    chat.type("/quit\n")
    assert chat.wait() == 0


def test_wrong_arguments_get_a_usage_line(server):
    for arguments in ([], ["-x"], ["topic1", "ana", "more"]):
        server.run(CHAT, *arguments, code=64, err=r"^chat-talk: usage: chat-talk TOPIC \[NAME\]; --help tells more\n$")


def test_tab_completes(server, tmux):
    server.run("chat-topics", "add", "party/friday")
    chat = tmux("topic1", "ana")
    chat.until(PROMPT + "$")
    chat.type("/topic pa\t")
    chat.until(PROMPT + " /topic party/friday")
    chat.keys("C-c")
    chat.until(PROMPT + "$")
    chat.type("/q\t")
    chat.until(PROMPT + " /quit$")


def test_control_c_empties_the_line_and_then_ends(server, tmux):
    chat = tmux("topic1", "ana")
    chat.until(PROMPT + "$")
    chat.type("not this")
    chat.until("not this$")
    chat.keys("C-c")
    assert "not this" not in chat.until(PROMPT + "$"), "what was given up doesn't look as if it had been said"
    chat.type("but this\r")
    chat.until("ana: but this\n" + PROMPT + "$")
    until_true(lambda: server.messages() == [b"but this"])
    chat.keys("C-c")
    assert chat.ended() == 0


def test_control_d_ends_only_an_empty_line(server, tmux):
    chat = tmux("topic1", "ana")
    chat.until(PROMPT + "$")
    chat.type("x")
    chat.keys("C-d")
    chat.type("y\r")
    until_true(lambda: server.messages() == [b"xy"])
    chat.keys("C-d")
    assert chat.ended() == 0


def test_a_new_size(server, tmux):
    words = "one two three four five six seven eight nine ten"
    chat = tmux("topic1", "ana", size=(80, 24))
    chat.until(PROMPT + "$")
    server.pub("topic1", words, user="ben")
    chat.until(words)
    chat.tmux("resize-window", "-x", "40", "-y", "12")
    terminal = chat.tmux("display-message", "-p", "#{pane_tty}").strip()
    until_true(lambda: subprocess.check_output(["stty", "-F", terminal, "size"]) == b"12 40\n")  # tmux takes its time
    chat.type("typed")
    chat.until(PROMPT + " typed$")
    server.pub("topic1", words, user="carl")
    chat.until(r"carl: one two three four(.|\n)*\n {14,15}\w(.|\n)*ten\n" + PROMPT + " typed$")


def test_nobody_drives_my_terminal(server, tmux):
    chat = tmux("topic1", "ana")
    chat.until(PROMPT + "$")
    server.pub("topic1", "\x1b[2J\x1b]0;title\x07 ana!", user="ben")
    chat.until(r"\\x1b\[2J\\x1b\]0;title\\x07 ana!\n" + PROMPT + "$")
    assert re.search(r"(\x1b\[1;7m|\x1b\[1m\x1b\[7m)ana", chat.screen("-e")), "a mention stands out"
