// The loss curves of several versions on one chart; the page says which loss.

import { LineChart, steps, ticks } from "./line-chart.js";

const COLOURS = ["primary", "orange", "green", "purple", "red", "cyan", "yellow", "pink"]; // as in comparison.css
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3]]; // so that colour is not all that tells them apart
const LETTERS = "ABCDEFGH";

const host = document.getElementById("compare-curves");
const note = document.getElementById("compare-curves-note");
const buttons = [...document.querySelectorAll("[data-curves]")];

class CurvesChart extends LineChart {
  constructor(element, curves) {
    super(element);
    this.curves = curves;
    this.which = "training";
  }

  // The versions have points at different steps; uPlot wants one column of steps for all.
  data() {
    const tables = this.curves.map((curve) => {
      const points = curve[this.which];
      return [points.map(([step]) => step), points.map(([, loss]) => loss)];
    });
    return window.uPlot.join(tables);
  }

  options() {
    return {
      ...this.common(),
      scales: { x: { time: false } },
      axes: [this.axis({ values: steps }), this.axis({ values: ticks, size: 56 })],
      series: [
        { label: "Step" },
        ...this.curves.map((curve, place) =>
          this.line(`${LETTERS[place]} ${curve.version}`, `var(--tblr-${COLOURS[place]})`, {
            dash: DASHES[place % DASHES.length],
            points: { show: curve[this.which].length === 1 },
          }),
        ),
      ],
    };
  }
}

function explain(curves, which) {
  const lacking = curves.filter((curve) => !curve[which].length);
  const why = (curve) => curve.missing || (which === "held_out" ? "No held-out row was looked at while it trained." : "");
  note.textContent = lacking.map((curve) => `${curve.version}: no curve. ${why(curve)}`).join(" ");
  return lacking.length < curves.length;
}

let chart = null;

function show(curves, which) {
  for (const button of buttons) {
    const isChosen = button.dataset.curves === which;
    button.setAttribute("aria-pressed", String(isChosen));
    button.classList.toggle("active", isChosen);
  }
  chart?.chart?.destroy();
  host.replaceChildren();
  host.hidden = !explain(curves, which);
  if (host.hidden) return;
  chart ??= new CurvesChart(host, curves);
  chart.chart = undefined;
  chart.which = which;
  chart.draw();
}

async function begin() {
  const answer = await fetch(host.dataset.address, { headers: { accept: "application/json" } });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const { curves } = await answer.json();
  for (const button of buttons) button.addEventListener("click", () => show(curves, button.dataset.curves));
  show(curves, "training");
}

if (host) {
  begin().catch(() => {
    note.textContent = "The curves could not be read. Reload the page.";
  });
}
