"""Serving by configuration: sites, locations, and what can be set for each."""

import json
import os
import re
import threading

import pytest

from support.client import head
from support.configuration import cgi_site
from support.programs import CAT, ENVIRONMENT, environment_of
from support.waiting import until


def shell(text: str) -> str:
    return f"#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n{text}'\n"


@pytest.fixture
def sites(start, tmp_path):
    for name in ("first", "second", "wild", "deep"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_text(name)
    return start(config=f"""
[[site]]
server_name = ["first.example", "www.first.example"]
root = "{tmp_path}/first"
[[site]]
server_name = ["Second.Example"]
root = "{tmp_path}/second"
[[site]]
server_name = ["*.wild.example"]
root = "{tmp_path}/wild"
[[site]]
server_name = ["*.deep.wild.example"]
root = "{tmp_path}/deep"
""")


@pytest.mark.parametrize("host, name", [
    ("first.example", "first"), ("www.first.example", "first"), ("second.example", "second"),
    ("SECOND.example:8080", "second"), ("a.wild.example", "wild"), ("a.b.wild.example", "wild"),
    ("a.deep.wild.example", "deep"), ("unknown.example", "first"), ("wild.example", "first"),
    ("127.0.0.1", "first")])
def test_site_by_host(sites, host, name):
    assert sites.get("/", host=host).text == name


def test_site_by_absolute_form(sites):
    assert sites.get("http://second.example/", host="first.example").text == "second"


def test_site_changes_within_a_connection(sites):
    connection = sites.connect()
    for name in ("first", "second") * 3:
        assert connection.request("GET", "/", host=f"{name}.example").text == name


# Locations.


@pytest.fixture
def locations(start, site, tmp_path):
    site.program("plain.cgi", shell("by extension"))
    site.file("exact", "the file")
    site.program("programs/exact", shell("by exact match"))
    site.program("programs/one", shell("one"))
    site.program("programs/deeper/two", shell("two"))
    site.program("programs/plain.cgi", shell("in the folder"))
    site.program("elsewhere/three", shell("three"))
    site.c_program("programs/single", ENVIRONMENT)
    site.file("script.hi", "hello from the script\n")
    site.program("interpreter", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\n"
                 "echo $# \"$1\"; cat \"$1\"\n")
    site.program("not-a-program.sh", shell("never"))
    return start(config=f"""
[[site]]
root = "{site.root}"
[[site.location]]
match = "=/exact"
cgi = "programs/exact"
[[site.location]]
match = "/bin/"
cgi = "programs/"
[[site.location]]
match = "/bin/special/"
cgi = "elsewhere/"
[[site.location]]
match = "/single/"
cgi = "programs/single"
env = {{ ROLE = "single" }}
[[site.location]]
match = "*.cgi"
cgi = true
[[site.location]]
match = "*.hi"
interpreter = "{site.root}/interpreter"
[[site.location]]
match = "/small/"
cgi = "programs/"
body_size = "1k"
""")


def test_extension(locations):
    assert locations.get("/plain.cgi").text == "by extension"
    assert locations.get("/plain.cgi/info").text == "by extension"


def test_exact_match(locations):
    assert locations.get("/exact").text == "by exact match"
    assert locations.get("/exact/more").status == 404


def test_folder_of_programs(locations):
    assert locations.get("/bin/one").text == "one"
    assert locations.get("/bin/one/info").text == "one"
    assert locations.get("/bin/deeper/two").text == "two"
    assert locations.get("/bin/none").status == 404


def test_prefix_comes_before_extension(locations):
    assert locations.get("/bin/plain.cgi").text == "in the folder"


def test_longest_prefix_wins(locations):
    assert locations.get("/bin/special/three").text == "three"
    assert locations.get("/bin/special/one").status == 404


def test_prefix_matches_whole_segments(locations):
    assert locations.get("/binary/one").status == 404


def test_single_program(locations, site):
    environment = environment_of(locations.get("/single/a/b?c"))
    assert environment["SCRIPT_NAME"] == "/single" and environment["PATH_INFO"] == "/a/b"
    assert environment["ROLE"] == "single"
    assert environment["SCRIPT_FILENAME"].endswith("/programs/single")
    assert environment_of(locations.get("/single/"))["PATH_INFO"] == "/"


def test_env_of_one_location_is_not_anothers(locations, site):
    site.c_program("environment.cgi", ENVIRONMENT)
    assert "ROLE" not in environment_of(locations.get("/environment.cgi"))


def test_interpreter_is_given_the_script(locations, site):
    """The script itself need not be executable."""
    first, rest = locations.get("/script.hi").text.split("\n", 1)
    count, script = first.split(" ", 1)
    assert count == "1" and script.endswith("/script.hi")
    assert rest == "hello from the script\n"
    assert locations.get("/missing.hi").status == 404


def test_interpreter_python(start, site):
    site.file("page.py", "print('Content-Type: text/plain')\nprint()\nprint('from python')\n")
    server = start(config=f"""
[[site]]
root = "{site.root}"
[[site.location]]
match = "*.py"
interpreter = "/usr/bin/python3"
""")
    assert server.get("/page.py").text == "from python\n"


def test_executable_that_no_location_matches_is_a_file(locations, site):
    """The log tells of it: once, and of each request that only a program would take."""
    site.program("data.bin", "no script\n")
    site.file("source.sh", shell("never"))
    for _ in range(3):
        assert locations.get("/not-a-program.sh").text == shell("never")
        assert locations.get("/data.bin").status == locations.get("/source.sh").status == 200
    told = (f"{site.root}/not-a-program.sh is executable and begins with #!, but it is sent as a file: "
            "the locations that run programs are =/exact, /bin/, /bin/special/, /single/, *.cgi, *.hi, "
            "/small/; give it a location with cgi = true, or with cgi = false if it is meant")
    locations.wait_log(re.escape(told))
    workers = len(locations.workers())
    assert 1 <= locations.log().count("is sent as a file") <= workers
    assert locations.request("POST", "/not-a-program.sh", body=b"").status == 405
    locations.wait_log(r"\] 405: " + re.escape(told))


def test_script_that_is_meant_to_be_sent_is_no_matter(start, site):
    for name in ("one.sh", "all/two.sh"):
        site.program(name, shell("never"))
    server = start(config=f"""
[[site]]
root = "{site.root}"
[[site.location]]
match = "=/one.sh"
[[site.location]]
match = "/all/"
cgi = false
""")
    assert server.get("/one.sh").status == server.get("/all/two.sh").status == 200
    assert "is sent as a file" not in server.log()


def test_program_that_a_directory_does_not_run_is_told(start, site):
    site.program("tools/app.py", shell("never"))
    server = start(site)
    response = server.request("POST", "/tools/app.py", body=b"")
    told = "it is sent as a file: programs are the executable files in cgi-bin/ and htbin/"
    assert response.status == 405 and response.header("Allow") and told in response.text
    assert server.get("/tools/app.py").status == 200
    server.wait_log(f"warn .*{re.escape(told)}")


def test_body_size_of_one_location(locations):
    assert locations.request("POST", "/small/one", body=b"x" * 2000).status == 413
    assert locations.request("POST", "/small/one", body=b"x" * 1000).text == "one"
    assert locations.request("POST", "/bin/one", body=b"x" * 2000).text == "one"


def test_without_locations_nothing_is_run(start, site):
    """The source of a program is not sent either, where it is known to be one."""
    site.file("index.html", "hello")
    site.program("plain.txt", "text")
    server = start(config=f'[[site]]\nroot = "{site.root}"\n')
    assert server.get("/").text == "hello" and server.get("/plain.txt").text == "text"


def test_body_size_unlimited(start, site):
    site.program("cat.cgi", CAT)
    server = start(config=cgi_site(site.root, 'body_size = "unlimited"'))
    body = b"x" * 12_000_000
    connection = server.connect()
    connection.send(head("POST", "/cat.cgi", [("Content-Length", str(len(body)))]))
    feeder = threading.Thread(target=connection.send, args=(body,))
    feeder.start()
    assert connection.read_response().body == body
    feeder.join(10)


def test_relative_paths_are_relative_to_the_files_folder(start, site, tmp_path):
    site.file("index.html", "hello")
    # start() writes the file into a folder beside the site's.
    server = start(config='[[site]]\nroot = "../site"\n')
    assert server.get("/").text == "hello"


def test_index_of_a_site(start, site):
    site.file("a/start.html", "start")
    site.file("b/index.html", "index")
    server = start(config=f'[[site]]\nroot = "{site.root}"\nindex = ["start.html"]\n')
    assert server.get("/a/").text == "start"
    assert server.get("/b/").status in (403, 404)


# The log.


def logged(start, site, log: str):
    site.file("index.html", "hello")
    return start(config=f'[log]\n{log}\n[[site]]\nroot = "{site.root}"\n')


def test_access_log_in_a_file(start, site, tmp_path):
    path = tmp_path / "access.log"
    server = logged(start, site, f'access = {{ path = "{path}", format = "combined" }}')
    assert server.get("/?a=b").status == 200
    assert until(lambda: path.exists() and path.read_text().endswith("\n"))
    assert '"GET /?a=b HTTP/1.1" 200 5 ' in path.read_text()
    assert "GET /?a=b" not in server.log()


def test_access_log_common(start, site, tmp_path):
    path = tmp_path / "access.log"
    server = logged(start, site, f'access = {{ path = "{path}", format = "common" }}')
    assert server.get("/", [("User-Agent", "me")]).status == 200
    assert until(lambda: path.exists() and path.read_text().endswith("\n"))
    assert re.fullmatch(r'127\.0\.0\.1 - - \[[^]]+\] "GET / HTTP/1\.1" 200 5\n', path.read_text())


def test_access_log_json(start, site, tmp_path):
    path = tmp_path / "access.log"
    server = logged(start, site, f'access = {{ path = "{path}", format = "json" }}')
    assert server.get('/?q="', [("User-Agent", 'a"b\\c\xe9')]).status in (200, 400)
    assert until(lambda: path.exists() and path.read_text().endswith("\n"))
    assert isinstance(json.loads(path.read_text()), dict)


def test_access_log_off(start, site):
    server = logged(start, site, 'access = { path = "off" }')
    assert server.get("/").status == 200
    assert "GET /" not in server.log()


def test_error_log_in_a_file(start, site, tmp_path):
    path = tmp_path / "error.log"
    site.program("fails.cgi", "#!/bin/sh\nexit 3\n")
    server = start(config=cgi_site(site.root, log=f'error = {{ path = "{path}", level = "info" }}'))
    assert server.get("/fails.cgi").status == 502
    assert until(lambda: path.exists() and "fails.cgi" in path.read_text())


def test_pid_file(start, site, tmp_path):
    path = tmp_path / "cgisrv.pid"
    server = start(config=f'[server]\npid_file = "{path}"\n[[site]]\nroot = "{site.root}"\n')
    assert path.read_text().strip() == str(server.pid)
    server.signal(15)
    assert server.popen.wait(25) == 0
    assert not path.exists()


@pytest.mark.parametrize("command", [["check"], []], ids=["check", "start"])
@pytest.mark.parametrize("text", [
    "[[site]]\nroot = '{root}'\ninclude = ['{fifo}']\n",
    "include = ['{fifo}']\n[[site]]\nroot = '{root}'\n",
    "[[site]]\nroot = '{root}'\nauth = {{ passwords = '{fifo}' }}\n"])
def test_a_fifo_in_the_place_of_a_file_holds_nobody_up(run, site, tmp_path, command, text):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    file = tmp_path / "cgisrv.toml"
    file.write_text(text.format(root=site.root, fifo=fifo))
    result = run(*command, "-c", file)
    assert result.returncode == 78, result
    assert f"{fifo}: " in result.stderr and "it is not a regular file but a FIFO; name a regular one" in result.stderr


@pytest.mark.parametrize("path, kind", [("fifo", "a FIFO"), ("/dev/zero", "a device")])
def test_a_configuration_that_is_no_file_is_not_read(run, tmp_path, path, kind):
    os.mkfifo(tmp_path / "fifo")
    result = run("check", "-c", tmp_path / path)
    assert result.returncode == 78
    assert f"cannot read the configuration: it is not a regular file but {kind}; " in result.stderr


def test_a_pid_file_that_is_a_fifo_holds_nobody_up(run, site, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    file = tmp_path / "cgisrv.toml"
    file.write_text(f'[server]\npid_file = "{fifo}"\n'
                    f'[[listen]]\naddress = "127.0.0.1:0"\n[[site]]\nroot = "{site.root}"\n')
    result = run("-c", file)
    assert result.returncode == 78
    assert f"{fifo} (pid_file in [server]): it is not a regular file but a FIFO; " in result.stderr


# Programs whose source would be sent.


def test_check_notes_programs_that_nothing_runs(run, site, tmp_path):
    site.program("cgi-bin/ok.py", "#!/usr/bin/python3\n")
    file = tmp_path / "forgotten.toml"
    text = f"[[site]]\nroot = '{site.root}'\n[[site.location]]\nmatch = '/cgi-bin/'\n"
    file.write_text(text)
    checked = run("check", "-c", file)
    assert checked.returncode == 0
    assert (f"{file}:4: {site.root}/cgi-bin/ok.py is executable and begins with #!, and location "
            "/cgi-bin/ sends its source; write cgi = true there") in checked.stderr + checked.stdout
    file.write_text(text + "cgi = true\n")
    checked = run("check", "-c", file)
    assert "ok.py" not in checked.stderr + checked.stdout


# Variables that would never have an effect.


@pytest.mark.fault("21")
@pytest.mark.parametrize("name", ["SERVER_PORT", "REQUEST_SCHEME", "PATH_INFO", "REDIRECT_STATUS",
                                  "CONTENT_LENGTH", "SCRIPT_FILENAME", "REDIRECT_URL"])
@pytest.mark.parametrize("where", ["[cgi]", "[[site.location]]"])
def test_variables_that_are_computed_cannot_be_set(run, site, tmp_path, where, name):
    file = tmp_path / "computed.toml"
    env = f'env = {{ LANG = "C", {name} = "x" }}\n'
    head = f"[cgi]\n{env}" if where == "[cgi]" else ""
    more = f'[[site.location]]\nmatch = "*.cgi"\n{env}' if where != "[cgi]" else ""
    file.write_text(f"{head}[[site]]\nroot = '{site.root}'\n{more}")
    checked = run("check", "-c", file)
    line = 2 if where == "[cgi]" else 5
    assert checked.returncode == 78
    assert f"{file}:{line}:21: 'env': {name} is computed for each request" in checked.stderr


# What another server has read, and this one does not.


def test_check_notes_what_stood_in_htaccess_files(run, site, tmp_path):
    for folder in ("private", "members/deep", "open", "handled"):
        (site.root / folder).mkdir(parents=True)
    (site.root / "private/.htaccess").write_text("Order deny,allow\nDeny from all\n")
    (site.root / "members/deep/.htaccess").write_text("AuthType Basic\nRequire valid-user\n")
    (site.root / "open/.htaccess").write_text("# nothing\n<IfModule x>\n</IfModule>\n")
    (site.root / "handled/.htaccess").write_text("Deny from all\n")
    (site.root / ".htaccess").write_text("RewriteEngine On\n")
    file = tmp_path / "moved.toml"
    text = f"""[[site]]
root = '{site.root}'
[[site.location]]
match = '/handled/'
deny = true
"""
    file.write_text(text)
    checked = run("check", "-c", file)
    assert checked.returncode == 0
    notes = [line for line in checked.stderr.splitlines() if ".htaccess" in line]
    assert notes == [
        f'note: {site.root}/.htaccess is not read, and "RewriteEngine On" in it has no effect: say it in '
        'a [[site.location]] with match = "/"; docs/from-apache.md has how',
        f'note: {site.root}/private/.htaccess is not read, and "Deny from all" in it has no effect, so '
        'that everybody gets what is there: say it in a [[site.location]] with match = "/private/", by '
        'allow = [] for nobody, or by auth',
        f'note: {site.root}/members/deep/.htaccess is not read, and "AuthType Basic" in it has no '
        'effect, so that everybody gets what is there: say it in a [[site.location]] with match = '
        '"/members/deep/", by allow = [] for nobody, or by auth',
    ]
    file.write_text(text + """[[site.location]]
match = '/'
try = ['file', 'directory']
[[site.location]]
match = '/private/'
allow = []
[[site.location]]
match = '/members/'
allow = ['local']
""")
    assert ".htaccess" not in run("check", "-c", file).stderr


def test_check_notes_https_that_nobody_speaks(run, site, tmp_path):
    file = tmp_path / "clear.toml"
    file.write_text(f"[[listen]]\naddress = '127.0.0.1:443'\n[[site]]\nroot = '{site.root}'\n"
                    "redirect_to_https = true\n")
    notes = run("check", "-c", file).stderr
    assert f"note: {file}:2: 127.0.0.1:443 is the port of https, and plain HTTP is spoken there" in notes
    assert f"note: {file}:5: 'redirect_to_https' sends everybody to https, and no [[listen]] has tls" in notes
    file.write_text("[server]\ntrusted_proxies = ['127.0.0.1']\n[[listen]]\naddress = '127.0.0.1:0'\n"
                    f"[[site]]\nroot = '{site.root}'\nredirect_to_https = true\n")
    assert "redirect_to_https" not in run("check", "-c", file).stderr


def test_check_notes_variables_of_other_servers(run, site, tmp_path):
    file = tmp_path / "dollars.toml"
    text = f"[[site]]\nroot = '{site.root}'\n[[site.location]]\nmatch = '~^/old/(.*)$'\nredirect = "
    file.write_text(text + "'/new/$1'\n")
    assert (f"note: {file}:5: 'redirect': the $ in \"/new/$1\" stands for itself; a group of a regular "
            "expression is {1}") in run("check", "-c", file).stderr
    file.write_text(text + "'/new/{1}?price=5$'\n")
    assert "stands for itself" not in run("check", "-c", file).stderr


def test_check_notes_an_address_of_another_machine(run, site, tmp_path):
    file = tmp_path / "elsewhere.toml"
    file.write_text(f"[[listen]]\naddress = '192.0.2.1:8080'\n[[site]]\nroot = '{site.root}'\n")
    checked = run("check", "-c", file)
    assert checked.returncode == 0
    assert ("note: as it is now, it would not start: 192.0.2.1:8080 is not an address of this machine"
            in checked.stderr)
