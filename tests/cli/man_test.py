"""The manual pages: what they say of options, exit codes and the environment is what the tools and the README say."""

import re
import subprocess

import pytest

from harness import BIN, SOURCE

TOOLS = ["chat-pub", "chat-sub", "chat-replay", "chat-topics"]
PAGES = [f"{tool}.1" for tool in TOOLS] + ["redis-chat.7"]
COMMANDS = {"chat-topics": ["list", "add", "set", "rm", "who"]}
each_tool = pytest.mark.parametrize("tool", TOOLS)
each_page = pytest.mark.parametrize("page", PAGES)


def source(page):
    return (SOURCE / "tools" / page).read_text()


def section(page, name):
    return re.search(rf"^\.Sh {name}\n(.*?)(?=^\.Sh|\Z)", source(page), re.M | re.S).group(1)


def options_of_help(tool):
    """The names before each row's description: two blanks are around them."""
    found = set()
    for command in [[], *([name] for name in COMMANDS.get(tool, []))]:
        text = subprocess.run([BIN / tool, *command, "--help"], capture_output=True, text=True, check=True).stdout
        for row in re.findall(r"^  (-.*)$", text, re.M):
            found |= set(re.findall(r"(?<!\S)(--?[a-zA-Z0-9][a-z-]*)", row.split("  ")[0]))
    return found


def options_of_page(page):
    items = re.findall(r"^\.It (Fl .*)$", section(page, "DESCRIPTION"), re.M)
    return {f"-{name}" for item in items for name in re.findall(r"Fl (\S+)", item)}


def readme_table(heading):
    """The code words in the first column of a table of the README."""
    readme = (SOURCE / "README.md").read_text()
    rows = re.search(rf"^## {heading}\n(.*?)^## ", readme, re.M | re.S).group(1)
    return {word for row in re.findall(r"^\| ([^|]*) \|", rows, re.M)[2:] for word in re.findall(r"[\w=]+", row)}


@each_tool
def test_the_page_has_the_options_of_help(tool):
    shown = options_of_help(tool)
    assert {"-h", "--help", "--redis", "--retry-for"} <= shown
    assert shown == options_of_page(f"{tool}.1")


@each_page
def test_exit_codes_are_those_of_the_readme(page):
    codes = set(re.findall(r"^\.It (\d+)$", section(page, "EXIT STATUS"), re.M))
    table = {word for word in readme_table("Exit codes") if word.isdigit()} | {"0"}
    assert codes == table if page == "redis-chat.7" else codes <= table
    for code in re.findall(r"\bwith (\d+)\b", section(page, "DESCRIPTION")):
        assert code in table and (page == "redis-chat.7" or code in codes)


@each_page
def test_the_environment_is_that_of_the_readme(page):
    names = set(re.findall(r"Ev ([A-Z_]+)", section(page, "ENVIRONMENT")))
    readme = (SOURCE / "README.md").read_text()
    table = re.search(r"^## Environment\n(.*?)^## ", readme, re.M | re.S).group(1)
    rows = [row for row in re.findall(r"^\| (`[^|]*) \|([^|]*)", table, re.M) if "scripts" not in row[1] or "chat-pub" in row[1]]
    known = {name for row in rows for name in re.findall(r"`([A-Z_]+)", row[0])}
    assert names == known if page == "redis-chat.7" else names <= known


@each_page
def test_the_page_has_examples(page):
    shown = section(page, "EXAMPLES")
    assert len(re.findall(r"^\.(?:Dl|Bd) ", shown, re.M)) >= 3


@each_page
def test_mandoc_has_nothing_to_say(page):
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "style", SOURCE / "tools" / page], capture_output=True, text=True)
    # Whether other pages are installed is no fault of this one.
    assert [line for line in done.stdout.splitlines() if "referenced manual not found" not in line] == []


@each_page
def test_no_macro_swallows_quotation_marks(page):
    assert re.findall(r'^\.[A-Z][a-z] .*".*$', source(page), re.M) == []


@each_page
def test_the_page_renders(page):
    done = subprocess.run(["mandoc", "-T", "utf8", SOURCE / "tools" / page], capture_output=True, text=True, check=True)
    text = re.sub(r".\x08", "", done.stdout)
    assert all(heading in text for heading in ("NAME", "DESCRIPTION", "ENVIRONMENT", "EXIT STATUS", "EXAMPLES"))
