// The charts of a merged model's proof: the divergence of each prompt, and what is left of the change by layer.

import { LineChart, number, steps, ticks } from "./line-chart.js";

const COLOURS = ["primary", "orange", "green", "purple", "red", "cyan", "yellow", "pink"];
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3]]; // so that colour is not all that tells them apart
const LEAST = 1e-9; // what is smaller, 0 too, stands here: a logarithmic axis has no place for it
const IN_A_LAYER = /(?:^|\.)(\d+)\.(?:.*\.)?([^.]+)$/; // the first number that can be one, and the last part

// Close to the values, also where all of them are the same.
const around = (_chart, low, high) => {
  const room = Math.max(0.1 * (high - low), 0.001);
  return [low - room, high + room];
};

const powers = (_chart, values) => values.map((value) => (value == null ? "" : value.toExponential(0)));

class KlChart extends LineChart {
  constructor(host, prompts) {
    super(host);
    this.prompts = [...prompts].sort((one, other) => (other.kl ?? 0) - (one.kl ?? 0));
  }

  data() {
    const column = (name) => this.prompts.map((prompt) => (prompt[name] == null ? null : Math.max(LEAST, prompt[name])));
    return [this.prompts.map((_prompt, place) => place + 1), column("kl"), column("effect")];
  }

  options() {
    const points = { points: { show: this.prompts.length < 2 } };
    return {
      ...this.common(),
      scales: { x: { time: false }, y: { distr: 3 } },
      axes: [this.axis({ values: steps }), this.axis({ values: powers, size: 56 })],
      series: [
        { label: "Prompt" },
        this.line("Merged", "var(--tblr-primary)", points),
        this.line("Base without the adapter", "var(--tblr-orange)", { dash: [8, 4], ...points }),
      ],
    };
  }
}

const AT_BEST = "At best";

// The mean of those that share a layer and a kind, as experts do; what is left at best is the mean of a layer.
function byLayer(tensors) {
  const [kinds, layers] = [new Map(), new Set()];
  const add = (kind, layer, value) => {
    if (value == null) return;
    layers.add(layer);
    if (!kinds.has(kind)) kinds.set(kind, new Map());
    const values = kinds.get(kind);
    values.set(layer, [...(values.get(layer) ?? []), value]);
  };
  for (const { name, retention, possible } of tensors) {
    const found = IN_A_LAYER.exec(name.replace(/\.weight$/, ""));
    if (!found || retention == null) continue;
    add(AT_BEST, Number(found[1]), possible);
    add(found[2], Number(found[1]), retention);
  }
  const mean = (values) => (values ? values.reduce((sum, value) => sum + value, 0) / values.length : null);
  const places = [...layers].sort((one, other) => one - other);
  return { places, lines: [...kinds].map(([kind, values]) => [kind, places.map((layer) => mean(values.get(layer)))]) };
}

class RetentionChart extends LineChart {
  constructor(host, found) {
    super(host);
    this.found = found;
  }

  data() {
    return [this.found.places, ...this.found.lines.map(([, values]) => values)];
  }

  options() {
    return {
      ...this.common(),
      scales: { x: { time: false }, y: { range: around } },
      axes: [this.axis({ values: steps }), this.axis({ values: ticks, size: 64 })],
      series: [
        { label: "Layer" },
        ...this.found.lines.map(([kind], place) =>
          this.line(kind, kind === AT_BEST ? "var(--tblr-secondary)" : `var(--tblr-${COLOURS[place % COLOURS.length]})`, {
            dash: DASHES[place % DASHES.length],
            width: kind === AT_BEST ? 4 : 2,
            points: { show: this.found.places.length < 2 },
            value: number,
          }),
        ),
      ],
    };
  }
}

async function begin(card) {
  const answer = await fetch(card.dataset.address, { headers: { accept: "application/json" } });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const report = await answer.json();
  new KlChart(document.getElementById("merge-kl"), report.prompts).draw();
  const host = document.getElementById("merge-retention");
  const found = byLayer(report.tensors);
  if (host && found.places.length) new RetentionChart(host, found).draw();
  document.getElementById("merge-charts-note").textContent = "";
}

const card = document.getElementById("merge-charts");
if (card) {
  begin(card).catch(() => {
    document.getElementById("merge-charts-note").textContent = "The report could not be read. Reload the page.";
  });
}
