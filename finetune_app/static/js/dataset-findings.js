// The page of findings: how many rows the choice drops. A row with several findings counts once, so the page comes with
// the number of rows for each exact set of codes.

const form = document.getElementById("findings-form");
const combinations = JSON.parse(form.dataset.combinations);
const button = form.querySelector("[type=submit]");
const number = new Intl.NumberFormat("en");

function update() {
  const dropped = new Set([...form.querySelectorAll("input[value=drop]:checked")].map((input) => input.name));
  const rows = combinations.reduce((sum, [codes, count]) => sum + (codes.some((code) => dropped.has(code)) ? count : 0), 0);
  button.disabled = rows === 0;
  document.getElementById("findings-count").textContent = rows ? number.format(rows) : "the chosen";
  document.getElementById("findings-sum").textContent = rows
    ? `${dropped.size} of ${form.querySelectorAll("fieldset").length} kinds are dropped.`
    : "Choose what to drop.";
}

form.addEventListener("change", update);
// Back from the next page: the browser may show the form as it was left.
addEventListener("pageshow", update);
update();
