// The form of a new job: alpha keeps its ratio to r, a preset is no longer ticked once something was changed by hand,
// and a form is sent once.

const form = document.getElementById("job-form");
const field = (name) => form.elements.namedItem(name);
const whole = (input) => (/^\s*\d+\s*$/.test(input.value) ? Number(input.value) : 0);

// Delegated, because a preset replaces the fields.
form.addEventListener("input", ({ target }) => {
  if (target.name === "r") keepRatio();
  if (target.name === "lora_alpha") setByHand(true);
  if (target.closest("#job-options")) untickPreset();
});

form.addEventListener("click", ({ target }) => {
  if (!target.closest("[data-reset-ratio]")) return;
  setByHand(false);
  keepRatio();
  field("lora_alpha").dispatchEvent(new Event("change", { bubbles: true }));
  field("lora_alpha").focus();
});

function keepRatio() {
  const r = whole(field("r"));
  if (!r || field("alpha_by_hand").value) return;
  field("lora_alpha").value = Math.max(1, Math.round(r * Number(ratioNote().dataset.ratio)));
}

function setByHand(isByHand) {
  field("alpha_by_hand").value = isByHand ? "1" : "";
  ratioNote().hidden = !isByHand;
}

function ratioNote() {
  return form.querySelector("[data-ratio]");
}

function untickPreset() {
  const ticked = form.querySelector("input[name=preset]:checked");
  if (ticked) ticked.checked = false;
}

form.addEventListener("submit", (event) => {
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "1";
  for (const button of form.querySelectorAll("[type=submit]")) {
    button.classList.add("btn-loading");
    // After the browser has collected the form.
    setTimeout(() => (button.disabled = true));
  }
});

// Back from the job's page: the browser may show the form as it was left.
addEventListener("pageshow", () => {
  delete form.dataset.sent;
  for (const button of form.querySelectorAll("[type=submit]")) {
    button.disabled = false;
    button.classList.remove("btn-loading");
  }
});

form.querySelector(".is-invalid")?.focus();
