"use strict";
// Elements and words. Text goes in as text, never as HTML: names come from other people's tests.

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

function bytesText(nbytes) {
  if (Math.abs(nbytes) < 1024) return `${nbytes} B`;
  let size = nbytes, shown = "", unit = "";
  for (unit of ["KiB", "MiB", "GiB", "TiB"]) {
    size /= 1024;
    shown = size.toFixed(2);
    if (Math.abs(Number(shown)) < 1024) break;
  }
  return `${shown.replace(/\.?0+$/, "")} ${unit}`;
}

function signedText(nbytes) { return (nbytes > 0 ? "+" : "") + bytesText(nbytes); }

function kindText(type) { return type.replaceAll("_", " "); }

function color(name) { return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim(); }

// light-dark() is not resolved in custom properties that are read as text, but it is in a real colour.
const probe = element("i", { hidden: true });
function paint(name) {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

function swatch(type) { return element("span", { class: `swatch type-${type}`, "aria-hidden": "true" }); }

function embedded(id) { return JSON.parse(document.getElementById(id).textContent); }
