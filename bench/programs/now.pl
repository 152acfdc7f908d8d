#!/usr/bin/perl
# The same in Perl, with what most Perl programs load.
use strict;
use warnings;
use POSIX qw(strftime);

my $time = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime);
print "Content-Type: text/plain\n\n$time $ENV{QUERY_STRING}\n";
