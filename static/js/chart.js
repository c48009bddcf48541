// Charts, drawn by uPlot: every <div class="chart" data-chart="ID"> from the JSON in the json_script of that id (see
// screens/charts.py): {kind: "line"|"step"|"bar", x: [unix seconds] or [labels], label (of x), zone, stacked,
// series: [{label, unit, values, color, scale, spans, places}]}. Up to two units share a chart, more get a button each.
const PALETTE = ["--st-charging", "--st-suspendedevse", "--st-available", "--st-reserved", "--st-preparing", "--st-suspendedev"];
const DAY = 86400;
const MAX_LABEL = 14;
const language = document.documentElement.lang || "en";
const charts = new Map(); // box → Chart
// What outlives the replacement of a live part, by the id of the JSON: the unit shown, whether the table is open; the
// button that had the focus
const chosen = new Map();
const opened = new Map();
let focused = "";

const probe = document.createElement("span");
probe.hidden = true;
document.body.append(probe);

/** A token's colour in the theme of now; `share` percent of it on the surface, for areas. */
function colour(token, share = 100) {
  probe.style.color = share === 100 ? `var(${token})` : `color-mix(in srgb, var(${token}) ${share}%, var(--surface))`;
  return getComputedStyle(probe).color;
}

/** What writes moments in the reader's way; in the browser's own zone if it does not know the reader's. */
function clock(zone, options) {
  const format = (timeZone) => new Intl.DateTimeFormat(language, { hourCycle: "h23", timeZone, ...options });
  let formatter;
  try { formatter = format(zone || undefined); } catch { formatter = format(undefined); }
  return (seconds) => formatter.format(new Date(seconds * 1000));
}

function amount(value, places, unit = "") {
  if (value == null) return "–";
  return `${value.toLocaleString(language, { maximumFractionDigits: places })}${unit && ` ${unit}`}`;
}

class Chart {
  constructor(box, data) {
    this.box = box;
    this.data = data;
    this.isBar = data.kind === "bar";
    this.series = data.series.map((series, at) => ({
      ...series,
      unit: series.unit || "",
      scale: series.scale || series.unit || "y",
      token: /^--[\w-]+$/.test(series.color || "") ? series.color : PALETTE[at % PALETTE.length],
      places: series.places ?? 2,
    }));
    this.scales = [...new Set(this.series.map((series) => series.scale))];
    this.clocks = {
      full: clock(data.zone, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" }),
      month: clock(data.zone, { month: "short", year: "2-digit" }),
      day: clock(data.zone, { day: "numeric", month: "short" }),
      minute: clock(data.zone, { hour: "2-digit", minute: "2-digit" }),
      second: clock(data.zone, { hour: "2-digit", minute: "2-digit", second: "2-digit" }),
    };
    if (this.scales.length > 2) this.addButtons();
    this.keepOpen();
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(box);
  }

  addButtons() {
    const kept = chosen.get(this.box.dataset.chart);
    this.scale = this.scales.includes(kept) ? kept : this.scales[0];
    this.buttons = document.createElement("div");
    this.buttons.className = "chips no-print";
    for (const scale of this.scales) {
      const button = document.createElement("button");
      button.type = "button";
      button.id = `${this.box.dataset.chart}-${scale}`;
      button.className = "chip";
      button.textContent = this.series.filter((series) => series.scale === scale).map((series) => series.label).join(" · ");
      button.addEventListener("click", () => {
        chosen.set(this.box.dataset.chart, (this.scale = scale));
        this.press();
        this.redraw();
      });
      this.buttons.append(button);
    }
    this.press();
    this.box.before(this.buttons);
    if (document.activeElement === document.body) [...this.buttons.children].find((button) => button.id === focused)?.focus();
  }

  keepOpen() {
    const table = this.box.parentElement.querySelector("details");
    if (!table) return;
    table.open = opened.get(this.box.dataset.chart) ?? table.open;
    table.addEventListener("toggle", () => opened.set(this.box.dataset.chart, table.open));
  }

  press() {
    [...this.buttons.children].forEach((button, at) => button.setAttribute("aria-pressed", this.scales[at] === this.scale));
  }

  size() {
    const width = this.box.clientWidth;
    return { width, height: Math.round(Math.min(320, Math.max(200, width * 0.42))) };
  }

  fit() {
    const size = this.size();
    if (!size.width) return; // in a closed <details> or another tab: drawn when it opens
    if (!this.plot) this.draw(size);
    else if (this.plot.width !== size.width) this.plot.setSize(size);
  }

  redraw() {
    this.plot?.destroy();
    this.plot = null;
    this.fit();
  }

  draw(size) {
    const shown = this.series.filter((series) => !this.scale || series.scale === this.scale);
    const isStacked = this.data.stacked || (this.isBar && shown.length > 1);
    // the highest pile is drawn first, the lower ones over it
    const layers = isStacked ? pile(shown).reverse() : shown.map((series) => ({ series, values: series.values }));
    const x = this.isBar ? this.data.x.map((_, at) => at) : this.data.x;
    const scales = [...new Set(shown.map((series) => series.scale))];
    this.plot = new uPlot({
      ...size,
      tzDate: (seconds) => this.inZone(seconds),
      cursor: { drag: { x: !this.isBar, y: false } },
      scales: { x: this.scaleOfX(x), ...Object.fromEntries(scales.map((scale) => [scale, { range: fromZero }])) },
      axes: [this.axisOfX(x), ...scales.map((scale, at) => this.axis(scale, at))],
      series: [{ label: this.data.label, value: (_, value) => this.moment(value) }, ...layers.map((layer) => this.line(layer, isStacked))],
    }, [x, ...layers.map((layer) => layer.values)], this.box);
  }

  inZone(seconds) {
    const date = new Date(seconds * 1000);
    try { return this.data.zone ? uPlot.tzDate(date, this.data.zone) : date; } catch { return date; }
  }

  moment(value) {
    if (value == null) return "–";
    const at = this.isBar ? this.data.x[value] : value;
    return typeof at === "number" ? this.clocks.full(at) : String(at ?? "–");
  }

  scaleOfX(x) {
    if (this.isBar) return { time: false, range: [-0.6, x.length - 0.4] };
    return x.length === 1 ? { time: true, range: [x[0] - 1800, x[0] + 1800] } : { time: true };
  }

  axisOfX(x) {
    const look = { stroke: colour("--muted"), ticks: { stroke: colour("--line") }, grid: { stroke: colour("--hairline") } };
    if (!this.isBar) return { ...look, space: 60, values: (_, splits, __, ___, step) => this.times(splits, step) };
    return {
      ...look,
      grid: { show: false },
      splits: (plot) => x.filter((at) => at % Math.ceil((x.length * 100) / Math.max(100, plot.width - 60)) === 0),
      values: (_, splits) => splits.map((at) => shorten(this.isBar && typeof this.data.x[at] === "number" ? this.clocks.day(this.data.x[at]) : this.data.x[at])),
    };
  }

  times(splits, step) {
    const { month, day, minute, second } = this.clocks;
    if (step >= 28 * DAY) return splits.map(month);
    if (step >= DAY) return splits.map(day);
    const write = step < 60 ? second : minute;
    return splits.map((at, i) => (i && day(at) === day(splits[i - 1]) ? write(at) : `${write(at)}\n${day(at)}`));
  }

  axis(scale, at) {
    const unit = this.series.find((series) => series.scale === scale).unit;
    return {
      scale,
      side: at ? 1 : 3,
      stroke: colour("--muted"),
      ticks: { stroke: colour("--line") },
      grid: { show: !at, stroke: colour("--hairline") },
      size: widthOfLabels,
      values: (_, splits) => splits.map((value) => amount(value, 3, unit)),
    };
  }

  line({ series, values }, isStacked) {
    const raw = series.values;
    const isArea = isStacked || this.isBar || this.data.series.length === 1 || this.scale;
    return {
      label: series.label,
      scale: series.scale,
      stroke: colour(series.token),
      width: this.isBar ? 1 : 2,
      fill: isArea ? colour(series.token, this.isBar ? 70 : isStacked ? 35 : 12) : undefined,
      spanGaps: Boolean(series.spans),
      paths: this.isBar ? uPlot.paths.bars({ size: [0.7, 56] }) : this.data.kind === "step" ? uPlot.paths.stepped({ align: 1 }) : undefined,
      points: this.isBar ? { show: false } : { show: values.length < 2 ? true : undefined },
      value: (_, __, ___, at) => (at == null ? "–" : amount(raw[at], series.places, series.unit)),
    };
  }

  end() {
    this.observer.disconnect();
    this.plot?.destroy();
  }
}

/** Each series on top of those before it. */
function pile(all) {
  let under = all[0].values.map(() => 0);
  return all.map((series) => {
    const values = (under = under.map((height, at) => height + (series.values[at] ?? 0)));
    return { series, values };
  });
}

/** Amounts begin at nothing, shares end at a hundred. */
function fromZero(plot, low, high, scale) {
  if (scale === "%") return [0, 100];
  return [Math.min(0, low ?? 0), high > 0 ? high * 1.08 : 1];
}

function shorten(label) {
  const text = String(label ?? "");
  return text.length > MAX_LABEL ? `${text.slice(0, MAX_LABEL - 1)}…` : text;
}

function widthOfLabels(plot, values, at, cycle) {
  const axis = plot.axes[at];
  if (cycle > 1) return axis._size;
  const longest = (values ?? []).reduce((a, b) => (b.length > a.length ? b : a), "");
  plot.ctx.font = axis.font[0];
  return Math.ceil(axis.ticks.size + axis.gap + plot.ctx.measureText(longest).width / devicePixelRatio) + 6;
}

/** Draws what is new in the page and lets go of what has left it. */
function look() {
  for (const [box, chart] of charts) if (!box.isConnected) { chart.end(); charts.delete(box); }
  for (const box of document.querySelectorAll("[data-chart]")) {
    const source = charts.has(box) ? null : document.getElementById(box.dataset.chart);
    if (source) charts.set(box, new Chart(box, JSON.parse(source.textContent)));
  }
}

const repaint = () => charts.forEach((chart) => chart.redraw());
document.addEventListener("theme", repaint);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
document.addEventListener("htmx:beforeSwap", () => { focused = document.activeElement?.id || ""; });
document.addEventListener("htmx:afterSettle", look);
look();
