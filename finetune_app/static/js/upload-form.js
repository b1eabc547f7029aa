// What the pages share that send files in pieces before their form: problems beside fields, progress, the sending.

import { sendInPieces } from "./send-in-pieces.js";
import { inUnits } from "./units.js";

const KEPT = "Stopped; what was sent is kept for two days, and the same files go on from there.";
const sent = new WeakMap(); // file → id of its upload, so that it is not sent again when another one failed

export function announce(text) {
  document.getElementById("announcements").textContent = text;
}

export function sizeOf(files) {
  return [...files].reduce((sum, file) => sum + file.size, 0);
}

// The name nearest to a text, as the server suggests it.
export function asName(text) {
  return text
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/\.{2,}/g, ".")
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, "")
    .slice(0, 100);
}

// One problem at a time stands beside its field; "" takes it away.
export function showProblem(form, field, text) {
  const before = form.querySelector("#upload-problem");
  before?.previousElementSibling.classList.remove("is-invalid");
  before?.remove();
  field.classList.toggle("is-invalid", Boolean(text));
  if (!text) return;
  const problem = document.createElement("div");
  problem.id = "upload-problem";
  problem.className = "invalid-feedback d-block";
  problem.role = "alert";
  problem.textContent = text;
  field.after(problem);
}

export function showProgress(form, label, done, total) {
  const box = form.querySelector("#upload-progress");
  const bar = box.querySelector("progress");
  box.classList.remove("invisible"); // it keeps its place, so that nothing jumps
  box.querySelector("[data-label]").textContent = label;
  box.querySelector("[data-figures]").textContent = total ? `${inUnits(done)} of ${inUnits(total)}` : "";
  if (total) bar.value = done / total;
  else bar.removeAttribute("value");
}

export function setBusy(form, busy) {
  form.querySelector("[type=submit]").disabled = busy;
  form.querySelector("#upload-stop").hidden = !busy;
  form.ariaBusy = String(busy);
  if (!busy) form.querySelector("#upload-progress").classList.add("invisible");
}

// Sends the files, then the form with the uploads' ids in the place of its file inputs, and goes where the answer says.
export async function sendWithFiles(form, files, { address = form.action, metadata } = {}) {
  const { file } = form.elements;
  const controller = new AbortController();
  const warn = (event) => event.preventDefault();
  form.querySelector("#upload-stop").onclick = () => controller.abort();
  window.addEventListener("beforeunload", warn);
  showProblem(form, file, "");
  setBusy(form, true);
  announce("Uploading.");
  try {
    const ids = await sendAll(form, files, { metadata, signal: controller.signal });
    const body = new FormData(form);
    for (const input of form.querySelectorAll("input[type=file]")) body.delete(input.name);
    body.set("uploads", ids.join(" "));
    const answer = await fetch(address, { method: "POST", body });
    window.removeEventListener("beforeunload", warn);
    if (answer.status === 201) {
      window.location.assign(answer.headers.get("Location"));
      return;
    }
    const field = form.elements[answer.headers.get("X-Field")];
    if (!field) for (const item of files) sent.delete(item); // the files were refused, or are not there any more
    throw Object.assign(new Error(await answer.text()), { field });
  } catch (problem) {
    window.removeEventListener("beforeunload", warn);
    const field = problem.field ?? file;
    const text = problem.name === "AbortError" ? KEPT : problem.message;
    setBusy(form, false);
    showProblem(form, field, text);
    announce(text);
    field.focus();
  }
}

async function sendAll(form, files, options) {
  const total = sizeOf(files);
  let before = 0;
  for (const file of files) {
    if (!sent.has(file)) {
      const [id] = await sendInPieces(form.dataset.uploads, [file], {
        onProgress: (bytes) => showProgress(form, "Uploading", before + bytes, total),
        onWait: () => showProgress(form, "The connection broke; trying again", 0, 0),
        ...options,
      });
      sent.set(file, id);
    }
    before += file.size;
  }
  return files.map((file) => sent.get(file));
}
