// Figures for people: rounded, with a unit. Nothing to show is a dash.

export const none = "–";

// Two digits at least: "1.2", "12", "120".
function short(number) {
  return number < 9.95 ? number.toFixed(1) : number.toFixed(0);
}

function scaled(number, base, units) {
  if (number < base) return number.toFixed(0);
  let unit = -1;
  do {
    number /= base;
    ++unit;
  } while (number >= base - 0.5 && unit + 1 < units.length);
  return `${short(number)} ${units[unit]}`;
}

function or(text) {
  return value => (Number.isFinite(value) ? text(value) : none);
}

export const count = or(number => scaled(number, 1000, ["k", "M", "G", "T"]));
export const exact = or(number => number.toLocaleString("en").replaceAll(",", "\u202f"));
export const bytes = or(number => number < 1024
  ? `${number.toFixed(0)} B` : scaled(number, 1024, ["KiB", "MiB", "GiB", "TiB"]));
export const rate = or(perSecond => {
  if (perSecond < 0.005) return "0";
  if (perSecond < 0.995) return perSecond.toFixed(2);
  return perSecond < 99.95 ? perSecond.toFixed(1) : scaled(perSecond, 1000, ["k", "M"]);
});
export const percent = or(share => share < 0.0005 ? "0 %" : `${short(share * 100)} %`);
export const duration = or(seconds => {
  if (seconds < 0.9995e-3) return `${(seconds * 1e6).toFixed(0)} µs`;
  if (seconds < 0.9995) return `${short(seconds * 1e3)} ms`;
  return seconds < 99.5 ? `${short(seconds)} s` : `${(seconds / 60).toFixed(0)} min`;
});

// "45 s", "12 min", "3 h 12 min", "5 d 3 h"
export const age = or(seconds => {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
});
export const ago = or(seconds => (seconds < 1 ? "just now" : `${age(seconds)} ago`));

// The reader's own time of the day: "01:12:05", and "01:12".
const withSeconds = new Intl.DateTimeFormat([], { timeStyle: "medium", hourCycle: "h23" });
const withoutSeconds = new Intl.DateTimeFormat([], { timeStyle: "short", hourCycle: "h23" });
export const clock = or(seconds => withSeconds.format(new Date(seconds * 1000)));
export const minute = or(seconds => withoutSeconds.format(new Date(seconds * 1000)));

// "1 program", "12 programs"
export function counted(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}
