"""The table of counts in docs/counts.md: written, read, and compared with what was counted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

BEGIN, END = "<!-- counts: {} -->", "<!-- /counts -->"
NONE = "–"
NO_BREAK_SPACE = "\u00a0"


# The worker watches the exit of a program that lives longer than 20 ms, which others do not take.
SLOW = {"cold Perl", "cold Python"}


@dataclass(frozen=True)
class Row:
    """A count, and by how much more a kind of request may have before that is a fault."""

    name: str
    tolerance: str = "0"  # a number, or "2 %"
    cold: str = ""  # that of cold programs, if another
    warm: str = ""  # that of warm programs, if another
    slow: str = ""  # that of cold programs that may live longer than 20 ms, if another
    by_kernel: bool = False  # compared only where the table's kernel and C library are

    def of(self, kind: str) -> str:
        if kind.startswith("warm"):
            return self.warm or self.tolerance
        if kind.startswith("cold"):
            return (self.slow if kind in SLOW else "") or self.cold or self.tolerance
        return self.tolerance

    def slack(self, kind: str, committed: int) -> float:
        number = float(self.of(kind).split()[0])
        return committed * number / 100 if "%" in self.of(kind) else number

    @property
    def text(self) -> str:
        parts = [self.tolerance]
        if self.cold:
            parts.append(f"cold {self.cold}")
        if self.slow:
            parts.append(f"cold Perl, Python {self.slow}")
        if self.warm:
            parts.append(f"warm {self.warm}")
        return "; ".join(parts)


# Of a warm start the worker hears in three events, which may come one by one or together. An
# interpreter reads the list of all modules that are installed, and calls more where there are more.
ROWS = (
    Row("worker: calls", slow="12", warm="12"),  # three for each wake-up: the wait, and two reads
    Row("worker: calls but for waiting, reading, sending", slow="3"),
    Row("worker: wake-ups", slow="4", warm="4"),
    Row("worker: bytes copied", warm="64"),
    Row("worker: instructions", "10 %", cold="25 %"),
    Row("master: calls"),
    Row("zygote: calls", "4"),
    Row("zygote: wake-ups", "1"),
    Row("zygote: page faults", "3", by_kernel=True),
    Row("program's process: calls before it"),
    Row("program: calls of its own", slow="12"),
    Row("program: page faults", "3", warm="12", by_kernel=True),
)
MEMORY = (
    Row("idle connection, bytes", "5 %", by_kernel=True),
    Row("idle worker, KiB", "5 %", by_kernel=True),
    Row("zygote of C, KiB", "5 %", by_kernel=True),
    Row("zygote of Perl, KiB", "5 %", by_kernel=True),
    Row("zygote of Python, KiB", "5 %", by_kernel=True),
)
# By row, then by kind of request; of MEMORY, the kind is "memory".
Counts = dict[str, dict[str, int]]


def number(value: int | None) -> str:
    return NONE if value is None else f"{value:,}".replace(",", NO_BREAK_SPACE)


def aligned(lines: list[list[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    text = []
    for line in lines:
        cells = [cell.ljust(width) if column == 0 else cell.rjust(width)
                 for column, (cell, width) in enumerate(zip(line, widths))]
        text.append("| " + " | ".join(cells) + " |")
    text.insert(1, "| " + " | ".join("-" * width if column == 0 else "-" * (width - 1) + ":"
                                     for column, width in enumerate(widths)) + " |")
    return "\n".join(text)


def table(rows: tuple[Row, ...], kinds: list[str], counts: Counts) -> str:
    lines = [["", *kinds, "may be more by"]]
    for row in rows:
        lines.append([row.name, *(number(counts.get(row.name, {}).get(kind)) for kind in kinds),
                      row.text])
    return aligned(lines)


def names_table(kinds: list[str], names: Mapping[str, Mapping[str, str]]) -> str:
    return "\n".join(f"- **{kind}**, {role}: {names[kind][role]}"
                     for kind in kinds for role in names.get(kind, {}) if names[kind][role])


def filled(page: str, name: str, content: str) -> str:
    begin = BEGIN.format(name)
    pattern = re.compile(f"({re.escape(begin)}\n).*?({re.escape(END)})", re.DOTALL)
    if not pattern.search(page):
        raise ValueError(f"the page has no place for {name}")
    return pattern.sub(lambda found: found[1] + content + "\n" + found[2], page)


def part_of(page: str, name: str) -> str:
    begin = BEGIN.format(name)
    found = re.search(f"{re.escape(begin)}\n(.*?)\n{re.escape(END)}", page, re.DOTALL)
    return found[1] if found else ""


def read(page: str) -> Counts:
    """Both tables."""
    counts: Counts = {}
    for name in ("requests", "memory"):
        lines = [[cell.strip() for cell in line.strip("|").split("|")]
                 for line in part_of(page, name).splitlines() if line.startswith("|")]
        for line in lines[2:]:
            counts[line[0]] = {kind: int(cell.replace(NO_BREAK_SPACE, ""))
                               for kind, cell in zip(lines[0][1:-1], line[1:-1]) if cell != NONE}
    return counts


def compare(counts: Counts, committed: Counts, same_system: bool) -> tuple[list[str], list[str]]:
    """What is above the table, and what is below."""
    above, below = [], []
    for row in (*ROWS, *MEMORY):
        for kind, count in counts.get(row.name, {}).items():
            what = f"{kind}: {row.name} {count}"
            table_has = committed.get(row.name, {}).get(kind)
            if table_has is None:
                above.append(f"{what}, and the table has none")
            elif row.by_kernel and not same_system:
                continue
            elif count > table_has + row.slack(kind, table_has):
                above.append(f"{what}, and the table has {table_has} (may be more by "
                             f"{row.of(kind)})")
            elif count < table_has - row.slack(kind, table_has):
                below.append(f"{what}, and the table has {table_has}")
    return above, below


def settled(counts: Counts, committed: Counts) -> Counts:
    """What the table will have: its own count where this one is as much as that may spread to."""
    def kept(row: Row, kind: str, count: int) -> int:
        before = committed.get(row.name, {}).get(kind)
        is_near = before is not None and abs(count - before) <= row.slack(kind, before)
        return before if is_near else count
    rows = {row.name: row for row in (*ROWS, *MEMORY)}
    return {name: {kind: kept(rows[name], kind, count) for kind, count in kinds.items()}
            for name, kinds in counts.items()}


def least(one: Counts, other: Counts) -> Counts:
    """What a disturbance has added to one of two counts is not in the other."""
    return {row: {kind: min(count, other.get(row, {}).get(kind, count))
                  for kind, count in kinds.items()} for row, kinds in one.items()}
