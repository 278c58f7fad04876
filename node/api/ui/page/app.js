// Asks once a second for as long as the page can be seen, and shows what came.

import { Refused, keepToken, takeToken, views } from "./api.js";
import { el, list, set, text } from "./dom.js";
import { links } from "./links.js";
import { machines } from "./machines.js";
import { build } from "./model.js";
import { nodes } from "./nodes.js";
import { ring } from "./ring.js";

const pause = 1000; // milliseconds between an answer and the next question
const byId = (id) => document.getElementById(id);

let shown; // the newest model
let answered = 0; // when it came
let next = 0; // the timer of the next question
let asking = false;
const commits = new Map(); // by group, the commit index and when it was seen

async function ask() {
  if (asking || document.hidden) return;
  asking = true;
  clearTimeout(next);
  try {
    show(build(await views()));
  } catch (err) {
    if (err instanceof Refused) refused(err);
    else missing(err);
  }
  asking = false;
  if (!byId("access").hidden) return;
  next = setTimeout(ask, pause);
}

function show(model) {
  shown = model;
  const rates = measure(model);
  answered = Date.now();
  byId("access").hidden = true;
  byId("main").hidden = false;
  set(byId("main"), "data-stale", undefined);
  document.title = `${model.verdict.level === "good" ? "" : "● "}${model.cluster} · wraft`;
  text(byId("cluster"), model.cluster);
  text(byId("source"), `as node ${model.servedBy} and those it reaches see it`);
  live("good", "Live");
  text(byId("verdict"), model.verdict.text);
  set(byId("verdict").parentElement, "data-state", model.verdict.level);
  list(byId("problems"), model.problems, (p) => p.text, () => el("li"), (li, p) => {
    set(li, "data-state", p.level);
    text(li, p.text);
  });
  nodes(model);
  links(model);
  machines(model, rates);
  ring(model);
}

/** measure is how many entries a second each group has committed since the last answer. */
function measure(model) {
  const rates = new Map();
  const now = performance.now();
  for (const m of model.machines) {
    const last = commits.get(m.group);
    if (last) rates.set(m.group, Math.max(0, (m.commit - last.commit) / ((now - last.at) / 1000)));
    commits.set(m.group, { commit: m.commit, at: now });
  }
  return rates;
}

function refused(err) {
  live("bad", "No access");
  byId("main").hidden = true;
  byId("access").hidden = false;
  text(byId("access-why"), err.message);
}

function missing(err) {
  const since = answered ? ` for ${Math.round((Date.now() - answered) / 1000)} s` : "";
  live("bad", `No answer${since}`);
  set(byId("main"), "data-stale", "");
  text(byId("verdict"), shown ? `Node ${shown.servedBy} does not answer; below is what it said last` : "The node does not answer");
  set(byId("verdict").parentElement, "data-state", "bad");
  byId("main").hidden = false;
  const others = (shown?.nodes || []).filter((n) => n.id !== shown.servedBy && n.api);
  const notes = [{ id: 0, words: err.message }, ...others.map((n) => ({ id: n.id, api: n.api, words: `Look at node ${n.id}` }))];
  list(byId("problems"), notes, (n) => `missing ${n.id}`, (n) => el("li", {}, n.api ? el("a", { href: `https://${n.api}/ui` }) : el("span")),
    (li, n) => text(li.firstChild, n.words));
}

function live(state, words) {
  set(byId("live"), "data-state", state);
  text(byId("live-text"), words);
}

byId("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  keepToken(byId("token").value);
  byId("token").value = "";
  byId("access").hidden = true;
  ask();
});
document.addEventListener("visibilitychange", ask);
addEventListener("hashchange", () => { takeToken(); byId("access").hidden = true; ask(); });
takeToken();
ask();
