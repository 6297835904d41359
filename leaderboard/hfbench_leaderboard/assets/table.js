/* Makes a table that is there without scripts sortable, searchable and portable. */

import { copy, csv, download, element, markdown } from "./dom.js";
import { HINT, compareTexts, numeric, slug, textual } from "./filters.js";
import { parameters, permalink, understand, write } from "./query.js";

const LEAST_ROWS = 4; // fewer are seen at a glance
const MANY_ROWS = 10; // so many are searched before they are read
const NARROW = matchMedia("(max-width: 48rem)");

export function enhance(table) {
  const rows = [...table.tBodies[0].rows];
  const whole = rows.every((row) => [...row.cells].every((cell) => cell.colSpan === 1 && cell.rowSpan === 1));
  const heads = [...table.tHead.rows[0].cells];
  const names = heads.map((head) => slug(head.textContent));
  const key = table.dataset.enhance;
  const state = { sort: `${key}.sort`, find: `${key}.find` };
  understand(state.sort, state.find, ...names.map((name) => `${key}.${name}`));
  if (rows.length < LEAST_ROWS || !whole) return;

  const texts = rows.map((row) => [...row.cells].map((cell) => said(cell)));
  const lower = texts.map((row) => row.map((text) => text.toLowerCase()));
  const values = rows.map((row) => [...row.cells].map(value));
  const usable = heads.map((head) => !("fixed" in head.dataset));
  const count = element("output", { "aria-live": "polite" });
  const search = element("input", { type: "search", placeholder: "all columns" });
  const boxes = heads.map((head, n) => usable[n]
    ? element("input", { "aria-label": `Filter ${label(head)}`, title: HINT, placeholder: label(head).toLowerCase() }) : null);
  const filters = element("tr", { class: "filters", hidden: true },
    ...boxes.map((box) => element("th", {}, ...(box ? [box] : []))));

  function seen() {
    return rows.map((_, n) => n).filter((n) => !rows[n].hidden);
  }

  function filter() {
    const find = textual(search.value);
    const tests = boxes.map((box) => box && box.value.trim()
      ? { bound: numeric(box.value), text: textual(box.value) } : null);
    rows.forEach((row, n) => {
      const holds = tests.every((test, c) => !test
        || (test.bound ? !Number.isNaN(values[n][c]) && test.bound(values[n][c]) : test.text(lower[n][c])));
      row.hidden = !(holds && find(lower[n].join(" ")));
    });
    const shown = seen().length;
    count.textContent = shown === rows.length ? `${rows.length} rows` : `${shown} of ${rows.length} rows`;
  }

  function sort(column, descending) {
    const sign = descending ? -1 : 1;
    const byNumber = values.some((row) => !Number.isNaN(row[column]));
    const order = rows.map((_, n) => n).sort((a, b) => {
      if (!byNumber) return sign * compareTexts(texts[a][column], texts[b][column]) || a - b;
      const [x, y] = [values[a][column], values[b][column]];
      // What has no figure stands at the end, whichever way it is sorted.
      if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y) || a - b;
      return sign * (x - y) || a - b;
    });
    table.tBodies[0].append(...order.map((n) => rows[n]));
    heads.forEach((head, n) => {
      if (n === column) head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  }

  function remember() {
    const values = { [state.find]: search.value };
    boxes.forEach((box, n) => { if (box) values[`${key}.${names[n]}`] = box.value; });
    write(values);
  }

  function visible() {
    const order = [...table.tBodies[0].rows].filter((row) => !row.hidden);
    const columns = heads.map((_, n) => n).filter((n) => usable[n]);
    return [columns.map((n) => label(heads[n])), order.map((row) => columns.map((n) => texts[rows.indexOf(row)][n]))];
  }

  heads.forEach((head, n) => {
    if (!usable[n]) return;
    const button = element("button", { type: "button" }, ...head.childNodes);
    button.addEventListener("click", () => {
      const descending = head.getAttribute("aria-sort") === "ascending";
      sort(n, descending);
      write({ [state.sort]: `${names[n]}${descending ? ".desc" : ""}` });
    });
    head.append(button);
  });
  for (const box of [search, ...boxes.filter(Boolean)]) {
    box.addEventListener("input", () => { filter(); remember(); });
  }
  const toggle = element("button", { type: "button", "aria-expanded": "false" }, "Filter columns");
  const open = () => {
    filters.hidden = !filters.hidden;
    toggle.setAttribute("aria-expanded", String(!filters.hidden));
  };
  toggle.addEventListener("click", open);
  const tools = element("div", { class: "tools" },
    element("label", {}, "Search", search), toggle,
    element("button", { type: "button", onclick: (event) => copy(markdown(...visible()), event.currentTarget) }, "Copy as Markdown"),
    element("button", { type: "button", onclick: () => download(`hfbench-${key}.csv`, csv(...visible())) }, "Download CSV"),
    element("button", { type: "button", onclick: (event) => copy(permalink(), event.currentTarget) }, "Copy link"),
    count);
  const box = element("details", { class: "toolbox", open: rows.length >= MANY_ROWS && !NARROW.matches },
    element("summary", {}, "Search, filter, share"), tools);
  (table.closest(".scroll") ?? table).before(box); // in view, however far the table is scrolled
  table.tHead.append(filters);
  restore();

  function restore() {
    const query = parameters();
    search.value = query.get(state.find) ?? "";
    boxes.forEach((one, n) => { if (one) one.value = query.get(`${key}.${names[n]}`) ?? ""; });
    if (boxes.some((one) => one?.value)) open();
    if (search.value || !filters.hidden) box.open = true;
    const [name, way] = (query.get(state.sort) ?? "").split(".");
    if (names.includes(name)) sort(names.indexOf(name), way === "desc");
    filter();
  }
}

function label(head) {
  return head.textContent.trim().replace(/\s+/g, " ");
}

function said(cell) {
  return cell.textContent.trim().replace(/\s+/g, " ");
}

/* The number that a cell stands for: what it says exactly, or what can be read from it. */
function value(cell) {
  if (cell.dataset.value !== undefined) return cell.dataset.value === "None" ? NaN : Number(cell.dataset.value || NaN);
  const text = said(cell).replaceAll(",", "").replace("\u2212", "-");
  return /^-?\d/.test(text) && cell.classList.contains("number") ? parseFloat(text) : NaN;
}
