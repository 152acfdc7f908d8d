"""What a page must have for those who read it with a keyboard or a screen reader, or with weak eyes:
the part of WCAG 2.2 AA that can be seen from the page itself."""

from __future__ import annotations

from selenium import webdriver

# Each check gives the faults that it finds, as text.
CHECKS = r"""
const shown = node => node.checkVisibility({ visibilityProperty: true, opacityProperty: true });
const all = selector => [...document.querySelectorAll(selector)].filter(shown);
const tell = node => node.outerHTML.slice(0, 100);
const text = node => (node?.textContent ?? "").trim();

function name(node) {
  const by = node.getAttribute("aria-labelledby");
  if (by) return by.split(" ").map(id => text(document.getElementById(id))).join(" ").trim();
  return node.getAttribute("aria-label") || text(node) || node.getAttribute("title") || "";
}

// WCAG 1.4.3. Colours are rgb() or rgba() in what is computed.
const channels = colour => colour.match(/[\d.]+/g).map(Number);
function luminance([r, g, b]) {
  const [R, G, B] = [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * R + 0.7152 * G + 0.0722 * B;
}
function background(node) {
  for (; node; node = node.parentElement) {
    const [r, g, b, a = 1] = channels(getComputedStyle(node).backgroundColor);
    if (a === 1) return [r, g, b];
  }
  return [255, 255, 255];
}
function contrast(node) {
  const [a, b] = [channels(getComputedStyle(node).color), background(node)].map(luminance);
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

const checks = {
  *"has a language and a title"() {
    if (!document.documentElement.lang || !document.title) yield "neither";
  },
  *"has one main, header, footer and h1"() {
    for (const landmark of ["main", "body > header", "body > footer", "h1"])
      if (all(landmark).length !== 1) yield landmark;
  },
  *"has headings that skip no level"() {
    let before = 0;
    for (const heading of document.querySelectorAll("h1, h2, h3, h4")) {
      const level = Number(heading.tagName[1]);
      if (level > before + 1) yield tell(heading);
      before = level;
    }
  },
  *"has each id once, and those that are referred to"() {
    const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
    for (const id of new Set(ids)) if (ids.filter(each => each === id).length > 1) yield id;
    for (const attribute of ["aria-labelledby", "aria-describedby", "aria-controls"])
      for (const node of document.querySelectorAll(`[${attribute}]`))
        for (const id of node.getAttribute(attribute).split(" "))
          if (!ids.includes(id)) yield `${attribute} ${id}`;
  },
  *"names what can be operated, and what is not text"() {
    for (const node of all("button, a, summary, table, [role=img], canvas, section"))
      if (!name(node)) yield tell(node);
  },
  *"describes pictures"() {
    for (const canvas of all("canvas")) {
      const by = canvas.getAttribute("aria-describedby");
      if (!by || !text(document.getElementById(by))) yield tell(canvas);
    }
  },
  *"has tables with heads for columns and rows"() {
    for (const table of all("table")) {
      for (const head of table.querySelectorAll("thead th"))
        if (head.scope !== "col") yield tell(head);
      for (const row of table.querySelectorAll("tbody > tr:first-child"))
        if (row.firstElementChild.scope !== "row") yield tell(row);
    }
  },
  *"contrasts"() {
    for (const node of all("body *")) {
      const own = [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim());
      if (own && contrast(node) < 4.5) yield `${contrast(node).toFixed(2)} ${tell(node)}`;
    }
  },
  *"shows the focus"() {
    for (const node of all("button, a, summary, [tabindex='0']")) {
      node.focus({ focusVisible: true });
      const { outlineStyle, outlineWidth } = getComputedStyle(node);
      if (document.activeElement !== node) yield `no focus: ${tell(node)}`;
      else if (outlineStyle === "none" || parseFloat(outlineWidth) < 2) yield tell(node);
    }
    document.activeElement.blur();
  },
  *"has targets of 24 pixels, or with room around them"() {
    const boxes = all("button, a, summary").map(node => [node, node.getBoundingClientRect()]);
    for (const [node, box] of boxes) {
      if (box.height >= 24 && box.width >= 24) continue;
      const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
      const near = boxes.filter(([other, o]) => other !== node &&
        Math.max(Math.abs(o.x + o.width / 2 - x), Math.abs(o.y + o.height / 2 - y)) < 24);
      if (near.length > 0) yield tell(node);
    }
  },
};
return Object.entries(checks).flatMap(([check, find]) => [...find()].map(at => `${check}: ${at}`));
"""


def faults(browser: webdriver.Chrome) -> list[str]:
    """What is wrong with the page as it is now."""
    return browser.execute_script(CHECKS)
