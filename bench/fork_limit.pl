#!/usr/bin/perl
# The bare fork loop of Perl programs, as fork_limit.c is that of native ones:
#
#   fork_limit.pl PROGRAM SECONDS PROCESSES      prints {"runs": N, "seconds": S}
#
# The program is compiled once, with what it uses. Then each run is a fork: the child runs the
# program and ends without taking the interpreter apart; its output is read to the end and it is
# reaped.
use strict;
use warnings;
use IO::Handle;
use POSIX ();
use Time::HiRes qw(time);

my %environment = (
    GATEWAY_INTERFACE => 'CGI/1.1', SERVER_PROTOCOL => 'HTTP/1.1', SERVER_SOFTWARE => 'limit',
    SERVER_NAME => '127.0.0.1', SERVER_PORT => 80, REQUEST_METHOD => 'GET',
    REQUEST_URI => '/cgi-bin/now', SCRIPT_NAME => '/cgi-bin/now', QUERY_STRING => 'x=42',
    REMOTE_ADDR => '127.0.0.1', REMOTE_PORT => 40000, HTTP_HOST => '127.0.0.1',
    PATH => '/usr/bin:/bin',
);

sub compiled {
    my ($path) = @_;
    open my $file, '<', $path or die "$path: $!\n";
    my $source = do { local $/; <$file> };
    my $program = eval "package main; no strict; no warnings; sub {\n#line 1 \"$path\"\n$source\n}";
    return $program // die $@;
}

sub run_once {
    my ($program) = @_;
    pipe my $readable, my $writable or return 0;
    my $pid = fork // return 0;
    if ($pid == 0) {
        POSIX::dup2(fileno $writable, 1);
        @ENV{keys %environment} = values %environment;
        $program->();
        STDOUT->flush;
        POSIX::_exit(0);
    }
    close $writable;
    my $size = 0;
    while (my $read = sysread $readable, my $output, 4096) { $size += $read }
    return waitpid($pid, 0) == $pid && $? == 0 && $size > 0;
}

sub loop {
    my ($program, $seconds, $told) = @_;
    my $end = time + $seconds;
    my $runs = 0;
    while (time < $end) {
        run_once($program) or POSIX::_exit(1);
        ++$runs;
    }
    syswrite $told, "$runs\n";
    POSIX::_exit(0);
}

my ($path, $seconds, $processes) = @ARGV;
my $program = compiled($path);
pipe my $readable, my $writable or die "pipe: $!\n";
my $begin = time;
for (1 .. $processes) {
    my $pid = fork // die "fork: $!\n";
    loop($program, $seconds, $writable) if $pid == 0;
}
close $writable;
my $failed = 0;
for (1 .. $processes) { wait; $failed ||= $? }
my $took = time - $begin;
my $runs = 0;
$runs += $_ while <$readable>;
printf qq({"runs": %d, "seconds": %.6f}\n), $runs, $took;
exit($runs && !$failed ? 0 : 1);
