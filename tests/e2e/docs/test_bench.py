"""The report of bench/run: medians, ratios, faults, plot and documents, for a given result."""

from __future__ import annotations

import json
import re
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

import report
import svg
from results import Key, Results, Section
from support.binary import REPOSITORY

RATES = {"bare loop": [2000.0, 1000.0, 4000.0], "cgisrv": [1000.0, 900.0, 2000.0],
         "lighttpd": [500.0, 100.0, 1200.0]}


@pytest.fixture
def cold() -> Section:
    section = Section("2026-01-02 03:04 UTC", 4.0)
    for subject, rates in RATES.items():
        for turn, rate in enumerate(rates):
            section.add(turn, Key("C & musl", subject, "rate"), rate)
    section.add(0, Key("C & musl", "go", "rate"), 700.0)
    section.void(Key("C & musl", "go", "rate"), "2 time-outs in 700 requests")
    return section


def cells(table: str, subject: str) -> list[str]:
    row = next(line for line in table.splitlines() if f"| {subject} " in line)
    return [word.strip().replace("\u00a0", " ") for word in row.strip("|").split("|")]


def test_a_row_has_the_median_the_spread_and_the_median_of_the_ratios(cold: Section) -> None:
    table = report.table("cold", cold)
    assert cells(table, "cgisrv") == ["C & musl", "cgisrv", "1 000 (900 – 2 000)", "0.50"]
    # Of the ratios 0.25, 0.1 and 0.3, not of the medians 500 and 2 000.
    assert cells(table, "lighttpd") == ["C & musl", "lighttpd", "500 (100 – 1 200)", "0.25"]
    assert "3 rounds of 4 s" in table


def test_a_fault_in_one_round_voids_the_figure(cold: Section) -> None:
    assert cells(report.table("cold", cold), "go") == [
        "C & musl", "go", "void: 2 time-outs in 700 requests", "–"]
    assert cells(report.summary(cold), "go")[-1] == "void"


def test_a_fault_is_told_once_in_a_row(cold: Section) -> None:
    cold.add(0, Key("C & musl", "cgisrv", "server"), 61.5)
    cold.void(Key("C & musl", "go", "server"), "2 time-outs in 700 requests")
    table = report.table("cold", cold)
    assert cells(table, "server")[2:4] == ["requests/s", "server, µs"]
    assert cells(table, "cgisrv")[3] == "61.5"
    assert cells(table, "go")[2:] == ["void: 2 time-outs in 700 requests", "–", "–"]


def test_a_round_without_its_loop_has_no_ratio(cold: Section) -> None:
    del cold.figures[Key("C & musl", "bare loop", "rate")].rounds[1]
    assert cells(report.table("cold", cold), "cgisrv")[-1] == "0.50"
    assert cells(report.table("cold", cold), "lighttpd")[-1] == "0.28"  # of 0.25 and 0.3


@pytest.mark.parametrize("value, text", [(0.123, "0.12"), (9.87, "9.87"), (12.34, "12.3"),
                                         (123.4, "123"), (12345.6, "12\u00a0346")])
def test_numbers_have_three_digits_or_all_before_the_point(value: float, text: str) -> None:
    assert report.number(value) == text


def test_the_plot_has_a_bar_for_each_figure_as_long_as_its_ratio(cold: Section) -> None:
    image = ElementTree.fromstring(svg.plot(cold))
    space = {"svg": "http://www.w3.org/2000/svg"}
    bars = [one for one in image.iterfind("svg:rect", space) if "bar" in one.get("class", "")]
    assert [one.get("class") for one in bars] == ["bar ours", "bar"]
    full = svg.WIDTH - svg.LABEL - svg.NUMBERS
    assert [float(one.get("width")) for one in bars] == [full * 0.5, full * 0.25]
    words = [one.text for one in image.iterfind("svg:text", space)]
    assert {"C & musl", "cgisrv", "lighttpd", "go", "void"} <= set(words)
    assert "0.50 · 1\u00a0000/s" in words


def test_the_small_plot_shows_the_best_peer_beside_cgisrv_cold_and_warm(cold: Section) -> None:
    rates = {"bare loop": 100.0, "bare loop, one per core": 130.0, "cgisrv": 90.0,
             "cgisrv-warm": 500.0, "lighttpd": 70.0, "go": 80.0, "busybox": 95.0,
             "bare fork loop": 900.0}
    for case in svg.GLANCE:
        for subject, rate in rates.items():
            cold.add(0, Key(case, subject, "rate"), rate)
        cold.void(Key(case, "busybox", "rate"), "2 time-outs in 700 requests")
    drawing = svg.glance(cold)
    image = ElementTree.fromstring(drawing)
    assert int(image.get("height")) <= 400
    words = re.findall(r'text-anchor="end">([^<:]+)</text>', drawing)
    assert words == ["go", "cgisrv", "cgisrv-warm"] * len(svg.GLANCE)


def test_the_small_plot_is_of_the_figures_that_the_page_has() -> None:
    page = (REPOSITORY / "docs/performance.md").read_text()
    results = Results.from_json(json.loads((REPOSITORY / "bench/results.json").read_text()))
    drawing = (REPOSITORY / "docs/glance.svg").read_text()
    assert drawing == svg.glance(results.sections["cold"])
    for rate in re.findall(r"· ([\d.\u00a0]+)/s", drawing):
        assert f"| {rate} (" in re.sub(r" {2,}", " ", page)
    for document, folder in (("README.md", "docs/"), ("docs/performance.md", "")):
        text = (REPOSITORY / document).read_text()
        assert report.fill_all(text, results, folder) == text


def test_json_holds_all_that_the_report_needs(cold: Section) -> None:
    results = Results({"processor": "one"}, {"cold": cold}, {"h2o": "h2o is not installed"})
    again = Results.from_json(json.loads(json.dumps(results.to_json())))
    assert report.text(again) == report.text(results)
    assert "missing: h2o: h2o is not installed" in report.text(again)


def test_documents_are_filled_between_their_markers_and_nowhere_else(cold: Section) -> None:
    before = ("a\n<!-- bench: cold -->\nstale\n<!-- /bench -->\n"
              "b\n<!-- bench: idle -->\nkept\n<!-- /bench -->\n")
    after = report.fill_all(before, Results({}, {"cold": cold}), "")
    assert after == before.replace("stale", report.table("cold", cold))


def test_every_section_has_its_place_in_the_documentation() -> None:
    page = (REPOSITORY / "docs/performance.md").read_text()
    for name in [*report.FORMS, "machine", "plot", "summary"]:
        assert f"<!-- bench: {name} -->" in page
    assert "<!-- bench: glance -->" in (REPOSITORY / "README.md").read_text()


def test_the_command_lists_what_it_can_measure() -> None:
    done = subprocess.run([REPOSITORY / "bench/run", "--list"], capture_output=True, text=True,
                          timeout=30)
    assert done.returncode == 0
    assert done.stdout.startswith("sections: " + ", ".join(report.FORMS))
    assert "server cgisrv: programs and files\n" in done.stdout


def test_the_command_refuses_what_it_does_not_know() -> None:
    done = subprocess.run([REPOSITORY / "bench/run", "--only", "cgisrv,ngnix"], capture_output=True,
                          text=True, timeout=30)
    assert done.returncode == 2
    assert "there is no ngnix" in done.stderr
