// The loss by step, with a smoothed line and the learning rate.

import { LineChart, number, steps, ticks } from "./line-chart.js";

const [SHORTEST_WINDOW, LONGEST_WINDOW, WINDOWS] = [4, 50, 15]; // steps in the smoothed line's window

const rates = (_chart, values) => values.map((value) => (value ? Number(value.toPrecision(2)).toExponential() : "0"));

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

export class LossChart extends LineChart {
  steps = [];
  losses = [];
  rates = [];

  options() {
    return {
      ...this.common(),
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

  // An attempt that goes on from a checkpoint trains the steps after it again: it replaces what is there of them.
  add(step, loss, learningRate) {
    while (this.steps.at(-1) >= step) [this.steps, this.losses, this.rates].forEach((values) => values.pop());
    this.steps.push(step);
    this.losses.push(loss);
    this.rates.push(learningRate);
    this.draw();
  }
}
