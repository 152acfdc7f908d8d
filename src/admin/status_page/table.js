// A table that stays while its rows change: sorted by the column that the reader has chosen, each
// row with what the reader has opened in it.
import { Children, element, setTerms, setText } from "./dom.js";

// Numbers by size, all else by the alphabet; what is missing comes last either way.
function compare(a, b, descending) {
  const missing = value => value === null || value === undefined || Number.isNaN(value);
  if (missing(a) || missing(b)) return missing(a) - missing(b);
  const order = typeof a === "number" ? a - b : String(a).localeCompare(String(b));
  return descending ? -order : order;
}

// Whether a column begins with the largest, which is what is of interest in numbers.
function largestFirst({ kind }) {
  return !kind.startsWith("name");
}

export class Table {
  #rows = [];

  // A column is { title, text(row), value(row), kind, hint }: what it shows, and what it sorts by
  // where that is something else. The first column names the row. `key(row)` tells rows apart, and
  // `detail(row)`, where there is one, gives pairs of term and text.
  constructor(table, { columns, sorted, key, detail }) {
    Object.assign(this, { table, columns, sorted, key, detail });
    this.descending = largestFirst(columns.find(({ title }) => title === sorted));
    this.heads = columns.map(column => this.#head(column));
    const head = element("thead", {}, element("tr", {}, ...this.heads));
    table.append(head);
    this.bodies = new Children(table, { head, key, create: row => this.#create(row),
      update: (body, row) => this.#update(body, row) });
    this.#mark();
  }

  // While the reader points at a row or is in one, no row moves.
  show(rows) {
    const busy = this.table.querySelector("tbody:is(:hover, :focus-within)") !== null;
    const place = new Map(this.#rows.map((row, i) => [this.key(row), i]));
    this.#rows = this.#sort(rows);
    if (busy) {
      const at = row => place.get(this.key(row)) ?? Infinity;
      this.#rows.sort((a, b) => compare(at(a), at(b)));
    }
    this.bodies.show(this.#rows);
  }

  #sort(rows) {
    const { text, value = text } = this.columns.find(({ title }) => title === this.sorted);
    const [{ text: name }] = this.columns;
    return [...rows].sort((a, b) =>
      compare(value(a), value(b), this.descending) || compare(name(a), name(b)));
  }

  #choose(column) {
    this.descending = this.sorted === column.title ? !this.descending : largestFirst(column);
    this.sorted = column.title;
    this.#mark();
    this.#rows = this.#sort(this.#rows);
    this.bodies.show(this.#rows);
  }

  #mark() {
    this.columns.forEach(({ title }, i) => {
      if (title !== this.sorted) this.heads[i].removeAttribute("aria-sort");
      else this.heads[i].setAttribute("aria-sort", this.descending ? "descending" : "ascending");
    });
  }

  #head(column) {
    const button = element("button", { type: "button" }, column.title);
    if (column.hint) button.title = column.hint;
    button.addEventListener("click", () => this.#choose(column));
    return element("th", { scope: "col", class: column.kind }, button);
  }

  #create() {
    const [, ...others] = this.columns;
    const name = element("th", { scope: "row" });
    const row = element("tr", {}, name,
      ...others.map(({ kind }) => element("td", { class: kind })));
    const body = element("tbody", {}, row);
    if (!this.detail) return body;
    const more = element("tr", { class: "detail", hidden: "" },
      element("td", { colspan: this.columns.length }, element("dl")));
    const button = element("button", { type: "button", "aria-expanded": "false" });
    button.addEventListener("click", () => {
      more.hidden = !more.hidden;
      button.setAttribute("aria-expanded", String(!more.hidden));
    });
    name.append(button);
    body.append(more);
    return body;
  }

  #update(body, row) {
    const [first, more] = body.children;
    this.columns.forEach(({ text, alarming }, i) => {
      const cell = first.children[i];
      setText(i === 0 && this.detail ? cell.firstElementChild : cell, text(row));
      cell.classList.toggle("alarming", alarming?.(row) ?? false);
    });
    if (this.detail) setTerms(more.querySelector("dl"), this.detail(row));
  }
}
