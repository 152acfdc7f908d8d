#!/usr/bin/perl
# The same page as hello-sh.cgi and hello-python.cgi.
use strict;
use warnings;

# What a client sent is text, never markup.
my %entity = ('&' => '&amp;', '<' => '&lt;', '>' => '&gt;', '"' => '&quot;');
my $browser = $ENV{HTTP_USER_AGENT} // 'a program without a name';
$browser =~ s/([&<>"])/$entity{$1}/g;

print <<"END";
Content-Type: text/html; charset=utf-8

<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Hello from Perl</title>
<link rel="stylesheet" href="/style.css">
<main>
<h1>Hello from Perl</h1>
<p class="lead">This page was printed by process $$ for <q>$browser</q>.</p>
<footer><p><a href="/">All examples</a></p></footer>
</main>
END
