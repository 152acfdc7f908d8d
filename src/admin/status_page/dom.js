// Elements made and kept. Whatever comes from the server becomes text, never markup.

export function byId(id) {
  return document.getElementById(id);
}

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children);
  return made;
}

// Left alone when it is the same, so that a selection stays and a screen reader is not disturbed.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// [term, text] pairs as the content of a dl.
export function setTerms(list, pairs) {
  while (list.children.length > pairs.length) list.lastElementChild.remove();
  while (list.children.length < pairs.length)
    list.append(element("div", {}, element("dt"), element("dd")));
  pairs.forEach(([term, text], i) => {
    setText(list.children[i].firstElementChild, term);
    setText(list.children[i].lastElementChild, text);
  });
}

// One child of `parent` for each item, in their order, after the child `head`. A child stays with
// the item of its key, and with it what the reader has opened, selected or focused in it.
export class Children {
  #known = new Map();

  constructor(parent, { head = null, key, create, update }) {
    Object.assign(this, { parent, head, key, create, update });
  }

  show(items) {
    const shown = new Map(items.map(item => {
      const key = this.key(item);
      return [key, this.#known.get(key) ?? this.create(item)];
    }));
    for (const [key, child] of this.#known) if (!shown.has(key)) child.remove();
    this.#known = shown;
    let place = this.head ? this.head.nextElementSibling : this.parent.firstElementChild;
    for (const item of items) {
      const child = shown.get(this.key(item));
      if (child === place) place = place.nextElementSibling;
      else this.parent.insertBefore(child, place);
      this.update(child, item);
    }
  }
}
