// Keeps a page up to date over /ws/ui/; without it everything still works, only not live. What elements say:
//   data-value="connector:17:power_w" data-format="kw"   its text is that number; the overview's are "figures:0:online"
//   data-state="connector:17"                            its data-status, icon and word are that state
//   data-on="station:17 tags" hx-trigger="live"          it is fetched again when one of these topics changed;
//                                                        data-every="15": not more often than every 15 seconds
// The server sends a snapshot first, then at most one message a second; seq tells whether one is missing.
const sign = document.getElementById("live");
const words = JSON.parse(document.getElementById("live-words")?.textContent || "{}");
const language = document.documentElement.lang || "en";
const calm = matchMedia("(prefers-reduced-motion: reduce)");

const NOTHING = "–";
const MAX_TOPICS = 200;
const OF_OVERVIEW = ["figures", "counts", "site"];
const HIDDEN_MS = 5 * 60_000, SILENT_MS = 60_000, STALE_MS = 10_000;
const LOGGED_OUT = 4401;
const FILLED = 'input[type="text"], input:not([type]), input[type="number"], input[type="datetime-local"], textarea, select';

let socket = null;
let subscribed = "";
let seq = 0;
let failures = 0;
let wasLive = false; // this page has been live before: what was missed meanwhile is fetched
let heardAt = Date.now(); // what the page shows is of then
let quietSince = 0; // nothing has come over this line since then
let retry = 0;
let hiding = 0;

// Formats: values come in base units
const decimals = (places) => new Intl.NumberFormat(language, { minimumFractionDigits: places, maximumFractionDigits: places });
const [whole, one, two] = [0, 1, 2].map(decimals);
const clock = clockOf(sign?.dataset.timeZone || undefined);
const formats = {
  kw: (w) => one.format(w / 1000),
  kwh: (wh) => two.format(wh / 1000),
  a: one.format,
  v: whole.format,
  percent: whole.format,
  count: whole.format,
  time: (at) => clock.format(new Date(at)),
  duration(at) {
    const minutes = Math.max(0, Math.floor((Date.now() - new Date(at)) / 60_000));
    return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}`;
  },
};

/** In the browser's own zone if it does not know the reader's. */
function clockOf(timeZone) {
  const look = { hour: "2-digit", minute: "2-digit" };
  try { return new Intl.DateTimeFormat(language, { ...look, timeZone }); } catch { return new Intl.DateTimeFormat(language, look); }
}

function write(element, value) {
  const format = element.dataset.format;
  if (format === "duration") {
    if (value === null) delete element.dataset.since;
    else element.dataset.since = value;
  }
  const text = value === null || value === "" ? NOTHING : formats[format]?.(value) ?? String(value);
  if (element.textContent === text) return;
  element.textContent = text;
  if (!calm.matches && format !== "duration") element.animate([{ opacity: 0.4 }, { opacity: 1 }], 500);
}

function writeState(element, status) {
  element.dataset.status = status;
  const word = element.querySelector(".word"), icon = element.querySelector("use");
  const text = words.status?.[status] ?? status;
  if (word && word.textContent !== text) word.textContent = text;
  if (icon && words.icons?.[status]) icon.setAttribute("href", `${icon.getAttribute("href").split("#")[0]}#${words.icons[status]}`);
}

function apply(patch) {
  const key = `${patch.t}:${patch.id}`;
  for (const element of document.querySelectorAll(`[data-value^="${key}:"]`)) {
    const field = element.dataset.value.slice(key.length + 1);
    if (field in patch) write(element, patch[field]);
  }
  if (patch.status === undefined) return;
  for (const element of document.querySelectorAll(`[data-state="${key}"]`)) writeState(element, patch.status);
}

// Parts that are fetched again
const waiting = new Set();
const ringAt = new WeakMap();

function ring(element) {
  waiting.add(element);
  ringWaiting();
}

function ringWaiting() {
  for (const element of waiting) {
    if (!element.isConnected) waiting.delete(element);
    if (!element.isConnected || isBusy(element) || Date.now() < (ringAt.get(element) ?? 0)) continue;
    waiting.delete(element);
    ringAt.set(element, Date.now() + 1000 * (Number(element.dataset.every) || 1));
    element.dispatchEvent(new CustomEvent("live"));
  }
}

// Somebody types in it, has typed or chosen, reads a dialog of it, has ticked rows of it, or nobody looks
function isBusy(element) {
  const focused = document.activeElement;
  const isTyping = focused?.matches("input, select, textarea") && element.contains(focused);
  const isAnswering = document.querySelector("#confirm[open]"); // the form that asked has to be there still
  const isChoosing = element.querySelector("dialog[open], tbody input:checked"); // rows that are ticked stay so
  return document.hidden || isTyping || [...element.querySelectorAll(FILLED)].some(isChanged) || Boolean(isAnswering || isChoosing);
}

// What was typed or chosen must not be lost; a choice of which nothing is said begins with its first
function isChanged(field) {
  if (!field.options) return field.value !== field.defaultValue;
  const shown = [...field.options].findIndex((option) => option.defaultSelected);
  return Math.max(0, field.selectedIndex) !== Math.max(0, shown);
}

function ringAll() {
  for (const element of document.querySelectorAll("[data-on]")) ring(element);
}

function ringFor(topics) {
  const changed = new Set(topics);
  for (const element of document.querySelectorAll("[data-on]")) {
    if (element.dataset.on.split(/\s+/).some((topic) => changed.has(topic))) ring(element);
  }
}

// The line
function wanted() {
  const topics = new Set();
  for (const element of document.querySelectorAll("[data-on]")) element.dataset.on.split(/\s+/).forEach((topic) => topics.add(topic));
  for (const element of document.querySelectorAll("[data-value], [data-state]")) {
    const [kind, id] = (element.dataset.value || element.dataset.state).split(":");
    topics.add(OF_OVERVIEW.includes(kind) ? "overview" : `${kind}:${id}`);
  }
  topics.delete("");
  return [...topics].slice(0, MAX_TOPICS);
}

function subscribe() {
  const topics = wanted();
  if (!socket) {
    if (topics.length && !document.hidden && !retry) connect();
  } else if (socket.readyState === WebSocket.OPEN && topics.join(" ") !== subscribed) {
    subscribed = topics.join(" ");
    // what changed since the page was made is told; a page that was live before fetches everything anyway
    const since = wasLive ? undefined : Number(sign.dataset.at) || 0;
    socket.send(JSON.stringify({ subscribe: topics, since }));
  }
}

function connect() {
  clearTimeout(retry);
  retry = 0;
  const line = socket = new WebSocket(new URL(sign.dataset.url, location.href.replace(/^http/, "ws")));
  subscribed = "";
  quietSince = Date.now();
  line.addEventListener("open", subscribe);
  line.addEventListener("message", (event) => { if (line === socket) hear(JSON.parse(event.data)); });
  line.addEventListener("close", (event) => { if (line === socket) lose(event.code); });
  setTimeout(show, STALE_MS);
}

function hear(message) {
  heardAt = quietSince = Date.now();
  failures = 0;
  const isGap = !message.snapshot && message.seq !== seq + 1;
  seq = message.seq;
  message.patches.forEach(apply);
  if (isGap) {
    subscribed = "";
    subscribe();
  }
  if (isGap || (message.snapshot && wasLive === "before")) ringAll();
  else ringFor(message.changed);
  wasLive = true;
  show();
}

function lose(code) {
  socket = null;
  if (wasLive) wasLive = "before";
  if (code === LOGGED_OUT) return leave();
  if (!document.hidden) {
    const seconds = Math.min(30, 2 ** failures++);
    retry = setTimeout(connect, Math.max(1, seconds * (0.5 + Math.random() / 2)) * 1000);
  }
  show();
}

// To the login page, unless something typed would be lost
function leave() {
  const fields = [...document.querySelectorAll("input, textarea")];
  const isTyped = fields.some((field) => field.type !== "hidden" && field.type !== "search" && isChanged(field));
  if (isTyped) show();
  else location.assign(location.pathname + location.search);
}

// The sign: live, trying again, or how old the page is
function show() {
  const isLive = socket?.readyState === WebSocket.OPEN && wasLive === true;
  const state = isLive ? "live" : Date.now() - heardAt < STALE_MS ? "reconnecting" : "stale";
  const at = state === "stale" ? ` ${clock.format(heardAt)}` : "";
  const text = { live: sign.dataset.wordsLive, reconnecting: sign.dataset.wordsReconnecting, stale: sign.dataset.wordsStale }[state] + at;
  sign.hidden = !wasLive && !socket && !retry;
  sign.dataset.line = state;
  if (sign.textContent !== text) sign.textContent = text;
}

function tick() {
  for (const element of document.querySelectorAll('[data-format="duration"][data-since]')) write(element, element.dataset.since);
  ringWaiting();
  if (socket?.readyState === WebSocket.OPEN && Date.now() - quietSince > SILENT_MS) socket.close(); // the line is dead
  if (!socket && retry) show();
}

// What nobody asked for does not keep a session alive
document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.triggeringEvent?.type === "live") event.detail.headers["X-Live"] = "1";
});

// Who began to type while the answer was on its way keeps what they typed; the part is fetched once more later
document.addEventListener("htmx:beforeSwap", (event) => {
  const asked = event.detail.requestConfig;
  if (asked?.triggeringEvent?.type !== "live" || !isBusy(event.detail.target)) return;
  event.detail.shouldSwap = false;
  ring(asked.elt);
});

if (sign) {
  subscribe();
  setInterval(tick, 1000);
  document.addEventListener("htmx:afterSettle", subscribe);
  document.addEventListener("focusout", () => setTimeout(ringWaiting));
  document.addEventListener("close", () => setTimeout(ringWaiting), true);
  addEventListener("online", () => { if (retry) connect(); });
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiding);
    if (document.hidden) {
      hiding = setTimeout(() => socket?.close(), HIDDEN_MS);
      return;
    }
    if (!socket) {
      clearTimeout(retry);
      retry = 0;
      subscribe();
    }
    ringWaiting();
  });
}
