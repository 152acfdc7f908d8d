"""Configurations in several files: what is included is read again by a reload, and named in faults."""

import subprocess

import pytest

from support.binary import BINARY
from support.configuration import cgi_site
from support.control import control
from support.programs import PLAIN

pytestmark = pytest.mark.kills_worker  # a reload replaces them


def test_a_file_that_is_dropped_in_takes_part_after_a_reload(start, site):
    """A location into the first site, and a site of its own."""
    site.program("bin/who", PLAIN + 'echo "$WHO"\n')
    config = cgi_site(site.root, site='include = ["locations.d/*.toml"]')
    server = start(config='include = ["conf.d/*.toml"]\n' + config)
    folder = server.temporary.parent
    assert server.get("/who/").status == 404
    for name in ("conf.d", "locations.d"):
        (folder / name).mkdir()
    (folder / "locations.d" / "who.toml").write_text(
        '[[location]]\nmatch = "/who/"\ncgi = "bin/who"\nenv = { WHO = "the first site" }\n')
    (folder / "conf.d" / "other.toml").write_text(f"""
[[site]]
server_name = ["other.example"]
root = "{site.root}"
[[site.location]]
match = "/who/"
cgi = "bin/who"
env = {{ WHO = "the other" }}
""")
    answer = control(server, "reload")
    assert answer.returncode == 0, answer
    assert server.get("/who/").body == b"the first site\n"
    other = server.get("/who/", host="other.example")
    assert other.body == b"the other\n"
    (folder / "locations.d" / "who.toml").write_text('[[location]]\nmatch = "/who"\ncig = true\n')
    answer = control(server, "reload")
    assert answer.returncode == 78
    assert f"{folder}/locations.d/who.toml:3:1: unknown key 'cig' in [[site.location]]; did you mean " \
           "'cgi'?" in answer.stdout + answer.stderr
    assert server.get("/who/").body == b"the first site\n"


@pytest.mark.parametrize("main, others, says", [
    ('include = ["none.toml"]', {}, "{}/main.toml:1:12: 'include': there is no file {}/none.toml"),
    ('include = [""]', {}, '{}/main.toml:1:12: \'include\': "" leads to no file'),
    ('include = "a.toml"', {}, "'include' must be a list of texts"),
    ('include = ["a.toml"]', {"a.toml": 'include = ["a.toml"]'}, "does a file include itself?"),
    ('include = ["a.toml"]', {"a.toml": "x"}, "{}/a.toml:1:2: not TOML"),
    ('include = ["a.toml"]\n[limits]\nbody_size = 1', {"a.toml": "[limits]\nbody_size = 2"},
     "{}/a.toml:2:1: 'body_size' stands on line 3 of {}/main.toml already; remove one"),
    ('include = ["a.toml"]', {"a.toml": '[[location]]\nmatch = "/"'},
     "{}/a.toml:1:3: no [[site]] includes this file"),
    ('include = ["*.d/*"]', {"a.d/1": '[[site]]\nroot = "{}"', "b.d/2": '[[site]]\nroot = "{}"'},
     "{}/b.d/2:1:1: only the first [[site]] answers for every host"),
    ('[[site]]\nroot = "{}"\ninclude = ["a.toml"]', {"a.toml": '[[site.location]]\nmatch = "/"'},
     "{}/a.toml:1:3: a [[site]] includes this file: write [[location]] in it"),
    ('[[site]]\nroot = "{}"\ninclude = ["a.toml"]', {"a.toml": 'root = "/"'},
     "{}/a.toml:1:1: 'root' stands on line 2 of {}/main.toml already; remove one"),
])
def test_faults_are_told_with_the_file_that_has_them(tmp_path, main, others, says):
    for name, text in {"main.toml": main, **others}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text.replace("{}", str(tmp_path)))
    result = subprocess.run([BINARY, "check", "-c", tmp_path / "main.toml"], capture_output=True,
                            text=True)
    assert result.returncode == 78 and says.replace("{}", str(tmp_path)) in result.stderr, result


def test_a_pattern_that_leads_to_no_file_is_noted(site, tmp_path):
    config = tmp_path / "main.toml"
    config.write_text(f'include = ["conf.d/*.toml"]\n[[site]]\nroot = "{site.root}"\ninclude = ["*.site"]\n')
    def check() -> str:
        result = subprocess.run([BINARY, "check", "-c", config], capture_output=True, text=True)
        assert result.returncode == 0, result
        return result.stderr
    notes = check()
    assert f"note: {config}:1:12: 'include': {tmp_path}/conf.d/*.toml leads to no file\n" in notes
    assert f"note: {config}:4:12: 'include': {tmp_path}/*.site leads to no file\n" in notes
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "empty.toml").write_text("")
    (tmp_path / "empty.site").write_text("")
    assert "leads to no file" not in check()
