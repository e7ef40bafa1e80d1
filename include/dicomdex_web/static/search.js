// The search page: keys, the brush of the histograms, offers while typing. Without it links and forms do the same.
import { writing } from "/static/page.js";

const rows = () => [...document.querySelectorAll("[data-row]")];
let at = -1;

function go(step) {
  const all = rows();
  if (!all.length) return;
  all[at]?.classList.remove("at");
  at = Math.min(Math.max(at + step, 0), all.length - 1);
  all[at].classList.add("at");
  all[at].querySelector("a.open")?.focus({ preventScroll: true });
  all[at].scrollIntoView({ block: "nearest" });
}

const columnsOf = (list) => {
  const tiles = list.matches(".gallery") ? rows() : [];
  const first = tiles[0]?.offsetTop;
  return tiles.findIndex((tile) => tile.offsetTop !== first) > 0 ? tiles.findIndex((tile) => tile.offsetTop !== first) : 1;
};

const press = (selector) => document.querySelector(selector)?.click();
const ofRow = (selector) => rows()[at]?.querySelector(selector)?.click();
const ACTIONS = {
  "/": () => document.querySelector("#text")?.select(),
  j: () => go(1), k: () => go(-1),
  ArrowDown: () => go(columnsOf(document.querySelector("[data-keys]"))),
  ArrowUp: () => go(-columnsOf(document.querySelector("[data-keys]"))),
  ArrowRight: () => go(1), ArrowLeft: () => go(-1),
  o: () => ofRow("a.open"), d: () => ofRow("a.file"), x: () => ofRow("input[name=id]"), " ": () => ofRow("input[name=id]"),
  1: () => press(".levels a:nth-child(1)"), 2: () => press(".levels a:nth-child(2)"), 3: () => press(".levels a:nth-child(3)"),
  g: () => press(".views a:not([aria-current])"), n: () => press("a.next"),
};

document.addEventListener("keydown", (event) => {
  if (writing(event) || event.target.closest?.("#offers, summary")) return;
  const action = ACTIONS[event.key];
  const inResults = event.key.startsWith("Arrow") || event.key === " ";
  if (!action || (inResults && !document.querySelector("[data-keys]"))) return;
  if (event.key === " " && at < 0) return;
  event.preventDefault();
  action();
});

// Offers: arrows go through them, Escape closes them.
document.addEventListener("keydown", (event) => {
  const box = document.querySelector("#offers");
  const offers = [...(box?.querySelectorAll("a, button") ?? [])];
  const inside = event.target.id === "text" || box?.contains(event.target);
  if (!inside || !offers.length) return;
  const here = offers.indexOf(document.activeElement);
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    const next = here + (event.key === "ArrowDown" ? 1 : -1);
    (offers[next] ?? document.querySelector("#text")).focus();
  } else if (event.key === "Escape") {
    closeOffers();
    document.querySelector("#text").focus();
  }
});

function closeOffers() {
  document.querySelector("#offers")?.replaceChildren();
  document.querySelector("#text")?.setAttribute("aria-expanded", "false");
}

document.addEventListener("htmx:afterSwap", (event) => {
  at = -1;
  if (event.target.id === "offers") {
    document.querySelector("#text")?.setAttribute("aria-expanded", String(event.target.childElementCount > 0));
  }
});
document.addEventListener("click", (event) => {
  if (!event.target.closest(".ask")) closeOffers();
});
document.addEventListener("submit", () => {
  window.htmx?.trigger("#text", "htmx:abort");
});

// Brush: press on a bar, pull to another; one step that is pressed and let go is a link.
let brush = null;

function span(brushed) {
  const bars = [...brushed.svg.querySelectorAll("a")];
  const ends = [bars.indexOf(brushed.from), bars.indexOf(brushed.to)].sort((one, other) => one - other);
  return bars.slice(ends[0], ends[1] + 1);
}

function barAt(svg, x) {
  const bars = [...svg.querySelectorAll("a")];
  const box = svg.getBoundingClientRect();
  const place = Math.floor(((x - box.left) / box.width) * bars.length);
  return bars[Math.min(Math.max(place, 0), bars.length - 1)];
}

document.addEventListener("pointerdown", (event) => {
  const svg = event.target.closest?.(".histogram svg");
  if (!svg || event.button !== 0) return;
  event.preventDefault();
  brush = { svg, from: barAt(svg, event.clientX), to: barAt(svg, event.clientX) };
});
document.addEventListener("pointermove", (event) => {
  if (!brush) return;
  brush.to = barAt(brush.svg, event.clientX);
  const bars = span(brush);
  const first = bars[0].querySelector(".hit");
  const last = bars.at(-1).querySelector(".hit");
  const mark = brush.svg.querySelector(".brush");
  const left = Number(first.getAttribute("x"));
  mark.setAttribute("x", left);
  mark.setAttribute("width", Number(last.getAttribute("x")) + Number(last.getAttribute("width")) - left);
});
document.addEventListener("pointerup", () => {
  if (!brush) return;
  const bars = span(brush);
  const svg = brush.svg;
  brush = null;
  const fieldset = svg.closest(".histogram");
  const name = fieldset.dataset.field;
  fieldset.querySelector(`[name="from.${name}"]`).value = bars[0].dataset.low;
  fieldset.querySelector(`[name="to.${name}"]`).value = bars.at(-1).dataset.high;
  svg.closest("form").requestSubmit();
});
document.addEventListener("dragstart", (event) => {
  if (event.target.closest?.(".histogram")) event.preventDefault();
});
document.addEventListener("click", (event) => {
  // The pointer has done it already; a click by Enter has no pointer.
  if (event.target.closest?.(".histogram svg") && event.detail > 0) {
    event.preventDefault();
    event.stopPropagation();
  }
}, true);

// The list of columns: typing narrows it.
document.addEventListener("input", (event) => {
  if (!event.target.matches("[data-filter]")) return;
  const wanted = event.target.value.toLowerCase();
  for (const label of event.target.closest("form").querySelectorAll(".scroll label")) {
    const named = `${label.textContent} ${label.querySelector("input").value}`.toLowerCase();
    label.hidden = !named.includes(wanted);
  }
});

// On a narrow screen what narrows down is folded until one asks for it.
const narrow = matchMedia("(max-width: 56rem)");
const fold = () => narrow.matches && document.querySelector(".facets .fold")?.removeAttribute("open");
document.addEventListener("htmx:afterSettle", fold);
fold();
