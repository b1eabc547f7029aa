// Says on the button how many retrainings it queues.

const form = document.querySelector("#retraining");
const text = form.querySelector("[data-chosen]");

function tell() {
  const count = form.querySelectorAll("input[name=version]:checked").length;
  text.textContent = `Queue ${count} ${count === 1 ? "retraining" : "retrainings"}`;
  text.closest("button").disabled = count === 0;
}

form.addEventListener("change", tell);
tell();
