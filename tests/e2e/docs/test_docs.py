"""What README.md and docs/guide.md show is run, so that it stays true."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.binary import BINARY, REPOSITORY
from support.passwords import QUICK
from support.programs import ENVIRONMENT, PLAIN, environment_of

DOCUMENTS = ("README.md", "docs/guide.md", "docs/php.md")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Keys of a configuration that name something in the file system.
PATH = re.compile(r'^((?:root|cgi|interpreter|files|pid_file) = |\w+ = \{ path = |'
                  r'sendfile_roots = \[|address = (?="unix:))"((?:unix:)?/[^"]*)"',
                  re.MULTILINE)
USERS = re.compile(r'\b((?:passwords|groups) = )"(/[^"]*)"')
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


# A test must not meet another's port, and has nobody who hands over sockets.
PORT = re.compile(r'^((?:address|listen|agent) = )"(?:(.*):\d+|fd:\w+)"', re.MULTILINE)


def below(folder: Path, configuration: str) -> str:
    """Moves all paths into `folder`, and makes what they name."""

    def move(match: re.Match[str]) -> str:
        unix = "unix:" if match[2].startswith("unix:") else ""
        path = Path(f"{folder}{match[2].removeprefix(unix)}")
        if match[1].startswith(("root", "sendfile_roots")) or match[2].endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
        if match[1].startswith(("cgi", "interpreter")) and not path.is_dir():
            path.write_text("#!/bin/sh\n")
            path.chmod(0o755)
        if match[1].startswith("files") and not path.is_dir():
            path.write_text("a file\n")
        return f'{match[1]}"{unix}{folder}{match[2].removeprefix(unix)}"'

    def move_users(match: re.Match[str]) -> str:
        path = Path(f"{folder}{match[2]}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("staff: alice\n" if match[1].startswith("groups") else f"alice:{QUICK}\n")
        return f'{match[1]}"{path}"'

    return USERS.sub(move_users, PATH.sub(move, configuration))


def start_as(user: int, file: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Starts a server by the file, and ends it once it serves; its output and exit status."""
    binary = shutil.copy(BINARY, folder / "cgisrv")  # where everybody may execute it
    server = subprocess.Popen(
        [binary, "-c", file, "-w", "1"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, cwd="/",
        preexec_fn=lambda: os.setuid(user) if user != os.geteuid() else None,
        env={**os.environ, "RUNTIME_DIRECTORY": str(folder / "runtime")})
    line = server.stdout.readline()  # ends with the server, if it does not start
    server.terminate()
    out, err = server.communicate(timeout=30)
    return subprocess.CompletedProcess(server.args, server.returncode, line + out, err)


@pytest.fixture
def open_folder():
    """One that any user may write to, which pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="cgisrv-docs-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@each(CONFIGURATIONS)
@pytest.mark.fault("2f")
@pytest.mark.parametrize("user", ["root", "nobody"])
def test_configuration_starts_as_it_stands(block, user, run, open_folder):
    if os.geteuid() != 0:
        pytest.skip("root alone can try both")
    file = open_folder / "cgisrv.toml"
    text = PORT.sub(lambda found: f'{found[1]}"{found[2] or "127.0.0.1"}:0"',
                    below(open_folder, whole(block.text)))
    if "[[listen]]" not in text:
        text += '\n[[listen]]\naddress = "127.0.0.1:0"\n'
    file.write_text(text)
    for path in open_folder.rglob("*"):
        path.chmod(path.stat().st_mode | (0o777 if path.is_dir() else 0o044))
    if user == "root":
        assert run("check", "-c", file).returncode == 0
    started = start_as(pwd.getpwnam(user).pw_uid, file, open_folder)
    if "cgroups = true" in text and "cgroup" in started.stderr:
        pytest.skip("no cgroup of version 2 that may be written to")
    if user != "root" and re.search("^user = ", text, re.MULTILINE):
        # What names a user is for root, and says so.
        assert started.returncode == 77 and "root" in started.stderr, started
    else:
        assert started.stdout.startswith("cgisrv: serving "), started
        assert started.returncode == 0, started


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


@pytest.mark.parametrize("target, status, body", [
    ("/cgi-bin/deep/p", 200, "ran"), ("/htbin/p", 200, "ran"), ("/tools/p.cgi", 200, "ran"),
    ("/cgi-bin/plain", 403, None), ("/tools/app.py", 200, "#!/bin/sh"), ("/tools/", 200, "app.py"),
    ("/.hidden/p.cgi", 404, None)])
def test_a_directory_by_a_configuration(start, site, target, status, body):
    """The one that the guide gives in the place of `cgisrv DIR`."""
    for name in ("cgi-bin/deep/p", "htbin/p", "tools/p.cgi", "tools/app.py", ".hidden/p.cgi"):
        site.program(name, PLAIN + "echo ran\n")
    site.program("cgi-bin/plain", PLAIN, 0o644)
    [block] = [each for each in CONFIGURATIONS if each.text.startswith("# /etc/cgisrv/directory.toml")]
    configured = start(config=block.text.replace("/srv/www", str(site.root)))
    for server in (start(site), configured):
        response = server.get(target)
        assert response.status == status and (body is None or body in response.text), response


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
    conditional = {"REDIRECT_URL", "REDIRECT_QUERY_STRING", "REDIRECT_REQUEST_METHOD", "AUTH_TYPE",
                   "REMOTE_USER", "HTTPS", "SSL_PROTOCOL", "SSL_CIPHER",
                   "SSL_TLS_SNI", "SSL_CLIENT_VERIFY", "TZ"}
    environment.pop("TZ", None)
    assert {name for name in environment if not name.startswith("HTTP_")} == shown - conditional


FAILING = {
    "is not executable": None,
    "and not a program": "GIF89a",
    "has no interpreter line": "echo hello\n",
    "has Windows line ends": "#!/bin/sh\r\necho hello\r\n",
    "does not exist; correct the first line": "#!/usr/bin/no-such-interpreter\n",
    "delete what stands before it": "\n#!/bin/sh\n",
    "does not begin with a CGI header": "#!/bin/sh\necho hello\n",
    "ended within its header": "#!/bin/sh\necho Content-Type: text/plain\n",
    "begins with an empty line": "#!/bin/sh\necho\necho Content-Type: text/plain\necho\n",
    "ended without any output": "#!/bin/sh\n",
    "before it printed a header": "#!/bin/sh\nexit 3\n",
    "has env look for": "#!/usr/bin/env no-such-interpreter\n",
    "but one comes later in it": "#!/bin/sh\necho hello\necho Content-Type: text/plain\necho\n",
}


def test_table_of_failures_is_complete():
    """What needs root or limits is in test_diagnosis, setuid in test_privileges."""
    table = first_column("## When a program fails")
    elsewhere = {"mounted noexec", "the kernel ran out of memory",
                 "of processor time`, `wrote a file of more than",
                 "is executable and begins with #!, but it is sent as a file", "may not enter",
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


def test_table_of_columns_is_complete():
    """Of `cgisrv status`, narrow and wide: the source has a row for each, and the guide too."""
    source = text_of("src/status/report_table.cc")
    columns = re.findall(r'^ {4}\{"(\S+)", \d+, \d+, \[\]\(const Row&', source, re.MULTILINE)
    guide = text_of("docs/guide.md").partition("| Column | Meaning |")[2].partition("\n\n")[0]
    named = re.findall(r"[A-Z]\S+", " ".join(line.split("|")[1] for line in guide.splitlines()[2:]))
    assert "LIMIT" in columns and sorted(word.strip(",") for word in named) == sorted(columns)


def test_security_page_names_tests_that_are_there():
    named = re.findall(r"`(test_\w+)::(test_\w+)`", text_of("docs/security.md"))
    assert len(named) > 20
    tests = list((REPOSITORY / "tests").rglob("test_*.py"))
    for file, name in named:
        [path] = [test for test in tests if test.stem == file]
        assert f"\ndef {name}(" in path.read_text(), f"{file}::{name}"


# The version.


def test_texts_have_the_version_of_the_build():
    version = re.search(r"project\(cgisrv VERSION ([\d.]+)", text_of("CMakeLists.txt"))[1]
    newest = re.search(r"^## (\S+)", text_of("CHANGELOG.md"), re.MULTILINE)[1]
    packaged = re.match(r"cgisrv \((\S+)\)", text_of("debian/changelog"))[1]
    shown = re.findall(r"^cgisrv ([\d.]+), pid ", text_of("docs/guide.md"), re.MULTILINE)
    assert {newest, packaged, *shown} == {version} and shown
    said = subprocess.run([BINARY, "--version"], capture_output=True, text=True, check=True)
    assert said.stdout == f"cgisrv {version}\n"


# Links.


def anchors(document: str) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", text_of(document)), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


PAGES = sorted(str(page.relative_to(REPOSITORY)) for folder in (".", "docs", "docs/decisions")
               for page in (REPOSITORY / folder).glob("*.md"))


@pytest.mark.parametrize("document", PAGES)
def test_links_lead_somewhere(document):
    prose = FENCE.sub("", text_of(document))
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", prose):
        target = (REPOSITORY / document).parent / path if path else REPOSITORY / document
        assert target.exists(), f"{document}: {path}"
        if anchor:
            assert anchor in anchors(str(target.resolve().relative_to(REPOSITORY))), anchor
