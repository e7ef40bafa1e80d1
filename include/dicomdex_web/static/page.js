// What every page has: the list of keys.
const KEYS = [
  ["/", "to the search box"], ["j k ↓ ↑", "next, previous result"], ["Enter o", "open"], ["Space x", "choose for the cart"],
  ["d", "download the file"], ["1 2 3", "studies, series, instances"], ["g", "table or gallery"], ["n", "next page"], ["?", "this list"],
];

export function writing(event) {
  const target = event.target;
  return event.ctrlKey || event.metaKey || event.altKey ||
    (target instanceof HTMLElement && target.closest("input:not([type=checkbox]), textarea, select, dialog") !== null);
}

function showKeys() {
  const dialog = document.createElement("dialog");
  const list = document.createElement("dl");
  for (const [key, meaning] of KEYS) {
    const term = document.createElement("dt");
    const name = document.createElement("kbd");
    const said = document.createElement("dd");
    name.textContent = key;
    said.textContent = meaning;
    term.append(name);
    list.append(term, said);
  }
  dialog.append(list);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", () => dialog.close());
  document.body.append(dialog);
  dialog.showModal();
}

document.addEventListener("keydown", (event) => {
  if (event.key === "?" && !writing(event)) {
    event.preventDefault();
    showKeys();
  }
});

// A menu closes when one clicks elsewhere or presses Escape.
function closeMenus(but) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (menu !== but) menu.removeAttribute("open");
  }
}
document.addEventListener("click", (event) => closeMenus(event.target.closest("details.menu")));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeMenus(null);
});
