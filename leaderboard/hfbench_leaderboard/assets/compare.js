/* Chooses two versions, and leads permalinks to the page of their comparison. */

import { copy, element, notice } from "./dom.js";
import { parameters, release, understand, check } from "./query.js";
import { enhance } from "./table.js";

const NAMES = ["machine", "suite", "baseline", "candidate"];
understand(...NAMES);
document.querySelectorAll("table[data-enhance]").forEach(enhance);
check();

const answer = await fetch(`data/${release}/tables/links.json`).catch(() => null);
const links = answer?.ok ? await answer.json() : null;
if (links?.comparisons.length) begin();

function begin() {
  const query = parameters();
  const asked = NAMES.map((name) => query.get(name));
  if (asked.every(Boolean)) {
    const found = links.comparisons.find((row) => NAMES.every((_, n) => row[n] === asked[n]));
    if (found) {
      location.replace(`${found[4]}?release=${encodeURIComponent(query.get("release") ?? release)}`);
      return;
    }
    notice("This release does not compare these two on that machine; choose others.");
  }
  show(asked);
}

function show(asked) {
  const selects = NAMES.map((name) => element("select", { name }));
  const go = element("a", { class: "go" }, "Compare");
  const share = element("button", { type: "button" }, "Copy link");

  /* Each choice leaves those that the ones before it allow. */
  function fill(from) {
    for (let n = from; n < NAMES.length; n += 1) {
      const rows = matching(n);
      const options = [...new Set(rows.map((row) => row[n]))];
      const wanted = selects[n].value || asked[n];
      selects[n].replaceChildren(...options.map((value) =>
        element("option", { value, selected: value === wanted }, n === 0 ? links.machines[value] ?? value : value)));
    }
    go.href = matching(NAMES.length)[0][4];
  }

  function matching(count) {
    return links.comparisons.filter((row) => selects.slice(0, count).every((select, n) => row[n] === select.value));
  }

  selects.forEach((select, n) => select.addEventListener("change", () => fill(n + 1)));
  share.addEventListener("click", () => {
    const query = new URLSearchParams([["release", release], ...NAMES.map((name, n) => [name, selects[n].value])]);
    copy(`${location.origin}${location.pathname}?${query}`, share);
  });
  const chooser = document.getElementById("chooser");
  chooser.className = "tools";
  chooser.append(...NAMES.map((name, n) => element("label", {}, name, selects[n])), go, share);
  fill(0);
  chooser.hidden = false;
}
