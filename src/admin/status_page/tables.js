// The tables of the page: which columns each has, and what more is told of a row on demand.
import { isAbsent } from "./attention.js";
import { byId } from "./dom.js";
import { ago, bytes, clock, count, duration, exact, percent, rate } from "./format.js";
import { Table } from "./table.js";

// A section with nothing to show says so.
export function showWhen(id, there) {
  byId(id).hidden = !there;
  byId(`${id}-empty`).hidden = there;
}

// A column of numbers; `phone: false` where there is no room for it, for the detail has it too.
function number(title, value, text, { hint, phone = false, alarming } = {}) {
  return { title, value, text: row => text(value(row) ?? NaN), hint, alarming,
    kind: phone ? "number" : "number wide" };
}

const each = (part, all) => (all > 0 ? part / all : NaN);
const whenAny = value => row => value(row) > 0;

// How it came to run so far, whatever is configured.
function start({ cold_starts: cold, warm_starts: warm }) {
  if (warm === 0) return cold > 0 ? "cold" : "";
  const share = warm / (warm + cold);
  return share > 0.995 ? "warm" : `${percent(share)} warm`;
}

// Why so many may run: what max_running = "auto" has found. An older server says nothing of it.
const reasons = {
  fixed: () => "as max_running says",
  busy: row => `they keep its share of the processors busy: ${demand(row)}`,
  brief: () => "they are so short that this many are done at once",
  growing: row => `and more soon: ${demand(row)}`,
  max: row => `max_running allows no more: ${demand(row)}`,
  unknown: () => "nothing is known of it yet",
};
const demand = row => `each computes ${percent(row.demand ?? NaN)} of its time`;
const why = row => reasons[row.limit_reason]?.(row) ?? "";

const programs = new Table(byId("programs"), {
  key: row => row.id,
  sorted: "Rate",
  columns: [
    { title: "Program", text: row => row.name, kind: "name" },
    { title: "Start", text: start, kind: "name wide",
      hint: "warm: forked from one that stands ready; cold: executed" },
    number("Running", row => row.running, exact, { phone: true }),
    number("Waiting", row => row.waiting, exact,
      { hint: "requests in the queue", alarming: whenAny(row => row.waiting) }),
    number("Rate", row => row.rate_per_second, rate,
      { phone: true, hint: "requests per second in the last minute" }),
    number("p50", row => row.recent_p50_seconds, duration, { hint: "in the last minute" }),
    number("p99", row => row.recent_p99_seconds, duration,
      { phone: true, hint: "in the last minute" }),
    number("CPU", row => row.recent_cpu, percent, { hint: "of one processor, in the last minute" }),
    number("Memory", row => row.memory_peak_bytes, bytes, { hint: "of the largest, at its peak" }),
    number("Failed", row => row.failed, exact, { phone: true,
      hint: "since the start, for which the program is to blame",
      alarming: whenAny(row => row.failed) }),
    number("Refused", row => row.refused, exact,
      { hint: "answered 503, for want of a place", alarming: whenAny(row => row.refused) }),
  ],
  detail: row => [
    ["File", row.file],
    ["Configured to start",
      row.start === "warm" ? `warm, ${count(row.zygotes)} ready` : row.start ?? ""],
    ["Started so far", `${exact(row.cold_starts)} cold, ${exact(row.warm_starts)} warm`],
    ["Requests so far", exact(row.finished)],
    ["How they ended", Object.entries(row.outcomes ?? {}).map(([outcome, times]) =>
      `${exact(times)} ${outcome.replaceAll("-", " ")}`).join(", ")],
    ["Running", `${exact(row.running)} of ${exact(row.limit)}`],
    ["Why so many may run", why(row)],
    ["Waiting", exact(row.waiting)],
    ["Time in the last minute", `p50 ${duration(row.recent_p50_seconds ?? NaN)}, ` +
      `p99 ${duration(row.recent_p99_seconds ?? NaN)}`],
    ["Time since the start", `p50 ${duration(row.time_p50_seconds)}, ` +
      `p90 ${duration(row.time_p90_seconds)}, p99 ${duration(row.time_p99_seconds)}`],
    ["Waiting took", `p99 ${duration(row.wait_p99_seconds)}`],
    ["Processor time", `${duration(row.cpu_seconds)}, ` +
      `${duration(each(row.cpu_seconds, row.finished))} for a request`],
    ["Memory at most", bytes(row.memory_peak_bytes)],
    ["Bytes", `${bytes(row.bytes_in)} in, ${bytes(row.bytes_out)} out`],
    ["Refused", exact(row.refused)],
  ],
});

export function showPrograms(report) {
  showWhen("programs", report.programs.length > 0);
  programs.show(report.programs);
}

// Several requests may have one id, if a proxy has tried again.
export function keyOfRequest({ request_id, time, duration_seconds }) {
  return `${request_id} ${time} ${duration_seconds}`;
}

const slowest = new Table(byId("slowest"), {
  key: keyOfRequest,
  sorted: "Took",
  columns: [
    { title: "Request", text: row => row.url || row.name, kind: "name" },
    number("Took", row => row.duration_seconds, duration, { phone: true }),
    number("Waited", row => row.wait_seconds, duration, { hint: "for a place to run" }),
    number("CPU", row => row.cpu_seconds, duration),
    number("Memory", row => row.memory_peak_bytes, bytes),
    number("Status", row => row.status, String, { alarming: row => row.status >= 500 }),
    { title: "When", text: row => ago(row.age), value: row => row.time, kind: "number" },
  ],
  detail: row => [
    ["Program", row.program],
    ["Request id", row.request_id],
    ["Ended at", clock(row.time)],
    ["Status", String(row.status)],
    ["Waited", duration(row.wait_seconds)],
    ["Processor time", duration(row.cpu_seconds)],
    ["Memory at most", bytes(row.memory_peak_bytes)],
  ],
});

export function showSlowest(report) {
  showWhen("slowest", report.slowest.length > 0);
  slowest.show(report.slowest);
}

const workers = new Table(byId("workers"), {
  key: row => row.index,
  sorted: "Worker",
  columns: [
    { title: "Worker", text: row => String(row.index), value: row => row.index, kind: "name" },
    { title: "State", text: row => row.state, kind: "name", alarming: isAbsent },
    number("Process", row => row.pid, pid => (pid > 0 ? String(pid) : "none")),
    number("Open", row => row.connections, exact, { phone: true, hint: "connections" }),
    number("Accepted", row => row.accepted, exact, { hint: "connections, by this process" }),
    number("Restarts", row => row.restarts, exact,
      { phone: true, alarming: whenAny(row => row.restarts) }),
    number("Memory", row => row.memory_bytes, bytes, { phone: true, hint: "resident" }),
  ],
});

export function showWorkers(report) {
  showWhen("workers", report.workers.length > 0);
  workers.show(report.workers);
}
