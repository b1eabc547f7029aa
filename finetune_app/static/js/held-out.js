// The held-out rows on a job's page: the curve is drawn from the records that job-live.js passes on; the words and the
// sample answers are rendered by the server and fetched when there is a newer evaluation.

import { LineChart, number, share, shares, steps, ticks } from "./line-chart.js";

const FETCH_DELAY = 250; // milliseconds; several evaluations at once cost one request
const BEST_SIZE = 10;

class HeldOutChart extends LineChart {
  points = []; // {step, loss, accuracy, train, best}
  sum = 0; // of the training losses since the last evaluation
  count = 0;

  // A step that comes again, in an attempt that goes on from a checkpoint, replaces what followed it.
  forget(step) {
    while (this.points.length && this.points.at(-1).step >= step) this.points.pop();
  }

  step(event) {
    this.forget(event.step);
    if (event.loss == null) return;
    this.sum += event.loss;
    this.count += 1;
  }

  evaluation({ step, loss, token_accuracy: accuracy, best }) {
    this.forget(step);
    this.points.push({ step, loss, accuracy, best, train: this.count ? this.sum / this.count : null });
    [this.sum, this.count] = [0, 0];
    this.draw();
  }

  column(name) {
    return this.points.map((point) => point[name] ?? null);
  }

  data() {
    const best = this.points.findLastIndex((point) => point.best);
    const marked = this.points.map((point, index) => (index === best ? point.loss : null));
    return [this.column("step"), this.column("loss"), this.column("train"), marked, this.column("accuracy")];
  }

  options() {
    return {
      ...this.common(),
      scales: { x: { time: false }, accuracy: { range: [0, 1] } },
      axes: [
        this.axis({ values: steps }),
        this.axis({ values: ticks, size: 56 }),
        this.axis({ scale: "accuracy", side: 1, size: 56, grid: { show: false }, values: shares }),
      ],
      series: [
        { label: "Step" },
        this.line("Held-out", "var(--tblr-primary)"),
        this.line("Training", "color-mix(in srgb, var(--tblr-primary) 55%, transparent)", { width: 1 }),
        this.line("Best", "var(--tblr-green)", {
          width: 0,
          points: { show: true, size: BEST_SIZE, fill: () => this.colour("var(--tblr-green)") },
          value: number,
        }),
        this.line("Tokens right", "var(--tblr-orange)", { scale: "accuracy", width: 1, dash: [4, 4], value: share }),
      ],
    };
  }
}

const page = document.getElementById("job");
const words = () => document.getElementById("held-out-words");
const host = document.getElementById("held-out-chart");
const chart = host && new HeldOutChart(host);
let timer = 0;

function isNewer({ attempt, event }) {
  const [knownAttempt, knownStep] = (words().dataset.newest || "0:-1").split(":").map(Number);
  return attempt > knownAttempt || (attempt === knownAttempt && event.step > knownStep);
}

// Whoever looks at earlier answers goes on looking at them.
function fetchWords() {
  timer ||= setTimeout(() => {
    timer = 0;
    const { address, step } = words().dataset;
    const asked = "follows" in words().dataset || !step ? address : `${address}?step=${step}`;
    window.htmx.ajax("GET", asked, { target: "#held-out-words", swap: "outerHTML" }).catch(() => {});
  }, FETCH_DELAY);
}

if (chart) {
  page.addEventListener("job:record", ({ detail: record }) => {
    if (record.event.type === "step") chart.step(record.event);
    if (record.event.type !== "held_out") return;
    chart.evaluation(record.event);
    if (isNewer(record)) fetchWords();
  });
}
