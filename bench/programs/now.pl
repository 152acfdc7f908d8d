#!/usr/bin/perl
# The same in Perl, with what most Perl programs load.
use strict;
use warnings;
use POSIX qw(strftime);

my $body = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime) . " $ENV{QUERY_STRING}\n";
printf "Content-Type: text/plain\nContent-Length: %d\n\n%s", length $body, $body;
