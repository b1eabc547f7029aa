// The upload page: suggests a name, checks the size before anything is sent, shows how far the upload is.
// Small files go with the form in one request; large ones go in pieces first, and a worker reads them.
// Without this script the form works as a plain form; the server says everything that is checked here.

import { offerFolders } from "./choose-folder.js";
import { sendInPieces } from "./send-in-pieces.js";
import { inUnits } from "./units.js";

const IN_PIECES_FROM = 32 * 1024 * 1024; // below, a broken connection costs less than a worker's start


function suggestedName(fileName) {
  return fileName
    .replace(/\.(gz|zst|zstd)$/i, "")
    .replace(/\.(jsonl|ndjson|json|csv|tsv|parquet)$/i, "")
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/\.{2,}/g, ".")
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, "")
    .slice(0, 100);
}

function announce(text) {
  document.getElementById("announcements").textContent = text;
}

function showProblem(input, text) {
  document.getElementById("upload-problem")?.remove();
  input.classList.toggle("is-invalid", Boolean(text));
  if (!text) return;
  const problem = document.createElement("div");
  problem.id = "upload-problem";
  problem.className = "invalid-feedback d-block";
  problem.role = "alert";
  problem.textContent = text;
  input.after(problem);
}

function sizeOf(files) {
  return [...files].reduce((sum, file) => sum + file.size, 0);
}

function sizeProblem(input) {
  const limit = Number(input.dataset.limit);
  const size = sizeOf(input.files);
  const what = input.files.length > 1 ? "The files have" : "The file has";
  return size > limit ? `${what} ${inUnits(size)}; the limit is ${inUnits(limit)}. Split what is too large.` : "";
}

// Only the columns that rows of the chosen form have; all of them while the form is to be recognised.
function showColumns(form) {
  const chosen = form.elements.form.value;
  for (const box of form.querySelectorAll("[data-column]")) {
    const input = box.querySelector("input");
    const forms = input.dataset.forms;
    box.hidden = Boolean(chosen && forms && !forms.split(" ").includes(chosen));
    if (box.hidden) input.value = "";
  }
}

function showProgress(form, label, sent, total) {
  const box = form.querySelector("#upload-progress");
  const bar = box.querySelector("progress");
  box.classList.remove("invisible"); // it keeps its place, so that nothing jumps
  box.querySelector("[data-label]").textContent = label;
  box.querySelector("[data-figures]").textContent = total ? `${inUnits(sent)} of ${inUnits(total)}` : "";
  if (total) bar.value = sent / total;
  else bar.removeAttribute("value");
}

function setBusy(form, busy) {
  form.querySelector("[type=submit]").disabled = busy;
  form.querySelector("#upload-stop").hidden = !busy;
  form.ariaBusy = String(busy);
  if (!busy) form.querySelector("#upload-progress").classList.add("invisible");
}

// The server's page replaces the form; the chosen file stays chosen, so that a second try needs no second search.
function showAnswer(form, request) {
  const answer = new DOMParser().parseFromString(request.responseText, "text/html").getElementById("upload");
  if (!answer) {
    setBusy(form, false);
    showProblem(form.elements.file, `The upload was refused (${request.status}). Reload the page and try again.`);
    return;
  }
  const files = form.elements.file.files;
  form.closest("#upload").replaceWith(answer);
  const fresh = document.getElementById("upload-form");
  fresh.elements.file.files = files;
  start(fresh);
  fresh.querySelector(".is-invalid")?.focus();
}

function send(form) {
  const request = new XMLHttpRequest();
  const warn = (event) => event.preventDefault();
  const fail = (text) => {
    window.removeEventListener("beforeunload", warn);
    setBusy(form, false);
    showProblem(form.elements.file, text);
    announce(text);
  };
  request.open("POST", form.action);
  request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
  request.upload.addEventListener("progress", (event) => showProgress(form, "Uploading", event.loaded, event.total));
  request.upload.addEventListener("load", () => {
    showProgress(form, "Checking every row", 0, 0);
    announce("Uploaded. Checking every row.");
  });
  request.addEventListener("load", () => {
    window.removeEventListener("beforeunload", warn);
    const address = request.getResponseHeader("Location");
    if (request.status === 201 && address) window.location.assign(address);
    else if (new URL(request.responseURL).pathname !== new URL(form.action).pathname) {
      window.location.assign(request.responseURL);
    } else showAnswer(form, request);
  });
  request.addEventListener("error", () => fail("The connection broke and nothing was saved. Try again."));
  request.addEventListener("abort", () => fail("Stopped; nothing was saved."));
  window.addEventListener("beforeunload", warn);
  form.querySelector("#upload-stop").onclick = () => request.abort();
  showProblem(form.elements.file, "");
  setBusy(form, true);
  showProgress(form, "Uploading", 0, sizeOf(form.elements.file.files));
  announce("Uploading.");
  request.send(new FormData(form));
}

// Large files: first their bytes, then the form with the uploads' ids in the place of the files.
async function sendLarge(form) {
  const { file } = form.elements;
  const controller = new AbortController();
  const warn = (event) => event.preventDefault();
  form.querySelector("#upload-stop").onclick = () => controller.abort();
  window.addEventListener("beforeunload", warn);
  showProblem(file, "");
  setBusy(form, true);
  announce("Uploading.");
  try {
    const ids = await sendInPieces(form.dataset.uploads, [...file.files], {
      onProgress: (sent, total) => showProgress(form, "Uploading", sent, total),
      onWait: () => showProgress(form, "The connection broke; trying again", 0, 0),
      signal: controller.signal,
    });
    const body = new FormData(form);
    body.delete("file");
    body.set("uploads", ids.join(" "));
    const answer = await fetch(form.dataset.imports, { method: "POST", body });
    window.removeEventListener("beforeunload", warn);
    if (answer.status === 201) {
      window.location.assign(answer.headers.get("Location"));
      return;
    }
    const field = form.elements[answer.headers.get("X-Field")] ?? file;
    throw Object.assign(new Error(await answer.text()), { field });
  } catch (problem) {
    window.removeEventListener("beforeunload", warn);
    const stopped = problem.name === "AbortError";
    const kept = "Stopped; what was sent is kept for two days, and the same file goes on from there.";
    const text = stopped ? kept : problem.message;
    setBusy(form, false);
    showProblem(problem.field ?? file, text);
    announce(text);
    (problem.field ?? file).focus();
  }
}

function start(form) {
  const { name, file } = form.elements;
  let suggested = "";
  showColumns(form);
  offerFolders(form);
  form.elements.form.addEventListener("change", () => showColumns(form));
  file.addEventListener("change", () => {
    showProblem(file, sizeProblem(file));
    if (file.files[0] && (!name.value || name.value === suggested)) {
      suggested = suggestedName(file.dataset.folder ?? file.files[0].name);
      name.value = suggested;
    }
  });
  form.addEventListener("submit", (event) => {
    if (!file.files[0]) return; // the server says what is missing
    event.preventDefault();
    const problem = sizeProblem(file);
    showProblem(file, problem);
    if (problem) file.focus();
    else if (sizeOf(file.files) >= IN_PIECES_FROM) sendLarge(form);
    else send(form);
  });
}

start(document.getElementById("upload-form"));
