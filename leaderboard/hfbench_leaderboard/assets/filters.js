/* What stands in a filter: text that a value holds, or a bound as in >5, <=10 or =3. */

export const HINT = "text, or a bound: >5  <=10  =3";

export function numeric(text) {
  const found = /^\s*(<=|>=|<|>|=)\s*(-?\d+(?:\.\d+)?)\s*$/.exec(text);
  if (!found) return null;
  const bound = Number(found[2]);
  return {
    "<": (value) => value < bound,
    ">": (value) => value > bound,
    "<=": (value) => value <= bound,
    ">=": (value) => value >= bound,
    "=": (value) => value === bound,
  }[found[1]];
}

/* Every word must occur, in whatever order. */
export function textual(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return (value) => words.every((word) => value.includes(word));
}

export function slug(text) {
  return text.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
}

const collator = new Intl.Collator("en", { numeric: true });
export const compareTexts = collator.compare;
