// Every run in a table: sort, filter, search, pick some to compare. Without this script its first rows stand there.
"use strict";

const data = JSON.parse(document.getElementById("run-data").textContent);
const runs = data.runs.map(([sweep, run, slot, attempt, state, value, seconds, scores, settings, reason]) => {
  const of = data.sweeps[sweep];
  const parameters = new Map(of.parameters.map((name, i) => [name, settings[i]]).filter(([, found]) => found !== null));
  const figures = new Map(data.objectives.map((objective, i) => [objective.name, scores[i]]));
  return { of, sweep: of.name, run, slot, attempt, state, value, seconds, parameters, figures, reason };
});
const byName = new Map(runs.filter((run) => run.run !== "-").map((run) => [run.run, run]));
const picked = new Set();
let chosen = null; // by the axes: a set of names, or null where nothing is chosen
const redrawn = []; // called when picked or chosen changes
const STEP = 100; // rows at a time: more come on demand
const ON_PAPER = 1000; // rows: paper has no button for more
const MOST_PICKED = 6;

// An element with attributes and children; text is text.
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function button(text, act) {
  const made = make("button", { type: "button" }, text);
  made.addEventListener("click", act);
  return made;
}

function shown(value, digits = 4) {
  if (value === null || value === undefined) return "-";
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : value.toFixed(digits);
  return typeof value === "string" ? value : JSON.stringify(value);
}

const fixed = (value, digits) => (value === null ? "-" : value.toFixed(digits));
const varied = (run) => [...run.parameters].filter(([name]) => run.of.varied.includes(name));
const parametersOf = (run) => varied(run).map(([name, value]) => `${name} ${shown(value, 3)}`).join(", ");
const folderOf = (run) => (run.run === "-" ? null : `${run.of.folder}${run.run}/`);
const commandOf = (run) => `${run.of.command[0]}${run.run}${run.of.command[1]}`;

const table = document.getElementById("run-table");
const body = table.tBodies[0];
const view = { key: null, down: false, text: "", state: "", sweep: "", rows: STEP };

const keyOf = {
  run: (run) => Number(run.run.slice(4)) || 0,
  sweep: (run) => run.sweep,
  slot: (run) => run.slot,
  state: (run) => run.state,
  value: (run) => run.value,
  seconds: (run) => run.seconds,
  parameters: parametersOf,
  reason: (run) => run.reason || null,
};

function compared(one, other) {
  if (one === null || other === null) return (one === null) - (other === null);
  const order = typeof one === "string" ? (one < other ? -1 : Number(one > other)) : one - other;
  return view.down ? -order : order;
}

function selected() {
  const words = view.text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = runs.filter((run) => {
    if (view.state && run.state !== view.state) return false;
    if (view.sweep && run.sweep !== view.sweep) return false;
    if (chosen && !chosen.has(run.run)) return false;
    const text = `${run.run} ${run.sweep} ${run.state} ${parametersOf(run)} ${run.reason || ""}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const key = keyOf[view.key];
  return key ? found.sort((one, other) => compared(key(one), key(other))) : found;
}

function pick(name, on) {
  if (on && picked.size >= MOST_PICKED) picked.delete(picked.values().next().value);
  on ? picked.add(name) : picked.delete(name);
  drawTable();
  drawComparison();
  redrawn.forEach((act) => act());
}

function choose(names) {
  chosen = names;
  view.rows = STEP;
  drawTable();
  redrawn.forEach((act) => act());
}

function row(run) {
  const named = byName.has(run.run);
  const box = make("input", { type: "checkbox", "aria-label": `compare ${run.run}` });
  box.checked = picked.has(run.run);
  box.addEventListener("change", () => {
    pick(run.run, box.checked);
    body.querySelector(`tr[data-run="${run.run}"] input`)?.focus();
  });
  const name = named ? make("a", { href: folderOf(run) }, run.run) : run.run;
  return make(
    "tr", named ? { "data-run": run.run } : {},
    make("td", { class: "run" }, ...(named ? [box, " "] : []), name),
    make("td", { class: "number" }, fixed(run.value, 4)), make("td", { class: run.state }, run.state),
    make("td", {}, run.sweep), make("td", { class: "number" }, String(run.slot)),
    make("td", { class: "number" }, fixed(run.seconds, 1)),
    make("td", { class: "long" }, parametersOf(run)), make("td", { class: "long" }, run.reason || ""),
  );
}

function drawTable() {
  const found = selected();
  body.replaceChildren(...found.slice(0, view.rows).map(row));
  more.hidden = found.length <= view.rows;
  more.textContent = `Show ${Math.min(STEP, found.length - view.rows)} more`;
  count.textContent = `${found.length} of ${runs.length} runs` + (chosen ? ", chosen by the axes" : "");
}

function sorted(header) {
  view.down = view.key === header.dataset.key ? !view.down : false;
  view.key = header.dataset.key;
  for (const other of table.tHead.querySelectorAll("th")) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", view.down ? "descending" : "ascending");
  drawTable();
}

function options(name, values, key) {
  const list = make("select", {}, make("option", { value: "" }, "all"), ...values.map((v) => make("option", {}, v)));
  list.addEventListener("change", () => ((view[key] = list.value), (view.rows = STEP), drawTable()));
  return make("label", {}, `${name} `, list);
}

// What differs between the picked runs, and their figures side by side.
function drawComparison() {
  const names = [...picked].map((name) => byName.get(name));
  comparison.replaceChildren();
  if (!names.length) return;
  const line = (title, cells) => make("tr", {}, make("th", { scope: "row" }, title), ...cells);
  const plain = (value, digits) => make("td", { class: "number" }, shown(value, digits));
  const settings = [...new Set(names.flatMap((run) => [...run.parameters.keys()]))].filter(
    (name) => new Set(names.map((run) => JSON.stringify(run.parameters.get(name)))).size > 1,
  );
  const lines = [
    line("sweep", names.map((run) => make("td", {}, run.sweep))),
    ...settings.map((name) => line(name, names.map((run) => plain(run.parameters.get(name), 4)))),
    ...data.objectives.map((objective) => line(objective.name, figures(names, objective))),
    line("seconds", names.map((run) => make("td", { class: "number" }, fixed(run.seconds, 1)))),
    line("", names.map((run) => make("td", {}, button("leave out", () => pick(run.run, false))))),
  ];
  const heads = names.map((run) => make("th", { scope: "col" }, make("a", { href: folderOf(run) }, run.run)));
  const head = make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "run"), ...heads));
  const inner = make("table", {}, head, make("tbody", {}, ...lines));
  const said = settings.length ? "" : names.length > 1 ? "These runs have the same parameters. " : "Pick more to compare. ";
  comparison.append(
    make("h3", {}, "Picked runs"),
    make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "picked runs" }, inner),
    make("p", {}, `${said}These commands train them again:`),
    ...names.map(command),
  );
}

function figures(names, objective) {
  const values = names.map((run) => run.figures.get(objective.name));
  const known = values.filter((value) => value !== null);
  const best = objective.lower ? Math.min(...known) : Math.max(...known);
  return values.map((value) => {
    const text = fixed(value, 4);
    return make("td", { class: "number" }, names.length > 1 && value === best ? make("strong", {}, text) : text);
  });
}

function command(run) {
  const code = make("code", {}, commandOf(run));
  const copy = button("copy", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      copy.textContent = "copied";
    } catch {
      getSelection().selectAllChildren(code); // to be copied by hand
    }
  });
  return make("p", { class: "command" }, code, " ", copy);
}

const search = make("input", { type: "search", placeholder: "run, setting, reason" });
search.addEventListener("input", () => ((view.text = search.value), (view.rows = STEP), drawTable()));
const count = make("p", { role: "status", id: "run-count" });
const more = button("", () => ((view.rows += STEP), drawTable()));
const comparison = make("div", { id: "comparison" });
const kinds = (key) => [...new Set(runs.map((run) => run[key]))].sort();
const controls = make("div", { class: "controls" }, make("label", {}, "search ", search),
  options("state", kinds("state"), "state"));
if (data.sweeps.length > 1) controls.append(options("sweep", data.sweeps.map((sweep) => sweep.name), "sweep"));
const scroll = table.parentElement;
document.getElementById("run-words").textContent = "Pick runs by their boxes, here or by their marks in the charts.";
scroll.before(controls, comparison, count);
scroll.after(more);
for (const header of table.tHead.querySelectorAll("th")) {
  header.replaceChildren(button(header.textContent, () => sorted(header)));
}
drawTable();
let onScreen = 0;
addEventListener("beforeprint", () => {
  onScreen = view.rows;
  view.rows = Math.max(view.rows, ON_PAPER);
  drawTable();
  if (!more.hidden) count.textContent += `; the first ${view.rows} are printed`;
});
addEventListener("afterprint", () => ((view.rows = onScreen), drawTable()));
