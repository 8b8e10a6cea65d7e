"""Runs the examples of README.md and of the manual pages.

The rule, for those who write it:

- Every block that starts with ```sh is run, in order, all of a page in one bash (so functions, variables and files stay) with
  `set -eo pipefail`: a command that fails fails the test. Its folder is an empty temporary one, the built
  programs and scripts/ are in its PATH, $REDIS_URL is a private Redis that is empty at the start.
- A ```text block that follows, with only blank lines between, is what the sh block prints, stdout and stderr
  together, exactly; but times, dates, IDs and the payload's timestamp may differ. Without such a block
  any output is right.
- Examples that can't be run (installation, Docker, what never ends) go in ```console blocks: those are not run.
- At least MINIMUM blocks must be runnable, so that this test can't pass by running nothing.
"""

import re
import tempfile
from pathlib import Path

import pytest

from harness import LIMIT, SOURCE, Server

MINIMUM = 20
PAGES = [SOURCE / "README.md", *sorted((SOURCE / "tools").glob("*.md"))]


def parse(text):
    """The runnable blocks: (line number of the block, script, expected output or None)."""
    fence = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    blocks, end = [], None
    for match in fence.finditer(text):
        kind, body = match.groups()
        if kind == "sh":
            blocks.append([text.count("\n", 0, match.start()) + 1, body, None])
            end = match.end()
        elif kind == "text" and end is not None and not text[end : match.start()].strip():
            blocks[-1][2] = body
            end = None
        else:
            end = None
    return [tuple(block) for block in blocks]


def same(text):
    """The text with what differs from run to run replaced."""
    text = re.sub(r"\b\d{10,16}-\d+\b", "ID", text)
    text = re.sub(r"\b(\d{4}-\d\d-\d\d[ T])?\d\d:\d\d:\d\d\b", "TIME", text)
    return re.sub(r'("timestamp": |timestamp\D{1,4})\d{10}\b', r"\1STAMP", text)


def run(server, blocks):
    """Runs the blocks, and returns what each printed and a line on how it all ended. A missing output means
    that the block was not reached."""
    with tempfile.TemporaryDirectory() as folder:
        script = ["set -eo pipefail", f"PATH={SOURCE}/scripts:$PATH"]
        for i, (_, body, _) in enumerate(blocks):
            Path(folder, f"{i}.sh").write_text(body)
            script.append(f"source {folder}/{i}.sh >{folder}/{i}.out 2>&1")
        Path(folder, "all.sh").write_text("\n".join(script) + "\n")
        bash = server.start("/bin/bash", f"{folder}/all.sh", env={"SMOKE_SECONDS": "100"})
        bash.close_stdin()
        try:
            end = f"exit {bash.wait(3 * LIMIT)}, stderr {bash.err.rest().decode()!r}"
        except AssertionError as error:
            end = str(error)
        finally:
            bash.kill()
        files = [Path(folder, f"{i}.out") for i in range(len(blocks))]
        return [file.read_text(errors="backslashreplace") if file.exists() else None for file in files], end


def check(blocks, outputs, end, i):
    line, body, expected = blocks[i]
    assert outputs[i] is not None, f"not reached: the block before failed ({end})"
    last = i + 1 == len(blocks) or outputs[i + 1] is None
    assert not last or end.startswith("exit 0"), f"line {line} failed, {end}:\n{body}\nprinted:\n{outputs[i]}"
    assert expected is None or same(outputs[i]) == same(expected)


BLOCKS = {page.name: parse(page.read_text()) for page in PAGES}


@pytest.fixture(scope="module")
def run_of():
    """Runs a page once, when the first of its examples is asked for."""
    runs = {}

    def run_page(name):
        if name not in runs:
            server = Server()
            runs[name] = run(server, BLOCKS[name])
            server.close()
        return runs[name]

    return run_page


def test_there_are_examples():
    assert sum(map(len, BLOCKS.values())) >= MINIMUM, "there are too few ```sh blocks that are run"


@pytest.mark.parametrize("name, i", [pytest.param(name, i, id=f"{name}:{line}") for name, blocks in BLOCKS.items()
                                     for i, (line, _, _) in enumerate(blocks)])
def test_example(run_of, name, i):
    check(BLOCKS[name], *run_of(name), i)


# The rule itself.

SAMPLE = """\
```sh
word=hello
echo "$word at 12:34:56"
```

```text
hello at 01:02:03
```
```console
$ exit 7
```
```sh
echo $word >file; cat file >&2
```
```text
hello
```
```sh
cat file
```
words between
```text
not compared
```
"""


def test_the_rule_on_a_sample(server):
    blocks = parse(SAMPLE)
    assert [(line, expected) for line, _, expected in blocks] == [(1, "hello at 01:02:03\n"), (12, "hello\n"), (18, None)]
    outputs, end = run(server, blocks)
    for i in range(3):
        check(blocks, outputs, end, i)


def test_the_rule_tells_a_failure(server):
    blocks = parse("```sh\necho a\n```\n```text\nb\n```\n```sh\necho c; false; echo d\n```\n```sh\necho e\n```\n")
    outputs, end = run(server, blocks)
    with pytest.raises(AssertionError, match="a"):
        check(blocks, outputs, end, 0)
    with pytest.raises(AssertionError, match="line 7 failed, exit 1(.|\n)*printed:\n *c\n"):
        check(blocks, outputs, end, 1)
    with pytest.raises(AssertionError, match="not reached"):
        check(blocks, outputs, end, 2)
