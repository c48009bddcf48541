// Keeps the part of a page marked data-follow up to date until the server no longer marks it.
const part = document.getElementById("follow");
let seconds = 1;

async function follow() {
  if (!document.hidden) await look().catch(() => {}); // the server is away: the next round tries again
  seconds = Math.min(seconds * 1.1, 10);
  if ("follow" in part.dataset) setTimeout(follow, seconds * 1000);
}

async function look() {
  const answer = await fetch(location.href);
  const next = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("follow");
  if (!answer.ok || !next) return;
  if (part.textContent !== next.textContent) part.replaceChildren(...next.childNodes);
  if (!("follow" in next.dataset)) delete part.dataset.follow;
}

if (part && "follow" in part.dataset) setTimeout(follow, seconds * 1000);
