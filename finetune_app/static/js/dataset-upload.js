// The upload page: suggests a name, checks the size before anything is sent, shows how far the upload is.
// Small files go with the form in one request; large ones go in pieces first, and a worker reads them.
// Without this script the form works as a plain form; the server says everything that is checked here.

import { offerFolders } from "./choose-folder.js";
import { inUnits } from "./units.js";
import { announce, asName, sendWithFiles, setBusy, showProblem, showProgress, sizeOf } from "./upload-form.js";

const IN_PIECES_FROM = 32 * 1024 * 1024; // below, a broken connection costs less than a worker's start

function suggestedName(fileName) {
  return asName(fileName.replace(/\.(gz|zst|zstd)$/i, "").replace(/\.(jsonl|ndjson|json|csv|tsv|parquet)$/i, ""));
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

// The server's page replaces the form; the chosen file stays chosen, so that a second try needs no second search.
function showAnswer(form, request) {
  const answer = new DOMParser().parseFromString(request.responseText, "text/html").getElementById("upload");
  if (!answer) {
    setBusy(form, false);
    showProblem(form, form.elements.file, `The upload was refused (${request.status}). Reload the page and try again.`);
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
    showProblem(form, form.elements.file, text);
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
  showProblem(form, form.elements.file, "");
  setBusy(form, true);
  showProgress(form, "Uploading", 0, sizeOf(form.elements.file.files));
  announce("Uploading.");
  request.send(new FormData(form));
}

function start(form) {
  const { name, file } = form.elements;
  let suggested = "";
  showColumns(form);
  offerFolders(form);
  form.elements.form.addEventListener("change", () => showColumns(form));
  file.addEventListener("change", () => {
    showProblem(form, file, sizeProblem(file));
    if (file.files[0] && (!name.value || name.value === suggested)) {
      suggested = suggestedName(file.dataset.folder ?? file.files[0].name);
      name.value = suggested;
    }
  });
  form.addEventListener("submit", (event) => {
    if (!file.files[0]) return; // the server says what is missing
    event.preventDefault();
    const problem = sizeProblem(file);
    showProblem(form, file, problem);
    if (problem) file.focus();
    else if (sizeOf(file.files) >= IN_PIECES_FROM) sendWithFiles(form, [...file.files], { address: form.dataset.imports });
    else send(form);
  });
}

start(document.getElementById("upload-form"));
