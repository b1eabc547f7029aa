// The upload page of base models: takes the files of a folder that belong to a base, and sends them in pieces.
// Without this script nothing can be sent; the page says so and names the other ways.

import { sendInPieces } from "./send-in-pieces.js";
import { inUnits } from "./units.js";

const form = document.getElementById("base-upload");
const { name, file, folder } = form.elements;
const chosen = form.querySelector("[data-chosen]");
const progress = form.querySelector("#upload-progress");
const sent = new Map(); // file → id of its upload
let files = [];

function announce(text) {
  document.getElementById("announcements").textContent = text;
}

function showProblem(field, text) {
  form.querySelector("#upload-problem")?.remove();
  for (const input of [name, file]) input.classList.toggle("is-invalid", Boolean(text) && input === field);
  if (!text) return;
  const problem = document.createElement("div");
  problem.id = "upload-problem";
  problem.className = "invalid-feedback d-block";
  problem.role = "alert";
  problem.textContent = text;
  field.after(problem);
  announce(text);
}

function suggestedName(text) {
  return text
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/\.{2,}/g, ".")
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, "")
    .slice(0, 100);
}

function belongs(item) {
  const depth = item.webkitRelativePath.split("/").length;
  const inTemplates = depth === 3 && item.webkitRelativePath.includes("/additional_chat_templates/");
  if (depth > 2 && !inTemplates) return false;
  const lower = item.name.toLowerCase();
  return !lower.startsWith(".") && form.dataset.endings.split(" ").some((ending) => lower.endsWith(ending));
}

function choose(found) {
  files = found.filter(belongs);
  const size = files.reduce((sum, item) => sum + item.size, 0);
  const limit = Number(form.dataset.limit);
  chosen.textContent = files.length ? `${files.length} files, ${inUnits(size)}` : "No file of a base model is among them.";
  const text = size > limit ? `The files have ${inUnits(size)}; the limit is ${inUnits(limit)}.` : "";
  showProblem(file, text);
  const top = found[0]?.webkitRelativePath.split("/")[0];
  if (top && !name.value) name.value = suggestedName(top);
}

function showProgress(label, sent, total) {
  const bar = progress.querySelector("progress");
  progress.classList.remove("invisible");
  progress.querySelector("[data-label]").textContent = label;
  progress.querySelector("[data-figures]").textContent = total ? `${inUnits(sent)} of ${inUnits(total)}` : "";
  if (total) bar.value = sent / total;
  else bar.removeAttribute("value");
}

function setBusy(busy) {
  form.querySelector("[type=submit]").disabled = busy;
  form.querySelector("#upload-stop").hidden = !busy;
  form.ariaBusy = String(busy);
  if (!busy) progress.classList.add("invisible");
}

// The ids of the files' uploads. A file that is there already is not sent again when another one failed.
async function sendAll(signal) {
  const total = files.reduce((sum, item) => sum + item.size, 0);
  let before = 0;
  for (const item of files) {
    if (!sent.has(item)) {
      const [id] = await sendInPieces(form.dataset.uploads, [item], {
        onProgress: (bytes) => showProgress("Uploading", before + bytes, total),
        onWait: () => showProgress("The connection broke; trying again", 0, 0),
        signal,
        metadata: { purpose: "base" },
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
    const ids = await sendAll(controller.signal);
    const body = new FormData(form);
    body.delete("file");
    body.delete("folder");
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

file.addEventListener("change", () => choose([...file.files]));
folder.addEventListener("change", () => choose([...folder.files]));
form.querySelector("#choose-folder").addEventListener("click", () => folder.click());
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!name.value.trim()) showProblem(name, "Enter a name for the base model.");
  else if (!files.length) showProblem(file, "Choose the base model's folder or its files.");
  else send();
});
for (const input of [file, folder]) {
  if (input.files.length) choose([...input.files]); // chosen before this script was there
}
form.querySelector("[type=submit]").disabled = false;
