"use strict";
// CODES: [kind, code, name, groups]; kind g is a group, d a diagnosis, p a procedure
(function () {
  const box = document.getElementById("find");
  const out = document.getElementById("found");
  if (!box || !out || typeof CODES === "undefined") return;
  const LIMIT = 60;
  const norm = (text) => text.toLowerCase().replace(/\s+/g, "");
  const keys = CODES.map((row) => norm(row[1]) + " " + norm(row[2]));
  function cell(row, text, href) {
    const td = document.createElement("td");
    if (href) {
      const a = document.createElement("a");
      a.href = href;
      a.textContent = text;
      td.appendChild(a);
    } else td.textContent = text;
    row.appendChild(td);
    return td;
  }
  function show() {
    const words = box.value.trim().split(/\s+/).map(norm).filter(Boolean);
    out.textContent = "";
    if (!words.length) return;
    const first = [], rest = [];
    for (let i = 0; i < keys.length && first.length < LIMIT; i++) {
      if (words.every((w) => keys[i].includes(w))) (keys[i].startsWith(words[0]) ? first : rest).push(i);
      if (rest.length > 4 * LIMIT) rest.length = 4 * LIMIT;
    }
    const hits = first.concat(rest).slice(0, LIMIT);
    const table = document.createElement("table");
    for (const i of hits) {
      const [kind, code, name, groups] = CODES[i];
      const tr = document.createElement("tr");
      cell(tr, KINDS[kind]);
      cell(tr, code, kind === "g" ? groups : null).className = "code";
      cell(tr, name);
      const td = cell(tr, "");
      if (kind !== "g")
        for (const key of groups.split(" ").filter(Boolean)) {
          const a = document.createElement("a");
          a.href = PLACES[key] || "#";
          a.textContent = key;
          td.appendChild(a);
          td.appendChild(document.createTextNode(" "));
        }
      table.appendChild(tr);
    }
    const note = document.createElement("p");
    note.className = "small";
    note.textContent = hits.length ? NOTES[0].replace("{}", hits.length) : NOTES[1];
    out.appendChild(note);
    out.appendChild(table);
  }
  box.addEventListener("input", show);
})();
