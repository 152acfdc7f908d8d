"""MediaWiki of the distribution on SQLite, installed and served as docs/guide.md says, by php-cgi.

Where all programs are to be warm, PHP is not: what this asks is cold, and the log says why.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from support.mediawiki import MediaWiki
from support.recipe import Recipe
from support.waiting import until
from support.warm import LOG, Warm

pytestmark = [pytest.mark.time_limit(240), pytest.mark.skipif(
    not Path("/usr/share/mediawiki/index.php").exists() or not shutil.which("php"),
    reason="mediawiki is not installed")]
TEXT = "'''Bold''' <é> & [[Main Page|a link]]\n" + "a line of a long page\n" * 5000


@pytest.fixture(scope="module")
def recipe(tmp_path_factory) -> Recipe:
    recipe = Recipe("MediaWiki", tmp_path_factory.mktemp("mediawiki"))
    recipe.follow()
    return recipe


@pytest.fixture(scope="module")
def shared_config(recipe) -> str:
    return LOG.format(log=recipe.folder / "access") + recipe.configuration("warm")


def test_first_page(shared):
    to_it = shared.get("/wiki/")
    assert to_it.status == 301, to_it
    assert to_it.header("Location") == "http://127.0.0.1:8888/wiki/index.php?title=Main_Page"
    for target in ("/wiki/index.php/Main_Page", "/wiki/index.php?title=Main_Page"):
        page = shared.get(target)
        assert page.status == 200 and page.complete, page
        assert b"MediaWiki has been installed." in page.body and page.body.endswith(b"</html>")


def test_what_a_page_needs(shared):
    """Stylesheets and scripts are put together by a program; pictures are files."""
    target = "/wiki/load.php?lang=en&modules=skins.vector.styles.legacy&only=styles&skin=vector"
    shared.get(target)  # once it is made, its ETag stays
    style = shared.get(target)
    assert style.status == 200 and style.header("Content-Type") == "text/css; charset=utf-8"
    again = shared.get(target, [("If-None-Match", style.header("ETag"))])
    assert again.status == 304 and not again.body
    logo = shared.get("/wiki/resources/assets/change-your-logo.svg")
    assert logo.status == 200 and logo.header("Content-Type") == "image/svg+xml"
    for hidden in ("LocalSettings.php", "includes/Setup.php", "maintenance/install.php",
                   "wiki.sqlite"):
        assert shared.get(f"/wiki/{hidden}").status == 404, hidden


def test_what_is_uploaded_is_not_run(shared, recipe):
    images = recipe.srv / "www/wiki/images"
    images.mkdir()
    (images / "picture.php").write_text('<?php echo "it " . "ran";')
    (images / "picture.svg").write_text("<svg/>")
    assert b"it ran" not in shared.get("/wiki/images/picture.php").body
    assert shared.get("/wiki/images/picture.svg").body == b"<svg/>"


def test_a_page_is_written_and_read(shared):
    client = MediaWiki(shared, "/wiki")
    client.log_in()
    done = client.api(action="edit", title="New page", text=TEXT, summary="é",
                      token=client.token("csrf"))
    assert done["edit"]["result"] == "Success", done
    page = shared.get("/wiki/index.php?title=New_page")
    assert page.status == 200 and "<b>Bold</b> &lt;é&gt; &amp;" in page.text
    assert page.body.count(b"a line of a long page") == 5000
    raw = shared.get("/wiki/index.php?title=New_page&action=raw")
    assert raw.text == TEXT.rstrip("\n")
    history = client.request("GET", "/wiki/index.php?title=New_page&action=history")
    assert b"Admin" in history.body and "é".encode() in history.body
    rest = json.loads(shared.get("/wiki/rest.php/v1/page/New_page").body)
    assert rest["title"] == "New page" and rest["source"] == raw.text
    assert shared.get("/wiki/index.php?title=None").status == 404


def test_who_it_is_that_logs_in(shared):
    client = MediaWiki(shared, "/wiki")
    client.log_in()
    assert client.api(action="query", meta="userinfo")["query"]["userinfo"]["name"] == "Admin"
    stranger = MediaWiki(shared, "/wiki")
    who = stranger.api(action="query", meta="userinfo")["query"]["userinfo"]
    assert who["anon"] and who["name"] == "127.0.0.1"


def test_php_is_started_cold_and_the_log_says_why(shared, recipe):
    target = "/wiki/index.php?title=Main_Page"
    served = Warm(shared, recipe.folder / "access")

    def how() -> list[str]:
        assert shared.get(target).status == 200
        return served.how(target)
    assert until(lambda: how() != ["cold", "booting"])
    assert how() == ["cold", "refused"]
    assert "PHP cannot be kept warm by this version" in shared.stderr.read_text()
