#!/usr/bin/python3
"""The same page as hello-sh.cgi and hello-perl.cgi."""

import os
import sys
from html import escape

sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")

# What a client sent is text, never markup.
browser = escape(os.environ.get("HTTP_USER_AGENT", "a program without a name"))

print(f"""Content-Type: text/html; charset=utf-8

<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Hello from Python</title>
<link rel="stylesheet" href="/style.css">
<main>
<h1>Hello from Python</h1>
<p class="lead">This page was printed by process {os.getpid()} for <q>{browser}</q>.</p>
<footer><p><a href="/">All examples</a></p></footer>
</main>""")
