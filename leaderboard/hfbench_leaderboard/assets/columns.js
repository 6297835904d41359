/* A table as columns of typed arrays: filtered and sorted without an object a row. */

import { compareTexts, numeric, textual } from "./filters.js";

/* Text by its number in a list of all texts of the column. */
export class TextColumn {
  constructor(texts, at) {
    this.texts = texts;
    this.at = Uint32Array.from(at);
    this.lower = texts.map((text) => text.toLowerCase());
  }

  text(row) { return this.texts[this.at[row]]; }

  /* Whether each text passes: looked at once a text, not once a row. */
  test(filter) {
    const passes = Uint8Array.from(this.lower, textual(filter));
    const { at } = this;
    return (row) => passes[at[row]];
  }

  keys() {
    const order = this.texts.map((_, n) => n).sort((a, b) => compareTexts(this.texts[a], this.texts[b]));
    const rank = new Float64Array(this.texts.length);
    order.forEach((n, place) => { rank[n] = place; });
    return Float64Array.from(this.at, (n) => rank[n]);
  }
}

/* Figures; what is missing is NaN. */
export class FigureColumn {
  constructor(values, format) {
    this.values = Float64Array.from(values, (value) => value ?? NaN);
    this.format = format;
  }

  text(row) { return Number.isNaN(this.values[row]) ? "\u2013" : this.format(this.values[row]); }

  test(filter) {
    const bound = numeric(filter) ?? ((value) => String(value).startsWith(filter.trim()));
    const { values } = this;
    return (row) => bound(values[row]);
  }

  keys() { return this.values; }
}

export class Columns {
  constructor(columns) {
    this.columns = columns;
    this.length = columns[0].at?.length ?? columns[0].values.length;
    this.orders = new Map();
  }

  /* All rows by a column, the smallest first and what has no figure last; kept once made. */
  order(column) {
    if (!this.orders.has(column)) {
      const keys = Float64Array.from(this.columns[column].keys(), (key) => (Number.isNaN(key) ? Infinity : key));
      this.orders.set(column, Uint32Array.from(keys, (_, row) => row).sort((a, b) => keys[a] - keys[b] || a - b));
    }
    return this.orders.get(column);
  }

  /* The rows that pass all filters, in the order of a column. */
  select(filters, sorted, descending) {
    const tests = filters.map((text, n) => (text.trim() ? this.columns[n].test(text) : null)).filter(Boolean);
    const order = sorted < 0 ? null : this.order(sorted);
    const found = new Uint32Array(this.length);
    let count = 0;
    for (let place = 0; place < this.length; place += 1) {
      const at = descending ? this.length - 1 - place : place;
      const row = order ? order[at] : at;
      if (tests.every((test) => test(row))) found[count++] = row;
    }
    return found.subarray(0, count);
  }
}
