// Small steps on the document. Nodes are kept and only what differs is written, so that
// focus, selection and what a screen reader reads stay where they are.

/** el makes an element with attributes and children. */
export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) set(made, key, value);
  made.append(...children);
  return made;
}

/** svg makes an element of a drawing. */
export function svg(name, attributes = {}) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) set(made, key, value);
  return made;
}

/** set gives an attribute a value, or takes it away with undefined. */
export function set(node, key, value) {
  if (value === undefined) node.removeAttribute(key);
  else if (node.getAttribute(key) !== String(value)) node.setAttribute(key, value);
}

/** text writes words where they differ. */
export function text(node, words) {
  const wanted = String(words);
  if (node.textContent !== wanted) node.textContent = wanted;
}

/**
 * list makes the children of parent follow items: by key, in their order. make gets an item
 * and returns a new child; fill gets the child and the item.
 */
export function list(parent, items, key, make, fill) {
  const known = new Map([...parent.children].map((c) => [c.dataset.key, c]));
  let before = parent.firstElementChild;
  for (const item of items) {
    const k = String(key(item));
    const child = known.get(k) || make(item);
    known.delete(k);
    child.dataset.key = k;
    fill(child, item);
    if (child === before) before = before.nextElementSibling;
    else parent.insertBefore(child, before);
  }
  for (const gone of known.values()) gone.remove();
}

/** row makes a table row whose first cell is its header; classes are of the cells. */
export function row(...classes) {
  return el("tr", {}, ...classes.map((c, i) => el(i ? "td" : "th", i ? { class: c } : { class: c, scope: "row" })));
}
