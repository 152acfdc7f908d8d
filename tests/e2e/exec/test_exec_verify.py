"""cgisrv exec --verify: whether a program does the same warm as cold, and if not, why."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from support.binary import BINARY, slowness
from support.configuration import cgi_site
from support.exec_command import configure
from support.processes import descendants, processes
from support.programs import PLAIN
from support.waiting import until

SAME, NO_ANSWER, DIFFERS, CANNOT = 0, 1, 2, 3

HEADER = r"Content-Type: text/plain\n\n"

WARM = cgi_site("{root}")
ALL = WARM + 'warm = { preload = "all" }\n'


@pytest.fixture(autouse=True)
def nobody_stays(tmp_path):
    """Zygotes are in sessions of their own, and may have lost their parent: they are looked for by
    the directory that they are in."""
    def is_here(pid: int) -> bool:
        try:
            return Path(os.readlink(f"/proc/{pid}/cwd")).is_relative_to(tmp_path)
        except OSError:
            return False

    yield
    assert until(lambda: not list(filter(is_here, processes()))), \
        [each for pid, each in processes().items() if is_here(pid)]


@pytest.fixture
def verify(execute, site, tmp_path):
    def run(script: Path | str, *arguments: str, config: str | None = None):
        more = () if config is None else ("-c", configure(config, site, tmp_path))
        result = execute("--verify", script, *arguments, *more, timeout=110)
        assert result.stderr == b"", result
        return result
    return run


def verdict(result: subprocess.CompletedProcess[bytes]) -> str:
    return result.stdout.decode().rstrip("\n").rsplit("\n", 1)[-1]


def compared(result: subprocess.CompletedProcess[bytes]) -> dict[str, str]:
    """What is said of each part; the lines of one are joined."""
    rows: dict[str, str] = {}
    for line in result.stdout.decode().split("\nCompared\n")[1].splitlines():
        if match := re.fullmatch(r"  (\w*) +(.*)", line):
            name = match[1] or list(rows)[-1]
            rows[name] = (rows.get(name, "") + " " + match[2]).strip()
    return rows


def says_yes(result: subprocess.CompletedProcess[bytes]) -> bool:
    assert result.returncode == SAME, result.stdout.decode()
    return verdict(result) == "yes: it does the same warm as cold"


# Fit.

HONEST = {
    "perl": f'#!/usr/bin/perl -w\nuse strict;\nprint "{HEADER}", "q=$ENV{{QUERY_STRING}}\\n";\n'
            'print STDERR "noticed\\n";\n',
    "python": '#!/usr/bin/python3\nimport json, os, sys\n'
              f'print("{HEADER}q=" + os.environ["QUERY_STRING"])\nprint("noticed", file=sys.stderr)\n',
    "native": '#include <stdio.h>\n#include <stdlib.h>\nint main(void) {\n'
              f'  printf("{HEADER}q=%s\\n", getenv("QUERY_STRING"));\n  fputs("noticed\\n", stderr);\n}}\n',
}


def write(site, language: str, text: str, name: str = "p.cgi") -> Path:
    return site.c_program(name, text) if language == "native" else site.program(name, text)


@pytest.mark.parametrize("language", HONEST)
def test_an_honest_program_does_the_same(verify, site, language):
    result = verify(write(site, language, HONEST[language]), "?a=1")
    assert says_yes(result), result
    assert compared(result) == {
        "status": "the same: HTTP/1.1 200 OK", "header": "the same: Content-Type: text/plain",
        "body": "the same: 1 line", "stderr": "the same: 1 line", "end": "the same: exit status 0"}
    assert re.search(r"^  cold     4, median .*\n  warm     3, median ", result.stdout.decode(), re.M)


def test_it_is_run_four_times_cold_and_three_times_warm(verify, site, tmp_path):
    """Forked by the zygote its parent is another one: that tells them apart, in the file."""
    script = site.program("p.cgi", f'#!/usr/bin/perl\nopen F, ">>", "{tmp_path}/ran";\n'
                          f'print F getppid(), " $ENV{{REQUEST_METHOD}}\\n"; print "{HEADER}";\n')
    assert says_yes(verify(script, "-X", "HEAD"))
    ran = (tmp_path / "ran").read_text().splitlines()
    # And some more where it takes so long that it is looked for what would spare it that.
    assert ran[0:7:2] == [ran[0]] * 4 and ran[1:7:2] == [ran[1]] * 3 and ran[0] != ran[1]
    assert all(line.endswith(" HEAD") for line in ran)


@pytest.mark.parametrize("language, text", [
    ("perl", f'#!/usr/bin/perl\nprint "{HEADER}pid $$ at ", time, "\\nfixed\\n";\n'),
    ("python", '#!/usr/bin/python3\nimport os, time\n'
               f'print("{HEADER}pid", os.getpid(), "at", time.time(), "\\nfixed")\n')])
def test_time_and_pid_are_masked(verify, site, language, text):
    result = verify(write(site, language, text))
    assert says_yes(result)
    body = compared(result)["body"]
    assert re.match(r"the same: 2 lines; masked, since cold runs differ there: [1-3] words? in 1 line, "
                    r'such as "\d+"', body), body


def test_what_counts_up_from_run_to_run_is_masked(verify, site):
    script = site.program("p.cgi", f"""#!/usr/bin/python3
import os
from pathlib import Path
count = Path("count")
number = int(count.read_text()) + 1 if count.exists() else 1
count.write_text(str(number))
print("{HEADER}run", number)
""")
    result = verify(script)
    assert says_yes(result)
    assert 'masked, since cold runs differ there: 1 word in 1 line, such as "1"' in compared(result)["body"]


def test_hash_order_and_addresses_are_no_reason(verify, site):
    script = site.program("p.cgi", f"""#!/usr/bin/python3
print("{HEADER}", {{"alpha", "beta", "gamma", "delta"}}, object())
""")
    result = verify(script)
    assert result.returncode == SAME and "masked" in compared(result)["body"]


def test_where_all_is_masked_it_says_so(verify, site):
    script = site.program("p.cgi", f"""#!/usr/bin/python3
import secrets
print("{HEADER}" + secrets.token_hex(16))
""")
    result = verify(script)
    assert result.returncode == SAME
    assert verdict(result) == ("yes: as far as can be told: its cold runs differ in every word of "
                               "their body")


def test_of_much_the_first_mebibyte_counts(verify, site):
    """Lines of several lengths: each run is cut after another one."""
    script = site.program("p.cgi", f"""#!/usr/bin/perl
print "{HEADER}"; print "line $_ ", "x" x (1 + rand 99), "\\n" for 1..99999;
print "the end", getppid(), "\\n";
""")
    result = verify(script)
    assert says_yes(result), result
    assert re.match(r"the same: \d{5} lines, of the first MiB; masked, .*: \d{5} words in \d{5} lines, ",
                    compared(result)["body"])


def test_what_it_redirects_to_is_compared_too(verify, site):
    site.program("to.cgi", HONEST["python"])
    script = site.program("p.cgi", '#!/usr/bin/perl\nprint "Location: /to.cgi?a\\n\\n";\n')
    result = verify(script)
    assert says_yes(result)
    rows = compared(result)
    assert (rows["header"], rows["body"], rows["end"]) == ("the same: 2 lines", "the same: 1 line",
                                                           "the same: 2 lines")


@pytest.mark.parametrize("end, part, reason", [
    ("exit 1;", "exit status 1", r"200, but .*/p\.cgi: exit status 1"),
    ("$| = 1; print ''; kill 'SEGV', $$; sleep 9;", "killed by signal 11 (SIGSEGV)", ""),
    ("kill 'TERM', $$; sleep 9;", "killed by signal 15 (SIGTERM)", "")])
def test_one_that_fails_does_so_in_the_same_way(verify, site, end, part, reason):
    result = verify(site.program("p.cgi", f'#!/usr/bin/perl\nprint "{HEADER}x\\n"; {end}\n'))
    assert result.returncode == SAME
    assert compared(result)["end"] == "the same: " + part
    assert re.match("yes: it fails, and in the same way cold and warm: " + reason, verdict(result))


# Unfit.


def test_one_that_asks_who_its_parent_is(verify, site):
    script = site.program("p.cgi", f"""#!/usr/bin/python3
import os
print("{HEADER}first")
print(open(f"/proc/{{os.getppid()}}/cmdline").read().replace("\\0", " "))
""")
    result = verify(script)
    assert result.returncode == DIFFERS
    body = compared(result)["body"]
    assert re.match(r"differs, line 2 cold: \S*cgisrv exec .* warm: \S*python3 .*warm\.py ", body), body
    assert verdict(result).startswith("no: its body differs when it is started warm; ")


def module(site, text: str, prints: str) -> Path:
    """A program with a module of its own."""
    site.file("own.py", text)
    return site.program("p.cgi", f"#!/usr/bin/python3\nimport own\nprint('{HEADER}first')\n{prints}\n")


@pytest.mark.parametrize("text", ["import secrets; value = secrets.token_hex(8)",
                                  "import os; value = 'pid %07d' % os.getpid()"])
def test_what_is_computed_once_for_all_requests_stands_still(verify, site, text):
    script = module(site, text, "print(own.value)")
    assert verify(script, config=WARM).returncode == SAME  # for it is not preloaded
    result = verify(script, config=ALL)
    assert result.returncode == DIFFERS, result.stdout.decode()
    value = r"(?:pid )?\w+"
    assert re.fullmatch(f"stands still, line 2 cold: {value}, {value}, another in each run "
                        f"warm: {value} in each run", compared(result)["body"])
    assert re.match(r'no: "\w+" in line 2 of its body is computed once, while the program loads, and '
                    "is the same for all requests", verdict(result))


@pytest.mark.parametrize("clock", ["str(int(time.time()))", "time.strftime('%H:%M:%S')"])
def test_a_clock_that_is_read_while_it_loads(verify, site, clock):
    script = module(site, f"import time; value = {clock}", "print(own.value)")
    result = verify(script, config=ALL)
    assert result.returncode == DIFFERS, result.stdout.decode()
    assert re.match("(differs|stands still), line 2 cold: ", compared(result)["body"])


def test_what_is_left_out_or_added_at_the_end(verify, site):
    script = module(site, "import atexit, os\natexit.register(print, 'bye')\nos._loads = os.getppid()",
                    "import os\nif os._loads != os.getppid(): raise SystemExit(4)")
    result = verify(script, config=ALL)
    assert result.returncode == DIFFERS
    assert compared(result)["end"] == "differs, line 1 cold: exit status 0 warm: exit status 4"


def test_standard_error_and_header_and_status_count(verify, site):
    script = module(site, "import os; parent = os.getppid()", """
import os, sys
if own.parent != os.getppid(): print("other", file=sys.stderr)
""")
    assert compared(verify(script, config=ALL))["stderr"] == "differs, line 1 cold: warm: other"
    script = site.program("q.cgi", f"""#!/usr/bin/python3
import os, own
print("Status:", 200 if own.parent == os.getppid() else 404)
print("{HEADER}")
""")
    rows = compared(verify(script, config=ALL))
    assert rows["status"] == "differs, line 1 cold: HTTP/1.1 200 OK warm: HTTP/1.1 404 Not Found"
    assert rows["header"] == "differs, line 1 cold: Status: 200 warm: Status: 404"


# None that can be kept warm: in the words of the log.


@pytest.mark.parametrize("text, reason", [
    ("import threading, time\nthreading.Thread(target=time.sleep, args=(0.5,)).start()",
     "It starts a thread while it loads."),
    ("print('too early')", 'It prints while it loads: "too early".'),
    ("import os\nos.environ.get('REQUEST_METHOD')", "It asks for REQUEST_METHOD while it loads, "),
    ("raise SystemExit(3)", "it ended while it was loaded (exit status 3)."),
    ("print('x'", "it ended while it was loaded (exit status 1): SyntaxError: '(' was never closed.")])
def test_one_that_does_too_much_while_it_loads(verify, site, text, reason):
    result = verify(module(site, text, "print()"), config=ALL)
    if result.returncode == SAME:  # its import was given up, and is made in each request
        pytest.skip("not imported by the zygote")
    assert result.returncode == CANNOT
    assert verdict(result).startswith(f"no: it cannot be kept warm: {site.root}/p.cgi: started cold, "
                                      f"not warm: {reason}"), verdict(result)


def test_a_shell_script_and_a_static_binary(verify, site, tmp_path):
    result = verify(site.program("p.cgi", PLAIN))
    assert result.returncode == CANNOT
    assert "p.cgi: started cold, not warm: It is run by /bin/sh: a shell is not "\
        "what takes the time" in verdict(result)
    source = tmp_path / "p.c"
    source.write_text("int main(void) { return 0; }")
    static = site.path("static.cgi")
    subprocess.run(["gcc", "-static", "-o", static, source], check=True)
    result = verify(static)
    assert result.returncode == CANNOT and "statically linked" in verdict(result)


def test_a_place_that_starts_nothing_warm(verify, site):
    script = site.program("p.cgi", HONEST["perl"])
    result = verify(script, config=WARM + 'symlinks = "never"\n')
    assert result.returncode == CANNOT
    assert verdict(result) == ("no: it cannot be kept warm: it was started cold: symlinks, see "
                               "docs/warm-start.md")


@pytest.mark.slow
def test_one_that_takes_too_long_to_load(verify, site):
    result = verify(site.program("p.cgi", "#!/usr/bin/perl\nBEGIN { sleep 300 }\n"))
    assert result.returncode == CANNOT
    assert "did not come to the point where it would read its request" in verdict(result)


# The request and the command.


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_methods_that_may_change_something_are_refused(execute, site, tmp_path, method):
    script = site.program("p.cgi", f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    result = execute("--verify", script, "-X", method)
    assert result.returncode == 64 and f"{method} may not mean: GET and HEAD only".encode() in result.stderr
    assert not (tmp_path / "ran").exists()


def test_it_goes_with_no_other_way_to_show(execute, site):
    script = site.program("p.cgi", HONEST["perl"])
    for other in ("--json", "--raw", "--env"):
        assert execute("--verify", other, script).returncode == 64


def test_a_location_says_what_variables_and_interpreter_there_are(verify, site):
    script = site.program("p.cgi", f'print "{HEADER}$ENV{{COLOUR}}\\n";\n')
    more = 'interpreter = "/usr/bin/perl"\nenv = {{ COLOUR = "blue" }}\n'.replace("{{", "{").replace("}}", "}")
    result = verify(script, config=WARM + more)
    assert says_yes(result) and compared(result)["body"] == "the same: 1 line"


def test_a_url_that_leads_to_no_program(execute, site):
    script = site.program("p.cgi", HONEST["perl"], mode=0o644)
    result = execute("--verify", script)
    assert result.returncode == NO_ANSWER and b"no: 403: " in result.stdout


def test_one_that_reaches_its_time_limit_is_not_waited_for_again(verify, site, tmp_path):
    script = site.program("p.cgi", f'#!/usr/bin/perl\nopen F, ">>", "{tmp_path}/ran"; print F "x";\n'
                                   "close F; sleep 300;\n")
    result = verify(script, config=WARM + 'header_timeout = "500ms"\ngrace = "1s"\n')
    assert result.returncode == NO_ANSWER and verdict(result).startswith("no: 504: ")
    assert (tmp_path / "ran").read_text() == "x"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("cold", [True, False])
def test_a_signal_ends_it_with_its_zygote(site, tmp_path, number, cold):
    """In its first cold run, or in the first warm one, which has another parent."""
    script = site.program("p.cgi", f'#!/usr/bin/perl\nprint "{HEADER}";\n'
                          f'open F, ">>", "{tmp_path}/ran"; print F "x"; close F;\n'
                          f'sleep 300 if -s "{tmp_path}/ran" == {1 if cold else 2};\n')
    with subprocess.Popen([BINARY, "exec", "--verify", script], cwd=site.root,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        ran = tmp_path / "ran"
        assert until(lambda: ran.exists() and ran.stat().st_size == (1 if cold else 2))
        names = {each.name for each in descendants(process.pid)}
        assert "cgisrv-zygotes" in names, names
        process.send_signal(number)
        output, errors = process.communicate(timeout=10 * slowness())
        assert process.returncode == 128 + number
        assert errors == b"cgisrv: interrupted; the program was ended\n" and output == b""
        assert not [pid for pid in descendants(process.pid)]


def test_killed_it_leaves_nobody_behind(site):
    script = site.program("p.cgi", "#!/usr/bin/perl\nBEGIN { sleep 300 }\n")
    with subprocess.Popen([BINARY, "exec", "--verify", script], cwd=site.root) as process:
        assert until(lambda: any(each.name == "p.cgi" or "perl" in each.name
                                 for each in descendants(process.pid)), 20 * slowness())
        process.kill()
    # nobody_stays looks


def test_plain_exec_says_that_it_starts_nothing_warm(execute, site, tmp_path):
    script = site.program("p.cgi", HONEST["perl"])
    config = configure(WARM + 'start = "warm"\n', site, tmp_path)
    result = execute(script, "-c", config)
    assert result.returncode == 0 and b"started    cold: no-zygotes; exec starts nothing warm, but see" in result.stdout
    result = execute(script, "--warm")
    assert result.returncode == 64 and b"--verify tells" in result.stderr


# Real ones.

GITWEB = Path("/usr/share/gitweb/gitweb.cgi")
AWSTATS = Path("/usr/lib/cgi-bin/awstats.pl")

DIRECTORY = """
[[site]]
root = "{root}"
[[site.location]]
match = "/cgi-bin/"
cgi = "%s/"
env = { %s }
"""


@pytest.mark.skipif(not GITWEB.exists(), reason="gitweb is not installed")
@pytest.mark.parametrize("query", ["", "?p=one.git/.git;a=log"])
def test_gitweb(verify, site, tmp_path, query):
    identity = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null",
                **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
                   for what, value in (("NAME", "N"), ("EMAIL", "n@example.org"))}}
    for command in (["init", "-q", "-b", "main", "one.git"],
                    ["-C", "one.git", "commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run(["git", *command], cwd=tmp_path, env=identity, check=True)
    (tmp_path / "gitweb.conf").write_text(f"our $projectroot = '{tmp_path}';")
    config = DIRECTORY % (GITWEB.parent, f'GITWEB_CONFIG = "{tmp_path}/gitweb.conf"')
    result = verify(GITWEB, query, config=config)
    assert says_yes(result), result
    assert re.match(r"the same: \d\d+ lines", compared(result)["body"])


@pytest.mark.skipif(not AWSTATS.exists(), reason="AWStats is not installed")
def test_awstats(verify, site, tmp_path):
    (tmp_path / "access.log").write_text("".join(
        f'127.0.0.{n} - - [0{n}/Feb/2020:02:02:02 +0000] "GET /{n} HTTP/1.1" 200 {n} "-" "Mozilla"\n'
        for n in range(1, 9)))
    (tmp_path / "awstats.test.conf").write_text(
        f'LogFile="{tmp_path}/access.log"\nLogFormat=1\nSiteDomain="example.org"\nDNSLookup=0\n'
        f'HostAliases="localhost"\nDirData="{tmp_path}"\nDirLang="/usr/share/awstats/lang"\n')
    subprocess.run([AWSTATS, "-config=test", "-update", f"-configdir={tmp_path}"],
                   capture_output=True, cwd=tmp_path, check=True)
    config = DIRECTORY % (AWSTATS.parent, f'AWSTATS_ENABLE_CONFIG_DIR = "{tmp_path}"')
    result = verify(AWSTATS, f"?config=test&configdir={tmp_path}&year=2020&month=02&framename=mainright", config=config)
    assert says_yes(result), result
    assert re.match(r"the same: \d\d\d+ lines", compared(result)["body"])


# What it gains, and what would help.

APPLICATIONS = {
    "flask.cgi": """#!/usr/bin/python3
from wsgiref.handlers import CGIHandler
from flask import Flask, request
app = Flask(__name__)

@app.route("/")
def hello():
    return f"hello {request.args.get('a')}\\n"

CGIHandler().run(app)
""",
    "django.cgi": """#!/usr/bin/python3
import os
from wsgiref.handlers import CGIHandler
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
from django.core.wsgi import get_wsgi_application
CGIHandler().run(get_wsgi_application())
""",
    "dancer.cgi": """#!/usr/bin/perl
use FindBin '$RealBin';
use Plack::Runner;
Plack::Runner->run("$RealBin/app.psgi");
""",
}
SETTINGS = """
SECRET_KEY = "x"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "mysite.urls"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
USE_TZ = True
"""
URLS = """
from django.http import HttpResponse
from django.urls import path
urlpatterns = [path("", lambda request: HttpResponse(f"hello {request.GET.get('a')}\\n"))]
"""
NAMED = {"flask.cgi": '"flask"', "django.cgi": '"django.core.wsgi"',
         "dancer.cgi": '"Dancer2"'}


PSGI = """
use Dancer2;
get '/' => sub { 'hello ' . query_parameters->get('a') . "\\n" };
__PACKAGE__->to_app;
"""


def application(site, name: str) -> Path:
    for file, text in (("mysite/__init__.py", ""), ("mysite/settings.py", SETTINGS),
                       ("mysite/urls.py", URLS), ("app.psgi", PSGI)):
        site.file(file, text)
    return site.program(name, APPLICATIONS[name])


@pytest.mark.fault("24e")
@pytest.mark.slow
@pytest.mark.time_limit(240)
@pytest.mark.parametrize("name", list(APPLICATIONS))
def test_the_modules_that_are_worth_to_be_preloaded(verify, site, name):
    """They are found in its own runs; with the list that is proposed nothing is left to propose."""
    script = application(site, name)
    result = verify(script, "?a=b")
    assert result.returncode == SAME, result.stdout.decode()
    said = re.fullmatch(r"yes: it does the same warm as cold, but gains little, for it loads modules "
                        r"for each request; with (warm = \{ preload = \[(.*)\] \}) in its location it "
                        r"takes .* of a processor, where it takes .* cold", verdict(result))
    assert said, result.stdout.decode()
    assert NAMED[name] in said[2]
    again = verify(script, "?a=b", config=WARM + said[1] + "\n")
    assert again.returncode == SAME, again.stdout.decode()
    assert not re.search(rf"preload.*{NAMED[name]}", verdict(again)), again.stdout.decode()
