/* Every element with `data-copy` copies that text when it is clicked, also those that htmx brings later. */

const SHOWN_MS = 1500;

async function write(text) {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  // Plain http on a local network has no clipboard API.
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "copy-area";
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (!copied) throw new Error("The browser refused to copy.");
}

function announce(text) {
  const region = document.getElementById("announcements");
  if (region) region.textContent = text;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  try {
    await write(button.dataset.copy);
  } catch {
    announce("Copying failed; select the text instead.");
    return;
  }
  button.focus();
  button.classList.add("copied");
  announce("Copied.");
  setTimeout(() => {
    button.classList.remove("copied");
    announce("");
  }, SHOWN_MS);
});
