// The journal: a list of any length of which only the visible rows are elements, and the chosen exchange beside it.

import { ask, copy, follow, key, say } from "./console.js";
import { compile } from "./filter.js";
import { element, page } from "./html.js";

const MOST = 10_000;
const SPARE = 6;

const list = document.getElementById("list");
const panel = document.getElementById("panel");
const input = document.getElementById("filter");
const count = document.getElementById("count");
const newer = document.getElementById("newer");
const empty = document.getElementById("empty");
const pause = document.getElementById("pause");
const fields = list.dataset.fields.split(",");
const space = list.appendChild(element("div", "space"));
space.role = "presentation";

let rows = []; // all that are known, in the order in which they came
let shown = []; // those that fit the filter
let byNumber = new Map();
let waiting = []; // what came while paused
let epoch = -1;
let last = 0;
let filter = compile("");
let chosen = null; // a row
let tail = true; // whether the latest is followed
let paused = false;
let height = 32;

// ---- what comes ----

function made(values) {
  const row = Object.fromEntries(fields.map((name, index) => [name, values[index]]));
  row.text = [row.connector, row.operation, row.who, row.id, row.status, row.rule, ...row.faults, row.reason, row.verdict,
    row.method, row.target, row.bug].filter((each) => each !== null).join(" ").toLowerCase();
  return row;
}

function take({ passed, rows: came }) {
  if (passed) came.unshift([`gap${last}`, null, null, "gap", null, null, null, null, [], gapText(passed), "", false, "", "", 0, null]);
  if (paused) { waiting.push(...came); draw(); return; }
  add(came);
}

function gapText(passed) {
  return `${passed.toLocaleString("en")} exchange${passed === 1 ? "" : "s"} went by too fast to be listed`;
}

function add(came) {
  for (const values of came) {
    const row = made(values);
    const known = byNumber.get(row.number);
    if (known) {
      Object.assign(known, row);
      if (known === chosen) openSoon();
      continue;
    }
    byNumber.set(row.number, row);
    rows.push(row);
    if (typeof row.number === "number") last = Math.max(last, row.number);
    if (filter.fits(row)) shown.push(row);
  }
  if (rows.length > MOST) {
    const gone = new Set(rows.splice(0, rows.length - MOST));
    for (const row of gone) byNumber.delete(row.number);
    const before = shown.length;
    shown = shown.filter((row) => !gone.has(row));
    if (!tail) list.scrollTop -= (before - shown.length) * height;
  }
  draw();
}

function forget() {
  rows = []; shown = []; waiting = []; byNumber = new Map(); last = 0;
  choose(null);
  close();
  draw();
}

// ---- the list ----

let drawing = 0;
function draw() {
  if (!drawing) drawing = requestAnimationFrame(paint);
}

const pool = [];
function paint() {
  drawing = 0;
  height = parseFloat(getComputedStyle(list).getPropertyValue("--row")) || 32;
  space.style.height = `${shown.length * height}px`;
  if (tail) list.scrollTop = shown.length * height;
  const first = Math.max(0, Math.floor(list.scrollTop / height) - SPARE);
  const many = Math.min(shown.length - first, Math.ceil(list.clientHeight / height) + 2 * SPARE);
  while (pool.length < many) pool.push(space.appendChild(blank()));
  pool.forEach((line, index) => {
    line.hidden = index >= many;
    if (index < many) fill(line, shown[first + index], first + index);
  });
  const active = shown.indexOf(chosen);
  if (active >= first && active < first + many) list.setAttribute("aria-activedescendant", pool[active - first].id);
  else list.removeAttribute("aria-activedescendant");
  tell();
}

function blank() {
  const line = element("div", "row");
  line.role = "option";
  line.id = `row-${pool.length}`;
  for (const kind of ["at", "status", "what", "took", "why"]) line.append(element("span", kind));
  const [, , what, , why] = line.children;
  for (const kind of ["op", "who", "in"]) what.append(element("span", kind), " ");
  for (const kind of ["rule", "reason"]) why.append(element("span", kind), " ");
  return line;
}

function fill(line, row, index) {
  line.style.transform = `translateY(${index * height}px)`;
  line.setAttribute("aria-setsize", shown.length);
  line.setAttribute("aria-posinset", index + 1);
  line.setAttribute("aria-selected", String(row === chosen));
  if (line.row === row && line.state === stateOf(row)) return;
  line.row = row;
  line.state = stateOf(row);
  const [at, status, what, took, why] = line.children;
  line.dataset.kind = kindOf(row);
  at.textContent = row.at ? clock(row.at) : "";
  const isExchange = typeof row.number === "number";
  status.textContent = isExchange ? row.status ?? "none" : "";
  set(what, 0, sentence(row.operation, row.probe));
  set(what, 1, row.who ?? row.id ?? (row.connector === null && isExchange ? `${row.method} ${row.target}` : ""));
  set(what, 2, row.connector === null ? "" : `in ${row.connector}`);
  took.textContent = row.took === null ? "" : row.took < 1000 ? `${row.took.toFixed(1)} ms` : `${(row.took / 1000).toFixed(2)} s`;
  set(why, 0, row.rule === null ? "" : [row.rule, ...row.faults].join(" · "));
  set(why, 1, row.bug ? `a bug in mockhost: ${row.bug}` : row.reason ?? "");
}

function set(parent, index, text) {
  const child = parent.children[index];
  child.textContent = text;
  child.hidden = !text;
}

function stateOf(row) {
  return `${row.number} ${row.status} ${row.took} ${row.rule} ${row.reason} ${row.bug}`;
}

function kindOf(row) {
  if (row.operation === "gap") return "gap";
  if (typeof row.number !== "number" || row.status === null || row.bug) return "s0";
  return `s${Math.floor(row.status / 100)}`;
}

function sentence(operation, probe) {
  if (operation === "gap") return "";
  if (operation === "connection") return "Failed handshake from";
  const text = operation.replaceAll("_", " ");
  return text[0].toUpperCase() + text.slice(1) + (probe ? " (probe)" : "");
}

function clock(iso) {
  const at = new Date(iso);
  return `${at.toLocaleTimeString("en-GB")}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

function tell() {
  const number = (many) => many.toLocaleString("en");
  count.textContent = filter.all ? number(rows.length) : `${number(shown.length)} of ${number(rows.length)}`;
  empty.hidden = shown.length > 0;
  document.getElementById("unfit").hidden = rows.length === 0;
  document.getElementById("none-yet").hidden = rows.length > 0;
  const below = paused ? waiting.length : 0;
  newer.hidden = (tail || shown.length * height <= list.clientHeight) && !paused;
  newer.textContent = paused ? `Go on${below ? `: ${number(below)} came meanwhile` : ""}` : "↓ Latest";
}

list.addEventListener("scroll", () => {
  const atEnd = list.scrollTop + list.clientHeight >= shown.length * height - height / 2;
  if (atEnd !== tail) tail = atEnd;
  draw();
}, { passive: true });
new ResizeObserver(draw).observe(list);

newer.addEventListener("click", () => {
  if (paused) goOn();
  tail = true;
  draw();
});

// ---- filter, pause, clear ----

function apply(text) {
  input.value = text;
  filter = compile(text);
  shown = rows.filter(filter.fits);
  for (const button of document.querySelectorAll("[data-filter]")) {
    button.setAttribute("aria-pressed", String(button.dataset.filter === text.trim()));
  }
  const query = text.trim() ? `?filter=${encodeURIComponent(text.trim())}` : "";
  history.replaceState(null, "", location.pathname + query + location.hash);
  if (filter.unknown.length) say(`There is no field ${filter.unknown.join(", ")}; it is searched for as a word.`);
  tail = true;
  draw();
}

input.addEventListener("input", () => apply(input.value));
input.addEventListener("keydown", (event) => { if (event.key === "Escape") apply(""); });
document.getElementById("filters").addEventListener("click", (event) => {
  const wanted = event.target.dataset.filter;
  if (wanted !== undefined) apply(wanted);
});

function goOn() {
  paused = false;
  pause.setAttribute("aria-pressed", "false");
  pause.textContent = "Pause";
  add(waiting.splice(0));
}

pause.addEventListener("click", () => {
  if (paused) return goOn();
  paused = true;
  pause.setAttribute("aria-pressed", "true");
  pause.textContent = "Go on";
  draw();
});

document.getElementById("clear").addEventListener("click", async (event) => {
  const { method, path } = event.currentTarget.dataset;
  try {
    await ask(method, path, {});
    const numbers = last;
    forget();
    last = numbers; // they go on
  } catch (error) {
    say(error.message, "bad");
  }
});

// ---- choosing, and the exchange beside ----

function choose(row) {
  chosen = row;
  draw();
}

function move(to) {
  if (!shown.length) return;
  const index = Math.max(0, Math.min(shown.length - 1, to));
  choose(shown[index]);
  reveal(index);
  if (!panel.hidden) openSoon();
}

function reveal(index) {
  tail = index === shown.length - 1;
  const top = index * height;
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + height > list.scrollTop + list.clientHeight) list.scrollTop = top + height - list.clientHeight;
}

function by(step) {
  const at = shown.indexOf(chosen);
  move(at < 0 ? (step > 0 ? 0 : shown.length - 1) : at + step);
}

let opening = 0;
function openSoon() {
  clearTimeout(opening);
  opening = setTimeout(open, 80);
}

async function open() {
  clearTimeout(opening);
  const row = chosen;
  if (!row || typeof row.number !== "number") return;
  const found = await page(`/console/journal/${row.number}`);
  const article = found?.querySelector("article");
  if (!article || row !== chosen) return;
  panel.replaceChildren(document.importNode(article, true));
  panel.hidden = false;
  panel.scrollTop = 0;
  document.body.classList.add("open");
  history.replaceState(null, "", `${location.pathname}${location.search}#${row.number}`);
  paint(); // rows may be higher now
  reveal(shown.indexOf(row));
  draw();
}

function close() {
  panel.hidden = true;
  panel.replaceChildren();
  document.body.classList.remove("open");
  history.replaceState(null, "", location.pathname + location.search);
  draw();
}

list.addEventListener("click", (event) => {
  const line = event.target.closest(".row");
  if (!line) return;
  choose(line.row);
  open();
});
panel.addEventListener("click", (event) => {
  if (event.target.closest("[data-close]")) { close(); list.focus(); }
});
panel.addEventListener("answered", (event) => {
  const { number } = event.detail;
  if (number) say(`Sent again as exchange ${number}: ${event.detail.text}`, "good");
});

key("ArrowDown", () => by(1));
key("ArrowUp", () => by(-1));
key("j", () => by(1));
key("k", () => by(-1));
key("PageDown", () => by(Math.floor(list.clientHeight / height)));
key("PageUp", () => by(-Math.floor(list.clientHeight / height)));
key("Home", () => move(0));
key("End", () => move(shown.length - 1));
list.addEventListener("keydown", (event) => { if (event.key === "Enter") open(); });
key("o", open);
key("Escape", () => { if (!panel.hidden) { close(); list.focus(); } else if (input.value) apply(""); });
key("/", () => input.focus());
key("f", () => apply(input.value === "status:4xx,5xx,none" ? "" : "status:4xx,5xx,none"));
key("p", () => pause.click());
key("x", () => document.getElementById("clear").click());
key("r", () => document.getElementById("again")?.click());
key("y", () => { const from = document.getElementById("copy-1"); if (from) copy(from); });

// ---- beginning ----

apply(new URLSearchParams(location.search).get("filter") ?? "");
let wanted = Number(location.hash.slice(1));
follow({
  hello(data) {
    if (data.epoch !== epoch && epoch >= 0) forget();
    epoch = data.epoch;
  },
  rows(data) {
    take(data);
    if (wanted && byNumber.has(wanted)) { choose(byNumber.get(wanted)); wanted = 0; open(); }
  },
}, () => ({ epoch, since: last }));
list.focus();
