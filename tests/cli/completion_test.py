"""Completions, with Tab pressed in the real shells on a terminal of their own."""

import re
import time

import pytest

from harness import BIN, LIMIT, SOURCE
from man_test import TOOLS, options_of_help

FOLDER = SOURCE / "scripts/completions"
SHELLS = {
    "bash": (["/bin/bash", "--noprofile", "--norc", "-i"], ". /usr/share/bash-completion/bash_completion; . {folder}/redis-chat.bash; bind 'set bell-style none'; bind 'set page-completions off'; bind 'set completion-query-items 0'; PS1='ready> '"),
    "zsh": (["/bin/zsh", "-f", "-i"], "mkdir -p zfunc; cp {folder}/redis-chat.zsh zfunc/_redis-chat; fpath=($PWD/zfunc $fpath); autoload -U compinit; compinit -u -D; unsetopt beep; LISTMAX=1000; PS1='ready> '"),
    "fish": (["/usr/bin/fish", "--no-config", "-i"], "source {folder}/redis-chat.fish; function fish_prompt; echo -n 'ready> '; end"),
}
NOWHERE = {"REDIS_URL": "redis://127.0.0.1:1"}
each_shell = pytest.mark.parametrize("shell", SHELLS)


def press_until(terminal, text):
    """Presses Tab until this comes: a completion gives up on its server after a second, which may be slow."""
    deadline = time.monotonic() + LIMIT
    while True:
        terminal.type("\t")
        try:
            return terminal.screen.until(text, limit=LIMIT / 6)
        except AssertionError:
            if time.monotonic() > deadline:
                raise


@pytest.fixture
def press(server):
    """press(shell, keys): starts the shell, types, and gives the terminal, to be asked with `screen.until`."""

    def press(shell, keys, env=None):
        argv, setup = SHELLS[shell]
        terminal = server.terminal(*argv, env={"TERM": "xterm", **(env or {})}, size=(120, 100))
        terminal.type(setup.format(folder=FOLDER) + "; echo set-\"\"up\r")
        terminal.screen.until("set-up")
        terminal.screen.until("ready> ")
        terminal.type(keys)
        return terminal

    return press


@each_shell
def test_a_topic_is_completed_from_the_server(server, press, shell):
    server.run("chat-topics", "add", "party/friday")
    for tool in ("chat-pub", "chat-sub", "chat-replay", "chat-topics set", "chat-talk"):
        press_until(press(shell, f"{tool} par"), "ty/friday")


@each_shell
def test_the_server_that_is_named_on_the_line_is_asked(server, press, shell):
    server.run("chat-topics", "add", "party/friday")
    press_until(press(shell, f"chat-sub --redis {server.url} par", env=NOWHERE), "ty/friday")
    press_until(press(shell, f"chat-sub --redis={server.url} par", env=NOWHERE), "ty/friday")


@each_shell
def test_no_command_line_shows_a_password(server, press, shell):
    """Another program is between the shell and the tool, and doesn't hide its arguments."""
    with server.client() as client:
        client.acl_setuser("eve", enabled=True, passwords=["+TopSecret99"], keys="*", channels="*", commands=["+@all"])
    server.run("chat-topics", "add", "party/friday")
    seen = server.home / "seen"
    (server.home / "timeout").write_text(f'#!/bin/sh\necho "$0 $*" >> {seen}\nexec /usr/bin/timeout "$@"\n')
    (server.home / "timeout").chmod(0o755)
    env = {**NOWHERE, "PATH": f"{server.home}:{BIN}:/usr/bin:/bin"}
    for redis in ("--redis ", "--redis="):
        press_until(press(shell, f"chat-sub {redis}unix://eve:TopSecret99@{server.socket} par", env=env), "ty/friday")
    text = seen.read_text()
    assert "chat-topics --names" in text and "TopSecret99" not in text


@each_shell
def test_without_a_server_it_is_silent_and_quick(make_server, press, shell):
    server = make_server()
    terminal = press(shell, "echo x; chat-sub top\t", env=NOWHERE)
    terminal.type("\x15echo still-\"\"here\r")
    shown = terminal.screen.until("still-here")
    assert "reach" not in shown and "refused" not in shown

    hung = press(shell, "", env={"REDIS_URL": server.url})
    server.stop_process()
    begin = time.monotonic()
    hung.type("chat-sub top\t\x15echo still-\"\"here\r")
    hung.screen.until("still-here")
    assert time.monotonic() - begin < 30
    server.continue_process()


@each_shell
def test_values_are_completed(press, shell):
    press(shell, "chat-sub --color al\t").screen.until("always")
    press(shell, "chat-replay topic1 --color=nev\t").screen.until("never")


@each_shell
def test_files_are_completed(server, press, shell):
    (server.home / "secret-of-mine").write_text("x")
    press(shell, "chat-sub --password-file secret\t").screen.until("-of-mine")


@each_shell
def test_commands_and_their_options_are_completed(press, shell):
    press(shell, "chat-topics wh\t").screen.until("who")
    press(shell, "chat-topics rm --pur\t").screen.until("purge")


@each_shell
@pytest.mark.parametrize("tool", TOOLS)
def test_all_options_of_help_are_there(press, shell, tool):
    wanted = {name for name in options_of_help(tool) if name.startswith("--")}
    if tool == "chat-topics":  # those of its commands come behind a command
        wanted -= {"--max-len", "--max-age", "--description", "--purge"}
    # fish shows a part of a long list, and all of it to whom asks so.
    keys = {"bash": f"{tool} --\t\t", "zsh": f"{tool} --\t", "fish": f"complete -C '{tool} --'\r"}[shell]
    terminal = press(shell, keys)

    def missing():
        shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", " ", bytes(terminal.screen.all).decode(errors="replace"))
        return wanted - set(re.findall(r"(?<!\S)--[a-z][a-z-]+", shown))

    with terminal.screen.change:
        terminal.screen.change.wait_for(lambda: not missing(), LIMIT)
    assert missing() == set()
