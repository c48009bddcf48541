// How far an upload is: htmx tells while [data-upload] sends its file
document.addEventListener("htmx:xhr:progress", (event) => {
  const form = event.target.closest("[data-upload]");
  const { lengthComputable, loaded, total } = event.detail;
  if (!form || !lengthComputable || !total) return;
  const line = form.querySelector("[data-progress]");
  const percent = Math.floor((100 * loaded) / total);
  line.hidden = false;
  line.querySelector("progress").value = percent;
  line.querySelector("[data-percent]").textContent = `${percent} %`;
  line.querySelector("[data-checking]").hidden = percent < 100; // all has arrived: the server works on it
});
