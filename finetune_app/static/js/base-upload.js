// The upload page of base models: takes the files of a folder that belong to a base, and sends them in pieces.
// Without this script nothing can be sent; the page says so and names the other ways.

import { inUnits } from "./units.js";
import { announce, asName, sendWithFiles, showProblem, sizeOf } from "./upload-form.js";

const form = document.getElementById("base-upload");
const { name, file, folder } = form.elements;
const chosen = form.querySelector("[data-chosen]");
let files = [];

function say(field, text) {
  showProblem(form, field, text);
  if (text) announce(text);
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
  const size = sizeOf(files);
  const limit = Number(form.dataset.limit);
  chosen.textContent = files.length ? `${files.length} files, ${inUnits(size)}` : "No file of a base model is among them.";
  say(file, size > limit ? `The files have ${inUnits(size)}; the limit is ${inUnits(limit)}.` : "");
  const top = found[0]?.webkitRelativePath.split("/")[0];
  if (top && !name.value) name.value = asName(top);
}

file.addEventListener("change", () => choose([...file.files]));
folder.addEventListener("change", () => choose([...folder.files]));
form.querySelector("#choose-folder").addEventListener("click", () => folder.click());
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!name.value.trim()) say(name, "Enter a name for the base model.");
  else if (!files.length) say(file, "Choose the base model's folder or its files.");
  else sendWithFiles(form, files, { metadata: { purpose: "base" } });
});
for (const input of [file, folder]) {
  if (input.files.length) choose([...input.files]); // chosen before this script was there
}
form.querySelector("[type=submit]").disabled = false;
