/* The table of every time: only the rows that are in view are in the document. */

import { Columns, FigureColumn, TextColumn } from "./columns.js";
import { copy, csv, download, element, markdown, notice } from "./dom.js";
import { HINT } from "./filters.js";
import { check, parameters, permalink, understand, write } from "./query.js";

const HEIGHT = 34; // of a row in site.css
const SPARE = 10; // rows beyond both ends of the view
const MOST_COPIED = 1000;
const COLUMNS = [
  ["model", "Model"], ["detail", "How"], ["machine", "Machine"], ["environment", "Environment"],
  ["suite", "Suite"], ["ms", "Time, ms"], ["low", "from"], ["high", "to"], ["runs", "Process runs"],
];

/* Made once: a format takes longer to make than a hundred figures to write. */
const FORMATS = Array.from({ length: 7 }, (_, digits) =>
  new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }));

/* Four significant digits, and every digit before the point. */
function figure(value) {
  const digits = value > 0 ? Math.min(Math.max(3 - Math.floor(Math.log10(value)), 0), 6) : 0;
  return FORMATS[digits].format(value);
}

function whole(value) { return FORMATS[0].format(value); }

understand("sort", ...COLUMNS.map(([name]) => name));
check();
const place = document.getElementById("explorer");
const answer = await fetch(place.dataset.source).catch(() => null);
if (!answer?.ok) notice("The table could not be loaded; the leaderboard leads to every cell.");
else begin(await answer.json());

function begin(data) {
  if (data.figures.ms.length) show(data);
  else notice("Nothing has been measured yet. ", element("a", { href: "submit.html" }, "Be the first."));
}

function columnsOf(data) {
  return new Columns(COLUMNS.map(([name]) => name in data.texts
    ? new TextColumn(data.texts[name].texts, data.texts[name].at)
    : new FigureColumn(data.figures[name], name === "runs" ? whole : figure)));
}

function show(data) {
  const table = columnsOf(data);
  const pages = new TextColumn(data.texts.page.texts, data.texts.page.at);
  let sorted = -1;
  let descending = false;
  let rows = new Uint32Array(0);

  const boxes = COLUMNS.map(([, title]) => element("input", { "aria-label": `Filter ${title}`, title: HINT, placeholder: "filter" }));
  const heads = COLUMNS.map(([name, title], n) => element("th", { scope: "col", class: name in data.figures ? "number" : "" },
    element("button", { type: "button", onclick: () => sort(n, sorted === n && !descending) }, title)));
  const body = element("tbody");
  const grid = element("table", { "aria-rowcount": table.length + 1 },
    element("caption", { class: "unseen" }, "Every typical time"),
    element("thead", {}, element("tr", {}, ...heads), element("tr", { class: "filters" }, ...boxes.map((box) => element("td", {}, box)))), body);
  const view = element("div", { class: "window", tabindex: "0", role: "region", "aria-label": "Every time; scrolls by itself" }, grid);
  const count = element("output", { "aria-live": "polite" });
  const tools = element("div", { class: "tools" },
    element("button", { type: "button", onclick: () => { boxes.forEach((box) => { box.value = ""; }); apply(); } }, "Clear filters"),
    element("button", { type: "button", onclick: (event) => copy(markdown(titles(), texts(MOST_COPIED)), event.currentTarget) }, "Copy as Markdown"),
    element("button", { type: "button", onclick: () => download("hfbench-times.csv", csv(titles(), texts(rows.length))) }, "Download CSV"),
    element("button", { type: "button", onclick: (event) => copy(permalink(), event.currentTarget) }, "Copy link"), count);
  place.append(tools, view);
  place.hidden = false;

  boxes.forEach((box) => box.addEventListener("input", apply));
  let waiting = false;
  view.addEventListener("scroll", drawSoon, { passive: true });
  new ResizeObserver(draw).observe(view);
  restore();
  table.prepare();

  function titles() { return COLUMNS.map(([, title]) => title); }

  function texts(most) {
    return Array.from(rows.subarray(0, most), (row) => table.columns.map((column) => column.text(row)));
  }

  function sort(column, down) {
    [sorted, descending] = [column, down];
    heads.forEach((head, n) => {
      if (n === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    apply();
  }

  function apply() {
    view.scrollTop = 0;
    rows = table.select(boxes.map((box) => box.value), sorted, descending);
    count.textContent = rows.length === table.length ? `${rows.length.toLocaleString("en")} rows`
      : `${rows.length.toLocaleString("en")} of ${table.length.toLocaleString("en")} rows`;
    drawSoon();
    remember();
  }

  function remember() {
    const values = Object.fromEntries(COLUMNS.map(([name], n) => [name, boxes[n].value]));
    values.sort = sorted < 0 ? "" : `${COLUMNS[sorted][0]}${descending ? ".desc" : ""}`;
    write(values);
  }

  function restore() {
    const query = parameters();
    COLUMNS.forEach(([name], n) => { boxes[n].value = query.get(name) ?? ""; });
    const [name, way] = (query.get("sort") ?? "").split(".");
    const column = COLUMNS.findIndex(([known]) => known === name);
    if (column >= 0) sort(column, way === "desc");
    else apply();
  }

  /* Once a frame, however much happens until then. */
  function drawSoon() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  }

  function draw() {
    const first = Math.max(0, Math.floor(view.scrollTop / HEIGHT) - SPARE);
    const last = Math.min(rows.length, first + Math.ceil(view.clientHeight / HEIGHT) + 2 * SPARE);
    const drawn = [space(first)];
    for (let n = first; n < last; n += 1) drawn.push(line(n));
    drawn.push(space(rows.length - last));
    body.replaceChildren(...drawn);
  }

  function space(count) {
    const row = element("tr", { class: "space", "aria-hidden": "true" }, element("td", { colspan: COLUMNS.length }));
    row.firstChild.style.height = `${count * HEIGHT}px`;
    row.hidden = count === 0;
    return row;
  }

  function line(n) {
    const row = rows[n];
    const link = element("a", { href: pages.text(row) }, table.columns[0].text(row));
    return element("tr", { "aria-rowindex": n + 2 }, element("th", { scope: "row" }, link),
      ...table.columns.slice(1).map((column) => {
        const text = column.text(row);
        return element("td", column.values ? { class: "number" } : { title: text }, text);
      }));
  }
}
