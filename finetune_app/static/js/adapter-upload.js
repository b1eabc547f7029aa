// The page that imports an adapter by upload: sends an archive, or the files of its folder, in pieces, and preselects
// the base that adapter_config.json names. Without this script nothing can be sent; the page says so.

import { sendInPieces } from "./send-in-pieces.js";
import { inUnits } from "./units.js";

const form = document.getElementById("adapter-upload");
const { name, file, base } = form.elements;
const hint = document.getElementById("base-hint");
const progress = form.querySelector("#upload-progress");
const sent = new Map(); // file → id of its upload
let suggested = "";

function announce(text) {
  document.getElementById("announcements").textContent = text;
}

function showProblem(field, text) {
  form.querySelector("#upload-problem")?.remove();
  for (const input of [name, file, base]) input.classList.toggle("is-invalid", Boolean(text) && input === field);
  if (!text) return;
  const problem = document.createElement("div");
  problem.id = "upload-problem";
  problem.className = "invalid-feedback d-block";
  problem.role = "alert";
  problem.textContent = text;
  field.after(problem);
  announce(text);
}

function asName(text) {
  return text
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/\.{2,}/g, ".")
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, "")
    .slice(0, 100);
}

function sizeOf(files) {
  return files.reduce((sum, item) => sum + item.size, 0);
}

function sizeProblem() {
  const size = sizeOf([...file.files]);
  const limit = Number(form.dataset.limit);
  return size > limit ? `The files have ${inUnits(size)}; the limit is ${inUnits(limit)}.` : "";
}

// What the config calls its base is a hint: the person sees it, and can choose otherwise.
async function hintAtBase() {
  hint.hidden = true;
  const config = [...file.files].find((item) => item.name === "adapter_config.json");
  if (!config) return;
  let called = "";
  try {
    called = String(JSON.parse(await config.text()).base_model_name_or_path ?? "");
  } catch {
    return; // the server says that it is not JSON
  }
  if (!called) return;
  const wanted = asName(called.split("/").filter(Boolean).at(-1) ?? "");
  const option = [...base.options].find((item) => item.value.split("@")[0] === wanted);
  if (option && !base.value) base.value = option.value;
  hint.textContent = option
    ? `adapter_config.json calls its base “${called}”. Check that ${base.value} is that one.`
    : `adapter_config.json calls its base “${called}”; no base model here has that name.`;
  hint.hidden = false;
}

function showProgress(label, done, total) {
  const bar = progress.querySelector("progress");
  progress.classList.remove("invisible");
  progress.querySelector("[data-label]").textContent = label;
  progress.querySelector("[data-figures]").textContent = total ? `${inUnits(done)} of ${inUnits(total)}` : "";
  if (total) bar.value = done / total;
  else bar.removeAttribute("value");
}

function setBusy(busy) {
  form.querySelector("[type=submit]").disabled = busy;
  form.querySelector("#upload-stop").hidden = !busy;
  form.ariaBusy = String(busy);
  if (!busy) progress.classList.add("invisible");
}

// The ids of the files' uploads. A file that is there already is not sent again when another one failed.
async function sendAll(files, signal) {
  let before = 0;
  for (const item of files) {
    if (!sent.has(item)) {
      const [id] = await sendInPieces(form.dataset.uploads, [item], {
        onProgress: (bytes) => showProgress("Uploading", before + bytes, sizeOf(files)),
        onWait: () => showProgress("The connection broke; trying again", 0, 0),
        signal,
      });
      sent.set(item, id);
    }
    before += item.size;
  }
  return files.map((item) => sent.get(item));
}

async function send() {
  const controller = new AbortController();
  const warn = (event) => event.preventDefault();
  form.querySelector("#upload-stop").onclick = () => controller.abort();
  window.addEventListener("beforeunload", warn);
  showProblem(file, "");
  setBusy(true);
  announce("Uploading.");
  try {
    const ids = await sendAll([...file.files], controller.signal);
    const body = new FormData(form);
    body.delete("file");
    body.set("uploads", ids.join(" "));
    const answer = await fetch(form.action, { method: "POST", body });
    window.removeEventListener("beforeunload", warn);
    if (answer.status === 201) {
      window.location.assign(answer.headers.get("Location"));
      return;
    }
    const field = form.elements[answer.headers.get("X-Field")] ?? file;
    throw Object.assign(new Error(await answer.text()), { field });
  } catch (problem) {
    window.removeEventListener("beforeunload", warn);
    const kept = "Stopped; what was sent is kept for two days, and the same files go on from there.";
    setBusy(false);
    showProblem(problem.field ?? file, problem.name === "AbortError" ? kept : problem.message);
    (problem.field ?? file).focus();
  }
}

file.addEventListener("change", () => {
  showProblem(file, sizeProblem());
  const [first] = file.files;
  if (first && file.files.length === 1 && (!name.value || name.value === suggested)) {
    suggested = asName(first.name.replace(/\.(zip|tar|tgz|tar\.gz|tar\.zst)$/i, ""));
    name.value = suggested;
  }
  hintAtBase();
});
form.addEventListener("input", (event) => {
  if (event.target !== file) showProblem(file, sizeProblem()); // what was mended is marked no longer
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!file.files.length) showProblem(file, "Choose the adapter's archive or its files.");
  else if (sizeProblem()) showProblem(file, sizeProblem());
  else if (!name.value.trim()) showProblem(name, "Enter a name for the adapter.");
  else if (!base.value) showProblem(base, "Choose the base that the adapter was trained on.");
  else send();
});
form.querySelector("[type=submit]").disabled = false;
