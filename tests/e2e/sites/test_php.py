"""The snippet of examples/sites for PHP files of any site."""

from __future__ import annotations

from support.php_fpm import PhpFpm, needs_php_fpm


@needs_php_fpm
def test_php_fpm(drop_in, place):
    for name in ("index.php", "a.phar", "a.phtml", "a.phps"):
        (place.folder / "www" / name).write_text('<?php echo "it " . "ran" . $_SERVER["PATH_INFO"];')
    (place.folder / "fpm").mkdir()
    fpm = PhpFpm(place.folder / "fpm")
    try:
        server = drop_in("php-fpm", {"unix:/run/php/php8.2-fpm.sock": fpm.address})
        assert server.get("/index.php/a").text == "it ran/a"
        for name in ("a.phar", "a.phtml", "a.phps"):
            assert server.get(f"/{name}").status == 403
        assert server.get("/none.php").status == 404
    finally:
        fpm.stop()
