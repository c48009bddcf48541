// A button [data-copy=id] copies the text of that element; without a clipboard (plain http) it selects the text instead.
async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  getSelection().selectAllChildren(source);
  if (navigator.clipboard) await navigator.clipboard.writeText(source.textContent);
  else if (!document.execCommand("copy")) return;
  const label = button.innerHTML;
  button.textContent = button.dataset.copied;
  setTimeout(() => { button.innerHTML = label; }, 2000);
}

// Hidden where there are no scripts; parts of a page come later
function show() {
  for (const button of document.querySelectorAll("[data-copy][hidden]")) button.hidden = false;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
});
document.addEventListener("htmx:afterSettle", show);
show();
