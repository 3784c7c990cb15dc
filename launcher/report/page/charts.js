// Marks of the same run, in all charts and in the table, light up together; axes choose runs.

const SVG = "http://www.w3.org/2000/svg";
const marks = new Map(); // name -> its marks
const axes = [];
for (const mark of document.querySelectorAll(".chart [data-mark]")) {
  const name = mark.dataset.mark;
  if (name.startsWith("{")) {
    axes.push({ ...JSON.parse(name), line: mark });
    mark.removeAttribute("data-mark");
  } else {
    if (!marks.has(name)) marks.set(name, []);
    marks.get(name).push(mark);
  }
}

const tip = make("div", { id: "tip", hidden: "" });
document.body.append(tip);
let hot = null;

function lit(name) {
  if (name === hot) return;
  for (const mark of marks.get(hot) || []) mark.classList.remove("hot");
  body.querySelector("tr.hot")?.classList.remove("hot");
  hot = name;
  for (const mark of marks.get(hot) || []) mark.classList.add("hot");
  if (byName.has(hot)) body.querySelector(`tr[data-run="${hot}"]`)?.classList.add("hot");
}

function told(name, event) {
  const run = byName.get(name);
  const settings = run ? varied(run).map(([key, value]) => `${key} ${shown(value, 3)}`) : [];
  tip.textContent = run ? [`${name}, ${run.sweep}`, `value ${fixed(run.value, 4)}`, ...settings].join("\n") : name;
  tip.hidden = false;
  tip.style.left = `${Math.max(0, Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8))}px`;
  tip.style.top = `${Math.max(0, Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8))}px`;
}

document.addEventListener("pointerover", (event) => {
  const mark = event.target.closest("[data-mark]");
  const name = mark?.dataset.mark ?? event.target.closest("tr[data-run]")?.dataset.run ?? null;
  lit(name);
  if (mark) told(name, event);
  else tip.hidden = true;
});
document.addEventListener("focusin", (event) => lit(event.target.closest("tr[data-run]")?.dataset.run ?? null));
document.addEventListener("keydown", (event) => event.key === "Escape" && (tip.hidden = true));
document.addEventListener("click", (event) => {
  const name = event.target.closest(".chart [data-mark]")?.dataset.mark;
  if (byName.has(name)) pick(name, !picked.has(name));
});

redrawn.push(() => {
  document.body.classList.toggle("choosing", chosen !== null);
  for (const [name, own] of marks) {
    for (const mark of own) {
      mark.classList.toggle("chosen", chosen !== null && chosen.has(name));
      mark.classList.toggle("picked", picked.has(name));
    }
  }
});

// Charts whose marks are not runs (teams): one can be picked by its name.
for (const chart of document.querySelectorAll(".chart")) {
  const own = [...chart.querySelectorAll("[data-mark]")].filter((mark) => !mark.dataset.mark.startsWith("run_"));
  const names = [...new Set(own.map((mark) => mark.dataset.mark))].sort();
  if (names.length < 2) continue;
  const list = make("select", {}, make("option", { value: "" }, "none"), ...names.map((name) => make("option", {}, name)));
  list.addEventListener("change", () => {
    chart.classList.toggle("picking", list.value !== "");
    for (const mark of own) mark.classList.toggle("picked", mark.dataset.mark === list.value);
  });
  chart.before(make("p", { class: "controls" }, make("label", {}, "highlight ", list)));
}

// Where a run meets an axis; undefined where it does not.
function valueOn(axis, run) {
  const value = run.figures.get(axis.axis) ?? run.parameters.get(axis.axis) ?? undefined;
  return axis.kind === "choice" && value !== undefined ? shown(value, 3) : value;
}

function within(axis, run) {
  if (!axis.range) return true;
  if (run.of.target !== axis.target) return false; // values of two targets are two different things
  const value = valueOn(axis, run);
  if (value === undefined) return false;
  if (axis.kind === "choice") return axis.range.includes(value);
  const [from, to] = axis.range;
  const slack = Math.abs(axis.high - axis.low) * 5e-4; // numbers in the page are rounded
  return value >= from - slack && value <= to + slack;
}

function chosenAnew() {
  const active = axes.some((axis) => axis.range);
  choose(active ? new Set(runs.filter((run) => axes.every((axis) => within(axis, run))).map((run) => run.run)) : null);
  for (const axis of axes) drawBrush(axis);
}

// Places on an axis: 0 at the bottom, 1 at the top.
function placeOf(axis, value) {
  if (axis.kind === "choice") return axis.values.length > 1 ? axis.values.indexOf(value) / (axis.values.length - 1) : 0.5;
  const scale = axis.kind === "logarithm" ? (number) => Math.log(Math.max(number, Number.MIN_VALUE)) : Number;
  if (axis.low === axis.high) return 0.5;
  return (scale(value) - scale(axis.low)) / (scale(axis.high) - scale(axis.low));
}

function numberAt(axis, place) {
  const at = Math.min(1, Math.max(0, place));
  if (axis.kind === "logarithm") return axis.low * (axis.high / axis.low) ** at;
  return axis.low + (axis.high - axis.low) * at;
}

function drawBrush(axis) {
  axis.brush.setAttribute("visibility", axis.range ? "visible" : "hidden");
  if (!axis.range) return;
  const places = axis.range.map((value) => Math.min(1, Math.max(0, placeOf(axis, value))));
  const margin = axis.kind === "choice" ? 0.03 : 0;
  const [low, high] = [Math.min(...places) - margin, Math.max(...places) + margin];
  axis.brush.setAttribute("y", axis.box.y + axis.box.height * (1 - high));
  axis.brush.setAttribute("height", Math.max(2, axis.box.height * (high - low)));
}

function brushed(axis, one, other) {
  const near = (place) => (place < 0.02 ? 0 : place > 0.98 ? 1 : place); // an end is easily missed by a pixel
  const [low, high] = [near(Math.min(one, other)), near(Math.max(one, other))];
  if (high - low < 0.01) axis.range = null;
  else if (axis.kind === "choice") axis.range = axis.values.filter((v) => placeOf(axis, v) >= low && placeOf(axis, v) <= high);
  else axis.range = [numberAt(axis, low), numberAt(axis, high)].sort((a, b) => a - b);
  fillInputs(axis);
  chosenAnew();
}

function rectangle(axis, name, width) {
  const made = document.createElementNS(SVG, "rect");
  for (const [key, value] of Object.entries({ class: name, x: -width / 2, width, y: axis.box.y, height: axis.box.height })) {
    made.setAttribute(key, value);
  }
  made.setAttribute("transform", `translate(${axis.box.x} 0)`);
  return made;
}

function brushable(axis) {
  const own = axis.line.getBBox();
  const moved = axis.line.transform.baseVal.consolidate()?.matrix ?? { e: 0, f: 0 };
  axis.box = { x: own.x + moved.e, y: own.y + moved.f, height: own.height };
  axis.brush = rectangle(axis, "brush", 18);
  const handle = rectangle(axis, "handle", 34);
  // Above all lines, which would take the pointer away: at the end of the whole plot.
  const plot = axis.line.parentElement.parentElement;
  plot.append(axis.brush, handle);
  const placeAt = (event) => {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(handle.getScreenCTM().inverse());
    return 1 - (point.y - axis.box.y) / axis.box.height;
  };
  let from = null;
  handle.addEventListener("pointerdown", (event) => {
    from = placeAt(event);
    handle.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  handle.addEventListener("pointermove", (event) => from !== null && brushed(axis, from, placeAt(event)));
  handle.addEventListener("pointerup", (event) => {
    if (from !== null) brushed(axis, from, placeAt(event));
    from = null;
  });
}

// The same by keyboard: an axis's ends as numbers, or its choices as boxes.
function inputs(axis) {
  const field = make("fieldset", {}, make("legend", {}, axis.axis));
  if (axis.kind === "choice") {
    axis.boxes = axis.values.map((value) => [value, make("input", { type: "checkbox" })]);
    field.append(...axis.boxes.map(([value, box]) => make("label", {}, box, ` ${value}`)));
    field.addEventListener("change", () => {
      const on = axis.boxes.filter(([, box]) => box.checked).map(([value]) => value);
      axis.range = on.length ? on : null;
      chosenAnew();
    });
    return field;
  }
  axis.ends = ["from", "to"].map((name) => [name, make("input", { type: "number", step: "any" })]);
  field.append(...axis.ends.map(([name, input]) => make("label", {}, `${name} `, input)));
  field.addEventListener("change", () => {
    const [low, high] = axis.ends.map(([, input]) => (input.value === "" ? null : Number(input.value)));
    axis.range = low === null && high === null ? null : [low ?? -Infinity, high ?? Infinity];
    chosenAnew();
  });
  return field;
}

function fillInputs(axis) {
  for (const [value, box] of axis.boxes ?? []) box.checked = axis.range !== null && axis.range.includes(value);
  (axis.ends ?? []).forEach(([, input], i) => (input.value = axis.range ? Number(axis.range[i].toPrecision(6)) : ""));
}

function cleared() {
  for (const axis of axes) {
    axis.range = null;
    fillInputs(axis);
  }
  chosenAnew();
}

axes.forEach(brushable);
for (const chart of new Set(axes.map((axis) => axis.line.closest(".chart")))) {
  const own = axes.filter((axis) => chart.contains(axis.line));
  const summary = make("summary", {}, "Choose runs by numbers");
  const fields = make("details", { class: "axes" }, summary, make("div", { class: "controls" }, ...own.map(inputs)));
  chart.after(make("p", { class: "controls" }, button("choose all", cleared)), fields);
}
axes.forEach(drawBrush);
