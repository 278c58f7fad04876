import { el, list, row, set, text } from "./dom.js";

const badges = { running: "good", starting: "warn", restoring: "warn", halted: "bad" };
const empty = "No machine is deployed. Deploy one with: wraftd deploy FILE";

/** machines draws the table of machines, and where leaders are to be; rates are entries a second, by group. */
export function machines(model, rates) {
  text(document.getElementById("policy"), model.policy);
  set(document.getElementById("policy"), "hidden", model.policy ? undefined : "");
  const body = document.getElementById("machines");
  const none = model.machines.length === 0;
  list(body, none ? [{ group: 0 }] : model.machines, (m) => m.group, none ? makeEmpty : make, none ? () => {} : (tr, m) => fill(tr, m, rates));
}

function makeEmpty() {
  return el("tr", {}, el("td", { colspan: 7, class: "quiet" }, empty));
}

function make() {
  const tr = row("", "", "", "number", "number", "number", "");
  tr.cells[1].append(el("span", { class: "badge" }));
  tr.cells[6].append(el("ul", { class: "chips" }));
  return tr;
}

function fill(tr, m, rates) {
  const [name, state, leader, term, commit, rate, applied] = tr.cells;
  set(tr, "data-machine", m.machine);
  text(name, m.machine);
  set(state.firstChild, "data-state", badges[m.state] || "warn");
  text(state.firstChild, m.state);
  text(leader, m.leader ? `node ${m.leader}${m.region ? `, ${m.region}` : ""}` : "none");
  set(leader, "data-state", m.leader ? undefined : "bad");
  text(term, m.term);
  text(commit, m.commit.toLocaleString("en"));
  text(rate, rates.has(m.group) ? Math.round(rates.get(m.group)).toLocaleString("en") : "–");
  list(applied.firstChild, m.replicas, (r) => r.node, () => el("li"), (li, r) => {
    set(li, "data-state", badges[r.state] || "warn");
    text(li, `node ${r.node}: ${r.state === "running" ? r.applied.toLocaleString("en") : r.state}${r.behind ? ` (−${r.behind.toLocaleString("en")})` : ""}`);
  });
}
