"""What README.md and docs/guide.md show is run, so that it stays true."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness import ENVIRONMENT, REPOSITORY, environment_of

DOCUMENTS = ("README.md", "docs/guide.md")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Keys of a configuration that name something in the file system.
PATH = re.compile(r'^((?:root|cgi|interpreter|pid_file) = |\w+ = \{ path = )"(/[^"]*)"',
                  re.MULTILINE)
PROGRAM_SUFFIXES = {"sh": ".cgi", "python": ".cgi", "perl": ".cgi", "c": ".c"}


@dataclass
class Block:
    document: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def text_of(document: str) -> str:
    return (REPOSITORY / document).read_text()


def blocks_of(document: str) -> list[Block]:
    text = text_of(document)
    return [Block(document, text.count("\n", 0, match.start()) + 1, match[1], match[2])
            for match in FENCE.finditer(text)]


BLOCKS = [block for document in DOCUMENTS for block in blocks_of(document)]
CONFIGURATIONS = [block for block in BLOCKS if block.language == "toml"]
PROGRAMS = [block for block in BLOCKS if block.language in PROGRAM_SUFFIXES
            and (block.text.startswith("#!") or block.language == "c")]
TRANSCRIPTS = [block for block in BLOCKS if block.language == "sh" and "hello.cgi" in block.text]


def each(blocks: list[Block]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("block", blocks, ids=str)


def test_documents_have_what_these_tests_look_for():
    assert len(CONFIGURATIONS) > 10 and len(PROGRAMS) >= 4 and len(TRANSCRIPTS) == 1


# Configurations. One whose first line is "# /etc/cgisrv/NAME.toml" is whole; others are parts.


def whole(configuration: str) -> str:
    """A part gets the site that it needs."""
    if re.match(r"# /etc/cgisrv/[\w-]+\.toml\n", configuration):
        return configuration
    assert "[[site]]" not in configuration, "the first line of a whole configuration names its file"
    before, location, after = configuration.partition("[[site.location]]")
    return f'{before}[[site]]\nroot = "/srv/www"\n{location}{after}'


def below(folder: Path, configuration: str) -> str:
    """Moves all paths into `folder`, and makes what they name."""

    def move(match: re.Match[str]) -> str:
        path = Path(f"{folder}{match[2]}")
        if match[1].startswith("root") or match[2].endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
        if match[1].startswith(("cgi", "interpreter")) and not path.is_dir():
            path.write_text("#!/bin/sh\n")
            path.chmod(0o755)
        return f'{match[1]}"{folder}{match[2]}"'

    return PATH.sub(move, configuration)


@each(CONFIGURATIONS)
def test_configuration_is_valid(block, run, tmp_path):
    for user in re.findall(r'^user = "(.*)"', block.text, re.MULTILINE):
        try:
            pwd.getpwnam(user)
        except KeyError:
            pytest.skip(f"there is no user {user}")
    file = tmp_path / "cgisrv.toml"
    file.write_text(below(tmp_path, whole(block.text)))
    result = run("check", "-c", file)
    assert result.returncode == 0, f"{block}: {result.stderr}"


def test_message_of_a_wrong_configuration(run, tmp_path):
    shown = re.search(r"^git\.toml:(.*)$", text_of("README.md"), re.MULTILINE)
    file = tmp_path / "git.toml"
    file.write_text(f'[server]\nwokers = 4\n[[site]]\nroot = "{tmp_path}"\n')
    assert run("check", "-c", file).stderr == f"{file}:{shown[1]}\n"


# Programs.


@each(PROGRAMS)
def test_program_answers(block, start, site):
    if block.language == "c":
        site.c_program("hello.cgi", block.text)
    else:
        interpreter = block.text.split("\n")[0].removeprefix("#!")
        if not os.path.exists(interpreter):
            pytest.skip(f"there is no {interpreter}")
        site.program("hello.cgi", block.text)
    server = start(site)
    response = server.get("/hello.cgi?a=b")
    assert response.status == 200 and response.body, response
    assert server.request("POST", "/hello.cgi", body=b"a=b").status == 200


@each(TRANSCRIPTS)
def test_first_program(block, start, site):
    """All but the command that serves."""
    commands, serve, _ = block.text.partition("./run site\n")
    assert serve
    subprocess.run(["sh", "-eu", "-c", commands], cwd=site.root.parent, check=True)
    response = start(site).get("/hello.cgi")
    assert response.status == 200 and re.fullmatch(r"Hello. It is \d\d:\d\d\.\n", response.text)


@each([block for block in BLOCKS if block.language == "cpp"])
def test_service_compiles(block, tmp_path):
    if not shutil.which("g++"):
        pytest.skip("g++ is not installed")
    file = tmp_path / "hello.cc"
    file.write_text(block.text)
    subprocess.run(["g++", "-std=c++23", "-fsyntax-only", "-Wall", "-Werror",
                    "-I", REPOSITORY / "include", file], check=True)


# Tables.


def first_column(heading: str) -> list[str]:
    """The code in the first column of the table that follows `heading`."""
    table = re.search(rf"^{re.escape(heading)}\n(?:.*\n)*?\|(?:-+\|)+\n((?:\|.*\n)+)",
                      text_of("docs/guide.md"), re.MULTILINE)
    assert table, f"no table after {heading!r}"
    cells = (row.split("|")[1].strip() for row in table[1].splitlines())
    return [cell[1:-1] for cell in cells if cell.startswith("`")]


def test_table_of_variables_is_complete(server, site):
    site.c_program("environment.cgi", ENVIRONMENT)
    environment = environment_of(server.request(
        "POST", "/environment.cgi/more?a=b",
        [("Content-Type", "text/plain"), ("Git-Protocol", "version=2")], b"body"))
    shown = set(first_column("### What a program gets")) - {"HTTP_*"}
    conditional = {"REDIRECT_URL", "REMOTE_USER"}
    assert {name for name in environment if not name.startswith("HTTP_")} == shown - conditional


FAILING = {
    "is not executable": None,
    "has no interpreter line": "echo hello\n",
    "has Windows line ends": "#!/bin/sh\r\necho hello\r\n",
    "does not exist; correct the first line": "#!/usr/bin/no-such-interpreter\n",
    "does not begin with a CGI header": "#!/bin/sh\necho hello\n",
    "ended within its header": "#!/bin/sh\necho Content-Type: text/plain\n",
    "neither Content-Type, Location nor Status": "#!/bin/sh\necho X-Field: value\necho\n",
    "ended without any output": "#!/bin/sh\n",
    "before it printed a header": "#!/bin/sh\nexit 3\n",
    "has env look for": "#!/usr/bin/env no-such-interpreter\n",
}


def test_table_of_failures_is_complete():
    """What needs root or limits is in test_diagnosis, setuid in test_privileges."""
    table = first_column("## When a program fails")
    elsewhere = {"mounted noexec", "the kernel ran out of memory",
                 "of processor time`, `wrote a file of more than",
                 "is setuid, which has no effect here"}
    assert sorted(set(table) - elsewhere) == sorted(FAILING)


@pytest.mark.parametrize("words", FAILING)
def test_failure_says_so(words, server, site):
    source = FAILING[words]
    site.program("fails.cgi", source or "#!/bin/sh\n", 0o644 if source is None else 0o755)
    response = server.get("/fails.cgi")
    assert response.status == (403 if source is None else 502)
    assert words in response.text
    server.wait_log(re.escape(words))


def test_security_page_names_tests_that_are_there():
    named = re.findall(r"`(test_\w+)::(test_\w+)`", text_of("docs/security.md"))
    assert len(named) > 20
    for file, name in named:
        assert f"\ndef {name}(" in text_of(f"tests/e2e/{file}.py"), f"{file}::{name}"


# Links.


def anchors(document: str) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", text_of(document)), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", [*DOCUMENTS, "CHANGELOG.md", "docs/security.md",
                                      *(f"docs/{file.name}" for file in
                                        (REPOSITORY / "docs").glob("from-*.md"))])
def test_links_lead_somewhere(document):
    prose = FENCE.sub("", text_of(document))
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", prose):
        target = (REPOSITORY / document).parent / path if path else REPOSITORY / document
        assert target.exists(), f"{document}: {path}"
        if anchor:
            assert anchor in anchors(str(target.resolve().relative_to(REPOSITORY))), anchor
