// The one place where elements are made of text: of pages that this host rendered, in which every value is escaped.

const policy = globalThis.trustedTypes
  ? trustedTypes.createPolicy("console", { createHTML: (text) => text })
  : { createHTML: (text) => text };

/** A page of the console as a document; null if it could not be had. */
export async function page(path) {
  let answer;
  try {
    answer = await fetch(path, { headers: { Accept: "text/html" } });
  } catch {
    return null;
  }
  if (answer.status === 401) location.reload();
  const text = await answer.text();
  return new DOMParser().parseFromString(policy.createHTML(text), "text/html");
}

/** An element with a class and text. */
export function element(tag, kind, text) {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = text;
  return made;
}
