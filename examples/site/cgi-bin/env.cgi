#!/usr/bin/python3
"""All that the server tells a program about its request: the environment."""

import os
import sys
from html import escape

# A value may hold any bytes: those outside UTF-8 are shown as escapes.
sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")

rows = "\n".join(
    f'<tr><th scope="row"><code>{escape(name)}</code></th><td><code>{escape(value)}</code></td></tr>'
    for name, value in sorted(os.environ.items())
)

print(f"""Content-Type: text/html; charset=utf-8
Cache-Control: no-store

<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>The environment of a CGI program</title>
<link rel="stylesheet" href="/style.css">
<main class="wide">
<h1>The environment of a CGI program</h1>
<p>The rest of the address is in it too: see what
<a href="/cgi-bin/env.cgi/more/path?name=value">more of a path and a query</a> change.</p>
<table class="pairs">
<thead><tr><th scope="col">Variable</th><th scope="col">Value</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
<footer><p><a href="/">All examples</a> · <a href="/source/env.cgi.txt">Source</a></p></footer>
</main>""")
