// Hands the page's charts over to Plotly, keeps their time axes together, zooms into finer figures, and refreshes them.

const holder = document.getElementById("charts");
const whole = holder.dataset.period && `period=${holder.dataset.period}`; // else the server chooses one
const offset = Number(holder.dataset.offset) * 1000; // of the charts' zone from UTC
let shown = {
  query: holder.dataset.query,
  is_live: "live" in holder.dataset,
  charts: JSON.parse(document.getElementById("figures").textContent),
};
let asked = 0;
const switched = {}; // by chart and line: whether it is shown, where somebody chose

// Plotly is heavy: it comes when the charts that the server drew have been seen.
const loaded = new Promise((resolve) => {
  const script = Object.assign(document.createElement("script"), { src: holder.dataset.plotly, onload: resolve });
  requestAnimationFrame(() => setTimeout(() => document.head.append(script)));
});
const pause = () => new Promise((resolve) => setTimeout(resolve));

const probe = document.createElement("span");
probe.hidden = true;
document.body.append(probe);

// "var(--cpu-1)" as the colour that it is in the present theme.
const resolve = (name) => {
  probe.style.color = name;
  return getComputedStyle(probe).color;
};

const colored = (value) => {
  if (typeof value === "string") return value.startsWith("var(--") ? resolve(value) : value;
  if (Array.isArray(value)) return value.some((one) => one && typeof one !== "number") ? value.map(colored) : value;
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, colored(one)]));
  return value;
};

// The edges of the server's drawing are Plotly's, so that nothing moves.
const margin = (plot) => {
  const outer = plot.getBoundingClientRect();
  const inner = plot.querySelector(".drawing > svg").getBoundingClientRect();
  return { l: inner.left - outer.left, r: outer.right - inner.right, t: inner.top - outer.top, b: outer.bottom - inner.bottom, autoexpand: false };
};

const layout = (plot, own) => {
  const ink = resolve("var(--ink-2)");
  const grid = { gridcolor: resolve("var(--line)"), zerolinecolor: resolve("var(--line)"), tickfont: { size: 11 }, ticks: "" };
  return {
    font: { family: "system-ui, sans-serif", size: 11, color: ink },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    margin: (plot.margin ??= margin(plot)),
    hovermode: "x unified",
    hoverlabel: { bgcolor: resolve("var(--surface)"), bordercolor: resolve("var(--line)"), font: { color: resolve("var(--ink)") } },
    dragmode: "zoom",
    ...own,
    showlegend: false, // the page has one
    xaxis: { ...grid, showgrid: false, tickangle: 0, ...own.xaxis },
    yaxis: { ...grid, ...own.yaxis },
  };
};

const config = { displayModeBar: false, responsive: true, doubleClick: false };

const draw = async () => {
  await loaded;
  for (const plot of holder.querySelectorAll(".plot")) {
    const entry = shown.charts[plot.dataset.chart];
    plot.parentElement.hidden = !entry;
    if (!entry) continue;
    const { data, layout: own } = colored(entry.figure);
    const chosen = data.map((trace) => ({ ...trace, visible: isShown(plot, trace.legendgroup ?? trace.name) ?? trace.visible }));
    await Plotly.react(plot, chosen, layout(plot, own), config);
    plot.querySelector(".drawing")?.remove();
    plot.parentElement.querySelector(".now").textContent = entry.now;
    label(plot.previousElementSibling, plot, entry.keys);
    if (!plot.dataset.bound) bind(plot);
    await pause();
  }
};

// A line is shown or hidden by its name in the legend.
const isShown = (plot, group) => switched[`${plot.dataset.chart} ${group}`];
holder.addEventListener("click", ({ target }) => {
  const key = target.closest(".legend button");
  if (!key) return;
  const plot = key.closest(".chart").querySelector(".plot");
  switched[`${plot.dataset.chart} ${key.dataset.group}`] = key.getAttribute("aria-pressed") === "false";
  draw();
});

const label = (legend, plot, keys) => {
  if (keys !== plot.keys) legend.innerHTML = plot.keys = keys;
  for (const key of legend.querySelectorAll("button")) {
    key.setAttribute("aria-pressed", isShown(plot, key.dataset.group) ?? key.getAttribute("aria-pressed"));
  }
};

// Zooming one chart zooms all, into finer figures; a double click goes back to the period.
const bind = (plot) => {
  plot.dataset.bound = "yes";
  plot.on("plotly_relayout", ({ "xaxis.range[0]": from, "xaxis.range[1]": to }) => from && go(zoomed(from, to)));
  plot.on("plotly_doubleclick", () => go(whole));
};

const zoomed = (from, to) => {
  const start = utc(from);
  return `from=${written(start)}&to=${written(Math.max(utc(to), start + 60_000))}`;
};
const written = (at) => `${new Date(at).toISOString().slice(0, 19)}Z`;
const utc = (local) => {
  const text = local.replace(" ", "T").slice(0, 19); // Plotly leaves out noughts at the end
  return Date.parse(`${text}${"0000-00-00T00:00:00".slice(text.length)}Z`) - offset;
};

const go = (query) => {
  history.pushState(null, "", `${location.pathname}?${query}`);
  return show(query);
};
addEventListener("popstate", () => show(location.search.slice(1) || whole));

const show = async (query, headers = {}) => {
  const number = ++asked;
  const response = await fetch(`${holder.dataset.source}?${query}`, { headers }).catch(() => null);
  if (response?.redirected) return location.reload(); // the session has ended
  document.dispatchEvent(new Event(response?.ok ? "refreshed" : "refreshfailed"));
  const answer = response?.ok ? await response.json() : shown;
  if (number !== asked) return; // something else is wanted by now
  const isOther = answer.query !== shown.query;
  shown = answer;
  const isNew = (name) => !holder.querySelector(`[data-chart="${name}"]`);
  if (Object.keys(shown.charts).some(isNew)) return location.reload();
  if (isOther) follow();
  await draw();
};

// The rest of the page follows: what is chosen, and where its links lead.
const follow = () => {
  const range = document.getElementById("range");
  const isFree = !shown.query.startsWith("period=");
  range.querySelector("summary").textContent = isFree ? shown.label : "Range";
  range.toggleAttribute("data-chosen", isFree);
  for (const link of document.querySelectorAll('[aria-label="Period"] a')) {
    if (link.search === `?${shown.query}`) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  for (const link of holder.querySelectorAll(".chart a")) link.search = shown.query;
  for (const table of holder.querySelectorAll("details[open]")) table.open = false;
};
document.addEventListener("htmx:configRequest", (event) => {
  const { elt, path } = event.detail;
  if (!elt.matches(".chart details")) return;
  if (!elt.open) event.preventDefault();
  event.detail.path = `${path.split("?")[0]}?${shown.query}`;
});

const refresh = () => {
  if (!document.hidden && shown.is_live) show(shown.query, { "X-Refresh": "1" }); // which is no use by a person
};

document.addEventListener("themechange", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
await draw();
setInterval(refresh, Math.max(Number(holder.dataset.seconds), 10) * 1000);
