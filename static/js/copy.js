// A button [data-copy=id] copies the text of that element; without a clipboard (plain http) it selects the text instead.
for (const button of document.querySelectorAll("[data-copy]")) {
  const label = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    getSelection().selectAllChildren(source);
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(source.textContent);
    } else if (!document.execCommand("copy")) {
      return;
    }
    button.textContent = button.dataset.copied;
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}
