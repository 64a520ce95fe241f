"use strict";
// The list of items. Rows come from data/<n>.js, each of which calls lacunaPage: a page opened from disk may load scripts,
// but may not fetch. Nothing here writes HTML from data: names and messages are text.

const about = JSON.parse(document.getElementById("about").textContent);
const SHOWN = 60;
const rows = [];
let loaded = 0, found = [], page = 0, at = -1;

const $ = (id) => document.getElementById(id);
const make = (tag, text = "", attributes = {}) => {
  const node = document.createElement(tag);
  node.textContent = text;
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
};
const percent = (part) => (part == null ? "" : `${(100 * part).toFixed(part < 0.01 ? 2 : 1)} % masked`);
const seconds = (s) => (s == null ? "" : `${s.toFixed(s < 1 ? 2 : 1)} s`);

// --- rows -------------------------------------------------------------------------------------------------------------

globalThis.lacunaPage = (number, columns, values) => {
  for (const each of values) rows.push(Object.fromEntries(columns.map((name, index) => [name, each[index]])));
  loaded = number + 1;
  if (number === 0 || loaded === about.pages) filter();
  $("loaded").textContent = loaded < about.pages ? ` (loading, ${rows.length.toLocaleString()} of ${about.items.toLocaleString()})` : "";
  if (loaded < about.pages) setTimeout(load, 0, loaded);
};
const load = (number) => {
  if (number >= about.pages) return filter();
  const script = make("script", "", { src: `data/${number}.js` });
  script.onerror = () => { $("loaded").textContent = ` (data/${number}.js is missing: make the report anew)`; };
  document.head.append(script);
};

// --- what is shown ----------------------------------------------------------------------------------------------------

const orders = {
  worst: (a, b) => (b.review ?? -1) - (a.review ?? -1) || (b.masked ?? 0) - (a.masked ?? 0),
  best: (a, b) => (a.review ?? 9) - (b.review ?? 9),
  name: (a, b) => (a.name < b.name ? -1 : 1),
  masked: (a, b) => (b.masked ?? 0) - (a.masked ?? 0),
  slow: (a, b) => (b.seconds ?? 0) - (a.seconds ?? 0),
};
const filters = ["status", "error", "pass", "correction", "decision"];
const filter = () => {
  const text = $("search").value.trim().toLowerCase();
  const wanted = Object.fromEntries(filters.map((name) => [name, $(name).value]));
  found = rows.filter((row) =>
    (!text || row.name.toLowerCase().includes(text) || (row.message ?? "").toLowerCase().includes(text)) &&
    (!wanted.status || row.status === wanted.status) && (!wanted.error || row.error === wanted.error) &&
    (!wanted.pass || row.passes.includes(wanted.pass)) &&
    (!wanted.correction || (wanted.correction === "none" ? row.status === "ok" && !row.corrections.length : row.corrections.includes(wanted.correction))) &&
    (!wanted.decision || (decisions[row.id]?.what ?? "none") === wanted.decision));
  found.sort(orders[$("order").value]);
  page = 0;
  show();
};
const card = (row, index) => {
  const item = make("li"), button = make("button", "", { class: "card", type: "button", "data-index": index });
  if (row.picture) button.append(make("img", "", { loading: "lazy", decoding: "async", src: `pictures/${row.id}.jpg`, alt: `${row.name}, filled` }));
  else button.append(make("span", row.error ?? row.status, { class: row.error ? "none failed" : "none" }));
  button.append(make("b", row.name));
  const facts = row.error ? [row.message] : [row.status === "ok" ? "" : row.status, percent(row.masked), row.review == null ? "" : `expected error ${row.review.toFixed(3)}`, decisions[row.id]?.what ?? ""];
  button.append(make("small", facts.filter(Boolean).join(" · ")));
  if (decisions[row.id]) button.dataset.decision = decisions[row.id].what;
  button.onclick = () => open(index);
  item.append(button);
  return item;
};
const show = () => {
  const last = Math.max(0, Math.ceil(found.length / SHOWN) - 1);
  page = Math.min(Math.max(page, 0), last);
  const start = page * SHOWN;
  $("list").replaceChildren(...found.slice(start, start + SHOWN).map((row, index) => card(row, start + index)));
  $("count").textContent = `${found.length.toLocaleString()} of ${about.items.toLocaleString()} items`;
  $("page").textContent = `page ${page + 1} of ${last + 1}`;
  $("previous").disabled = page === 0;
  $("next").disabled = page === last;
};
const turn = (by) => { page += by; show(); $("items").scrollIntoView(); };

// --- one item ---------------------------------------------------------------------------------------------------------

const open = (index) => {
  if (index < 0 || index >= found.length) return;
  at = index;
  const row = found[index], stage = $("stage");
  stage.replaceChildren();
  if (row.picture) {
    const source = `pictures/${row.id}.hole.jpg`, picture = new Image();
    const compare = make("div", "", { class: "compare", id: "compare", role: "img", "aria-label": `${row.name}: before and after, around the hole that most needs a look` });
    for (const name of ["after", "before", "mask", "edge"]) {
      const layer = make("div", "", { class: name });
      if (name !== "edge") layer.style.backgroundImage = `url("${source}")`;
      if (name === "mask") layer.hidden = !$("outline").checked;
      compare.append(layer);
    }
    stage.append(compare);
    picture.onload = () => {
      Object.assign(compare.dataset, { width: picture.naturalWidth / 3, height: picture.naturalHeight });
      zoom();
      slide();
    };
    picture.onerror = () => stage.replaceChildren(make("p", `${source} is missing`));
    picture.src = source;
  } else stage.append(make("p", row.error ? `${row.error}: ${row.message}` : "no picture: nothing was filled"));
  $("title").textContent = row.name;
  $("place").textContent = `${index + 1} of ${found.length}`;
  const facts = { status: row.status, type: row.error, message: row.message, size: row.width && `${row.width} × ${row.height}`, masked: percent(row.masked).replace(" masked", ""), holes: row.holes, passes: row.passes.join(", "), corrections: row.corrections.join(", "), "expected error": row.review?.toFixed(4), seconds: seconds(row.seconds), image: row.image && about.image_prefix + row.image };
  $("facts").replaceChildren(...Object.entries(facts).filter(([, value]) => value !== "" && value != null && value !== false).flatMap(([key, value]) => [make("dt", key), make("dd", value)]));
  $("whole").hidden = !row.shown;
  $("whole").href = `../images/${row.name.split("/").map(encodeURIComponent).join("/")}`;
  $("controls").hidden = !row.picture;
  $("scaled").textContent = row.scale < 1 && row.picture ? `shown at ${Math.round(100 * row.scale)} %` : "";
  judged(row);
  if (!$("viewer").open) $("viewer").showModal();
};
const slide = () => $("compare")?.style.setProperty("--at", `${$("slider").value}%`);
const zoom = () => {
  const compare = $("compare"), factor = Number($("zoom").value);
  if (!compare?.dataset.width) return;
  compare.style.width = `${compare.dataset.width * factor}px`;
  compare.style.height = `${compare.dataset.height * factor}px`;
  compare.classList.toggle("near", factor > 1);
};

// --- decisions --------------------------------------------------------------------------------------------------------

const KEY = `lacuna ${about.sink}`;
const decisions = (() => { try { return JSON.parse(localStorage.getItem(KEY)) ?? {}; } catch { return {}; } })();
const judged = (row) => {
  const made = decisions[row.id];
  for (const what of ["good", "redo", "leave"]) $(what).setAttribute("aria-pressed", String(made?.what === what));
  $("override").hidden = made?.what !== "redo";
  $("change").value = made?.change ?? "";
};
const decide = (what) => {
  const row = found[at];
  if (decisions[row.id]?.what === what) delete decisions[row.id];
  else decisions[row.id] = { what, change: decisions[row.id]?.change ?? "", image: row.image, mask: row.mask, name: row.name };
  keep(row);
};
const change = () => {
  const row = found[at], text = $("change").value.trim();
  $("change").setCustomValidity("");
  if (text) try { if (typeof JSON.parse(text) !== "object") throw new Error("no object"); } catch { $("change").setCustomValidity("JSON of settings, such as {\"fill.context\": 4}"); }
  $("change").reportValidity();
  if (decisions[row.id]) decisions[row.id].change = text;
  keep(row);
};
const keep = (row) => {
  try { localStorage.setItem(KEY, JSON.stringify(decisions)); } catch { $("export-note").textContent = "this browser keeps nothing: export before you leave"; }
  judged(row);
  show();
  tally();
};
const tally = () => {
  const made = Object.values(decisions);
  $("decided").textContent = ["good", "redo", "leave"].map((what) => `${made.filter((one) => one.what === what).length} ${what}`).join(", ");
  $("export").disabled = !made.some((one) => one.what !== "good");
};
const quoted = (text) => `"${String(text ?? "").replaceAll('"', '""')}"`;
const manifest = () => {
  const lines = ["image,mask,name,override"];
  for (const one of Object.values(decisions)) {
    if (one.what === "good") continue;
    const leave = one.what === "leave";
    const override = leave ? '{"mask.ignore": true}' : one.change;
    const masks = (one.mask ?? "").split("\n").filter(Boolean);
    lines.push([about.image_prefix + one.image, masks.length > 1 ? JSON.stringify(masks) : masks[0] ?? "", one.name, override].map(quoted).join(","));
  }
  return lines.join("\n") + "\n";
};
const exported = () => {
  const link = make("a", "", { href: URL.createObjectURL(new Blob([manifest()], { type: "text/csv" })), download: "decisions.csv" });
  link.click();
  $("command").hidden = false;
};

// --- start ------------------------------------------------------------------------------------------------------------

for (const name of [...filters, "order"]) $(name).onchange = filter;
let typing;
$("search").oninput = () => { clearTimeout(typing); typing = setTimeout(filter, 120); };
$("previous").onclick = () => turn(-1);
$("next").onclick = () => turn(1);
$("slider").oninput = slide;
$("zoom").onchange = zoom;
$("outline").onchange = () => { const mask = document.querySelector(".compare .mask"); if (mask) mask.hidden = !$("outline").checked; };
$("close").onclick = () => $("viewer").close();
$("back").onclick = () => open(at - 1);
$("forth").onclick = () => open(at + 1);
for (const what of ["good", "redo", "leave"]) $(what).onclick = () => decide(what);
$("change").onchange = change;
$("preset").onchange = () => { $("change").value = $("preset").value; change(); };
$("export").onclick = exported;
$("viewer").onclose = () => document.querySelector(`[data-index="${at}"]`)?.focus();
document.addEventListener("keydown", (event) => {
  const typed = ["INPUT", "TEXTAREA", "SELECT"].includes(event.target.tagName) && event.target.type !== "range";
  if (event.ctrlKey || event.metaKey || event.altKey || typed) return;
  const inside = $("viewer").open, slider = event.target === $("slider");
  const keys = inside
    ? { n: () => open(at + 1), p: () => open(at - 1), g: () => decide("good"), r: () => decide("redo"), l: () => decide("leave"), m: () => $("outline").click(), ...(slider ? {} : { ArrowRight: () => open(at + 1), ArrowLeft: () => open(at - 1) }) }
    : { "/": () => { event.preventDefault(); $("search").focus(); }, n: () => turn(1), p: () => turn(-1) };
  keys[event.key]?.();
});
tally();
load(0);
