#!/usr/bin/python3
"""A form and the answer to it, in one program."""

import os
import sys
from html import escape
from urllib.parse import parse_qs

BODY_BYTES_MAX = 64 * 1024


def answer(status, main):
    print(f"""Status: {status}
Content-Type: text/html; charset=utf-8

<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>A form</title>
<link rel="stylesheet" href="/style.css">
<main>
{main}
<footer><p><a href="/">All examples</a> · <a href="/source/form.cgi.txt">Source</a></p></footer>
</main>""")


def show_form():
    answer("200 OK", """<h1>A form</h1>
<form method="post" action="/cgi-bin/form.cgi">
<label for="name">Your name</label>
<input id="name" name="name" autocomplete="name" maxlength="100" required>
<label for="message">A message</label>
<textarea id="message" name="message" rows="4" maxlength="2000"></textarea>
<button>Send</button>
</form>""")


def read_fields():
    """The fields of the body, or nothing when it is too large. Undecodable bytes become U+FFFD."""
    length = int(os.environ.get("CONTENT_LENGTH") or 0)
    if length > BODY_BYTES_MAX:
        return None
    body = sys.stdin.buffer.read(length).decode("ascii", "replace")
    fields = parse_qs(body, errors="replace")
    return {name: values[0] for name, values in fields.items()}


def show_answer():
    fields = read_fields()
    if fields is None:
        answer("413 Content Too Large", "<h1>That is too much text</h1>")
        return
    name = escape(fields.get("name", "").strip() or "stranger")
    message = escape(fields.get("message", "").strip() or "(nothing)")
    answer("200 OK", f"""<h1>Good to meet you, <span id="who">{name}</span></h1>
<p class="lead">You wrote:</p>
<pre id="said">
{message}</pre>
<p><a href="/cgi-bin/form.cgi">Write again</a></p>""")


sys.stdout.reconfigure(encoding="utf-8")
if os.environ["REQUEST_METHOD"] == "POST":
    show_answer()
else:
    show_form()
