"""Ways around a rule of access that were found by looking for them: each path that a rule names is kept,
however the request spells it and whatever it goes on with."""

import base64

import pytest

from support.configuration import cgi_site
from support.programs import PLAIN

# SHA-1 of "secret", as htpasswd -s writes it.
PASSWORDS = "alice:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"
ALICE = [("Authorization", "Basic " + base64.b64encode(b"alice:secret").decode())]
LONG = "b" * 4200  # more than a regular expression is asked about


@pytest.fixture
def serve(start, site):
    site.program("ran.cgi", PLAIN + 'echo "RAN $PATH_INFO"\n')
    site.program("bin/ran", PLAIN + 'echo "RAN $PATH_INFO"\n')
    site.file("index.html", "INDEX\n")
    passwords = site.root.parent / "passwords"
    passwords.write_text(PASSWORDS)
    passwords.chmod(0o644)

    def serve_with(locations: str, of_site: str = ""):
        return start(config=cgi_site(site.root, locations.replace("AUTH", f'auth = {{ passwords = "{passwords}" }}'),
                                     site=of_site.replace("AUTH", f'auth = {{ passwords = "{passwords}" }}')))

    return serve_with


def location(match: str, *lines: str) -> str:
    return "\n".join(["[[site.location]]", f"match = '{match}'", *lines, ""])


def statuses(server, *targets: str) -> dict[str, int]:
    return {target: server.get(target).status for target in targets}


def test_a_regular_expression_that_gives_up_opens_nothing(serve):
    server = serve(location("~^/public/", "auth = false") + location("~(a+)+$", 'allow = ["all"]')
                   + location("/git/", 'cgi = "bin/ran"'), of_site="AUTH")
    found = statuses(server, "/ran.cgi/x", "/git/x", "/ran.cgi/" + LONG, "/git/" + LONG,
                     "/git/" + "a" * 60 + "b")
    assert 200 not in found.values(), found


def test_a_listing_that_expressions_cut_short_says_so(serve, site):
    for number in range(4):
        site.file(f"many/{'a' * 200}{number}.txt", "")
    server = serve(location("~(a*)(a*)(a*)[.]$", "deny = true"), of_site="listing = true")
    assert "There is more here than these" in server.get("/many/").text
    server.wait_log("many/ is not listed whole")


@pytest.mark.parametrize("rule, refused", [
    ("deny = true", 403), ('allow = ["192.0.2.1"]', 403), ("AUTH", 401)])
def test_what_holds_for_a_program_holds_for_what_goes_on_behind_it(serve, rule, refused):
    server = serve(location("=/bin/ran", rule) + location("=/ran.cgi", rule)
                   + location("~^/bin/other$", rule)
                   + location("/bin/", "cgi = true", 'allow = ["all"]'))
    for target in ("/bin/ran", "/bin/ran/", "/bin/ran/x", "/ran.cgi", "/ran.cgi/", "/ran.cgi/x"):
        assert server.get(target).status == refused, target


def test_a_file_that_is_only_sent_is_not_run_by_going_on_behind_it(serve, site):
    site.program("bin/page.sh", PLAIN + "echo RAN\n")
    server = serve(location("/bin/*.sh", "cgi = false") + location("/bin/", "cgi = true"))
    assert b"echo RAN" in server.get("/bin/page.sh").body
    assert server.get("/bin/page.sh/x").status == 404


def test_an_alias_below_a_match_is_no_crash(serve, site, tmp_path):
    elsewhere = tmp_path / "lib"
    elsewhere.mkdir()
    (elsewhere / "y").write_text("FILE\n")
    server = serve(location("~^/app/", "cgi = true") + location("/app/lib/", f'files = "{elsewhere}"')
                   + location("*.d", 'interpreter = "/bin/sh"')
                   + location("/x.d/lib/", f'files = "{elsewhere}"'))
    assert server.get("/app/lib/y").status in (200, 403, 404)
    assert server.get("/x.d/lib/y").status in (200, 403, 404)
    assert server.get("/index.html").body == b"INDEX\n"  # the worker lives: checked at the end, too


def test_what_is_denied_is_so_by_an_encoded_slash_and_a_newline(serve):
    server = serve(location("/git/", 'cgi = "bin/ran"') + location("/git/secret/", "deny = true")
                   + location("~^/git/.*hidden", "deny = true")
                   + location("~^/git/.*admin", "allow = []"))
    targets = ("/git/secret/x", "/git/secret%2Fx", "/git/%2Fsecret/x", "/git/hidden", "/git/%0Ahidden",
               "/git/admin", "/git/%0Aadmin")
    assert statuses(server, *targets) == dict.fromkeys(targets, 403)
    assert server.get("/git/other%2Fx").status == 200


def test_a_password_for_a_folder_is_not_lost_to_its_index(serve):
    server = serve(location("=/", "AUTH"))
    assert server.get("/").status == 401
    assert server.get("/", ALICE).body == b"INDEX\n"


def test_an_upload_is_not_run_where_try_answers(serve, site):
    site.file("up/x.php", "echo Content-Type: text/plain; echo; echo RAN\n")
    (site.root / "up" / "link").symlink_to(site.root / "index.html")
    server = serve(location("*.php", 'interpreter = "/bin/sh"')
                   + location("/up/", "cgi = false", 'symlinks = "never"', 'try = ["file", "/ran.cgi"]'))
    assert b"echo RAN" in server.get("/up/x.php").body
    assert server.get("/up/link").status == 403
    assert server.get("/up/none").body.startswith(b"RAN")


def test_a_path_that_tries_another_has_the_password_of_its_file(serve, site):
    site.file("secret/s.txt", "SECRET\n")
    (site.root / "door").symlink_to(site.root / "secret")
    server = serve(location("/secret/", "AUTH") + location("/open/", "auth = false", 'try = ["/door/{path}"]'))
    assert statuses(server, "/secret/s.txt", "/door/s.txt", "/open/s.txt") == {
        "/secret/s.txt": 401, "/door/s.txt": 401, "/open/s.txt": 401}
    assert server.get("/open/s.txt", ALICE).body == b"SECRET\n"


def test_rules_of_a_folder_of_programs_follow_its_files(serve, site):
    server = serve(location("/tools/", f'cgi = "{site.root}/bin/"', 'allow = ["192.0.2.1"]')
                   + location("/bin/", "cgi = true"))
    assert statuses(server, "/tools/ran", "/bin/ran") == {"/tools/ran": 403, "/bin/ran": 403}


def test_a_wrong_password_is_one_guess_though_the_error_page_is_protected(serve):
    server = serve("", of_site='AUTH\nerror_pages = { 401 = "/index.html" }')
    wrong = [("Authorization", "Basic " + base64.b64encode(b"alice:wrong").decode())]
    assert [server.get("/index.html", wrong).status for _ in range(10)] == [401] * 10
    assert server.get("/index.html", wrong).status == 429
