// /status.json as the page uses it: whole, whichever version of the server sent it, and with names.

function shown(file, { configured, serves }) {
  const below = `${serves}/`;
  return !configured && file.startsWith(below) ? file.slice(below.length) : file;
}

const sum = (rows, value) => rows.reduce((all, row) => all + (value(row) ?? 0), 0);

// The last minute of the history, where the server does not tell it.
function recentOf({ history, interval_seconds: seconds }) {
  const last = history.slice(-Math.round(60 / seconds));
  return { ...last.at(-1), seconds: last.length * seconds, requests: sum(last, row => row.requests),
    failed: sum(last, row => row.failed) };
}

// The diagnosis is a line of the log, which begins with the file. Here that has a place of its own.
function sentence({ program, diagnosis = "" }) {
  const rest = diagnosis.startsWith(`${program}: `)
    ? diagnosis.slice(program.length + 2) : diagnosis;
  return rest.charAt(0).toUpperCase() + rest.slice(1);
}

export function read(sent) {
  const report = { interval_seconds: 5, history: [], workers: [], programs: [], failures: [],
    slowest: [], now_seconds: Date.now() / 1000, ...sent };
  report.server = { state: "unknown", serves: "", listeners: [], ...sent.server };
  report.admission = { running: 0, waiting: 0, limit: 0, ...sent.admission };
  report.totals = { requests: 0, lost_log_lines: 0, by_status: {}, ...sent.totals };
  report.recent = sent.recent ?? recentOf(report);
  report.connections = sum(report.workers, worker => worker.connections);
  const name = file => shown(file ?? "", report.server);
  const age = row => report.now_seconds - row.time;
  report.programs = report.programs.map(row => ({ ...row, name: name(row.file) }));
  report.failures = report.failures.map(row => ({ ...row, name: name(row.program) || row.url,
    age: age(row), diagnosis: sentence(row) }));
  report.slowest = report.slowest.map(row => ({ ...row, name: name(row.program), age: age(row) }));
  return report;
}
