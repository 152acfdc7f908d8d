"""Perl programs: warm and plain are the same, byte for byte."""

import re
import time

import pytest

from support.zygote_driver import CONSTANT, Zygote, environment, plain

ALL = r"""#!/usr/bin/perl -w
use strict;
print "Content-Type: text/plain\n\n";
print "$_=$ENV{$_}\n" for sort keys %ENV;
print "$0|@ARGV|$^X|", __FILE__, "|", __LINE__, "|@INC|", join(",", sort keys %INC), "\n";
print join(" ", sort grep /::/, keys %main::), "\n";
print join(",", map { defined ? $_ : "undef" } caller), "|$^W|${^TAINT}|$^H|", defined tied %ENV, "\n";
print "group leader\n" if getpgrp() == $$;
print "now\n" if abs($^T - time) < 2;
printf "%o %d %d\n", umask, tell(STDIN), tell(STDOUT);
opendir my $fds, "/proc/self/fd"; print join(" ", sort grep /\d/, readdir $fds), "\n";
open my $status, "<", "/proc/self/status" or die;
print grep /^(Name|Umask|Threads|ShdPnd|Sig[BIC]|NoNewPrivs|Seccomp:|Cap)/, <$status>;
open my $limits, "<", "/proc/self/limits" or die;
print <$limits>;
print "in: ", <STDIN>;
print `echo \$0; env | sort; ls /proc/self/fd`;
"""


def test_everything_that_a_program_can_see(program, same):
    assert same(program("all.cgi", ALL), b"body").stdout.count(b"\n") > 60


@pytest.mark.parametrize("stdin", [b"", b"short", b"x" * 200_000], ids=["none", "short", "long"])
def test_standard_input(program, same, stdin):
    same(program("in.cgi", "#!/usr/bin/perl\nlocal $/; my $all = <STDIN>; print length $all, eof STDIN;"),
         stdin)


def test_arguments(program, same):
    result = same(program("args.cgi", '#!/usr/bin/perl\nprint "[@ARGV]";'), args=("a b", "", "c"))
    assert result.stdout == b"[a b  c]"


def test_environment_larger_than_a_packet(program, same):
    variables = environment(HTTP_X_LONG="y" * 100_000, HTTP_X_EMPTY="", HTTP_X_EQUALS="a=b=c")
    same(program("env.cgi", '#!/usr/bin/perl\nprint "$_=$ENV{$_}\n" for sort keys %ENV;'),
         variables=variables)


@pytest.mark.parametrize("lines", [2, 5000])
def test_data_is_read_by_each_request_from_its_beginning(program, same, lines):
    text = "#!/usr/bin/perl\nprint while <DATA>;\n__END__\n" + "a line of it\n" * lines
    assert same(program("data.cgi", text)).stdout.count(b"\n") == lines


ENDS = {
    "exit": "print 'x'; exit 3;",
    "exit in a block": "END { $? = 9 } exit 3;",
    "die": "die 'dead';",
    "die with a line": "<STDIN>; die 'dead';",
    "warn": "warn 'here'; $SIG{__WARN__} = sub { print 'caught ', @_ }; warn 'there';",
    "last output without a newline": "$| = 0; print 'x' x 5000;",
    "signal": "$| = 1; print 'x'; kill 'KILL', $$;",
    "segmentation fault": "kill 'SEGV', $$;",
    "alarm": "alarm 1; $SIG{ALRM} = sub { print 'rang'; exit 4 }; select undef, undef, undef, 5;",
    "closed output": "close STDOUT; print 'x' or exit 5;",
    "exec": "exec 'echo', 'other' or die;",
    "child": "if (my $pid = fork) { waitpid $pid, 0; print 'child ', $? >> 8 } else { exit 6 }",
    "system": "system 'exit 7'; print $? >> 8;",
    "unfinished file": "open my $f, '>', 'left' or die; print $f 'half'; exit 0;",
    "syntax of a string": "eval 'die(}'; print $@;",
    "local time": "$ENV{TZ} = 'Asia/Tokyo'; print scalar localtime 0;",
    "exit while loading": "print 'x'; BEGIN { exit 0 }",
    "destructor": "package A; sub DESTROY { print 'gone' } package main; our $a = bless [], 'A';",
}


@pytest.mark.parametrize("body", ENDS.values(), ids=ENDS.keys())
def test_how_a_program_ends(program, same, body):
    same(program("end.cgi", f"#!/usr/bin/perl\nEND {{ print 'end' }}\n{body}\n"), b"line\n")


FEATURES = {
    "self loader": "use SelfLoader; sub here { 'x' } print here(), later();\n__DATA__\nsub later { 'y' }",
    "auto loader": "use POSIX; print floor(1.5), ceil(1.5), strftime('%Y', gmtime 0);",
    "source filter": "use Filter::Simple; BEGIN { FILTER { s/hello/good bye/ } } print 'hello';",
    "open pragma": "use utf8; use open qw(:std :utf8); my $in = <STDIN>; print length $in, $in, 'é';",
    "new version": "use v5.36; sub f($x) { say \"[$x]\" } f(1); say __SUB__ // 'none';",
    "big numbers": "use bigint; print 2 ** 100;",
    "strictness": "use strict; use warnings FATAL => 'all'; my $x; print \"x$x\";",
    "format": "our $x = 'value';\nformat STDOUT =\n@<<<<< @>>>\n$x, 1\n.\nwrite; print $^, $~;",
    "encoding": "use Encode; print encode('utf-16', decode('utf-8', scalar <STDIN>));",
    "dumper": "use Data::Dumper; $Data::Dumper::Sortkeys = 1; print Dumper({a => [1, \\2]}, \\@INC);",
    "carp": "use Carp; sub f { Carp::cluck('here') } f(1, 'a'); sub g { confess 'there' } g();",
    "stack": "sub f { my $i = 0; while (my @c = caller $i++) { print \"@c[0..3]\n\" } } f();",
    "files": "print -t STDIN ? 1 : 0, -s STDIN, (stat STDOUT)[2] & 0170000, -p STDOUT ? 1 : 0;",
    "unbuffered": "$| = 1; print 'a'; print STDERR 'b'; syswrite STDOUT, 'c'; print <STDIN>;",
    "duplicate": "open my $o, '>&', \\*STDOUT; open STDERR, '>&', \\*STDOUT; warn 'x'; print $o 'y';",
    "file numbers": "open my $f, '<', $0; print fileno $f; pipe my $r, my $w; print fileno $w;",
    "threads": "use threads; print threads->create(sub { 'from ' . threads->tid })->join;",
    "temporary": "use File::Temp; my $t = File::Temp->new(DIR => '.'); print $t 'x'; print -e $t ? 1 : 0;",
    "sorted": "my %h = map { $_ => 1 } 'a' .. 'z'; print sort keys %h; print scalar %h;",
    "reload": "do $0 unless $again++; print 'once more ', $again;",
    "eval": "eval 'warn; die q(x)'; print $@; eval \"\\n#line 7 other\\ndie\"; print $@;",
    "end of input": "print while <>; print $.; print eof() ? 1 : 0;",
    "environment of a child": "$ENV{X} = 1; delete $ENV{PATH}; print `/usr/bin/env | /usr/bin/sort`;",
    "locale": "use locale; use POSIX; print setlocale(LC_ALL, ''), lc 'É', localeconv()->{decimal_point};",
    "time": "print times() >= 0, time - $^T < 3, ' ', -M $0 < 1;",
    "name": "print $0; $0 = 'other'; open my $f, '<', '/proc/self/comm'; print <$f>;",
    "blocks": "UNITCHECK { $x .= 'u' } CHECK { $x .= 'c' } INIT { print \"$x i$ENV{QUERY_STRING}\" }"
              "END { print 'e' } print ${^GLOBAL_PHASE};",
}


@pytest.mark.parametrize("body", FEATURES.values(), ids=FEATURES.keys())
def test_feature(program, same, body):
    result = same(program("feature.cgi", f"#!/usr/bin/perl\n{body}\n"), "é line\n".encode())
    assert result.stdout or result.stderr


@pytest.mark.parametrize("flags", ["-n", "-p", "-w -T", "-wnl", "-a -n", "-0777 -n", "-t"])
def test_flags_that_change_the_program(program, same, flags):
    same(program("loop.cgi", f"#!/usr/bin/perl {flags}\nprint '[', $_, ']', __LINE__;\n"), b"a b\nc\n")


@pytest.mark.parametrize("flags", ["-w", "-T", "-wT", "-W", "-X", "-CSDA", "-l", "-s"])
def test_flags_of_the_first_line(program, same, flags):
    same(program("flags.cgi", f"""#!/usr/bin/perl {flags}
$x = undef . "y"; @ARGV = ("a"); print "$^W ${{^TAINT}} ${{^UNICODE}} $x";
print $ENV{{PATH}}; print eval {{ `$ENV{{QUERY_STRING}}`; 1 }} ? "ran" : $@;
print chr 0xe9, ord substr <STDIN>, 0, 1;
"""), "é\n".encode())


def test_taint_mode_knows_what_came_from_outside(program, same):
    result = same(program("taint.cgi", r"""#!/usr/bin/perl -T
use strict; use Scalar::Util 'tainted';
BEGIN { $ENV{LANG} = 'C' }
print "$_ ", tainted($ENV{$_}) ? 1 : 0, "\n" for sort keys %ENV;
print tainted($ARGV[0]) ? 1 : 0, tainted(my $line = <STDIN>) ? 1 : 0, tainted($0) ? 1 : 0;
$ENV{PATH} = '/bin:/usr/bin'; delete @ENV{qw(IFS CDPATH ENV BASH_ENV)};
print tainted($ENV{PATH}) ? 1 : 0, `echo ran`;
"""), b"in", args=("x",))
    assert b"LANG 0\nPATH 1" in result.stdout and b"ran" in result.stdout


def test_what_was_set_while_loading_holds_for_each_request(program, same):
    result = same(program("begin.cgi", r"""#!/usr/bin/perl
BEGIN {
  $ENV{PATH} = '/bin'; $ENV{NEW} = 'new'; delete @ENV{qw(REDIRECT_STATUS HTTP_COOKIE NONE)};
  umask 077; chdir '/usr';
  { local $ENV{GATEWAY_INTERFACE} = 'other'; $seen = $ENV{GATEWAY_INTERFACE} }
  $SIG{USR1} = sub { print "signalled\n" }; $SIG{CHLD} = 'IGNORE'; binmode STDOUT, ':utf8';
  use POSIX; POSIX::sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGUSR2));
}
print "$_=$ENV{$_}\n" for sort keys %ENV;
kill 'USR1', $$; printf "%o $seen %s\n", umask, chr 0x263a;
system 'true'; print "$? $!\n"; print grep /^Sig[BIC]/, do { open my $f, '<', '/proc/self/status'; <$f> };
print `pwd; env | sort`; exit 3;
"""))
    assert b"NEW=new" in result.stdout and b"REDIRECT_STATUS" not in result.stdout


def test_what_is_said_while_loading_is_said_by_each_request(program, same):
    result = same(program("said.cgi", "#!/usr/bin/perl -w\nmy $once; $typo = 1; BEGIN { warn 'early' }"
                          "\nwarn 'late';\n"))
    assert re.search(rb"early.*typo.*late", result.stderr, re.DOTALL)


def test_random_numbers_differ(program, worker):
    script = program("random.cgi", "#!/usr/bin/perl\nBEGIN { rand } print rand, ' ', rand;")
    with Zygote(script) as zygote:
        assert len({worker.run(zygote, script).stdout for _ in range(5)}) == 5


def test_time_is_that_of_the_request(program, worker):
    script = program("time.cgi", "#!/usr/bin/perl\nprint time - $^T;")
    with Zygote(script) as zygote:
        time.sleep(2.1)
        assert int(worker.run(zygote, script).stdout) <= 1


def test_other_layers_for_all_files(program, same):
    constant = {**CONSTANT, "PERLIO": ":utf8"}
    script = program("utf8.cgi", "#!/usr/bin/perl -w\nprint length $ENV{X}, length <STDIN>;")
    same(script, "é".encode(), boot={"constant": constant},
         variables={**environment(X="é"), **constant})


def test_modules_are_what_the_zygote_is_made_of(program, worker, tmp_path):
    program("lib/Mine.pm", "package Mine; sub f { 'mine' } 1;")
    script = program("use.cgi", "#!/usr/bin/perl\nuse FindBin; use lib \"$FindBin::Bin/lib\"; use Mine;"
                     "use POSIX; BEGIN { require './part.pl' } print Mine::f(), part();")
    program("part.pl", "sub part { 'part' } 1;")
    with Zygote(script) as zygote:
        assert worker.run(zygote, script) == plain(script)
        files = zygote.files()
    assert {f"{tmp_path}/lib/Mine.pm", f"{tmp_path}/./part.pl"} <= set(files)
    assert any(file.endswith("POSIX.so") for file in files)
    assert all(file.startswith("/") for file in files)


REFUSED = {
    "asks": ("$x = $ENV{REQUEST_METHOD};", "It asks for REQUEST_METHOD while it loads, before"),
    "asks whether": ("$x = 1 if exists $ENV{HTTP_ACCEPT};", "It asks for HTTP_ACCEPT"),
    "asks where": ("$x = $ENV{SCRIPT_FILENAME};", "It asks for SCRIPT_FILENAME while it loads"),
    "lists": ("@x = keys %ENV;", "It lists its environment while it loads"),
    "clears": ("%ENV = ();", "It clears its environment while it loads"),
    "prints": ("print 'x';", 'It prints while it loads: "x".'),
    "reads": ("$x = <STDIN>;", "It reads its standard input while it loads."),
    "child": ("$x = `true`;", "It starts another process while it loads."),
    "left child": ("if (!fork) { sleep 9 }", "It starts another process while it loads."),
    "timer": ("alarm 100;", "It sets a timer while it loads."),
    "pipe": ("pipe R, W;", "It keeps something open while it loads that requests would share: pipe:"),
    "log": ("open L, '>>', 'log';", "would share: /"),
    "locks": pytest.param("open L, '<', $0; flock L, 2;", "It locks a file while it loads, which its "
                          "requests would not have locked: /", marks=pytest.mark.fault("40")),
    "own log": ("open STDERR, '>>', 'log';", "replaces a standard stream while it loads: descriptor 2"),
    "closes": ("close STDIN;", "It closes or replaces a standard stream while it loads: descriptor 0"),
    "much": ("print STDERR 'y' x 20000;", 'It writes much to standard error while it loads: "yyy'),
    "dies": ("die 'early';", "It ends while it loads: early at"),
    "exits": ("exit 1;", "It ends while it loads"),
}


@pytest.mark.parametrize("body, reason", REFUSED.values(), ids=REFUSED.keys())
def test_refused(program, refused, body, reason):
    assert reason in refused(program("no.cgi", f"#!/usr/bin/perl\nBEGIN {{ {body} }}\nprint 1;\n"))


def test_what_the_boot_has_may_be_asked_for(program, worker):
    script = program("asks.cgi", "#!/usr/bin/perl\nBEGIN { $x = $ENV{SERVER_NAME}; $y = $ENV{HOME}; }"
                     "\nprint \"$x|$y\";\n")
    with Zygote(script, constant={**CONSTANT, "SERVER_NAME": "example.org"}) as zygote:
        assert worker.run(zygote, script).stdout == b"example.org|"


def test_script_that_does_not_compile_is_refused(program, refused):
    assert "syntax error" in refused(program("broken.cgi", "#!/usr/bin/perl\nprint (;\n"))


def test_modules_that_are_named_are_loaded_once(program, worker, same, tmp_path):
    program("Own/Part.pm", "package Own::Part; use Exporter 'import'; our @EXPORT = 'part';\n"
                           "our $loaded = rand; sub part { $loaded } 1;")
    script = program("use.cgi", f"#!/usr/bin/perl -I{tmp_path}\n"
                                "print defined &part ? 'imported' : 'not imported', \"\\n\";\n"
                                "if (@ARGV) { require Own::Part; print Own::Part::part() }\n")
    same(script, boot={"preload": "standard,POSIX,Own::Part"})
    with Zygote(script, preload="standard,Own::Part") as zygote:
        assert str(tmp_path / "Own/Part.pm") in zygote.files()
        assert len({worker.run(zygote, script, args=("x",)).stdout for _ in range(2)}) == 1


@pytest.mark.parametrize("text, reason", [
    (None, "by /usr/bin/perl: Can't locate Own.pm in @INC; install it, or take"),
    ("die qq(no\\n)", "before the program begins: no; take it out of that list"),
    ("1 +;", "before the program begins: syntax error at "),
])
def test_a_module_that_is_named_and_cannot_be_loaded(program, refused, tmp_path, text, reason):
    if text:
        program("Own.pm", text)
    said = refused(program("no.cgi", f"#!/usr/bin/perl -I{tmp_path}\n1;"),
                   preload="standard,POSIX,Own")
    assert said.startswith(f"Its configuration has Own preloaded, which cannot be loaded {reason}")


# ---- What well-known modules ask for as they load.


@pytest.mark.fault("24d")
def test_a_program_with_cgi_fast(program, same):
    """It walks through its environment, and keeps nothing of it."""
    script = program("fast.cgi", "#!/usr/bin/perl\nuse CGI::Fast;\n"
                     "while (my $q = CGI::Fast->new) { print $q->header, 'a=', $q->param('a') }\n")
    assert same(script).stdout.endswith(b"a=b")


@pytest.mark.fault("24d")
def test_a_program_with_mojolicious(program, same):
    script = program("mojo.cgi", "#!/usr/bin/perl\nuse Mojolicious::Lite -signatures;\n"
                     "get '/' => sub ($c) { $c->render(text => 'a=' . $c->param('a')) };\n"
                     "app->log->level('fatal');\napp->start;\n")
    loop = {"MOJO_REACTOR": "Mojo::Reactor::Poll"}
    result = same(script, boot={"constant": {**CONSTANT, **loop}},
                  variables=environment(PATH_INFO="/", **loop), mask=rb"[\d:]{8} GMT")
    assert result.stdout.endswith(b"a=b")


@pytest.mark.fault("24d")
@pytest.mark.parametrize("text, does", [
    ("my %saved = %ENV;", "lists its environment"),
    ("my $x = exists $ENV{HTTP_COOKIE};", "asks for HTTP_COOKIE"),
    ("%ENV = ();", "clears its environment")])
def test_a_refusal_says_where(program, refused, tmp_path, text, does):
    program("Own.pm", f"package Own;\n\n{text}\n1;\n")
    said = refused(program("no.cgi", f"#!/usr/bin/perl -I{tmp_path}\nuse Own;\n"))
    assert said == (f"It {does} while it loads, before there is a request: "
                    f"{tmp_path}/Own.pm line 3.")
