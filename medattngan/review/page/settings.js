// What a reader likes, kept in this browser: the theme, how pixels are drawn, whether letters are shortcuts.

const PREFIX = "medattngan-review-";

/** The stored choice if it is one of `choices`, else the first of them. */
export function setting(name, choices) {
  try {
    const stored = localStorage.getItem(PREFIX + name);
    return choices.includes(stored) ? stored : choices[0];
  } catch {
    return choices[0]; // a browser that keeps nothing
  }
}

export function keepSetting(name, value) {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // a browser that keeps nothing: the choice holds until the page is left
  }
}

const THEMES = ["dark", "light"];

export function toggleTheme() {
  const theme = THEMES[1 - THEMES.indexOf(document.documentElement.dataset.theme)];
  document.documentElement.dataset.theme = theme;
  keepSetting("theme", theme);
}

/** Dark, until the reader has chosen otherwise. */
export function bindTheme(button) {
  document.documentElement.dataset.theme = setting("theme", THEMES);
  button.onclick = toggleTheme;
}
