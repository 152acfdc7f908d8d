"""Manual pages and completions say what the command line understands, and shells and man read them."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from support.binary import BINARY, REPOSITORY
from support.commands import run

OPTION = re.compile(r"(?<![\w-])--?[a-zA-Z][a-z-]*")
BASH = r"""
source {script}
COMP_WORDS=({words}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
compopt() {{ :; }}  # it works in a completion alone
_cgisrv
printf '%s\n' "${{COMPREPLY[@]}}"
"""


def help_of(*verb: str) -> str:
    return run(BINARY, *verb, "--help")


def options_of(text: str) -> set[str]:
    return set(OPTION.findall(text))


def bash(installed: Path, line: str) -> list[str]:
    script = installed / "share/bash-completion/completions/cgisrv"
    words = " ".join(shlex.quote(word) for word in line.split(" "))
    return run("bash", "-c", BASH.format(script=script, words=words)).split()


def fish(installed: Path, line: str) -> list[str]:
    script = installed / "share/fish/vendor_completions.d/cgisrv.fish"
    found = run("fish", "--no-config", "-c", f"source {script}; complete -C {shlex.quote(line)}")
    return [each.split("\t")[0] for each in found.splitlines()]


SHELLS = pytest.mark.parametrize("complete", [bash, fish])


@SHELLS
def test_commands_and_directories_are_completed(complete, installed: Path, tmp_path: Path, monkeypatch):
    (tmp_path / "status-pages").mkdir()
    monkeypatch.chdir(tmp_path)
    found = {each.rstrip("/") for each in complete(installed, "cgisrv st")}
    assert found == {"status", "stop", "status-pages"}


@SHELLS
def test_files_are_completed_where_one_is_meant(complete, installed: Path, tmp_path: Path, monkeypatch):
    (tmp_path / "site.toml").touch()
    monkeypatch.chdir(tmp_path)
    for line in ("cgisrv -c s", "cgisrv --config s", "cgisrv status --socket s", "cgisrv exec s"):
        assert complete(installed, line) == ["site.toml"], line
    assert complete(installed, "cgisrv quit s") == []


@SHELLS
@pytest.mark.parametrize("verb", ["", "exec", "check"])
def test_options_are_those_of_the_help(complete, verb: str, installed: Path):
    found = set(complete(installed, f"cgisrv {verb} --".replace("  ", " ")))
    expected = {option for option in options_of(help_of(*verb.split())) if option.startswith("--")}
    of_commands = {"--scdoc", "--explain"}  # which the help names beside their command
    assert found == expected - (of_commands if not verb else set())


@SHELLS
def test_options_of_commands_that_speak_to_a_server_are_those_of_the_help(complete, installed: Path):
    verbs = re.findall(r"^(?:Usage:|      ) cgisrv (\w+)", help_of("status"), re.MULTILINE)
    found = {option for verb in verbs for option in complete(installed, f"cgisrv {verb} --")}
    expected = {option for option in options_of(help_of("status")) if option.startswith("--")}
    assert found == expected | {"--help"}


@pytest.mark.fault("2c")
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_are_what_the_server_says(shell: str):
    """They are kept in the tree, so that a cross build need not run what it has built."""
    file = REPOSITORY / "packaging/completions" / f"cgisrv.{shell}"
    assert file.read_text() == run(BINARY, "completion", shell), \
        f"`cgisrv completion {shell} > {file.relative_to(REPOSITORY)}`, and commit it"


def test_zsh_reads_its_completion(installed: Path):
    script = installed / "share/zsh/vendor-completions/_cgisrv"
    run("zsh", "-n", script)
    # The arguments that it would give to _arguments for the words typed so far.
    said = run("zsh", "-f", "-c", f"_arguments() {{ print -l -- $@ }}; words=(cgisrv status --); . {script}")
    assert "(--socket)--socket:FILE:_files" in said.splitlines()
    assert "(--warm)--warm" not in said.splitlines()


@pytest.mark.parametrize("page", ["man1/cgisrv.1", "man5/cgisrv.toml.5"])
def test_man_finds_no_fault_in_a_page(page: str, installed: Path):
    done = subprocess.run(["man", "--warnings", "-l", installed / "share/man" / page],
                          capture_output=True, text=True, env={"MANWIDTH": "80", "PATH": "/usr/bin:/bin"})
    assert done.returncode == 0 and done.stderr == ""
    assert "SEE ALSO" in done.stdout and len(done.stdout) > 4000


def test_the_manual_page_has_every_command_and_option():
    manual = (REPOSITORY / "packaging/man/cgisrv.1.scd").read_text()
    texts = help_of() + help_of("check") + help_of("status") + help_of("exec")
    missing = {option for option in options_of(texts) if f"*{option}" not in manual}
    verbs = set(re.findall(r"cgisrv ([a-z|]+) ", help_of() + help_of("status")))
    missing |= {verb for each in verbs for verb in each.split("|")
                if not re.search(rf"[* ]{verb}\*", manual)}
    assert not missing, f"packaging/man/cgisrv.1.scd does not have {missing}"
