"""The manual pages: what they say of options, exit codes and the environment is what the tools say, and they can be made."""

import re
import subprocess

import pytest

from harness import BIN, SOURCE

TOOLS = ["chat-pub", "chat-sub", "chat-replay", "chat-topics"]
PAGES = sorted(path.name.removesuffix(".md") for path in (SOURCE / "tools").glob("*.md"))
COMMANDS = {"chat-topics": ["list", "add", "set", "rm", "who"]}
each_tool = pytest.mark.parametrize("tool", TOOLS)
each_page = pytest.mark.parametrize("page", PAGES)


def source(page):
    return (SOURCE / "tools" / f"{page}.md").read_text()


def section(page, name):
    return re.search(rf"^# {name}\n(.*?)(?=^# |\Z)", source(page), re.M | re.S).group(1)


def options_of_help(tool):
    """The names before each row's description: two blanks are around them."""
    found = set()
    for command in [[], *([name] for name in COMMANDS.get(tool, []))]:
        text = subprocess.run([BIN / tool, *command, "--help"], capture_output=True, text=True, check=True).stdout
        for row in re.findall(r"^  (-.*)$", text, re.M):
            found |= set(re.findall(r"(?<!\S)(--?[a-zA-Z0-9][a-z-]*)", row.split("  ")[0]))
    return found


def options_of_page(page, name):
    """Those that a paragraph of its own begins with."""
    paragraphs = re.findall(r"^(\*\*-[^\n]*)\n\n>", section(page, name), re.M)
    return {option for text in paragraphs for option in re.findall(r"\*\*(--?[a-zA-Z0-9][a-z-]*)\*\*", text)}


@each_tool
def test_the_pages_have_the_options_of_help(tool):
    shown, own, common = options_of_help(tool), options_of_page(f"{tool}.1", "OPTIONS"), options_of_page("redis-chat.7", "COMMON OPTIONS")
    assert {"--redis", "--retry-for", "-h", "--help", "--version"} <= common <= shown
    assert shown == own | common
    assert not own & common, "common options stand in one place"


def test_exit_codes_are_those_of_the_library():
    code = (SOURCE / "lib/cli/exit_code.cpp").read_text() if (SOURCE / "lib/cli/exit_code.cpp").exists() else "".join(
        path.read_text() for path in (SOURCE / "lib/cli").glob("*.cpp"))
    given = set(re.findall(r"case Failure::\w+:\s*return (\d+);", code))
    assert len(given) >= 9
    table = set(re.findall(r"\d+", " ".join(re.findall(r"^\| ([\d, ]+) \|", section("redis-chat.7", "EXIT STATUS"), re.M))))
    assert given | {"0", "70", "124", "130", "143"} == table


@each_page
def test_exit_codes_in_texts_are_in_the_table(page):
    table = set(re.findall(r"\d+", " ".join(re.findall(r"^\| ([\d, ]+) \|", section("redis-chat.7", "EXIT STATUS"), re.M))))
    assert set(re.findall(r"(?:exit status|ends? with|refused with) (\d+)", source(page))) <= table


def test_the_environment_is_that_of_the_library():
    read = set()
    for path in [*SOURCE.glob("lib/*/*.cpp"), *SOURCE.glob("tools/*.cpp")]:
        read |= set(re.findall(r'getenv\("([A-Z_]+)"\)', path.read_text()))
    table = set(re.findall(r"`([A-Z_]+)", section("redis-chat.7", "ENVIRONMENT")))
    known_elsewhere = {"COLORTERM", "TERM_PROGRAM", "VTE_VERSION", "LC_ALL", "LC_CTYPE", "LANG"}
    assert read - known_elsewhere <= table
    assert {"REDIS_URL", "REDISCLI_AUTH", "CHAT_USER"} <= table


@each_page
def test_the_page_has_its_sections(page):
    text = source(page)
    assert text.startswith(f"# NAME\n\n**{page.split('.')[0]}** - ")
    assert "# SEE ALSO" in text
    if page.endswith(".1"):
        assert "# SYNOPSIS" in text and "# DESCRIPTION" in text and "```" in section(page, "EXAMPLES")


LINKING = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "lib/README.md", "scripts/README.md", "tests/bench/README.md",
           *(f"tools/{page}.md" for page in PAGES)]


def headings(text):
    """As GitHub and lowdown name them in links."""
    lines = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in lines}


@pytest.mark.parametrize("page", LINKING)
def test_links_lead_somewhere(page):
    file = SOURCE / page
    targets = re.findall(r"\]\(([^)]+)\)", file.read_text())
    for target in targets:
        if "://" in target or target.startswith("../../actions/"):  # the latter is GitHub's, beside the files
            continue
        path, _, heading = target.partition("#")
        led_to = (file.parent / path).resolve() if path else file
        assert led_to.exists(), target
        assert not heading or heading in headings(led_to.read_text()), target


def test_the_readme_is_short():
    assert len((SOURCE / "README.md").read_text().splitlines()) <= 250


@each_page
def test_mandoc_has_nothing_to_say(page):
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", BIN / "man" / page], capture_output=True, text=True)
    # Whether other pages are installed is no fault of this one.
    assert [line for line in done.stdout.splitlines() if "referenced manual not found" not in line] == []


@each_page
def test_the_page_renders(page):
    done = subprocess.run(["mandoc", "-T", "utf8", BIN / "man" / page], capture_output=True, text=True, check=True)
    text = re.sub(r".\x08", "", done.stdout)
    assert text.split("\n")[2] == "NAME"
    assert not re.search(r"\*\*|\]\(|^>", text, re.M), "Markdown is left"
