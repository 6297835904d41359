/* The state of a page in its address, pinned to a release, so that a link shows what was seen. */

import { element, notice } from "./dom.js";

export const release = document.querySelector("[data-release]")?.dataset.release ?? "";
const known = new Set(["release"]);

/* Names parameters that this page understands. */
export function understand(...names) {
  names.forEach((name) => known.add(name));
}

export function parameters() {
  return new URLSearchParams(location.search);
}

/* Writes parameters into the address, in one order, so that equal views have equal addresses. */
export function write(values) {
  const query = parameters();
  for (const [name, value] of Object.entries(values)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  query.delete("release");
  query.sort();
  const text = [...query].length ? `?${pinned(query)}` : location.pathname;
  history.replaceState(null, "", text + location.hash);
}

function pinned(query) {
  return new URLSearchParams([["release", release], ...query]);
}

/* The address of what is seen, with its release. */
export function permalink() {
  const query = parameters();
  query.delete("release");
  return `${location.origin}${location.pathname}?${pinned(query)}${location.hash}`;
}

/* Tells what in the address this page does not understand, and when it shows another release. */
export function check() {
  const query = parameters();
  const strange = [...new Set(query.keys())].filter((name) => !known.has(name));
  if (strange.length) notice(`This page does not know ${strange.join(", ")} in its address, and passes over it.`);
  const asked = query.get("release");
  if (asked && asked !== release) {
    notice(`This address was made for release ${asked}; the site shows ${release}, whose figures may differ. `,
      element("a", { href: new URL("../release.html#changes", import.meta.url).href }, "What has changed"), ".");
  }
}
