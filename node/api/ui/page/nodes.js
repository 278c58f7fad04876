import { el, list, row, set, text } from "./dom.js";

const gib = 1 << 30, mib = 1 << 20;

/** nodes draws the table of nodes. */
export function nodes(model) {
  list(document.getElementById("nodes"), model.nodes, (n) => n.id, make, (tr, n) => fill(tr, n, model));
}

function make() {
  const tr = row("", "", "", "number", "", "", "", "address");
  tr.cells[1].append(el("span", { class: "badge" }));
  tr.cells[7].append(el("a"));
  return tr;
}

function fill(tr, n, model) {
  const [id, state, role, lag, disk, memory, version, api] = tr.cells;
  set(tr, "data-node", n.id);
  text(id, n.region ? `${n.id} · ${n.region}` : n.id);
  const badge = state.firstChild;
  set(badge, "data-state", !n.up ? "bad" : n.silent ? "warn" : "good");
  text(badge, !n.up ? `down: ${n.down}` : n.silent ? "no answer" : "up");
  text(role, n.up ? [n.role, n.voter ? "" : n.membership].filter(Boolean).join(", ") : "–");
  set(role, "data-leader", n.up && n.role === "leader" ? "" : undefined);
  text(lag, n.lag === undefined ? "–" : n.lag.toLocaleString("en"));
  text(disk, n.disk || (n.diskKnown ? "ok" : "–"));
  set(disk, "data-state", n.disk ? "bad" : undefined);
  text(memory, n.memoryBudget ? `${size(n.memoryUsed)} of ${size(n.memoryBudget)}` : "–");
  text(version, n.version || "–");
  const link = api.firstChild;
  text(link, n.api);
  set(link, "href", n.id === model.servedBy || !n.api ? undefined : `https://${n.api}/ui`);
}

function size(bytes) {
  return bytes >= gib ? `${(bytes / gib).toFixed(1)} GiB` : `${Math.round(bytes / mib)} MiB`;
}
