// The tokens of a row: the one that is pointed at or walked to with the arrow keys says what it is.

const STEPS = { ArrowRight: 1, ArrowLeft: -1 };

function tell(token) {
  const facts = document.getElementById("token-facts");
  if (facts) facts.textContent = `“${token.textContent.trim()}”: ${token.title}`;
}

function tokenOf(event) {
  return event.target.closest?.("#tokens .token");
}

function walk(token, key) {
  const all = token.parentElement.children;
  if (key === "Home") return all[0];
  if (key === "End") return all[all.length - 1];
  return STEPS[key] === 1 ? token.nextElementSibling : token.previousElementSibling;
}

// On the document: the tokens come later, by htmx, when a worker has read the row.
document.addEventListener("keydown", (event) => {
  const token = tokenOf(event);
  if (!token || !(event.key in STEPS || event.key === "Home" || event.key === "End")) return;
  event.preventDefault();
  const next = walk(token, event.key);
  if (!next) return;
  token.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
});

for (const kind of ["focusin", "pointerover", "click"])
  document.addEventListener(kind, (event) => {
    const token = tokenOf(event);
    if (token) tell(token);
  });
