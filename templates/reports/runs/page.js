"use strict";
// Shows what the server tells of runs, and again whenever a journal has grown. Texts of hosts are never taken for markup.
const FIGURES = ["ok", "changed", "verified", "failed", "unreachable", "went back", "left"];
const COUNTED = new Set(["hosts", ...FIGURES]);

function element(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function row(cell, values) {
  const made = element("tr");
  for (const value of values) made.append(element(cell, value, typeof value === "number" || (cell === "th" && COUNTED.has(value)) ? "number" : ""));
  return made;
}

function table(caption, heads, rows) {
  const box = element("div", undefined, "scrolls");
  const made = element("table");
  const top = element("thead");
  const body = element("tbody");
  made.append(element("caption", caption));
  top.append(row("th", heads));
  body.append(...rows.map((values) => row("td", values)));
  made.append(top, body);
  box.append(made);
  return box;
}

function batches(run) {
  return run.batches.map((one, place) => [
    `${place + 1}`, one.stage, one.hosts, ...FIGURES.map((name) => one[name]),
    one.running.length ? `running: ${one.running.join(" ")}` : one.doing,
  ]);
}

function article(run) {
  const made = element("article");
  const title = element("h2", `${run.run} `);
  title.append(element("span", run.state, "state"));
  made.append(title);
  if (run.who) made.append(element("p", [run.time.replace("T", " ").slice(0, 16), run.who, run.ticket, run.reason].filter(Boolean).join("  ")));
  if (run.why) made.append(element("p", run.why, "why"));
  made.append(element("p", Object.entries(run.counts).map(([word, count]) => `${count} ${word}`).join(", ")));
  if (run.batches.length) made.append(table("Batches", ["", "stage", "hosts", ...FIGURES, "now"], batches(run)));
  const hosts = Object.entries(run.hosts).filter(([, one]) => one.standing !== "untouched");
  if (hosts.length) made.append(table("Hosts that are not proven", ["host", "standing", "said"], hosts.map(([name, one]) => [name, one.standing, one.said.join("; ")])));
  return made;
}

const news = document.getElementById("news");
const source = new EventSource("events");
source.addEventListener("runs", (event) => {
  const runs = JSON.parse(event.data);
  document.getElementById("runs").replaceChildren(...(runs.length ? runs.map(article) : [element("p", "no run yet")]));
  news.textContent = `as of ${new Date().toLocaleTimeString()}`;
});
source.addEventListener("error", () => { news.textContent = "not connected; trying again"; });
