// “Will it fit?”: a click on “Change it so” sets the fields that would make the job fit.

const form = document.getElementById("job-form");

form?.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-plan-change]");
  if (!button) return;
  for (const [name, value] of Object.entries(JSON.parse(button.dataset.planChange))) set(name, value);
});

function set(name, value) {
  for (const field of form.querySelectorAll(`[name="${CSS.escape(name)}"]`)) {
    const isTicked = field.type === "checkbox" ? Boolean(value) : field.value === String(value);
    if (field.type === "checkbox" || field.type === "radio") {
      if (field.checked === isTicked) continue;
      field.checked = isTicked;
    } else {
      if (isTicked) continue;
      field.value = value;
    }
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }
}
