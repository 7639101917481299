// What the page says, in the language that the server chose by the browser's Accept-Language.

const table = JSON.parse(document.querySelector("#words").textContent);
const rules = new Intl.PluralRules(document.documentElement.lang);

/** The sentence `key` with {names} replaced by `values`; where it has forms, that of `values.count`. */
export function say(key, values = {}) {
  const found = table[key];
  const text = typeof found === "object" ? (found[rules.select(values.count)] ?? found.other) : found;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** A text of a study: those that medattngan itself wrote are known in every language, others stay as they are. */
export function told(text) {
  return table.protocol[text] ?? text;
}

/** The words of the page's own elements: data-say is their text, data-name their name for who cannot see them. */
export function localise() {
  for (const one of document.querySelectorAll("[data-say]")) one.textContent = say(one.dataset.say);
  for (const one of document.querySelectorAll("[data-name]")) one.setAttribute("aria-label", say(one.dataset.name));
}
