import { set, svg, text } from "./dom.js";
import { percent, roundTrip } from "./model.js";

const middle = { x: 160, y: 140 }, radius = 105, disc = 24;
const labelled = 5; // nodes; with more the drawing has no room for words at its lines

/** ring draws nodes on a circle and the worse direction of each link. */
export function ring(model) {
  const at = new Map(model.nodes.map((n, i) => [n.id, place(i, model.nodes.length)]));
  const parts = [];
  for (const pair of pairs(model)) parts.push(...line(pair, at, model.nodes.length <= labelled));
  for (const n of model.nodes) parts.push(...circle(n, at.get(n.id)));
  document.getElementById("ring").replaceChildren(...parts);
}

function place(i, count) {
  if (count === 1) return middle;
  const low = count === 3 ? radius / 4 : 0; // a triangle that stands in the middle
  const angle = (2 * Math.PI * i) / count - Math.PI / 2;
  return { x: middle.x + radius * Math.cos(angle), y: middle.y + low + radius * Math.sin(angle) };
}

const order = ["self", "unknown", "good", "lossy", "down"];

function pairs(model) {
  const out = [];
  for (const { from, to } of model.links) {
    for (const l of to) {
      if (l.to <= from) continue;
      const back = model.links.find((row) => row.from === l.to).to.find((other) => other.to === from);
      out.push({ from, to: l.to, link: order.indexOf(back.state) > order.indexOf(l.state) ? back : l });
    }
  }
  return out;
}

function line({ from, to, link }, at, words) {
  const a = at.get(from), b = at.get(to);
  const out = [svg("line", { x1: a.x, y1: a.y, x2: b.x, y2: b.y, class: "edge", "data-state": link.state })];
  const label = link.state === "lossy" ? percent(link.loss) : link.state === "down" ? link.down || "down" : roundTrip(link.rtt);
  if (words && label) {
    const t = svg("text", { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, class: "edge-label", "data-state": link.state });
    text(t, label);
    out.push(t);
  }
  return out;
}

function circle(n, { x, y }) {
  const state = !n.up ? "bad" : n.silent ? "warn" : "good";
  const shape = svg("circle", { cx: x, cy: y, r: disc, class: "node", "data-state": state });
  const id = svg("text", { x, y, class: "node-label", "data-state": state });
  text(id, n.id);
  if (!n.up || n.role !== "leader") return [shape, id];
  const crown = svg("circle", { cx: x, cy: y, r: disc + 5, class: "crown" });
  set(crown, "data-leader", "");
  return [crown, shape, id];
}
