"""Results as tables in Markdown, which read as plain text too, and in the documents."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from results import UNITS, Figure, Results, Section


@dataclass(frozen=True)
class Form:
    """How the table of a section looks."""

    title: str
    case: str  # what its cases are
    subject: str  # who is compared
    baseline: str = ""  # the subject that `ratio_of` is divided by
    ratio_of: str = ""


FORMS = {
    "cold": Form("Programs, started for each request", "program", "server", "bare loop", "rate"),
    "contention": Form("Many clients at once", "program and clients", "server", "lighttpd", "rate"),
    "latency": Form("Latency at one connection", "answer", "server", "bare loop", "p50"),
    "static": Form("Files", "file", "server"),
    "site": Form("A site that uses every key", "answer", "server", "nginx", "rate"),
    "tls": Form("TLS", "what is asked for", "server", "nginx", "rate"),
    "http2": Form("HTTP/2", "what is asked for", "server and version", "cgisrv, HTTP/1.1", "rate"),
    "php": Form("PHP by php-fpm", "page", "server in front", "nginx", "rate"),
    "gateway": Form("Programs behind nginx", "program", "server", "nginx + fcgiwrap", "rate"),
    "beside": Form("A file beside programs", "program and server", "started by", "bare loop", "p99"),
    "idle": Form("Memory of idle connections", "connections", "server"),
    "sleeping": Form("Latency while 1 000 programs sleep", "server", "programs", "idle", "p50"),
    "dispatch": Form("Dispatch policies", "program", "policy", "round-robin", "rate"),
    "worker-size": Form("Starting a program from a large worker", "program", "worker", "1 MB",
                        "start"),
    "zygotes": Form("Memory of a zygote", "program", "server"),
}


def number(value: float) -> str:
    """Three digits or all before the point; thousands apart."""
    places = max(0, 2 - len(str(int(abs(value)))) + 1) if abs(value) < 100 else 0
    return f"{value:,.{places}f}".replace(",", "\u00a0")


def cell(figure: Figure | None) -> str:
    """The median and the spread of the rounds."""
    if figure is None:
        return "–"
    if figure.fault:
        return f"void: {figure.fault}"
    middle, (least, most) = figure.median(), figure.spread()
    if middle is None:
        return "–"
    return number(middle) + (f" ({number(least)} – {number(most)})" if most > least else "")


def ratio(section: Section, form: Form, case: str, subject: str) -> float | None:
    figure = section.get(case, subject, form.ratio_of)
    baseline = section.get(case, form.baseline, form.ratio_of)
    return figure.ratio(baseline) if figure else None


def aligned(rows: Sequence[Sequence[str]], texts: int) -> str:
    """A Markdown table; the first `texts` columns are words, the others numbers."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    rule = ["-" * width if i < texts else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    lines = [[word.ljust(width) if i < texts else word.rjust(width)
              for i, (word, width) in enumerate(zip(row, widths))] for row in rows]
    lines.insert(1, rule)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def table(name: str, section: Section) -> str:
    form = FORMS[name]
    metrics = section.metrics()
    heads = ["requests/s" if metric == "rate" else f"{metric}, {UNITS[metric]}"
             for metric in metrics]
    rows = [[form.case, form.subject, *heads] + ([f"of {form.baseline}"] if form.baseline else [])]
    for case in section.cases():
        subjects = section.subjects(case)
        for subject in sorted(subjects, key=section.subjects().index):
            figures = [section.get(case, subject, metric) for metric in metrics]
            row = [case, subject, *map(cell, figures)]
            if all(figure and figure.fault for figure in figures):
                row[3:] = ["–"] * len(metrics[1:])  # once is enough
            if form.baseline:
                share = ratio(section, form, case, subject)
                row.append("–" if share is None else f"{share:.2f}")
            rows.append(row)
    count = section.rounds()
    rounds = f"{count} round" + ("s" if count != 1 else "")
    return (f"{aligned(rows, 2)}\n\n{section.when}, {rounds} of {section.seconds:g} s: "
            "median (least – most).")


def summary(section: Section) -> str:
    """One line per server, one column per program: requests per second, and of the bare loop."""
    form = FORMS["cold"]
    cases = [case for case in section.cases() if "connection per request" not in case]
    rows = [["", *cases]]
    for subject in section.subjects():
        row = [subject]
        for case in cases:
            figure = section.get(case, subject, "rate")
            middle = figure.median() if figure else None
            share = ratio(section, form, case, subject)
            of_loop = "" if share is None or subject == form.baseline else f" ({share:.2f})"
            void = "void" if figure and figure.fault else "–"
            row.append(void if middle is None else number(middle) + of_loop)
        rows.append(row)
    return aligned(rows, 1)


def machine(results: Results) -> str:
    lines = [f"- {name}: {value}" for name, value in results.machine.items()]
    lines += [f"- missing: {name}: {why}" for name, why in results.missing.items()]
    return "\n".join(lines)


def text(results: Results) -> str:
    parts = [machine(results)]
    parts += [f"## {FORMS[name].title}\n\n{table(name, section)}"
              for name, section in results.sections.items() if section.figures]
    return "\n\n".join(parts)


def fill(document: str, name: str, content: str) -> str:
    """The document with this content between its markers `<!-- bench: NAME -->`, if it has them."""
    pattern = rf"(<!-- bench: {re.escape(name)} -->\n).*?(<!-- /bench -->)"
    return re.sub(pattern, lambda found: f"{found[1]}{content}\n{found[2]}", document, flags=re.S)


def fill_all(document: str, results: Results, folder: str) -> str:
    """`folder` is where the plots are, seen from the document."""
    for name, section in results.sections.items():
        document = fill(document, name, table(name, section))
    document = fill(document, "machine", machine(results))
    if "cold" in results.sections:
        cold = results.sections["cold"]
        document = fill(document, "plot", "![Requests per second of each server, as a share of "
                                          f"the bare loop]({folder}bench.svg)")
        document = fill(document, "glance", glance(cold, folder))
        document = fill(document, "summary", summary(cold))
    return document


def glance(section: Section, folder: str) -> str:
    """The small plot, and which run it is of."""
    return ("![Requests per second of cgisrv, cold and warm, beside the fastest of the other "
            f"servers, for a program in C, in Perl and in Python]({folder}glance.svg)\n\n"
            f"Run of {section.when}: the median of {section.rounds()} rounds of "
            f"{section.seconds:g} s, on the machine that\n"
            f"[{folder}performance.md]({folder}performance.md#the-machine) names.")
