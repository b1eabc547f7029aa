// The live page of a job: one event stream feeds the log, the chart, the progress bar and the title.
//
// The last event id is kept here: a line that comes twice is dropped, and a new connection goes on exactly after it.
// What the job's state decides (badge, buttons, result, failure) is rendered by the server and fetched when it changes.

import { JobLog } from "./job-log.js";
import { TYPES, durationText, levelOf, lineOf } from "./job-text.js";
import { LossChart } from "./loss-chart.js";

const RECENT_STEPS = 20;
const REFRESH_DELAY = 250; // milliseconds; several changes at once cost one request
const [FIRST_WAIT, LONGEST_WAIT] = [1000, 30000];

const page = document.getElementById("job");
const region = () => document.getElementById("job-state");
const log = new JobLog(document.getElementById("job-log"));
const chart = new LossChart(document.getElementById("job-chart"));
const title = document.title;

let [attempt, number] = [0, 0];
let wait = FIRST_WAIT;
let phase = "";
let progress = null; // {done, total}
let recent = []; // the last steps of this attempt, for the time left
let refreshTimer = 0;
let paintTimer = 0;

function connect() {
  const source = new EventSource(`${page.dataset.events}?after=${attempt}:${number}`);
  source.onopen = () => {
    wait = FIRST_WAIT;
    say("live");
  };
  for (const type of TYPES) {
    // Our own event “error” has data; a broken connection has none.
    source.addEventListener(type, (event) => event.data !== undefined && receive(JSON.parse(event.data)));
  }
  source.addEventListener("error", (event) => {
    if (event.data !== undefined) return;
    say("reconnecting…");
    if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    setTimeout(connect, wait);
    wait = Math.min(wait * 2, LONGEST_WAIT);
  });
  source.addEventListener("end", () => {
    source.close();
    say("");
    if (!("final" in region().dataset)) refresh();
  });
  addEventListener("pagehide", () => source.close(), { once: true }); // else the browser cannot keep the page
}

function receive(record) {
  if (record.attempt < attempt || (record.attempt === attempt && record.number <= number)) return;
  if (record.attempt !== attempt) begin(record.attempt);
  [attempt, number] = [record.attempt, record.number];
  const { event } = record;
  log.line(number, levelOf(event), lineOf(event));
  if (event.type === "step") step(event);
  if (event.type === "phase") move(event.phase, event.done, event.total);
  if (["plan", "evaluation", "checkpoint", "state"].includes(event.type)) refresh();
  page.dispatchEvent(new CustomEvent("job:record", { detail: record }));
}

function begin(newAttempt) {
  log.separator(newAttempt, attemptText(newAttempt));
  recent = [];
  if (newAttempt > region().dataset.attempts) refresh();
}

function attemptText(which) {
  const worker = JSON.parse(region().dataset.workers)[which - 1];
  return worker ? `Attempt ${which} on ${worker}` : `Attempt ${which}`;
}

function step(event) {
  chart.add(event.step, event.loss, event.learning_rate);
  recent = [...recent.slice(-RECENT_STEPS), event];
  move("training", event.step, event.total_steps);
}

function move(newPhase, done, total) {
  // A bar of unknown length becomes one with a length, or the words change: the server renders that.
  if (newPhase !== phase || Boolean(total) !== Boolean(progress?.total)) refresh();
  [phase, progress] = [newPhase, { done, total }];
  paintTimer ||= setTimeout(paint, 100);
}

function paint() {
  paintTimer = 0;
  const bar = region().querySelector("progress[data-live]");
  if (!bar || !progress?.total || region().dataset.phase !== phase) return;
  [bar.max, bar.value] = [progress.total, progress.done];
  region().querySelector("[data-live-count]").textContent = `${progress.done} of ${progress.total}`;
  region().querySelector("[data-live-left]").textContent = timeLeft();
  document.title = `${Math.floor((100 * progress.done) / progress.total)} % · ${title}`;
}

function timeLeft() {
  if (phase !== "training" || recent.length < 2 || region().dataset.state !== "running") return "";
  const [first, last] = [recent[0], recent.at(-1)];
  const pace = (last.seconds - first.seconds) / (last.step - first.step);
  return `about ${durationText(pace * (last.total_steps - last.step))} left`;
}

function refresh() {
  if ("final" in region().dataset) return; // nothing can change any more
  refreshTimer ||= setTimeout(async () => {
    refreshTimer = 0;
    const before = region().dataset.says;
    try {
      await window.htmx.ajax("GET", page.dataset.address, { target: "#job-state", swap: "outerHTML" });
    } catch {
      return; // the stream's next event, or its end, asks again
    }
    const { says, workers } = region().dataset;
    if (says !== before) document.getElementById("announcements").textContent = says;
    JSON.parse(workers).forEach((_worker, index) => log.nameAttempt(index + 1, attemptText(index + 1)));
    if ("final" in region().dataset) document.title = `${says} · ${title}`;
    paint();
  }, REFRESH_DELAY);
}

setInterval(() => {
  const since = region().querySelector("[data-live-since]");
  if (since) since.textContent = durationText((Date.now() - Date.parse(since.dataset.liveSince)) / 1000);
}, 1000);

function say(text) {
  const connection = document.getElementById("job-connection");
  connection.textContent = text;
  connection.hidden = !text;
}

// The browser may keep the page as it is while another one is shown, and bring it back.
addEventListener("pageshow", (event) => event.persisted && connect());

connect();
