"""What linters say of Python, shell and JavaScript."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

# Read, never run: what the fuzzers begin with.
NOT_OURS = "tests/fuzz/corpus/"
IMPORTS = re.compile(r'^import \{([^}]*)\} from "\./([^"]+)";', re.MULTILINE)


def check(root: Path) -> list[str]:
    kinds = {"python": [], "shell": [], "javascript": []}
    for path in tracked(root):
        if (kind := kind_of(path)) is not None:
            kinds[kind].append(path)
    return [fault.replace(f"{root}/", "") for fault in
            [*python(kinds["python"]), *shell(kinds["shell"]), *javascript(kinds["javascript"])]]


def tracked(root: Path) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=root,
                            capture_output=True, text=True, check=True)
    return [path for name in listed.stdout.splitlines()
            if not name.startswith(NOT_OURS) and (path := root / name).is_file()]


def kind_of(path: Path) -> str | None:
    """By its name or, without one that tells, by its first line."""
    by_name = {".py": "python", ".sh": "shell", ".js": "javascript"}.get(path.suffix)
    with path.open("rb") as file:
        first = file.readline(100)
    interpreter = re.match(rb"#!\s*\S*/(?:env )?(python3|sh|bash)\b", first)
    return by_name or interpreter and ("python" if interpreter[1] == b"python3" else "shell")


def python(paths: list[Path]) -> list[str]:
    """pyflakes; and tests import no tests: what two of them share is in tests/support."""
    found = lines_of(["pyflakes3", *paths])
    for path in paths:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if re.match(r"\s*(from|import) (test_|conftest)", line):
                found.append(f"{path}:{number}: imports another test: {line.strip()}")
    return found


def shell(paths: list[Path]) -> list[str]:
    """`condition && this || that` is meant so (SC2015)."""
    return lines_of(["shellcheck", "-x", "-e", "SC2015", "-f", "gcc", *paths])


def javascript(paths: list[Path]) -> list[str]:
    """Modules: their syntax, and whether what they import is there and is used. What is wrong with
    them when they run is what the tests in a browser see."""
    return [fault for path in paths for fault in [*syntax(path), *imports(path)]]


def syntax(path: Path) -> list[str]:
    with tempfile.NamedTemporaryFile(suffix=".mjs") as module:
        module.write(path.read_bytes())
        module.flush()
        done = subprocess.run(["node", "--check", module.name], capture_output=True, text=True)
        said = done.stderr.replace(module.name, str(path)).splitlines()
    return [f"{' '.join(said[:1])}: {error}" for error in said if "Error:" in error]


def imports(path: Path) -> list[str]:
    text, found = path.read_text(), []
    for names, module in IMPORTS.findall(text):
        other = path.parent / module
        exported = other.read_text() if other.is_file() else ""
        for name in filter(None, map(str.strip, names.split(","))):
            if not re.search(rf"^export (const|let|function|class) {name}\b", exported, re.M):
                found.append(f"{path}: {module} does not export {name}")
            if len(re.findall(rf"\b{name}\b", text)) < 2:
                found.append(f"{path}: {name} is imported and not used")
    return found


def lines_of(command: list[str | Path]) -> list[str]:
    """What a linter has printed; that it has failed without a word is a fault, too."""
    done = subprocess.run(command, capture_output=True, text=True)
    said = (done.stdout + done.stderr).splitlines()
    return said if said or done.returncode == 0 else [f"{command[0]} ended with {done.returncode}"]
