// What the line charts of a job share: drawn by uPlot, a classic script that sets `uPlot`, in the colours of the theme.
//
// Points may come by the thousand; they are drawn at most once per animation frame.

const [LEGEND_HEIGHT, NARROW_LEGEND_HEIGHT] = [32, 84]; // one line, and up to three where the chart is narrow
const NARROW = 500;

export const number = (_chart, value) => (value == null ? "–" : Number(value.toPrecision(4)).toString());
export const share = (_chart, value) => (value == null ? "–" : `${(100 * value).toFixed(1)} %`);
export const shares = (_chart, values) => values.map((value) => `${Math.round(100 * value)} %`);
export const steps = (_chart, values) => values.map((value) => (Number.isInteger(value) ? value.toLocaleString("en") : ""));

// As many digits as tell two ticks apart.
export const ticks = (_chart, values, _axis, _space, step) =>
  values.map((value) => value.toFixed(Math.max(0, Math.ceil(-Math.log10(step) - 1e-9))));

export class LineChart {
  constructor(host) {
    this.host = host;
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

  line(label, colour, more) {
    return { label, stroke: () => this.colour(colour), width: 2, spanGaps: true, value: number, ...more };
  }

  size() {
    const width = this.host.clientWidth;
    return { width, height: this.host.clientHeight - (width < NARROW ? NARROW_LEGEND_HEIGHT : LEGEND_HEIGHT) };
  }

  common() {
    return { ...this.size(), cursor: { y: false, points: { size: 7 } }, legend: { live: true } };
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
