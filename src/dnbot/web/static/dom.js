// Building and changing the page. Text is always set as text: nothing that comes from outside becomes markup.
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// Writes only what changed, so that nothing flickers and a selection survives.
export function put(node, text, classes) {
  const next = String(text);
  if (node.textContent !== next) node.textContent = next;
  if (classes !== undefined && node.className !== classes) node.className = classes;
}

export const card = (title, ...children) => el("section", { class: "card" }, el("h2", {}, title), ...children);

// A table whose cells are kept: `columns` are [heading, class]; rows are lists of text or [text, class].
export function table(columns, caption) {
  const body = el("tbody");
  const head = el("tr", {}, ...columns.map(([name, kind]) => el("th", { scope: "col", class: kind }, name)));
  const node = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el("table", {}, el("thead", {}, head), body));
  const fill = (rows) => {
    while (body.rows.length > rows.length) body.deleteRow(-1);
    rows.forEach((row, index) => {
      const line = body.rows[index] ?? body.insertRow();
      while (line.cells.length < columns.length) line.insertCell();
      row.forEach((cell, place) => {
        const [text, kind] = Array.isArray(cell) ? cell : [cell, ""];
        put(line.cells[place], text, `${columns[place][1] ?? ""} ${kind ?? ""}`.trim());
      });
    });
  };
  return { node, fill, body };
}

export const empty = (text) => el("p", { class: "muted" }, text);
