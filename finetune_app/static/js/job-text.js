// A record as a line for people; the plain log says the same (`finetune_app/jobs/log_text.py`).

const figure = (value) => (value == null ? "not finite" : Number(value.toPrecision(4)).toString());
const tiny = (value) => (value && value < 1e-3 ? Number(value.toPrecision(3)).toExponential() : figure(value));
const share = (value) => `${(value * 100).toFixed(1)}%`;

function facts(values) {
  return Object.entries(values)
    .map(([name, value]) =>
      value !== null && typeof value === "object" && !Array.isArray(value)
        ? `${name} (${facts(value)})`
        : `${name} ${Array.isArray(value) ? value.join(", ") : value}`,
    )
    .join(", ");
}

function score({ exact_match: exact, pair_accuracy: pairs, loss, token_accuracy: accuracy }) {
  const parts = [
    exact == null ? "" : `exact match ${share(exact)}`,
    pairs == null ? "" : `right preferences ${share(pairs)}`,
    loss == null ? "" : `loss ${loss.toFixed(3)}`,
    accuracy == null ? "" : `token accuracy ${share(accuracy)}`,
  ];
  return parts.filter(Boolean).join(", ") || "not measured";
}

const WORDS = {
  log: (event) => (event.level === "info" ? event.text : `${event.level}: ${event.text}`),
  phase: (event) => (event.total ? `${event.phase}: ${event.done} of ${event.total}` : `${event.phase}…`),
  plan: (event) => `plan: ${facts(event.facts)}`,
  done: (event) => (Object.keys(event.facts).length ? `done: ${facts(event.facts)}` : "done"),
  step: (event) =>
    `step ${event.step}/${event.total_steps}  loss ${figure(event.loss)}  lr ${tiny(event.learning_rate)}` +
    `  grad ${figure(event.grad_norm)}  ${event.tokens} tokens`,
  held_out: (event) =>
    `held out at step ${event.step}: loss ${figure(event.loss)}, token accuracy ${figure(event.token_accuracy)} on ` +
    `${event.rows} rows${event.best ? ", the best so far" : ""}`,
  checkpoint: (event) => `checkpoint at step ${event.step} kept`,
  evaluation: (event) => `scores on ${event.rows} held-out rows: base ${score(event.base)}; tuned ${score(event.tuned)}`,
  error: (event) => (event.detail ? `error: ${event.code}: ${event.detail}` : `error: ${event.code}`),
  state: (event) => (event.text ? `${event.state}: ${event.text}` : event.state),
};
const LEVELS = { step: "quiet", phase: "quiet", plan: "quiet", error: "error", state: "state", evaluation: "state" };

export const TYPES = Object.keys(WORDS);
export const lineOf = (event) => WORDS[event.type](event);
export const levelOf = (event) => (event.type === "log" ? event.level : (LEVELS[event.type] ?? "info"));

export function durationText(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
