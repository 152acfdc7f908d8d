"""What a Nagios that runs has written: one printer, without toner; and a command for it."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlencode

OBJECTS = """
define timeperiod {
	timeperiod_name	always
	alias	Always
	}
define command {
	command_name	check
	command_line	/bin/true
	}
define contact {
	contact_name	alice
	alias	Alice
	service_notification_period	always
	host_notification_period	always
	service_notification_commands	check
	host_notification_commands	check
	}
define host {
	host_name	printer
	alias	The printer
	address	192.0.2.7
	check_period	always
	check_command	check
	contacts	alice
	max_check_attempts	3
	}
define service {
	host_name	printer
	service_description	PING
	check_period	always
	check_command	check
	contacts	alice
	max_check_attempts	3
	}
"""
STATUS = """
programstatus {
	nagios_pid=1
	program_start=1580608922
	}
hoststatus {
	host_name=printer
	current_state=0
	plugin_output=PING OK
	has_been_checked=1
	last_check=1580608922
	}
servicestatus {
	host_name=printer
	service_description=PING
	current_state=2
	plugin_output=no toner
	has_been_checked=1
	last_check=1580608922
	}
"""
# A form that cmd.cgi has made for that cookie.
NAGIOS_COMMAND = urlencode({
    "cmd_typ": 96, "cmd_mod": 2, "host": "printer", "force_check": 1,
    "start_time": "02-02-2030 02:02:02", "btnSubmit": "Commit", "nagFormId": "1"}).encode()
NAGIOS_COOKIE = "NagFormId=1"


def write_nagios(data: Path) -> None:
    """With its configuration and its command file; alice is a contact."""
    data.mkdir()
    for name, text in (("objects.cache", OBJECTS), ("status.dat", STATUS), ("resource.cfg", ""),
                       ("nagios.log", "[1580608922] SERVICE ALERT: printer;PING;CRITICAL;HARD;1;")):
        (data / name).write_text(text + "\n")
    os.mkfifo(data / "nagios.cmd")
    (data / "nagios.cfg").write_text("".join(f"{key}={data}/{name}\n" for key, name in (
        ("object_cache_file", "objects.cache"), ("status_file", "status.dat"),
        ("resource_file", "resource.cfg"), ("log_file", "nagios.log"), ("log_archive_path", ""),
        ("command_file", "nagios.cmd"), ("lock_file", "lock"))) + "check_external_commands=1\n")
    (data / "cgi.cfg").write_text(
        f"main_config_file={data}/nagios.cfg\nphysical_html_path=/usr/share/nagios4/htdocs\n"
        "url_html_path=/nagios4\nuse_authentication=1\nauthorized_for_all_hosts=bob\n"
        "authorized_for_configuration_information=alice\n"
        "authorized_for_system_information=alice\n")
