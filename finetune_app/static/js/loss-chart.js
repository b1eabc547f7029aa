// The loss by step, with a smoothed line and the learning rate; drawn by uPlot, a classic script that sets `uPlot`.
//
// Points may come by the thousand; they are drawn at most once per animation frame. Colours are read from the theme.

const LEGEND_HEIGHT = 32;
const [SHORTEST_WINDOW, LONGEST_WINDOW, WINDOWS] = [4, 50, 15]; // steps in the smoothed line's window

const number = (_chart, value) => (value == null ? "–" : Number(value.toPrecision(4)).toString());

// As many digits as tell two ticks apart.
const ticks = (_chart, values, _axis, _space, step) =>
  values.map((value) => value.toFixed(Math.max(0, Math.ceil(-Math.log10(step) - 1e-9))));
const rates = (_chart, values) => values.map((value) => (value ? Number(value.toPrecision(2)).toExponential() : "0"));
const steps = (_chart, values) => values.map((value) => (Number.isInteger(value) ? value.toLocaleString("en") : ""));

// A mean that forgets; its weights add up to 1 from the first point on, so that it does not start at 0.
function smooth(losses) {
  const window = Math.min(LONGEST_WINDOW, Math.max(SHORTEST_WINDOW, losses.length / WINDOWS));
  const keep = 1 - 2 / (window + 1);
  let [sum, weight] = [0, 0];
  return losses.map((loss) => {
    if (loss == null) return null;
    sum = sum * keep + loss * (1 - keep);
    weight = weight * keep + (1 - keep);
    return sum / weight;
  });
}

export class LossChart {
  constructor(host) {
    this.host = host;
    this.clear();
    new ResizeObserver(() => this.chart?.setSize(this.size())).observe(host);
    new MutationObserver(() => this.chart?.redraw(false, true)).observe(document.documentElement, {
      attributeFilter: ["data-bs-theme"],
    });
  }

  // A colour of the theme as the canvas understands it.
  colour(expression) {
    this.host.style.color = expression;
    return getComputedStyle(this.host).color;
  }

  axis(more) {
    return {
      stroke: () => this.colour("var(--tblr-secondary)"),
      grid: { stroke: () => this.colour("color-mix(in srgb, var(--tblr-border-color) 60%, transparent)"), width: 1 },
      ticks: { show: false },
      ...more,
    };
  }

  size() {
    return { width: this.host.clientWidth, height: this.host.clientHeight - LEGEND_HEIGHT };
  }

  options() {
    return {
      ...this.size(),
      cursor: { y: false, points: { size: 7 } },
      legend: { live: true },
      scales: { x: { time: false }, lr: { range: (_chart, _low, high) => [0, (high || 1) * 1.05] } },
      axes: [
        this.axis({ values: steps }),
        this.axis({ values: ticks, size: 56 }),
        this.axis({ scale: "lr", side: 1, size: 64, grid: { show: false }, values: rates }),
      ],
      series: [
        { label: "Step" },
        {
          label: "Loss",
          stroke: () => this.colour("color-mix(in srgb, var(--tblr-primary) 55%, transparent)"),
          width: 1,
          points: { show: false },
          value: number,
        },
        { label: "Smoothed", stroke: () => this.colour("var(--tblr-primary)"), width: 2, points: { show: false }, value: number },
        {
          label: "Learning rate",
          scale: "lr",
          stroke: () => this.colour("var(--tblr-orange)"),
          width: 1,
          dash: [4, 4],
          points: { show: false },
          value: number,
        },
      ],
    };
  }

  data() {
    return [this.steps, this.losses, smooth(this.losses), this.rates];
  }

  clear() {
    [this.steps, this.losses, this.rates] = [[], [], []];
    if (this.chart) this.draw();
  }

  add(step, loss, learningRate) {
    this.steps.push(step);
    this.losses.push(loss);
    this.rates.push(learningRate);
    this.draw();
  }

  draw() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.chart ??= new window.uPlot(this.options(), this.data(), this.host);
      this.chart.setData(this.data());
    });
  }
}
