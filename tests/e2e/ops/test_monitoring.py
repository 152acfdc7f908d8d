"""packaging/grafana and packaging/prometheus: each metric that they name is there, the dashboard is one
that Grafana can show, and each alert fires when it should, and then alone. Debian has no Grafana to load it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import http2
from support.admin import Admin
from support.binary import REPOSITORY
from support.configuration import cgi_site
from support.programs import PLAIN
from support.tls import Authority, site_keys
from support.waiting import until

DASHBOARD = json.loads((REPOSITORY / "packaging/grafana/cgisrv.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
TARGETS = [(panel, target) for panel in PANELS for target in panel["targets"]]
RULES_FILE = REPOSITORY / "packaging/prometheus/cgisrv-alerts.yml"
# Each alert: its name, expression and the rest of its text.
ALERTS = {name: (expression, rest) for name, expression, rest in re.findall(
    r"^      - alert: (\w+)\n        expr: (.*?)\n(        (?:for|labels): .*?)(?=\n\n|\Z)", RULES_FILE.read_text(),
    re.MULTILINE | re.DOTALL)}
BY_PROMETHEUS = {"job", "instance"}
needs_promtool = pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")


def promtool(*arguments: str | Path) -> None:
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


# What they name is there.


@pytest.fixture(scope="module")
def labels(shared_site, shared_server) -> dict[str, set[str]]:
    """Of each metric of a server that has done a bit of everything."""
    assert shared_server.get("/hello.cgi").status == 200
    with http2.Connection(shared_server.connect()) as connection:
        assert connection.request("GET", "/hello.cgi").status == 200
    admin = Admin(shared_server)
    assert until(lambda: any(name.startswith("cgisrv_program_cpu") and value > 0
                             for name, value in admin.metrics().items()))
    found: dict[str, set[str]] = {}
    for sample in admin.metrics():
        name, _, pairs = sample.partition("{")
        found.setdefault(name, set()).update(re.findall(r'(\w+)="(?:[^"\\]|\\.)*"', pairs))
    return found


@pytest.fixture(scope="module")
def shared_site(shared_site):
    shared_site.program("hello.cgi", f"{PLAIN}echo hello\n")
    return shared_site


@pytest.fixture(scope="module")
def shared_config(tmp_path_factory):
    pair = Authority(tmp_path_factory.mktemp("authority")).sign("site", "localhost")
    return cgi_site("{root}", site=site_keys(pair), admin='listen = "127.0.0.1:0"\n',
                    server='[[listen]]\naddress = "127.0.0.1:0"\nhttp2 = true\n'
                           '[[listen]]\naddress = "127.0.0.1:0"\ntls = true\n')


def assert_known(expression: str, shown: str, labels: dict[str, set[str]]) -> None:
    """`shown`: the text beside it, with {{label}}."""
    used = set(BY_PROMETHEUS)
    for name, selector in re.findall(r"\b(cgisrv_\w+)(?:\{([^}]*)\})?", expression):
        assert name in labels, f"{name} of {expression}"
        used |= labels[name]
        for label in re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', selector):
            assert label in labels[name] | BY_PROMETHEUS, f"{label} of {name} in {expression}"
    grouped = re.findall(r"\b(?:by|without|on|ignoring) \(([^)]*)\)", expression)
    named = {label.strip() for group in grouped for label in group.split(",")}
    named |= set(re.findall(r"\{\{ *(?:\$labels\.)?(\w+)[ |}]", shown))
    assert named <= used | {"le"}, (named - used, expression)


@pytest.mark.parametrize("panel, target", [
    pytest.param(panel, target, id=f"{panel['id']}{target['refId']}") for panel, target in TARGETS])
def test_the_dashboard_names_metrics_that_are_there(labels, panel, target):
    assert_known(target["expr"], target["legendFormat"], labels)


def test_variables_and_annotations_name_metrics_that_are_there(labels):
    for annotation in DASHBOARD["annotations"]["list"]:
        assert_known(annotation["expr"], annotation["textFormat"] + annotation["titleFormat"], labels)
    asked = [each for each in DASHBOARD["templating"]["list"] if each["type"] == "query"]
    assert {each["name"] for each in asked} == {"job", "instance", "program"}
    for each in asked:
        metric, label = re.fullmatch(r"label_values\((.*), (\w+)\)", each["definition"]).groups()
        assert_known(metric, f"{{{{{label}}}}}", labels)


@pytest.mark.parametrize("alert", ALERTS)
def test_alerts_name_metrics_that_are_there(labels, alert):
    expression, rest = ALERTS[alert]
    assert_known(expression, rest, labels)
    assert "cgisrv_" in expression or "up{" in expression


def test_outcomes_are_those_of_the_guide():
    """Which a server has only after a program has failed in each way."""
    text = (REPOSITORY / "docs/guide.md").read_text()
    asked = [target["expr"] for _, target in TARGETS] + [expression for expression, _ in ALERTS.values()]
    outcomes = {name for each in asked for names in re.findall(r'outcome!?[=~]+"([^"]*)"', each)
                for name in names.split("|")}
    assert len(outcomes) > 5
    assert {each for each in outcomes if f"`{each}`" not in text} <= {"answered"}


# What Grafana can show.


def test_the_dashboard_is_whole():
    assert DASHBOARD["schemaVersion"] >= 36 and DASHBOARD["uid"] == "cgisrv" and "id" not in DASHBOARD
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
    source = {"type": "prometheus", "uid": "${datasource}"}
    first = DASHBOARD["templating"]["list"][0]
    assert (first["name"], first["type"], first["query"]) == ("datasource", "datasource", "prometheus")
    for panel in PANELS:
        assert panel["datasource"] == source and panel["title"] and panel["targets"], panel["id"]
        assert panel["type"] in ("timeseries", "stat", "table") and panel["fieldConfig"]["defaults"]["unit"]
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters)
        for target in panel["targets"]:
            assert target["datasource"] == source
            for selector in re.findall(r"cgisrv_\w+(\{[^}]*\})?", target["expr"]):
                assert 'job=~"$job", instance=~"$instance"' in selector, target["expr"]
    variables = {each["name"] for each in DASHBOARD["templating"]["list"]} | {"__rate_interval"}
    assert set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD))) <= variables


def test_no_panel_lies_on_another():
    taken: dict[tuple[int, int], int] = {}
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        assert 0 <= at["x"] and at["x"] + at["w"] <= 24 and at["h"] > 0, panel["id"]
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                other = taken.setdefault((x, y), panel["id"])
                assert other == panel["id"], f"{panel['id']} lies on {other}"


# What Prometheus makes of them.


@needs_promtool
def test_the_rules_and_the_dashboard_s_expressions_are_valid(tmp_path):
    promtool("check", "rules", RULES_FILE)
    expressions = [target["expr"] for _, target in TARGETS]
    expressions += [each["expr"] for each in DASHBOARD["annotations"]["list"]]
    file = tmp_path / "dashboard.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": [
        {"record": f"expression_{number}", "expr": each.replace("$__rate_interval", "5m")}
        for number, each in enumerate(expressions)]}]}))
    promtool("check", "rules", file)


# Two nodes that are well, for an hour, each minute.
P = 'program="/p",id="1"'
HEALTHY = {
    "up": "1x60",
    "cgisrv_ready": "1x60",
    "cgisrv_drained": "0x60",
    "cgisrv_uptime_seconds": "0+60x60",
    'cgisrv_build_info{version="1"}': "1x60",
    'cgisrv_reloads_total{result="done"}': "0+1x60",
    'cgisrv_reloads_total{result="failed"}': "3x60",
    'cgisrv_requests_total{site="*",location="*",status="200"}': "0+600x60",
    'cgisrv_requests_total{site="*",location="*",status="502"}': "0+10x60",
    f'cgisrv_program_requests_total{{{P},outcome="answered"}}': "0+600x60",
    f'cgisrv_program_requests_total{{{P},outcome="timeout"}}': "0+10x60",
    f'cgisrv_program_requests_total{{{P},outcome="client-left"}}': "0+300x60",
    f"cgisrv_program_refused_total{{{P}}}": "7x60",
    f"cgisrv_program_waiting{{{P}}}": "3x60",
    f"cgisrv_program_waiting_max{{{P}}}": "100x60",
    f'cgisrv_program_wait_seconds_bucket{{{P},le="1"}}': "0+600x60",
    f'cgisrv_program_wait_seconds_bucket{{{P},le="67"}}': "0+620x60",
    f'cgisrv_program_wait_seconds_bucket{{{P},le="+Inf"}}': "0+620x60",
    "cgisrv_http2_refused_total": "0+1x60",
    "cgisrv_worker_deaths_total": "2x60",
    'cgisrv_workers{state="running"}': "4x60",
    'cgisrv_workers{state="down"}': "0x60",
    'cgisrv_worker_connections{worker="0"}': "800x60",
    'cgisrv_worker_connections_max{worker="0"}': "1000x60",
    f'cgisrv_program_starts_total{{{P},start="cold"}}': "0+100x60",
    f'cgisrv_program_starts_total{{{P},start="warm"}}': "0+500x60",
    f"cgisrv_program_warm{{{P}}}": "1x60",
    'cgisrv_program_starts_total{program="/shell",id="2",start="cold"}': "0+100x60",
    'cgisrv_program_starts_total{program="/shell",id="2",start="warm"}': "0x60",
    'cgisrv_program_warm{program="/shell",id="2"}': "1x60",
    'cgisrv_certificate_not_after_seconds{site="s",file="/c"}': "1300000x60",
    'cgisrv_tls_handshakes_total{result="full"}': "0+100x60",
    'cgisrv_tls_handshakes_total{result="failed"}': "0+50x60",
    'cgisrv_lost_log_lines_total{log="access"}': "5x60",
}


@dataclass(frozen=True)
class Cause:
    """What is different; and what is said of the alert that fires then."""
    series: dict[str, str | None]
    labels: dict[str, str | None]  # None: not there
    on_both: bool = False    # nodes; else on the first, "a"
    also: str = ""           # fires, too
    minute_seconds: int = 60


NODE = {"instance": "a"}
PROGRAM = {"program": "/p"}
CERTIFICATE = {**NODE, "site": "s", "file": "/c"}
SERIES_OF_CERTIFICATE = 'cgisrv_certificate_not_after_seconds{site="s",file="/c"}'
CAUSES = {
    "CgisrvDown": Cause({"up": "1x50 0x9"}, NODE),
    "CgisrvVanished": Cause({"up": "1x40 _x19"}, NODE),
    "CgisrvNoTargets": Cause({"up": None}, {"job": None}, on_both=True),
    "CgisrvNoNodeReady": Cause({"cgisrv_ready": "1x55 0x4"}, {}, on_both=True),
    "CgisrvNotReady": Cause({"cgisrv_ready": "1x45 0x14"}, NODE),
    "CgisrvStaysDrained": Cause({"cgisrv_ready": "0x60", "cgisrv_drained": "1x60"}, NODE, minute_seconds=300),
    "CgisrvRestartsOften": Cause({"cgisrv_uptime_seconds": "0+60x20 0+60x10 0+60x10 0+60x17"}, NODE),
    "CgisrvVersionsDiffer": Cause({'cgisrv_build_info{version="1"}': None, 'cgisrv_build_info{version="2"}': "1x60"},
                                  {}, minute_seconds=300),
    "CgisrvReloadFailed": Cause({'cgisrv_reloads_total{result="failed"}': "3x55 4x4"}, {**NODE, "result": "failed"}),
    "CgisrvErrors": Cause({'cgisrv_requests_total{site="*",location="*",status="502"}': "0+100x60"}, {}),
    "CgisrvProgramFails": Cause({f'cgisrv_program_requests_total{{{P},outcome="timeout"}}': "0+200x60"},
                                {**NODE, **PROGRAM}),
    "CgisrvRefuses": Cause({f"cgisrv_program_refused_total{{{P}}}": "0+1x60"}, {**NODE, **PROGRAM}),
    "CgisrvQueueFillsUp": Cause({f"cgisrv_program_waiting{{{P}}}": "3x50 81x9"}, {**NODE, **PROGRAM, "id": "1"}),
    "CgisrvWaits": Cause({f'cgisrv_program_wait_seconds_bucket{{{P},le="67"}}': "0+900x60",
                          f'cgisrv_program_wait_seconds_bucket{{{P},le="+Inf"}}': "0+900x60"}, PROGRAM),
    "CgisrvClientsFloodHttp2": Cause({"cgisrv_http2_refused_total": "0+5x60"}, NODE),
    "CgisrvWorkersDie": Cause({"cgisrv_worker_deaths_total": "2x50 3x9"}, NODE),
    "CgisrvWorkersMissing": Cause({'cgisrv_workers{state="running"}': "3x60",
                                   'cgisrv_workers{state="down"}': "1x60"}, NODE),
    "CgisrvConnectionsFull": Cause({'cgisrv_worker_connections{worker="0"}': "950x60"}, NODE),
    "CgisrvStartsCold": Cause({f'cgisrv_program_starts_total{{{P},start="cold"}}': "0+600x60"},
                              {**NODE, **PROGRAM, "id": "1"}),
    "CgisrvCertificateExpires": Cause({SERIES_OF_CERTIFICATE: "1200000x60"}, CERTIFICATE),
    "CgisrvCertificateExpiresSoon": Cause({SERIES_OF_CERTIFICATE: "200000x60"}, CERTIFICATE,
                                          also="CgisrvCertificateExpires"),
    "CgisrvHandshakesFail": Cause({'cgisrv_tls_handshakes_total{result="failed"}': "0+150x60"}, NODE),
    "CgisrvLogLinesLost": Cause({'cgisrv_lost_log_lines_total{log="access"}': "5x55 6x4"}, {**NODE, "log": "access"}),
}


def series_of(node: str, differing: dict[str, str | None]) -> list[dict[str, str]]:
    def named(key: str) -> str:
        name, _, labels = key.partition("{")
        return f'{name}{{job="cgisrv",instance="{node}",{labels or "}"}'

    return [{"series": named(key), "values": values}
            for key, values in {**HEALTHY, **differing}.items() if values is not None]


def firing(alert: str, labels: dict[str, str | None]) -> dict[str, object]:
    severity = re.search(r"severity: (\w+)", ALERTS[alert][1])[1]
    every = {"alertname": alert, "alertstate": "firing", "severity": severity, "job": "cgisrv", **labels}
    text = ", ".join(f'{name}="{value}"' for name, value in every.items() if value)
    return {"labels": f"ALERTS{{{text}}}", "value": 1}


def group(name: str, cause: Cause, alerts: list[str]) -> dict[str, object]:
    return {"name": name, "interval": f"{cause.minute_seconds}s",
            "input_series": series_of("a", cause.series) + series_of("b", cause.series if cause.on_both else {}),
            "promql_expr_test": [{"expr": 'ALERTS{alertstate="firing"}', "eval_time": f"{cause.minute_seconds}m",
                                  "exp_samples": [firing(alert, cause.labels) for alert in alerts]}]}


@needs_promtool
def test_each_alert_fires_when_it_should_and_no_other(tmp_path):
    assert CAUSES.keys() == ALERTS.keys()
    groups = [group("healthy", Cause({}, {}), [])]
    groups += [group(alert, cause, [each for each in (alert, cause.also) if each])
               for alert, cause in CAUSES.items()]
    file = tmp_path / "test.yml"
    file.write_text(json.dumps({"rule_files": [str(RULES_FILE)], "evaluation_interval": "1m", "tests": groups}))
    promtool("test", "rules", file)


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_says_what_to_do(alert):
    _, rest = ALERTS[alert]
    assert re.search(r"severity: (page|ticket)\b", rest)
    description = rest.partition("description: >-")[2]
    assert "summary: " in rest and len(description.split()) > 12, "what to look at, and what to do"
    assert set(re.findall(r"\$labels\.(\w+)", rest)) <= {"job", *CAUSES[alert].labels}
