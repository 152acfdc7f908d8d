// The head of the page: what the server is, what needs attention, and the numbers that matter.
import { attention } from "./attention.js";
import { byId, Children, element, setTerms, setText } from "./dom.js";
import { age, count, duration, exact, percent, rate } from "./format.js";

export function showState(state) {
  setText(byId("state"), state);
  byId("state").classList.toggle("serving", state === "serving");
}

export function showServer({ server }) {
  showState(server.state);
  setText(byId("serves"), server.serves || "cgisrv");
  setText(byId("listeners"), server.listeners.join("   "));
  setText(byId("identity"),
    `cgisrv ${server.version}, pid ${server.pid}, up ${age(server.uptime_seconds)}`);
}

const sentences = new Children(byId("attention"), {
  key: ({ key }) => key,
  create: () => element("li"),
  update: (item, { sentence }) => setText(item, sentence),
});
let announced = "";

// Gives how many things there are. `say` is told when they are others than before, not each time
// that a figure changes.
export function showAttention(report, say) {
  const found = attention(report);
  const well = { key: "", sentence: "All is well." };
  sentences.show(found.length > 0 ? found : [well]);
  byId("attention").classList.toggle("well", found.length === 0);
  const keys = found.map(({ key }) => key).sort().join("\n");
  if (keys !== announced) say(found.map(({ sentence }) => sentence).join(" ") || well.sentence);
  announced = keys;
  return found.length;
}

const tiles = new Children(byId("numbers"), {
  key: ({ term }) => term,
  create: ({ term }) => element("div", {}, element("dt", {}, term),
    element("dd", {}, element("strong"), " ", element("small", { class: "soft" }))),
  update(tile, { figure, note, alarming = false }) {
    setText(tile.querySelector("strong"), figure);
    setText(tile.querySelector("small"), note);
    tile.classList.toggle("alarming", alarming);
  },
});

export function showNumbers({ recent, admission, connections, workers, totals }) {
  const { limit } = admission;
  const lost = { term: "Log lines lost", figure: count(totals.lost_log_lines),
    note: "since the start", alarming: true };
  tiles.show([
    { term: "Requests per second", figure: rate(recent.requests / recent.seconds || 0),
      note: "in the last minute" },
    { term: "Failed", figure: percent(recent.failed / recent.requests || 0),
      note: `${count(recent.failed)} of ${count(recent.requests)}`, alarming: recent.failed > 0 },
    { term: "Median time", figure: duration(recent.p50_seconds ?? NaN), note: "p50" },
    { term: "99 % within", figure: duration(recent.p99_seconds ?? NaN), note: "p99" },
    { term: "Programs running", figure: count(admission.running),
      note: limit > 0 ? `of ${count(limit)}` : "" },
    { term: "Waiting", figure: count(admission.waiting), note: "for a place to run",
      alarming: admission.waiting > 0 },
    { term: "Connections", figure: count(connections),
      note: `${count(workers.length)} worker${workers.length === 1 ? "" : "s"}` },
    ...(totals.lost_log_lines > 0 ? [lost] : []),
  ]);
}

export function showTotals({ totals }) {
  setTerms(byId("totals"), [
    ["Requests", exact(totals.requests)],
    ["Connections", exact(totals.connections_accepted)],
    ...Object.entries(totals.by_status)
      .map(([status, number]) => [`Answered ${status}`, exact(number)]),
    ["Workers that died", exact(totals.worker_deaths ?? 0)],
    ["Reloads", exact(totals.reloads ?? 0)],
    ["Reloads that failed", exact(totals.reloads_failed ?? 0)],
    ["Lines of the log that were lost", exact(totals.lost_log_lines)],
  ]);
}
