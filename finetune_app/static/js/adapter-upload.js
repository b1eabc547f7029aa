// The page that imports an adapter by upload: sends an archive, or the files of its folder, in pieces, and preselects
// the base that adapter_config.json names. Without this script nothing can be sent; the page says so.

import { inUnits } from "./units.js";
import { announce, asName, sendWithFiles, showProblem, sizeOf } from "./upload-form.js";

const form = document.getElementById("adapter-upload");
const { name, file, base } = form.elements;
const hint = document.getElementById("base-hint");
let suggested = "";

function say(field, text) {
  showProblem(form, field, text);
  if (text) announce(text);
}

function sizeProblem() {
  const size = sizeOf(file.files);
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

function choose() {
  say(file, sizeProblem());
  const [first] = file.files;
  if (first && file.files.length === 1 && (!name.value || name.value === suggested)) {
    suggested = asName(first.name.replace(/\.(zip|tar|tgz|tar\.gz|tar\.zst)$/i, ""));
    name.value = suggested;
  }
  hintAtBase();
}

file.addEventListener("change", choose);
form.addEventListener("input", (event) => {
  if (event.target !== file) showProblem(form, file, sizeProblem()); // what was mended is marked no longer
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!file.files.length) say(file, "Choose the adapter's archive or its files.");
  else if (sizeProblem()) say(file, sizeProblem());
  else if (!name.value.trim()) say(name, "Enter a name for the adapter.");
  else if (!base.value) say(base, "Choose the base that the adapter was trained on.");
  else sendWithFiles(form, [...file.files]);
});
if (file.files.length) choose(); // chosen before this script was there
form.querySelector("[type=submit]").disabled = false;
