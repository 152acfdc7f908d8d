#!/bin/sh
# The same page as hello-python.cgi and hello-perl.cgi.

# What a client sent is text, never markup.
escape() {
  sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e 's/>/\&gt;/g' -e 's/"/\&quot;/g'
}

browser=$(printf '%s' "${HTTP_USER_AGENT:-a program without a name}" | escape)

cat <<END
Content-Type: text/html; charset=utf-8

<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Hello from sh</title>
<link rel="stylesheet" href="/style.css">
<main>
<h1>Hello from sh</h1>
<p class="lead">This page was printed by process $$ for <q>$browser</q>.</p>
<footer><p><a href="/">All examples</a></p></footer>
</main>
END
