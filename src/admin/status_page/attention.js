// What an administrator is to look at first: one sentence for each thing that is wrong now. Its key
// stays the same while the figures in the sentence change.
import { counted, count, exact } from "./format.js";

const recently = 5 * 60;  // seconds
const sentencesMost = 6;  // on a phone, the figures below them are to be seen too
const toldMost = 50;  // failures: older ones are forgotten

const states = {
  starting: "The server is starting: no worker is ready yet.",
  drained: "The administrator has drained the server: load balancers send it nothing new.",
  maintenance: "The administrator has drained the server for maintenance: load balancers leave it alone.",
  leaving: "The server is leaving: it serves until load balancers have noticed, and then ends.",
  finishing: "The server is finishing: it ends what is under way, and accepts nothing new.",
  stopping: "The server is stopping.",
};

const outcomes = {
  "not-started": "it could not be started",
  "exit-status": "it ended with an error",
  "bad-header": "it printed no proper header",
  "too-short": "it printed less than its Content-Length",
  "signal": "it was killed",
  "timeout": "it took too long",
  "refused": "there was no place for it to run",
};

const times = number => (number === 1 ? "once" : `${exact(number)} times`);
const waits = number => `${counted(number, "request")} ${number === 1 ? "waits" : "wait"}`;

function* ofServer({ server, admission, totals }) {
  if (server.state !== "serving")
    yield ["state", states[server.state] ?? `The server is ${server.state}.`];
  if (admission.limit > 0 && admission.running >= admission.limit) {
    yield ["full", `All ${exact(admission.limit)} places for programs are taken, and ` +
      `${waits(admission.waiting)}.`];
  }
  if (totals.lost_log_lines > 0) {
    yield ["log", `${counted(totals.lost_log_lines, "line")} of the log could not be written: ` +
      "its disk is full, or who reads its pipe is too slow."];
  }
}

const day = 24 * 3600;

function* ofCertificates({ certificates = [] }) {
  for (const { file, seconds_left: left } of certificates) {
    if (left <= 0)
      yield [`certificate ${file}`, `The certificate ${file} has expired: clients refuse it.`];
    else if (left <= 14 * day)
      yield [`certificate ${file}`, `The certificate ${file} expires in ` +
        `${counted(Math.floor(left / day), "day")}.`];
  }
}

// Others start, or end as they are asked to: after a reload, or since it was time.
export function isAbsent({ state }) {
  return state === "down" || state === "killed";
}

function* ofWorkers({ server, workers, totals }) {
  const absent = workers.filter(isAbsent).length;
  if (absent > 0 && server.state === "serving")
    yield ["workers", `${absent} of ${counted(workers.length, "worker")} not running.`];
  if (totals.worker_deaths > 0) {
    yield ["deaths", `Workers died ${times(totals.worker_deaths)} since the start, and were ` +
      "replaced; the error log says why."];
  }
}

// What the client got may be half a page, with a status of 200.
function* ofExits({ programs }) {
  for (const { id, name, recent_bad_exits: number } of programs) {
    if (number > 0) {
      yield [`exit ${id}`, `${name} answered, and then ended with an error, ${times(number)} in ` +
        "the last minute; the error log has what it wrote."];
    }
  }
}

function* ofPrograms({ programs, admission }) {
  if (admission.limit > 0 && admission.running >= admission.limit) return;
  for (const { id, name, waiting, running, limit } of programs) {
    if (waiting > 0)
      yield [`waiting ${id}`,
        `${name}: ${waits(waiting)}, ${count(running)} of ${count(limit)} run.`];
  }
}

function* ofFailures({ failures }) {
  const lately = failures.filter(failure => failure.age <= recently);
  const perhapsMore = lately.length >= toldMost ? " at least" : "";
  const causes = Map.groupBy(lately, ({ name, outcome }) => `${name} ${outcome}`);
  for (const [key, requests] of causes) {
    const [{ name, outcome }] = requests;
    yield [key, `${name} failed${perhapsMore} ${times(requests.length)} in the last 5 minutes` +
      `${outcome in outcomes ? `: ${outcomes[outcome]}` : ""}.`];
  }
}

export function attention(report) {
  const all = [ofServer, ofCertificates, ofWorkers, ofPrograms, ofFailures, ofExits]
    .flatMap(look => [...look(report)]);
  if (all.length > sentencesMost + 1)
    all.splice(sentencesMost, Infinity,
               ["more", `And ${all.length - sentencesMost} more of that kind: see below.`]);
  return all.map(([key, sentence]) => ({ key, sentence }));
}
