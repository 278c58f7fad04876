import { el, list, set, text } from "./dom.js";
import { percent, roundTrip } from "./model.js";

/** links draws the matrix: a row says how one node sees its way to the others. */
export function links(model) {
  const head = document.getElementById("links-head");
  if (!head.firstChild) head.append(el("tr"));
  list(head.firstChild, [{ id: 0 }, ...model.nodes], (n) => n.id, (n) => el(n.id ? "th" : "td", n.id ? { scope: "col" } : {}),
    (cell, n) => text(cell, n.id ? `to node ${n.id}` : ""));
  list(document.getElementById("links"), model.links, (l) => l.from, (l) => el("tr", { "data-from": l.from }), fillRow);
}

function fillRow(tr, l) {
  list(tr, [{ to: 0, from: l.from }, ...l.to], (c) => c.to, (c) => el(c.to ? "td" : "th", c.to ? { "data-to": c.to } : { scope: "row" }), fillCell);
}

function fillCell(cell, l) {
  if (!l.to) return text(cell, `from node ${l.from}`);
  set(cell, "data-state", l.state);
  text(cell, words(l));
}

function words(l) {
  switch (l.state) {
    case "self": return "·";
    case "unknown": return "not known";
    case "down": return l.down ? `down: ${l.down}` : "down";
    case "lossy": return `${roundTrip(l.rtt)}, loses ${percent(l.loss)}`;
    default: return roundTrip(l.rtt) || "up";
  }
}
