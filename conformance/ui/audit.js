// What an automatic check can find wrong with a page for people who read it aloud, enlarged
// or with the keyboard. Returns a list of complaints. WCAG 2.2: 1.1.1, 1.3.1, 1.4.3, 2.4.6, 4.1.2.
const complaints = [];
const visible = (e) => e.checkVisibility({ visibilityProperty: true });
const name = (e) => `${e.tagName.toLowerCase()}${e.id ? `#${e.id}` : ""} "${e.textContent.trim().slice(0, 30)}"`;

for (const img of document.querySelectorAll("img")) if (!img.hasAttribute("alt")) complaints.push(`${name(img)} has no alt`);
for (const th of document.querySelectorAll("th")) if (!th.scope) complaints.push(`${name(th)} has no scope`);
for (const input of document.querySelectorAll("input")) if (!input.labels.length) complaints.push(`${name(input)} has no label`);
for (const region of document.querySelectorAll("[aria-labelledby]")) {
  if (!document.getElementById(region.getAttribute("aria-labelledby"))) complaints.push(`${name(region)} is labelled by nothing`);
}
const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) complaints.push(`id ${id} is there twice`);
if (!document.documentElement.lang) complaints.push("the page has no language");
if (document.querySelectorAll("h1").length !== 1) complaints.push("the page has not just one h1");
if (document.documentElement.scrollWidth > innerWidth) complaints.push(`the page is ${document.documentElement.scrollWidth} wide in a window of ${innerWidth}`);

const rgba = (text) => (text.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
const light = ([r, g, b]) => {
  const [x, y, z] = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const behind = (e) => {
  for (; e; e = e.parentElement) {
    const back = rgba(getComputedStyle(e).backgroundColor);
    if (back.length < 4 || back[3] === 1) return back;
  }
  return [255, 255, 255];
};
for (const e of document.body.querySelectorAll("*")) {
  if (e.closest("svg, [aria-hidden=true]") || !visible(e) || ![...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.textContent.trim())) continue;
  const [a, b] = [light(rgba(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
  const contrast = (a + 0.05) / (b + 0.05);
  if (contrast < 4.5) complaints.push(`${name(e)} has a contrast of ${contrast.toFixed(2)}, less than 4.5`);
}
return complaints;
