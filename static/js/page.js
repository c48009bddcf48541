// What pages do without the server: theme, menus, copying, confirming, selecting rows, keys.
import "./copy.js";

// Theme: as the device, light, dark; under the same name as the administration's switch
const THEMES = ["auto", "light", "dark"];
for (const button of document.querySelectorAll("[data-theme-switch]")) {
  const show = () => {
    const theme = localStorage.getItem("theme") || "auto";
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    const words = { auto: button.dataset.wordsAuto, light: button.dataset.wordsLight, dark: button.dataset.wordsDark };
    button.querySelector("span").textContent = words[theme];
  };
  button.addEventListener("click", () => {
    const next = (THEMES.indexOf(localStorage.getItem("theme") || "auto") + 1) % THEMES.length;
    localStorage.setItem("theme", THEMES[next]);
    show();
    document.dispatchEvent(new Event("theme"));
  });
  show();
}

// Menus close when something else is pressed
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});

// [data-confirm] on a form or button asks first; the answer's button repeats the verb
const dialog = document.getElementById("confirm");
let sure = null;
document.addEventListener("submit", (event) => {
  const asking = event.submitter?.dataset.confirm ? event.submitter : event.target;
  if (!dialog || !asking.dataset.confirm || sure === event.target) { sure = null; return; }
  event.preventDefault();
  event.stopImmediatePropagation();
  document.getElementById("confirm-title").textContent = asking.dataset.confirm;
  document.getElementById("confirm-text").textContent = asking.dataset.confirmText || "";
  document.getElementById("confirm-yes").textContent = asking.dataset.confirmVerb || event.submitter?.textContent.trim() || "OK";
  dialog.addEventListener("close", () => {
    if (dialog.returnValue !== "yes") return;
    sure = event.target;
    event.target.requestSubmit(event.submitter);
  }, { once: true });
  dialog.returnValue = "no";
  dialog.showModal();
}, true);

// A second press sends nothing twice; files that come as the answer leave the page as it is, so it ends by itself
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (event.defaultPrevented || event.target.method !== "post" || !button || event.target.closest("[hx-post]")) return;
  setTimeout(() => { button.disabled = true; }); // after its name has been read
  setTimeout(() => { button.disabled = false; }, 5000);
});

// Dialogs: [data-open=id] opens one; a press beside it closes it
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-open]");
  if (opener) { event.preventDefault(); document.getElementById(opener.dataset.open)?.showModal(); }
  if (event.target instanceof HTMLDialogElement && event.target.open) event.target.close();
});

// The side sheet: what htmx loads into it opens it; what leaves it empty closes it
const sheet = document.getElementById("sheet");
sheet?.addEventListener("htmx:afterSwap", () => {
  if (!sheet.textContent.trim()) sheet.close();
  else if (!sheet.open) sheet.showModal();
});
document.addEventListener("click", (event) => {
  if (sheet?.open && event.target.closest("[data-close]")) { event.preventDefault(); sheet.close(); }
});

// On a phone a filter is folded until its button is pressed, unless it filters
const phone = matchMedia("(max-width: 720px)");
function fold() {
  for (const form of document.querySelectorAll("form.filters:not([data-seen])")) {
    form.dataset.seen = "";
    form.classList.toggle("folded", phone.matches && !form.querySelector(".buttons a"));
  }
}
document.addEventListener("click", (event) => {
  const form = event.target.closest("form.filters.folded");
  if (form && event.target.closest(".buttons button")) { event.preventDefault(); form.classList.remove("folded"); }
});
document.addEventListener("htmx:afterSettle", fold);
fold();

// Selecting rows: [data-selection] is a form with boxes named in data-selection; its .bulk bar shows when one is ticked
document.addEventListener("change", (event) => {
  const form = event.target.closest("[data-selection]");
  if (!form) return;
  const boxes = [...form.querySelectorAll(`input[name="${form.dataset.selection}"]`)];
  if (event.target.matches("[data-all]")) for (const box of boxes) box.checked = event.target.checked;
  const count = boxes.filter((box) => box.checked).length;
  const bar = form.querySelector(".bulk");
  if (bar) { bar.hidden = !count; bar.querySelector("[data-count]").textContent = count; }
});

// Keys: see the dialog that ? opens
const places = { o: "/", c: "/chargers/", t: "/transactions/", g: "/tags/", r: "/reports/" };
let afterG = false;
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog[open]")) return;
  const rows = [...document.querySelectorAll("[data-row]")];
  const at = rows.indexOf(document.activeElement?.closest("[data-row]"));
  const step = { j: 1, k: -1 }[event.key];
  if (afterG && places[event.key]) { location.href = places[event.key]; return; }
  afterG = event.key === "g" && !afterG;
  if (event.key === "/") document.querySelector('[data-key="/"]')?.focus();
  else if (event.key === "?") document.getElementById("keys")?.showModal();
  else if (step && rows.length) rows[Math.min(Math.max(at + step, 0), rows.length - 1)].querySelector("a, button")?.focus();
  else if (event.key === "x" && at >= 0) rows[at].querySelector("input[type=checkbox]")?.click();
  else return;
  event.preventDefault();
});

// What a request by htmx could not do is said, not swallowed
const toasts = document.getElementById("toasts");
for (const name of ["htmx:responseError", "htmx:sendError"]) {
  document.addEventListener(name, (event) => {
    if (event.detail.xhr?.status === 401) location.reload();
    if (!toasts || event.detail.requestConfig?.triggeringEvent?.type === "live") return;
    toasts.textContent = document.body.dataset.wordsFailed || "";
    setTimeout(() => { toasts.textContent = ""; }, 6000);
  });
}

// What was unfolded stays so when its part is fetched again
const unfolded = new Set();
document.addEventListener("toggle", (event) => {
  if (!event.target.matches("details[id]")) return;
  if (event.target.open) unfolded.add(event.target.id);
  else unfolded.delete(event.target.id);
}, true);
document.addEventListener("htmx:afterSettle", () => {
  for (const id of unfolded) document.getElementById(id)?.setAttribute("open", "");
});

// [data-print] prints the page
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) window.print();
});

// The tab one is at is seen on a narrow screen too
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
