// What is plotted of the history: for each plot its series, and the words that say the same. A
// series is a line, or an area on top of the one before it.
import { count, duration, rate } from "./format.js";

const most = (history, value) => Math.max(...history.map(value));

const requests = {
  title: "Requests per second",
  format: rate,
  areas: true,
  series: [
    { label: "failed", colour: "alarm", value: (entry, seconds) => entry.failed / seconds },
    { label: "answered", colour: "accent",
      value: (entry, seconds) => (entry.requests - entry.failed) / seconds },
  ],
  summary(history, seconds) {
    const failed = history.reduce((sum, entry) => sum + entry.failed, 0);
    return `${rate(history.at(-1).requests / seconds)} now, ` +
      `${rate(most(history, entry => entry.requests / seconds))} at most; ` +
      `${failed === 0 ? "none" : count(failed)} failed.`;
  },
};

const latency = {
  title: "Time until answered",
  format: duration,
  logarithmic: true,
  series: [
    { label: "p50", colour: "accent", value: entry => entry.p50_seconds },
    { label: "p90", colour: "caution", stroke: "dashed", value: entry => entry.p90_seconds },
    { label: "p99", colour: "alarm", stroke: "dotted", value: entry => entry.p99_seconds },
  ],
  summary(history) {
    const timed = history.filter(entry => Number.isFinite(entry.p50_seconds));
    if (timed.length === 0) return "No request yet.";
    return `Half of the latest took ${duration(timed.at(-1).p50_seconds)} or less; ` +
      `p99 was ${duration(most(timed, entry => entry.p99_seconds))} at most.`;
  },
};

const programs = {
  title: "Programs running and waiting",
  format: count,
  areas: true,
  whole: true,
  series: [
    { label: "running", colour: "accent", value: entry => entry.running },
    { label: "waiting", colour: "caution", value: entry => entry.waiting },
  ],
  summary(history) {
    const waited = most(history, entry => entry.waiting);
    return `${count(history.at(-1).running)} running now, ` +
      `${count(most(history, entry => entry.running))} at most; ` +
      `${waited === 0 ? "none waited" : `${count(waited)} waiting at most`}.`;
  },
};

export const plots = [requests, latency, programs];
