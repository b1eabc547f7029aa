// What a method measures beyond the loss: rewards are drawn, since they are of one scale, and the newest value of each
// measure is told. Nothing is shown before the first step that has any.

import { LineChart, number, steps, ticks } from "./line-chart.js";

const COLOURS = ["primary", "orange", "green", "red", "purple", "cyan", "yellow", "pink"];

const wordsOf = (name) => {
  const words = name.replaceAll(/[_/]/g, " ");
  return words[0].toUpperCase() + words.slice(1);
};

// Shares, and logarithms of probabilities, would press the rewards into a straight line.
const isDrawn = (name) => /reward/.test(name) && !/accurac/.test(name);

class ExtrasChart extends LineChart {
  names = [];
  points = []; // {step, extra}

  add(step, extra) {
    while (this.points.length && this.points.at(-1).step >= step) this.points.pop();
    this.points.push({ step, extra });
    const added = Object.keys(extra).filter((name) => isDrawn(name) && !this.names.includes(name));
    if (added.length) {
      this.names.push(...added);
      this.chart?.destroy();
      this.chart = null; // uPlot takes its lines when it is made
    }
    this.draw();
  }

  data() {
    const lines = this.names.map((name) => this.points.map(({ extra }) => extra[name] ?? null));
    return [this.points.map(({ step }) => step), ...lines];
  }

  options() {
    return {
      ...this.common(),
      scales: { x: { time: false } },
      axes: [this.axis({ values: steps }), this.axis({ values: ticks, size: 56 })],
      series: [
        { label: "Step" },
        ...this.names.map((name, index) =>
          this.line(wordsOf(name), `var(--tblr-${COLOURS[index % COLOURS.length]})`, { width: 1.5, points: { show: false } }),
        ),
      ],
    };
  }
}

const card = document.getElementById("job-extras");
const chartHost = document.getElementById("job-extras-chart");
let chart = null;
let newest = {};
let frame = 0;

function tell() {
  frame = 0;
  const rows = Object.entries(newest).map(([name, value]) => {
    const [row, term, text] = ["div", "dt", "dd"].map((tag) => document.createElement(tag));
    term.textContent = wordsOf(name);
    text.textContent = number(null, value);
    row.append(term, text);
    return row;
  });
  document.getElementById("job-extras-newest").replaceChildren(...rows);
}

document.getElementById("job").addEventListener("job:record", ({ detail: { event } }) => {
  if (event.type !== "step" || !Object.keys(event.extra ?? {}).length) return;
  card.hidden = false;
  newest = event.extra;
  frame ||= requestAnimationFrame(tell);
  chartHost.parentElement.hidden = !Object.keys(newest).some(isDrawn) && !chart?.names.length;
  chart ??= new ExtrasChart(chartHost);
  chart.add(event.step, event.extra);
});
