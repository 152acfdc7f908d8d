"""The plot: for each program, each server's rate as a share of the bare loop's."""

from __future__ import annotations

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


def plot(section: Section) -> str:
    form = report.FORMS["cold"]
    cases = [case for case in section.cases() if section.get(case, form.baseline, "rate")]
    shares = {(case, subject): report.ratio(section, form, case, subject)
              for case in cases for subject in section.subjects(case) if subject != form.baseline}
    scale = (WIDTH - LABEL - NUMBERS) / max(1.0, *(share or 0 for share in shares.values()))
    parts, y = [], TOP
    for case in cases:
        loop = section.get(case, form.baseline, "rate").median()
        parts.append(f'<text class="head" x="0" y="{y + 20}">{escape(case)}</text>')
        parts.append(f'<text class="small" x="{WIDTH}" y="{y + 20}" text-anchor="end">'
                     f'bare loop: {report.number(loop) if loop else "void"}/s</text>')
        y += HEAD
        first = y
        for subject in [one for one in section.subjects() if (case, one) in shares]:
            parts += bar(section, case, subject, shares[case, subject], scale, y)
            y += BAR + GAP
        parts.append(f'<line class="limit" x1="{LABEL + scale:.1f}" x2="{LABEL + scale:.1f}" '
                     f'y1="{first - 8}" y2="{y}"/>')
    height = y + 12
    title = "Requests per second, as a share of starting the program with no server at all"
    body = "\n".join(parts)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 0 {WIDTH + 24} {height}" '
            f'width="{WIDTH + 24}" height="{height}" role="img" aria-label="{title}">\n'
            f"<title>{title}</title>\n<style>{STYLE}</style>\n"
            f'<rect class="page" x="-12" width="{WIDTH + 24}" height="{height}"/>\n'
            f'<text class="head" x="0" y="22">{title}</text>\n'
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
