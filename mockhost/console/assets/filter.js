// The filter of the journal: words, and fields with values, as the options of `mockhost control journal` have them.

const FIELDS = ["connector", "operation", "status", "method", "id", "who", "verdict", "rule", "fault", "probe", "connection"];
const TOKEN = /(-)?(?:--)?([a-z]+)[:=]("[^"]*"|\S*)|(-)?("[^"]+"|\S+)/gi;

/** A function that says whether a row fits; and what of the text it does not know. */
export function compile(text) {
  const tests = [];
  const unknown = [];
  for (const [, not, field, given, notWord, word] of text.replace(/--([a-z]+)\s+/gi, "$1:").matchAll(TOKEN)) {
    const name = field?.toLowerCase();
    if (name && FIELDS.includes(name)) {
      const values = unquoted(given).toLowerCase().split(",").filter(Boolean);
      if (values.length) tests.push(negated(not, (row) => has(row, name, values)));
    } else {
      if (name && !/^(https?|urn)$/.test(name)) unknown.push(name);
      const wanted = unquoted(word ?? `${field}:${given}`).toLowerCase();
      tests.push(negated(not ?? notWord, (row) => row.text.includes(wanted)));
    }
  }
  return { fits: (row) => tests.every((test) => test(row)), unknown, all: !tests.length };
}

function unquoted(text) {
  return text.replace(/^"|"$/g, "");
}

function negated(not, test) {
  return not ? (row) => !test(row) : test;
}

function has(row, name, values) {
  const found = name === "fault" ? row.faults : [row[name === "fault" ? "faults" : name]];
  return values.some((value) => found.some((each) => (name === "status" ? ofStatus(each, value) : is(each, value))));
}

function ofStatus(status, value) {
  if (status === null) return value === "none";
  return /^[1-5]xx$/.test(value) ? Math.floor(status / 100) === Number(value[0]) : String(status) === value;
}

function is(found, value) {
  if (value === "*") return found !== null && found !== "";
  return found !== null && String(found).toLowerCase() === value;
}
