/* Elements, notices and the clipboard. Text is only ever set as text, never as markup. */

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value != null) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/* Says something at the head of the page, for eyes and screen readers alike. */
export function notice(...text) {
  const main = document.getElementById("main");
  let place = document.getElementById("notices");
  if (!place) {
    place = element("div", { id: "notices", role: "status" });
    main.prepend(place);
  }
  place.append(element("p", { class: "note" }, ...text));
}

export async function copy(text, button) {
  const label = button.dataset.label ?? button.textContent;
  button.dataset.label = label;
  button.textContent = (await written(text)) ? "Copied" : "Could not copy";
  setTimeout(() => { button.textContent = label; }, 2000);
}

/* The clipboard of the navigator needs HTTPS or this machine; elsewhere the old way still works. */
async function written(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = element("textarea", { class: "unseen", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

export function download(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

/* A spreadsheet runs what begins with = + - or @, so that gets an apostrophe before it. */
function csvValue(text) {
  const isNumber = text !== "" && Number.isFinite(Number(text));
  const safe = !isNumber && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function csv(head, rows) {
  return [head, ...rows].map((row) => row.map(csvValue).join(",") + "\r\n").join("");
}

export function markdown(head, rows) {
  const plain = (text) => text.replace(/([\\`*_[\]<>|&!#~])/g, "\\$1");
  const line = (row) => `| ${row.map(plain).join(" | ")} |\n`;
  return line(head) + `|${" --- |".repeat(head.length)}\n` + rows.map(line).join("");
}
