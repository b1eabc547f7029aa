/* Light, dark or as the device says: set on <html> before the page is painted, so this is a plain script in the head.
   The choice is kept in this browser; js/base.js wires the buttons to `graftTheme.choose`. */
(() => {
  const KEY = "graft-theme";
  const device = window.matchMedia("(prefers-color-scheme: dark)");

  function choice() {
    try {
      return localStorage.getItem(KEY) ?? "auto";
    } catch {
      return "auto"; // a browser may forbid storage
    }
  }

  function apply() {
    const chosen = choice();
    const dark = chosen === "dark" || (chosen === "auto" && device.matches);
    document.documentElement.dataset.bsTheme = dark ? "dark" : "light";
    document.documentElement.classList.toggle("dark-mode", dark); // what Swagger UI looks for
    document.dispatchEvent(new CustomEvent("graft:theme", { detail: { chosen, dark } }));
  }

  function choose(name) {
    try {
      localStorage.setItem(KEY, name);
    } catch {
      // Then the choice lasts as long as the page.
    }
    apply();
  }

  device.addEventListener("change", apply);
  window.addEventListener("storage", apply); // another tab chose
  window.graftTheme = { choice, choose };
  apply();
})();
