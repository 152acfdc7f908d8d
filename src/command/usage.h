// What the helps of the commands say before and after their options, which CLI11 lists.
#pragma once

namespace cgisrv::command {

inline constexpr auto usage =
    R"(Usage: cgisrv [DIR] [options]          serve DIR (default: this directory)
       cgisrv -c FILE                  serve by a configuration file
       cgisrv check -c FILE            check it; --explain URL: say how it goes
       cgisrv exec SCRIPT [URL]        run a program once: cgisrv exec --help
       cgisrv passwd FILE USER         set a password in a password file
       cgisrv reference | haproxy-config -c FILE | completion bash|zsh|fish
       cgisrv status|reload|upgrade|reopen|drain|undrain|quit|stop [--help]

Executable files in DIR/cgi-bin/ and DIR/htbin/, and executable *.cgi anywhere,
are run as CGI programs; all other files but dotfiles are sent.

)";
inline constexpr auto endings = R"(
Signals: TERM stops, QUIT quits, HUP reloads (-c), USR1 reopens, USR2 upgrades.
Exit status: 0 stopped, 64 usage, 69 address, 77 permission, 78 configuration.
)";

inline constexpr auto remote_usage = R"(Usage: cgisrv status [--watch [SECONDS]] [--json]
                      what a running server does: workers, programs
       cgisrv drain   have load balancers and clients go elsewhere
       cgisrv undrain have them come back
       cgisrv quit    finish open requests, then end
       cgisrv stop    end now
       cgisrv reload  serve by the configuration as it is now
       cgisrv upgrade serve by the program as it is installed now
       cgisrv reopen  open the logs again, after they were moved away

)";
inline constexpr auto remote_endings = R"(
They are looked for in the runtime_dir of FILE or $RUNTIME_DIRECTORY; without
those in /run/cgisrv, and for others than root in $XDG_RUNTIME_DIR/cgisrv,
/tmp/cgisrv-UID and /dev/shm/cgisrv-UID too.
Exit status: 0 done, 64 usage, 69 no such server, or it cannot do that,
73 log not opened, 77 permission, 78 configuration.
)";

inline constexpr auto exec_usage = R"(Usage: cgisrv exec SCRIPT [URL] [options]

Runs a CGI program once, as the server would, and shows the request, what the
program got and printed, the response, what it cost, and whether it is good.

SCRIPT is the program's file. URL is what a client would ask for: a path such
as /cgi-bin/hello.cgi/extra?x=1, http://HOST/PATH, or ?QUERY alone. What is
left out leads to SCRIPT. Methods other than GET, HEAD, OPTIONS and DELETE send
standard input as the body.

)";
inline constexpr auto exec_endings = R"(
Exit status: 0 good; 1 bad (no valid response, a status of 500 or above, an
exit status other than 0, a limit); 64 usage, 66 no such program,
77 permission, 78 configuration; 130 after Ctrl-C.
With --verify: 0 the same; 2 it differs; 3 it cannot be started warm.
)";

inline constexpr auto check_usage =
    R"(Usage: cgisrv check -c FILE [--explain URL... [--client ADDRESS]
       [--method NAME]]

Reports every fault in a configuration, with file, line and column, and what a
start here would fail on, and notes what is valid but was hardly meant.

)";
inline constexpr auto check_endings = R"(
Example: cgisrv check -c FILE --explain http://example.org/cgi-bin/ --client ::1
Exit status: 0 valid; 64 usage, or what is explained is no URL; 78 faults, or it
would not start here.
)";

inline constexpr auto haproxy_usage =
    R"(Usage: cgisrv haproxy-config -c FILE [--address HOST] [--name NAME]

Prints a backend for HAProxy in front of a server by that configuration: checks,
weight, queue, limits of time. What the configuration lacks is noted on standard
error.

)";
inline constexpr auto haproxy_endings = R"(
Exit status: 0 printed, 64 usage, 78 faults, or nothing is served by HTTP.
)";

inline constexpr auto passwd_usage = R"(Usage: cgisrv passwd FILE USER [--delete]

Asks for a password, or reads it as a line of standard input, and writes its
hash (yescrypt) into FILE, a password file for the key auth of a configuration.
A file that is not there is made, mode 0640; the server must be able to read it.

)";
inline constexpr auto passwd_endings = R"(
Exit status: 0 written, 64 usage, 66 no password, or no such user, 73 not
written, 77 permission.
)";

}  // namespace cgisrv::command
