// Puts together what the nodes say, each for itself, into what the page shows. Pure: no
// clock, no document.

const lossShown = 0.001; // a path that loses less is called good
const lagShown = 1000; // entries; below, a node is simply at work

/** build makes the model of an answer of GET /v1/cluster/views. */
export function build(answer) {
  const views = new Map(answer.views.filter((v) => v.cluster).map((v) => [v.node, v.cluster]));
  const problems = new Map(answer.views.map((v) => [v.node, v.problem || ""]));
  const own = views.get(answer.served_by);
  const present = own.nodes.filter((n) => n.state !== "removed");
  const groups = own.groups.map((g) => groupOf(g, present, views));
  const model = {
    cluster: own.cluster,
    servedBy: own.served_by,
    nodes: present.map((n) => nodeOf(n, own, views, problems, groups)),
    links: present.map((from) => ({ from: from.id, to: present.map((to) => linkOf(from.id, to.id, views)) })),
    machines: groups.filter((g) => g.machine),
    meta: groups.find((g) => !g.machine),
    policy: policyOf(own.leaders || {}),
  };
  model.problems = findProblems(model);
  model.verdict = verdict(model);
  return model;
}

function nodeOf(known, own, views, problems, groups) {
  const view = views.get(known.id);
  const self = view?.nodes.find((n) => n.id === known.id);
  const up = Boolean(view) || known.up;
  const lags = groups.map((g) => g.replicas.find((r) => r.node === known.id)?.behind).filter((b) => b !== undefined);
  return {
    id: known.id,
    name: known.name,
    region: known.region || "",
    api: known.api,
    voter: known.state === "voter",
    membership: known.state,
    role: up ? view?.groups.find((g) => !g.machine)?.role || known.role : "",
    up,
    silent: up && !view ? problems.get(known.id) : "",
    down: up ? "" : known.down || "no connection",
    seenBy: up ? [] : [...views].filter(([id, v]) => id !== own.served_by && v.nodes.some((n) => n.id === known.id && n.up)).map(([id]) => id),
    lag: lags.length ? Math.max(...lags) : undefined,
    disk: self?.disk || known.disk || "",
    diskKnown: Boolean(self),
    memoryUsed: known.memory_used || 0,
    memoryBudget: self?.memory_budget || known.memory_budget || 0,
    version: self?.version || known.version || "",
  };
}

function linkOf(from, to, views) {
  const n = from === to ? undefined : views.get(from)?.nodes.find((other) => other.id === to);
  if (!n) return { to, state: from === to ? "self" : "unknown" };
  const loss = n.loss || 0;
  const state = !n.up ? "down" : loss >= lossShown ? "lossy" : "good";
  return { to, state, rtt: n.rtt_us || 0, loss, down: n.down || "", fec: n.fec || "" };
}

function groupOf(known, nodes, views) {
  const seen = nodes.map((n) => [n.id, views.get(n.id)?.groups.find((g) => g.group === known.group)]).filter(([, g]) => g);
  const newest = seen.map(([, g]) => g).reduce((a, b) => (b.term > a.term || (b.term === a.term && b.leader > a.leader) ? b : a), known);
  const commit = Math.max(...seen.map(([, g]) => g.commit_index));
  const leader = nodes.find((n) => n.id === newest.leader);
  const replicas = seen.map(([node, g]) => ({
    node, state: g.state, reason: g.state_reason || "", applied: g.applied_index, behind: Math.max(0, commit - g.applied_index),
  }));
  return {
    group: known.group, machine: known.machine || "", term: newest.term, commit, replicas,
    leader: views.has(newest.leader) || leader ? newest.leader : 0,
    region: leader?.region || "",
    state: worst(replicas.map((r) => r.state)),
  };
}

/** policyOf says where leaders are to be, or "". */
function policyOf({ regions = [], follow_commands: follows }) {
  const words = [];
  if (regions.length) words.push(`Leaders are to be in ${regions.join(", else ")}.`);
  if (follows) words.push(`The leader of a machine goes where its commands come from${regions.length ? ", among these" : ""}.`);
  return words.join(" ");
}

const severity = ["running", "starting", "restoring", "halted"];

function worst(states) {
  return states.reduce((a, b) => (severity.indexOf(b) > severity.indexOf(a) ? b : a), "running");
}

function findProblems(model) {
  const out = [];
  const bad = (text) => out.push({ level: "bad", text });
  const warn = (text) => out.push({ level: "warn", text });
  for (const n of model.nodes) {
    if (!n.up) bad(`Node ${n.id} is down as node ${model.servedBy} sees it: ${why(n.down)}.${n.seenBy.length ? ` ${nodeList(n.seenBy)} can reach it.` : ""}`);
    else if (n.silent) warn(`Node ${n.id} has not said how it is: ${n.silent}.`);
    if (n.disk === "full") bad(`The disk of node ${n.id} is full: it takes no commands until it has room.`);
    if (n.disk === "stalled") bad(`The disk of node ${n.id} has stalled: it leads nothing until its writes end.`);
    if (n.lag >= lagShown) warn(`Node ${n.id} is ${n.lag.toLocaleString("en")} entries behind.`);
  }
  if (!model.meta?.leader) bad("Group 1, which keeps the catalogue, has no leader.");
  for (const m of model.machines) {
    if (!m.leader) bad(`Machine ${m.machine} has no leader.`);
    for (const r of m.replicas) {
      if (r.state === "halted") bad(`Machine ${m.machine} is halted on node ${r.node}: ${r.reason}`);
      else if (r.state !== "running") warn(`Machine ${m.machine} is ${r.state} on node ${r.node}${r.reason ? `: ${r.reason}` : "."}`);
    }
  }
  return out.concat(linkProblems(model));
}

function linkProblems(model) {
  const down = new Set(model.nodes.filter((n) => !n.up).map((n) => n.id));
  const out = [];
  for (const { from, to } of model.links) {
    for (const l of to) {
      if (l.state === "lossy") out.push({ level: "warn", text: `The link from node ${from} to node ${l.to} loses ${percent(l.loss)} of its packets${l.fec === "active" ? "; they are repaired" : ""}.` });
      if (l.state === "down" && !down.has(l.to)) out.push({ level: "bad", text: `Node ${from} cannot reach node ${l.to}: ${why(l.down)}.` });
    }
  }
  return out;
}

// What docs/OPERATIONS.md says of each reason, in few words.
const reasons = {
  silent: "nothing comes back from there",
  absent: "its host says that nobody listens",
  narrow: "only small packets pass; raise the MTU",
  busy: "packets are answered, and no connection comes up in time",
  refused: "one of the two refuses the other; their logs say why",
  address: "its name does not resolve",
};

function why(reason) {
  return reasons[reason] ? `${reason} (${reasons[reason]})` : reason || "no connection";
}

function verdict(model) {
  const voters = model.nodes.filter((n) => n.voter);
  const up = voters.filter((n) => n.up).length;
  const quorum = Math.floor(voters.length / 2) + 1;
  const counted = `${up} of ${voters.length} ${voters.length === 1 ? "voter is" : "voters are"} up`;
  const tolerates = up - quorum === 0 ? "none may fail" : `${up - quorum} may fail`;
  if (up < quorum) return { level: "bad", text: `Nothing can be written: ${counted}, ${quorum} are needed` };
  const worstLevel = model.problems.some((p) => p.level === "bad") ? "bad" : model.problems.length ? "warn" : "good";
  return { level: worstLevel, text: `${worstLevel === "good" ? "All is well" : "Something needs a look"}: ${counted}, ${tolerates}` };
}

function nodeList(ids) {
  return ids.length === 1 ? `Node ${ids[0]}` : `Nodes ${ids.join(", ")}`;
}

/** percent words a share from 0 to 1. */
export function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

/** roundTrip words microseconds. */
export function roundTrip(micros) {
  if (!micros) return "";
  return micros < 1000 ? `${micros} µs` : `${(micros / 1000).toFixed(micros < 100000 ? 1 : 0)} ms`;
}
