// Draws the page's figures with Plotly, keeps their time axes together, and refreshes them.

const holder = document.getElementById("charts");
let figures = JSON.parse(document.getElementById("figures").textContent);
let zoomed = null; // the range of time that all charts show, or null for the whole period
let isFollowing = false;

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

const layout = (own) => {
  const ink = resolve("var(--ink-2)");
  const grid = { gridcolor: resolve("var(--line)"), zerolinecolor: resolve("var(--line)"), tickfont: { size: 11 }, automargin: true };
  return {
    font: { family: "system-ui, sans-serif", size: 11, color: ink },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 44, r: 16, t: own.showlegend ? 24 : 8, b: 30 },
    hovermode: "x unified",
    hoverlabel: { bgcolor: resolve("var(--surface)"), bordercolor: resolve("var(--line)"), font: { color: resolve("var(--ink)") } },
    dragmode: "zoom",
    ...own,
    legend: { orientation: "h", x: 0, yref: "container", y: 1, yanchor: "top", font: { size: 11 }, bgcolor: "rgba(0,0,0,0)", ...own.legend },
    xaxis: { ...grid, showgrid: false, tickangle: 0, nticks: innerWidth < 760 ? 4 : 0, ...own.xaxis, ...(zoomed ? { range: zoomed } : {}) },
    yaxis: { ...grid, ...own.yaxis },
  };
};

const config = { displayModeBar: false, responsive: true, doubleClick: false };

const draw = async () => {
  for (const plot of holder.querySelectorAll(".plot")) {
    const entry = figures[plot.dataset.chart];
    if (!entry) continue;
    const { data, layout: own } = colored(entry.figure);
    await Plotly.react(plot, data, layout(own), config);
    document.querySelector(`[data-now="${plot.dataset.chart}"]`).textContent = entry.now;
    if (!plot.dataset.bound) bind(plot);
  }
};

// Zooming one chart zooms all; a double click goes back to the whole period.
const bind = (plot) => {
  plot.dataset.bound = "yes";
  plot.on("plotly_relayout", (change) => {
    const range = change["xaxis.range"] ?? (change["xaxis.range[0]"] && [change["xaxis.range[0]"], change["xaxis.range[1]"]]);
    if (range && !isFollowing) show(range);
  });
  plot.on("plotly_doubleclick", () => show(null));
};

const show = async (range) => {
  zoomed = range;
  isFollowing = true;
  for (const plot of holder.querySelectorAll(".plot[data-bound]")) {
    await Plotly.relayout(plot, { "xaxis.range": range ?? figures[plot.dataset.chart].figure.layout.xaxis.range });
  }
  isFollowing = false;
};

const refresh = async () => {
  if (document.hidden) return;
  const response = await fetch(holder.dataset.source, { headers: { "X-Refresh": "1" } }).catch(() => null);
  if (response?.redirected) return location.reload(); // the session has ended
  document.dispatchEvent(new Event(response?.ok ? "refreshed" : "refreshfailed"));
  if (!response?.ok) return;
  figures = (await response.json()).charts;
  await draw();
};

document.addEventListener("themechange", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
await draw();
setInterval(refresh, Math.max(Number(holder.dataset.seconds), 10) * 1000);
