// Plots of the history, by Chart.js. Pointing at a time in one of them, or going there with the
// arrow keys, shows that time in all.
/* global Chart */
import { element, setText } from "./dom.js";
import { clock, minute } from "./format.js";

const shortest = 120;  // seconds that are shown
const longest = 900;
const dashes = { dashed: [6, 3], dotted: [2, 3] };

function style(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// Whole minutes, about six of them at most.
function minutes(axis) {
  const step = 60 * Math.ceil((axis.max - axis.min) / 60 / 6);
  axis.ticks = [];
  for (let at = Math.ceil(axis.min / step) * step; at <= axis.max; at += step)
    axis.ticks.push({ value: at });
}

function wholeDecades(axis) {
  const any = axis.chart.data.datasets.some(({ data }) => data.some(({ y }) => y > 0));
  const [min, max] = any ? [axis.min, axis.max] : [0.001, 1];
  axis.min = 10 ** Math.floor(Math.log10(min));
  axis.max = 10 ** Math.max(Math.ceil(Math.log10(max)), Math.log10(axis.min) + 1);
}

function decades(axis) {
  const marks = axis.max / axis.min > 150 ? [1] : [1, 2, 5];
  axis.ticks = [];
  for (let decade = axis.min; decade < axis.max * 1.01; decade *= 10)
    axis.ticks.push(...marks.map(mark => ({ value: decade * mark })));
  axis.ticks = axis.ticks.filter(({ value }) => value < axis.max * 1.01);
}

// A point that has no neighbour is no line, and would not be seen.
function radius({ dataset, dataIndex }) {
  const there = index => Number.isFinite(dataset.data[index]?.y);
  return there(dataIndex) && !there(dataIndex - 1) && !there(dataIndex + 1) ? 2 : 0;
}

// A thin line at the time that is pointed at.
const crosshair = {
  id: "crosshair",
  afterDatasetsDraw(chart) {
    const [active] = chart.getActiveElements();
    if (!active) return;
    const { ctx, chartArea: { top, height } } = chart;
    ctx.fillStyle = style("soft");
    ctx.fillRect(Math.round(active.element.x), top, 1, height);
  },
};

// "5" where a figure is "5.0", and "0.5" where it is "0.50".
function tick(format) {
  return value => format(value).replace(/\.0\b|(?<=\.\d)0\b/, "");
}

function options({ format, areas, logarithmic, whole }) {
  return {
    animation: false,
    maintainAspectRatio: false,
    parsing: false,
    interaction: { mode: "index", intersect: false },
    scales: {
      x: { type: "linear", grid: { display: false }, afterBuildTicks: minutes,
        ticks: { callback: minute, maxRotation: 0, autoSkip: false } },
      y: logarithmic
        ? { type: "logarithmic", afterDataLimits: wholeDecades, afterBuildTicks: decades,
          grid: { drawBorder: false }, ticks: { callback: tick(format) } }
        : { stacked: areas, min: 0, suggestedMax: 1, grid: { drawBorder: false },
          ticks: { callback: tick(format), maxTicksLimit: 5, precision: whole ? 0 : undefined } },
    },
    plugins: {
      legend: { display: false },
      tooltip: { displayColors: false, callbacks: {
        title: ([item]) => clock(item.parsed.x),
        label: item => `${item.dataset.label} ${format(item.parsed.y)}` } },
    },
  };
}

class Plot {
  constructor(what, parent) {
    this.what = what;
    const id = what.title.replaceAll(" ", "-").toLowerCase();
    this.canvas = element("canvas", { role: "img", tabindex: "0",
      "aria-labelledby": `${id}-title`, "aria-describedby": `${id}-summary` });
    this.summary = element("p", { id: `${id}-summary`, class: "soft" });
    parent.append(element("figure", {},
      element("figcaption", {}, element("h3", { id: `${id}-title` }, what.title),
        element("ul", { class: "legend" },
          ...what.series.map(({ label, colour, stroke = "" }) =>
            element("li", { class: `${colour} ${stroke}` }, label)))),
      element("div", { class: "canvas" }, this.canvas), this.summary));
    this.chart = new Chart(this.canvas, {
      type: "line",
      plugins: [crosshair],
      options: options(what),
      data: { datasets: what.series.map(({ label, stroke }) => ({
        label, data: [], borderDash: dashes[stroke], borderWidth: what.areas ? 1.5 : 2,
        fill: what.areas ? "stack" : false, pointRadius: radius, pointHitRadius: 0 })) },
    });
    this.colour();
  }

  // The colours of the stylesheet, which follow the reader's setting. They are #rrggbb.
  colour() {
    const { options, data } = this.chart;
    this.what.series.forEach(({ colour }, i) => Object.assign(data.datasets[i], {
      borderColor: style(colour), pointBackgroundColor: style(colour),
      backgroundColor: `${style(colour)}55` }));
    for (const axis of Object.values(options.scales)) {
      axis.ticks.color = style("soft");
      axis.grid.color = style("line");
    }
    Object.assign(options.plugins.tooltip, { backgroundColor: style("ink"),
      titleColor: style("paper"), bodyColor: style("paper") });
    this.chart.update();
  }

  show(history, seconds, range) {
    this.what.series.forEach(({ value }, i) => {
      this.chart.data.datasets[i].data =
        history.map(entry => ({ x: entry.time, y: value(entry, seconds) ?? NaN }));
    });
    Object.assign(this.chart.options.scales.x, range);
    this.chart.update();
    setText(this.summary, history.length > 0 ? this.what.summary(history, seconds)
      : "The first figures come after a few seconds.");
  }

  point(index) {
    const active = index < 0 ? []
      : this.what.series.map((_, datasetIndex) => ({ datasetIndex, index }));
    this.chart.setActiveElements(active);
    this.chart.tooltip.setActiveElements(active, { x: 0, y: 0 });
    this.chart.render();
  }
}

export class Plots {
  #history = [];
  #seconds = 1;
  #pointed = null;  // the time of an entry

  // `say` is told in words what the arrow keys have come to.
  constructor(parent, plots, say) {
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    this.say = say;
    this.plots = plots.map(what => new Plot(what, parent));
    for (const plot of this.plots) this.#listen(plot);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      for (const plot of this.plots) plot.colour();
    });
  }

  show({ history, interval_seconds: seconds, now_seconds: now }) {
    this.#history = history;
    this.#seconds = seconds;
    const begin = Math.min(history.at(0)?.time ?? now, now - shortest);
    const range = { min: Math.max(begin, now - longest), max: now };
    for (const plot of this.plots) plot.show(history, seconds, range);
    this.#point(this.#pointed);
  }

  #listen(plot) {
    plot.chart.options.onHover = (_, [active]) => this.#point(this.#history[active?.index]?.time);
    plot.canvas.addEventListener("pointerleave", () => this.#point(null));
    plot.canvas.addEventListener("blur", () => this.#point(null));
    plot.canvas.addEventListener("keydown", event => this.#step(event, plot.what));
  }

  #point(time) {
    this.#pointed = time;
    const index = this.#history.findIndex(entry => entry.time === time);
    for (const plot of this.plots) plot.point(index);
  }

  #step(event, { title, series, format }) {
    const last = this.#history.length - 1;
    const here = this.#history.findIndex(entry => entry.time === this.#pointed);
    const to = { ArrowLeft: here < 0 ? last : here - 1, ArrowRight: here < 0 ? last : here + 1,
      Home: 0, End: last, Escape: -1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const entry = event.key === "Escape" ? null : this.#history[Math.min(last, Math.max(0, to))];
    this.#point(entry?.time);
    if (entry) {
      this.say(`${clock(entry.time)}, ${title}: ${series.map(({ label, value }) =>
        `${label} ${format(value(entry, this.#seconds) ?? NaN)}`).join(", ")}`);
    }
  }
}
