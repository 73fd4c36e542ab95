// What every page has: keys, forms that ask operations, copying, and parts that follow what happens on the host.

import { page } from "./html.js";
import { listen } from "./feed.js";

const said = document.getElementById("said");
let hush = 0;

/** Tell what came of something. */
export function say(text, kind = "") {
  clearTimeout(hush);
  said.className = kind;
  said.textContent = text;
  hush = setTimeout(() => { said.textContent = ""; said.className = ""; }, kind === "bad" ? 12_000 : 5_000);
}

// ---- operations ----

/** Ask for an operation. Throws an Error in words. */
export async function ask(method, path, body) {
  const answer = await fetch(path, {
    method,
    headers: { Accept: "application/json", ...(method === "GET" ? {} : { "Content-Type": "application/json" }) },
    body: method === "GET" || body === undefined ? undefined : JSON.stringify(body),
  });
  if (answer.status === 401) location.reload();
  const found = await answer.json();
  if (answer.ok) return found;
  const { message, hint, problems = [] } = found.error;
  const lines = problems.map((each) => `${each.path}: ${each.message}${each.hint ? ` (${each.hint})` : ""}`);
  throw new Error([hint ? `${message}: ${hint}` : message, ...lines].join("\n"));
}

function valueOf(field) {
  if (field.type === "checkbox") return field.checked;
  if (field.dataset.kind === "json") return JSON.parse(field.value);
  return field.dataset.kind === "number" ? Number(field.value) : field.value;
}

/** The body that a form's fields make; "." is all of it, "a.b" stands in an object a, and empty ones are left out. */
function bodyOf(form) {
  const body = {};
  for (const field of form.elements) {
    if (!field.name || (field.value === "" && field.type !== "checkbox")) continue;
    if (field.name === ".") Object.assign(body, valueOf(field));
    else {
      const around = field.name.split(".");
      const last = around.pop();
      around.reduce((inner, name) => (inner[name] ??= {}), body)[last] = valueOf(field);
    }
  }
  return body;
}

async function submit(form, button) {
  const { method, path, then, done } = form.dataset;
  if (button) button.disabled = true;
  try {
    const found = await ask(method, path, bodyOf(form));
    if (then === "reload") return location.reload();
    say((form.dataset.line === undefined ? found.text : undefined) ?? done ?? "Done.", found.cured === false ? "bad" : "good");
    form.dispatchEvent(new CustomEvent("answered", { bubbles: true, detail: found }));
    if (then) location.assign(then);
    else refresh();
  } catch (error) {
    say(error instanceof SyntaxError ? `That is not JSON: ${error.message}` : error.message, "bad");
  } finally {
    if (button) button.disabled = false;
  }
}

document.addEventListener("submit", (event) => {
  if (event.target.method === "dialog") return;
  event.preventDefault();
  if (event.target.dataset.path) submit(event.target, event.submitter);
  else if (event.target.dataset.page) location.assign(`${event.target.dataset.page}?${new URLSearchParams(new FormData(event.target))}`);
});

// ---- parts that follow the host ----

let due = 0;
let asking = false;

/** Ask for this page again and put what changed in its place. What is being written into stays. */
export async function refresh() {
  clearTimeout(due);
  if (asking) return later();
  asking = true;
  const fresh = await page(location.href);
  asking = false;
  if (!fresh) return;
  for (const now of document.querySelectorAll("[data-live]")) {
    const then = fresh.getElementById(now.id);
    if (!then || same(now, then)) continue;
    const active = document.activeElement;
    const writing = now.contains(active) && active.matches("input:not([type=checkbox]), textarea, select");
    if (writing) { later(); continue; }
    const open = new Map([...now.querySelectorAll("details[id]")].map((each) => [each.id, each.open]));
    for (const each of then.querySelectorAll("details[id]")) each.open = open.get(each.id) ?? each.open;
    const focused = now.contains(active) ? active.id : "";
    now.className = then.className;
    now.replaceChildren(...document.importNode(then, true).childNodes);
    if (focused) document.getElementById(focused)?.focus();
  }
}

function same(now, then) {
  const [a, b] = [now, then].map((each) => {
    const copy = each.cloneNode(true);
    for (const inner of copy.querySelectorAll("details")) inner.removeAttribute("open");
    return copy.innerHTML + copy.className;
  });
  return a === b;
}

function later() {
  clearTimeout(due);
  due = setTimeout(refresh, 300);
}

/** For what else a page wants to hear of. */
export function follow(heard = {}, mark) {
  listen({ ...heard, changed: (data) => { heard.changed?.(data); later(); } }, mark);
}
const poll = Number(document.body.dataset.poll);
if (poll) setInterval(() => { if (!document.hidden) refresh(); }, poll); // who may not listen asks again
else if (!document.getElementById("list")) follow();

// ---- clicks ----

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.copy) copy(document.getElementById(button.dataset.copy));
  if (button.dataset.show) {
    for (const each of button.parentElement.children) {
      const chosen = each === button;
      each.setAttribute("aria-pressed", String(chosen));
      document.getElementById(each.dataset.show).hidden = !chosen;
    }
  }
  if (button.id === "help") keys.showModal();
});

/** Copy an element's text; where the browser forbids it, open and select it. */
export async function copy(from) {
  try {
    await navigator.clipboard.writeText(from.textContent);
    say("Copied.", "good");
  } catch {
    const around = from.closest("details");
    if (around) around.open = true;
    getSelection().selectAllChildren(from);
    say("Press Ctrl+C to copy.");
  }
}

// ---- narrowing a list on the page ----

document.addEventListener("input", ({ target }) => {
  if (!target.dataset.narrows) return;
  const words = target.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const each of document.querySelectorAll(target.dataset.narrows)) {
    const text = each.textContent.toLowerCase();
    each.hidden = !words.every((word) => text.includes(word));
  }
});

// ---- keys ----

const keys = document.getElementById("keys");
const on = document.getElementById("keys-on");
on.checked = localStorage.getItem("keys") !== "off";
on.addEventListener("change", () => localStorage.setItem("keys", on.checked ? "on" : "off"));
const own = new Map();

function focusable(name) {
  return document.querySelector(`[data-focus="${CSS.escape(name)}"]`);
}

/** Have a key do something on this page. */
export function key(name, does) {
  own.set(name, does);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || keys.open) return;
  const typing = event.target.matches("input:not([type=checkbox]), textarea, select");
  if (typing && event.key === "Escape") event.target.blur();
  if (typing || (event.key.length === 1 && !on.checked)) return;
  if (event.key === "?") keys.showModal();
  else if (own.has(event.key)) own.get(event.key)(event);
  else if (focusable(event.key)) focusable(event.key).focus();
  else {
    const link = document.querySelector(`nav a[data-key="${CSS.escape(event.key)}"]`);
    if (!link) return;
    link.click();
  }
  event.preventDefault();
});

// ---- from here on there is somebody who listens; until then a press would go to the browser itself ----

document.body.inert = false;
