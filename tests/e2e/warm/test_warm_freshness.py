"""What a zygote is made of, edited, replaced or touched: who asks later sees it as it is now.

A script is seen by the next request, anything else within about a second; and since the next zygote
is ready before the last one goes, nobody waits for it, nor is started cold meanwhile.
"""

import io
import os
import shutil
import subprocess
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from support.site import Site
from support.waiting import until
from support.warm import HEADER, Warm, warm_site


@pytest.fixture
def warm(start, site, tmp_path):
    def start_warm(more: str = "") -> Warm:
        log = tmp_path / "access"
        return Warm(start(config=warm_site(site.root, log, more)), log)

    return start_warm


# ---- how a file is changed


def edit(path: Path, text: str | bytes) -> None:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def replace(path: Path, text: str | bytes) -> None:
    new = path.with_name("new")
    edit(new, text)
    shutil.copymode(path, new)
    new.rename(path)


def touch(path: Path, _: str | bytes) -> None:
    os.utime(path)


HOW = [edit, replace, touch]


# ---- programs that print a word


def perl_script(word: str) -> str:
    return f'#!/usr/bin/perl\nprint "{HEADER}{word}";\n'


def python_script(word: str) -> str:
    return f'#!/usr/bin/python3\nprint("{HEADER}{word}", end="")\n'


SCRIPTS = {"perl": perl_script, "python": python_script}


def perl_module(site: Site) -> Path:
    site.program("it.cgi", "#!/usr/bin/perl\nuse FindBin; use lib $FindBin::Bin; use Own;\n"
                           f'print "{HEADER}", Own::word();\n')
    return site.file("Own.pm", "package Own; sub word { 'before' } 1;\n")


def python_module(site: Site) -> Path:
    site.program("it.cgi", f'#!/usr/bin/python3\nimport own\nprint("{HEADER}" + own.word, end="")\n')
    return site.file("own.py", "word = 'before'\n")


def archived(word: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("own.py", f"word = '{word}'")
    return archive.getvalue()


def python_archive(site: Site) -> Path:
    site.program("it.cgi", "#!/usr/bin/python3\nimport zipped\n"
                           f'import own\nprint("{HEADER}" + own.word, end="")\n')
    site.file("zipped.py", "import os, sys\n"
                           "sys.path.insert(0, os.path.dirname(__file__) + '/own.zip')\n")
    return site.file("own.zip", archived("before"))


def compile_library(path: Path, word: str) -> None:
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", path, "-x", "c", "-"], check=True,
                   input=f'const char* word(void) {{ return "{word}"; }}', text=True)


def library(site: Site) -> Path:
    path = site.path("libown.so")
    compile_library(path, "before")
    subprocess.run(["gcc", "-o", site.path("it.cgi"), "-x", "c", "-", "-x", "none", path,
                    "-Wl,-rpath,$ORIGIN"], check=True, text=True,
                   input="#include <stdio.h>\nconst char* word(void);\n"
                         f'int main(void) {{ printf("{HEADER}%s", word()); }}')
    return path


def after(path: Path) -> bytes:
    """The same file, with another word in it."""
    return path.read_bytes().replace(b"before", b"after!")


# ---- the script


@pytest.mark.parametrize("change", HOW)
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_seen_by_the_next_request(warm, site, name, change):
    script = site.program("it.cgi", SCRIPTS[name]("before"))
    served = warm()
    served.boot("/it.cgi")
    zygotes = set(served.server.zygotes())
    change(script, SCRIPTS[name]("after"))
    for i in range(2):  # by each worker
        assert served.get(f"/it.cgi?{i}").body == (b"before" if change is touch else b"after")
    served.assert_saw_change("/it.cgi?0", zygotes)
    served.boot("/it.cgi")
    assert served.get("/it.cgi").body == (b"before" if change is touch else b"after")


def test_a_native_program_is_seen_by_the_next_request(warm, site):
    library(site)
    served = warm()
    served.boot("/it.cgi")
    zygotes = set(served.server.zygotes())
    replace(site.path("it.cgi"), site.path("it.cgi").read_bytes().replace(b"%s", b"!!"))
    assert served.get("/it.cgi?x").body == b"!!"
    served.assert_saw_change("/it.cgi?x", zygotes)
    served.boot("/it.cgi")
    assert served.get("/it.cgi").body == b"!!"


# ---- what it has loaded


def watch_it_change(served: Warm, change: Callable[[], None], body: bytes) -> None:
    """All requests are answered by a zygote, the first of them by that from before the change, the
    last by another one; and they say what is so."""
    served.boot("/it.cgi")
    [zygote] = served.server.zygotes()
    count = len(served.lines())
    change()

    def is_seen() -> bool:
        answer = served.get("/it.cgi")
        assert answer.status == 200
        return answer.body == body and zygote not in served.server.zygotes()

    assert until(is_seen, 10, 0.01)
    assert served.get("/it.cgi").body == body
    assert {line[2] for line in served.settled("/it.cgi")[count:]} == {"warm"}
    assert "has changed" in served.server.log()


@pytest.mark.parametrize("change", HOW)
@pytest.mark.parametrize("kind", [perl_module, python_module])
def test_a_module_is_seen_soon_and_nobody_waits_for_it(warm, site, kind, change):
    module = kind(site)
    watch_it_change(warm('warm = { preload = "all" }'), lambda: change(module, after(module)),
                    b"before" if change is touch else b"after!")


def test_an_archive_of_modules_is_seen_soon(warm, site):
    archive = python_archive(site)
    watch_it_change(warm('warm = { preload = "all" }'),
                    lambda: replace(archive, archived("after!")), b"after!")


@pytest.mark.parametrize("change", [replace, touch])  # edited, it would change under who runs it
def test_a_library_is_seen_soon(warm, site, change):
    path = library(site)
    watch_it_change(warm(), lambda: change(path, after(path)),
                    b"before" if change is touch else b"after!")


def test_a_library_that_a_link_leads_to_now_is_seen_soon(warm, site):
    path = library(site)
    path.rename(site.path("libown.so.1"))
    path.symlink_to("libown.so.1")
    compile_library(site.path("libown.so.2"), "after!")

    def upgrade() -> None:
        site.path("new").symlink_to("libown.so.2")
        site.path("new").rename(path)

    watch_it_change(warm(), upgrade, b"after!")


@pytest.mark.parametrize("name", ["perl", "python3"])
@pytest.mark.parametrize("by_link", [False, True])
def test_an_interpreter_is_seen_soon(warm, site, tmp_path, name, by_link):
    for version in (1, 2):
        shutil.copy(f"/usr/bin/{name}", tmp_path / f"{version}")
    interpreter = tmp_path / name
    if by_link:
        interpreter.symlink_to("1")
    else:
        (tmp_path / "1").rename(interpreter)
    site.program("it.cgi", SCRIPTS[name.rstrip("3")]("word"))

    def upgrade() -> None:
        if by_link:
            (tmp_path / "new").symlink_to("2")
            (tmp_path / "new").rename(interpreter)
        else:
            (tmp_path / "2").rename(interpreter)

    served = warm(f'interpreter = "{interpreter}"')
    watch_it_change(served, upgrade, b"word")
    [zygote] = served.server.zygotes()
    assert os.path.samefile(f"/proc/{zygote}/exe", interpreter)


def test_the_settings_of_a_virtual_environment_are_seen_soon(warm, site, tmp_path):
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    script = python_script("word").replace("/usr/bin", f"{tmp_path}/venv/bin")
    site.program("it.cgi", script)
    settings = tmp_path / "venv/pyvenv.cfg"
    watch_it_change(warm(), lambda: edit(settings, settings.read_text() + "\n"), b"word")


@pytest.mark.parametrize("kind", [perl_module, python_module])
def test_a_module_with_a_mistake_that_is_mended(warm, site, kind):
    """It is seen by a plain start, and the program is kept warm again, though its own file has not
    changed."""
    module = kind(site)
    good = module.read_bytes()
    served = warm("" if kind is perl_module else 'warm = { preload = ["own"] }')
    served.boot("/it.cgi")
    for mistake in (b"1 +", b"1 + +"):  # who mends it may need more than one try
        edit(module, mistake)
        assert until(lambda: served.get("/it.cgi").status == 502
                     and "it.cgi: started cold, not warm: " in served.server.log(), 10, 0.05)
        served.server.checkpoint()
    edit(module, good)
    assert served.get("/it.cgi").body == b"before"
    served.boot("/it.cgi")


# ---- what changes while it is loaded


def test_a_module_that_changes_after_it_was_read_and_before_all_is_loaded(warm, site):
    module = perl_module(site)
    site.file("Slow.pm", f"""
        open my $mark, '>', "{site.root}/loading.$$" or die; close $mark;
        select undef, undef, undef, 0.01 until -e "{site.root}/go";
        1;""")
    script = site.path("it.cgi")
    edit(script, script.read_text().replace("use Own;", "use Own; use Slow;"))
    served = warm()
    connection = served.server.connect()
    connection.send(b"GET /it.cgi HTTP/1.1\r\nHost: it\r\n\r\n")  # cold, as a zygote is booted
    assert until(lambda: len(list(site.root.glob("loading.*"))) == 2)
    edit(module, after(module))
    edit(site.path("go"), "")
    served.boot("/it.cgi")
    assert until(lambda: served.get("/it.cgi").body == b"after!", 5)
    assert until(lambda: len(served.server.zygotes()) == 1)
    for _ in range(4):
        assert served.get("/it.cgi").body == b"after!"
    assert "changed meanwhile" in served.server.log()


def test_a_program_that_writes_its_module_as_it_loads_is_not_booted_on_and_on(warm, site):
    module = perl_module(site)
    script = site.path("it.cgi")
    writes = f"""BEGIN {{ open my $own, '>', "{module}.$$" or die;
        print $own "package Own; sub word {{ 'written' }} 1;"; close $own;
        rename "{module}.$$", "{module}" }}"""
    edit(script, script.read_text().replace("use Own;", writes + "use Own;"))
    served = warm()
    served.boot("/it.cgi")
    served.server.wait_log("changed meanwhile")
    time.sleep(4)
    assert served.server.log().count("changed meanwhile") <= 4
    assert served.get("/it.cgi").body == b"written"
