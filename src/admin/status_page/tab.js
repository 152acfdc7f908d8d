// The tab in the browser: its title and icon tell from afar how the server is.

const marks = { well: ["accent", ""], wrong: ["alarm", "! "], silent: ["soft", "? "] };
let shown = "";

export function showTab(mood, serves) {
  const [colour, sign] = marks[mood];
  document.title = `${sign}${serves.split("/").at(-1) || serves} – cgisrv`;
  if (shown === mood) return;
  shown = mood;
  const canvas = Object.assign(document.createElement("canvas"), { width: 32, height: 32 });
  const brush = canvas.getContext("2d");
  brush.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(`--${colour}`);
  brush.arc(16, 16, 12, 0, 2 * Math.PI);
  brush.fill();
  document.querySelector("link[rel=icon]").href = canvas.toDataURL();
}
