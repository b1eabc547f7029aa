/* What every page does: copy buttons, the theme buttons, times that keep up with the clock, errors of htmx requests. */

import "./copy.js";

const MINUTE = 60, HOUR = 3600, DAY = 86400;
const REFRESH_MS = 15_000;

/* The same words as the template filter `ago`. */
function ago(seconds) {
  if (seconds < MINUTE) return "just now";
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min ago`;
  if (seconds < DAY) return `${Math.floor(seconds / HOUR)} h ago`;
  return `${Math.floor(seconds / DAY)} d ago`;
}

function refreshTimes(root = document) {
  for (const element of root.querySelectorAll("time[data-ago]")) {
    const then = new Date(element.dateTime);
    const text = ago((Date.now() - then.getTime()) / 1000);
    if (element.textContent !== text) element.textContent = text;
    element.title = then.toLocaleString(); // in the reader's own time zone
  }
}

function showTheme() {
  const chosen = window.graftTheme.choice();
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === chosen));
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-theme-choice]");
  if (!button) return;
  window.graftTheme.choose(button.dataset.themeChoice);
});
document.addEventListener("graft:theme", showTheme);
document.addEventListener("htmx:afterSwap", (event) => refreshTimes(event.target));
document.addEventListener("htmx:beforeSwap", (event) => {
  // A refusal comes with its own sentence and the place where it belongs.
  if (event.detail.xhr.getResponseHeader("HX-Retarget")) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});

showTheme();
refreshTimes();
setInterval(() => refreshTimes(), REFRESH_MS);
