"""The plots: for each program, each server's rate as a share of the bare loop's; limits over time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

import report
from results import Section

WIDTH = 760
LABEL = 150  # columns: names, bars, numbers
NUMBERS = 150
BAR, GAP, HEAD, TOP = 16, 4, 34, 56

STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .head { font-weight: 600 }
  .small, .number { fill: #57606a; font-size: 12px }
  .bar { fill: #a8b3bf }
  .ours { fill: #1a7f37 }
  .void { fill: #57606a; font-style: italic }
  .limit { stroke: #57606a; stroke-dasharray: 3 3 }
  .page { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .small, .number, .void { fill: #9198a1 }
    .bar { fill: #57606a }
    .ours { fill: #3fb950 }
    .limit { stroke: #9198a1 }
    .page { fill: #0d1117 }
  }
"""


# What the small plot shows: one program for each kind of language that people ask about.
GLANCE = ("C, glibc", "Perl, POSIX", "Python, json, urllib")
TITLE = "Requests per second, as a share of starting the program with no server at all"


def plot(section: Section) -> str:
    """Every program, every server."""
    loop = report.FORMS["cold"].baseline
    cases = [case for case in section.cases() if section.get(case, loop, "rate")]
    return draw(section, [(case, [one for one in section.subjects()
                                  if one != loop and section.get(case, one, "rate")])
                          for case in cases])


def glance(section: Section) -> str:
    """A few programs; cgisrv, cold and warm, beside the fastest of the other servers."""
    return draw(section, [(case, [one for one in (best_peer(section, case), "cgisrv", "cgisrv-warm")
                                  if one and section.get(case, one, "rate")])
                          for case in GLANCE if case in section.cases()])


def best_peer(section: Section, case: str) -> str | None:
    """The other server with the highest rate; no loop is a server."""
    rates = {}
    for subject in section.subjects(case):
        figure = section.get(case, subject, "rate")
        if not subject.startswith(("bare", "cgisrv")) and figure and figure.median():
            rates[subject] = figure.median()
    return max(rates, key=rates.__getitem__, default=None)


def draw(section: Section, bars: list[tuple[str, list[str]]]) -> str:
    """For each case in `bars`, a bar for each of its subjects."""
    form = report.FORMS["cold"]
    shares = {(case, subject): report.ratio(section, form, case, subject)
              for case, subjects in bars for subject in subjects}
    scale = (WIDTH - LABEL - NUMBERS) / max(1.0, *(share or 0 for share in shares.values()))
    parts, y = [], TOP
    for case, subjects in bars:
        loop = section.get(case, form.baseline, "rate").median()
        parts.append(f'<text class="head" x="0" y="{y + 20}">{escape(case)}</text>')
        parts.append(f'<text class="small" x="{WIDTH}" y="{y + 20}" text-anchor="end">'
                     f'bare loop: {report.number(loop) if loop else "void"}/s</text>')
        y += HEAD
        first = y
        for subject in subjects:
            parts += bar(section, case, subject, shares[case, subject], scale, y)
            y += BAR + GAP
        parts.append(f'<line class="limit" x1="{LABEL + scale:.1f}" x2="{LABEL + scale:.1f}" '
                     f'y1="{first - 8}" y2="{y}"/>')
    return image(section, y + 12, "\n".join(parts))


def image(section: Section, height: int, body: str) -> str:
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 0 {WIDTH + 24} {height}" '
            f'width="{WIDTH + 24}" height="{height}" role="img" aria-label="{TITLE}">\n'
            f"<title>{TITLE}</title>\n<style>{STYLE}</style>\n"
            f'<rect class="page" x="-12" width="{WIDTH + 24}" height="{height}"/>\n'
            f'<text class="head" x="0" y="22">{TITLE}</text>\n'
            f'<text class="small" x="0" y="42">dashed line: the bare loop (start, read, reap) in '
            f"the same minute; {escape(section.when)}</text>\n{body}\n</svg>\n")


def bar(section: Section, case: str, subject: str, share: float | None, scale: float,
        y: int) -> list[str]:
    ours = subject.startswith("cgisrv")
    weight = ' class="head"' if ours else ""
    kind = "bar ours" if ours else "bar"
    base = y + BAR - 3
    label = f'<text{weight} x="{LABEL - 8}" y="{base}" text-anchor="end">{escape(subject)}</text>'
    if share is None:
        return [label, f'<text class="void" x="{LABEL}" y="{base}">void</text>']
    rate = section.get(case, subject, "rate").median()
    return [label,
            f'<rect class="{kind}" x="{LABEL}" y="{y}" width="{share * scale:.1f}" '
            f'height="{BAR}"/>',
            f'<text class="number" x="{LABEL + share * scale + 6:.1f}" y="{base}">'
            f"{share:.2f} · {report.number(rate)}/s</text>"]


# ---- limits over time

LINES = "Limits found for a program that computes, sleeps, and computes again"
PANEL, AXIS = 92, 44  # height of each, and the room for its numbers
LIMIT_MARKS = (2, 64)
LIVE = "How many of a program run at once, while it computes, sleeps, and computes again"


def limits(found: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """A panel for each policy, ours first; the limit on a logarithmic scale."""
    return panels(LINES, "bench/simulate_limits: two processors, 64 clients; it sleeps from 10 s to 20 s; "
                  "how many may run, logarithmic",
                  [(name, found[name], LIMIT_MARKS)
                   for name in sorted(found, key=lambda name: name != "auto")], {"auto"})


def live(counts: Mapping[str, Sequence[tuple[float, float]]],
         latency: Sequence[tuple[float, float]], note: str) -> str:
    """How many may run and do, and how long answers took, as a server was seen."""
    return panels(LIVE, f"bench/watch_limit: it sleeps from 10 s to 20 s; logarithmic; {note}",
                  [*((name, points, LIMIT_MARKS) for name, points in counts.items()),
                   ("latency, ms", sorted(latency), (100, 1000, 10_000))], {"limit"})


def panels(title: str, note: str, drawn: Sequence[tuple[str, Sequence[tuple[float, float]], tuple]],
           ours: set[str]) -> str:
    """Each with its name, its points, and the values that are marked."""
    seconds = max(when for _, points, _ in drawn for when, _ in points)
    across = (WIDTH - AXIS - 90) / seconds
    parts, y = [], TOP + 8
    for name, points, marks in drawn:
        parts += panel(name, points, marks, name in ours, across, y)
        y += PANEL + 14
    for second in range(0, int(seconds) + 1, 5):
        parts.append(f'<text class="small" x="{AXIS + second * across:.1f}" y="{y + 6}" '
                     f'text-anchor="middle">{second} s</text>')
    height = y + 20
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 0 {WIDTH + 24} {height}" '
            f'width="{WIDTH + 24}" height="{height}" role="img" aria-label="{title}">\n'
            f"<title>{title}</title>\n<style>{STYLE}"
            "  .line { fill: none; stroke: #57606a; stroke-width: 1.6 }\n"
            "  .line.ours { stroke: #1a7f37; stroke-width: 2.2 }\n"
            "  @media (prefers-color-scheme: dark) { .line { stroke: #9198a1 } "
            ".line.ours { stroke: #3fb950 } }\n</style>\n"
            f'<rect class="page" x="-12" width="{WIDTH + 24}" height="{height}"/>\n'
            f'<text class="head" x="0" y="22">{title}</text>\n'
            f'<text class="small" x="0" y="42">{escape(note)}</text>\n' + "\n".join(parts) + "\n</svg>\n")


def panel(name: str, points: Sequence[tuple[float, float]], marks: tuple, ours: bool, across: float,
          y: int) -> list[str]:
    most = max(marks[-1] * 4, *(value for _, value in points))
    least = marks[0] / 2

    def height(value: float) -> float:
        return y + PANEL * (1 - math.log(max(value, least) / least) / math.log(most / least))

    weight = ' class="head"' if ours else ""
    parts = [f'<line class="limit" x1="{AXIS}" x2="{WIDTH - 90}" y1="{height(mark):.1f}" '
             f'y2="{height(mark):.1f}"/><text class="small" x="{AXIS - 6}" '
             f'y="{height(mark) + 4:.1f}" text-anchor="end">{mark}</text>' for mark in marks]
    path = " ".join(f"{AXIS + when * across:.1f},{height(value):.1f}" for when, value in points)
    parts.append(f'<polyline class="line{" ours" if ours else ""}" points="{path}"/>')
    parts.append(f'<text{weight} x="{WIDTH - 84}" '
                 f'y="{height(points[-1][1]) + 4:.1f}">{escape(name)}</text>')
    return parts
