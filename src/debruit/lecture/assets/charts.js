"use strict";
// Charts as plain SVG: `plot` makes axes and gives the scales, the rest adds to it.
const SVG = document.querySelector("svg").namespaceURI;

function make(parent, name, attributes = {}, text = null) {
  const node = document.createElementNS(SVG, name);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  if (text !== null) node.textContent = text;
  parent.appendChild(node);
  return node;
}

function decades(low, high) {
  const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
  const by = Math.max(1, Math.ceil((last - first) / 5)), ticks = [];
  for (let k = first; k <= last; k += by) ticks.push(Math.pow(10, k));
  return ticks;
}

function rounded(low, high, count = 5) {
  const raw = (high - low) / count, ten = Math.pow(10, Math.floor(Math.log10(raw)));
  const step = ten * ([1, 2, 5, 10].find((m) => m * ten >= raw) || 10), ticks = [];
  for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + step * 1e-6; v += step) ticks.push(Math.abs(v) < step * 1e-6 ? 0 : v);
  return ticks;
}

function short(v) {
  const size = Math.abs(v);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) {
    const power = Math.round(Math.log10(size));
    if (Math.abs(size - Math.pow(10, power)) < size * 1e-6) return (v < 0 ? "−" : "") + "10" + String(power).replace(/./g, (c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"["0123456789".indexOf(c)] || "⁻");
    return v.toExponential(1).replace("-", "−");
  }
  return v.toLocaleString(document.documentElement.lang, { maximumSignificantDigits: 4 });
}

// the place of the label of an axis: between its last two ticks, or beside the only one
function between([low, high], ticks, x) {
  if (ticks.length > 1) return (x(ticks[ticks.length - 1]) + x(ticks[ticks.length - 2])) / 2;
  const middle = (low + high) / 2;
  return (x(ticks.length ? ticks[0] : middle) + x(ticks.length ? (ticks[0] < middle ? high : low) : middle)) / 2;
}

// on a narrow screen a drawing shrinks: its letters are enlarged, and get more room and fewer ticks
function enlarged(svg, width) {
  const larger = Math.min(Math.max(width / (widths.get(svg) || width), 1), 2.2);
  svg.style.setProperty("--larger", larger.toFixed(2));
  return larger;
}

// options: width, height, x: [low, high], y: [low, high], logY, left (room for the labels of y), xTicks, yTicks, xLabel
function plot(svg, options) {
  const o = Object.assign({ width: 460, height: 230, left: 46, right: 10, top: 10, bottom: 28, logY: false, yAxis: true }, options);
  const larger = enlarged(svg, o.width);
  o.left = o.yAxis ? o.left * larger : o.left;
  o.bottom *= larger;
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${o.width} ${o.height}`);
  const map = (value, [low, high], from, to) => from + (to - from) * (value - low) / (high - low);
  const x = (v) => map(v, o.x, o.left, o.width - o.right);
  const y = o.logY
    ? (v) => map(Math.log10(Math.max(v, o.y[0])), o.y.map(Math.log10), o.height - o.bottom, o.top)
    : (v) => map(v, o.y, o.height - o.bottom, o.top);
  for (const v of o.yTicks || (o.logY ? decades(...o.y) : rounded(...o.y, larger > 1.3 ? 3 : 4))) {
    make(svg, "line", { class: "grid", x1: o.left, x2: o.width - o.right, y1: y(v), y2: y(v) });
    if (o.yAxis) make(svg, "text", { x: o.left - 7, y: y(v) + 4 * larger, "text-anchor": "end" }, short(v));
  }
  const ticks = o.xTicks || rounded(...o.x, larger > 1.3 ? 3 : 5), below = o.height - o.bottom + 17 * larger;
  for (const v of ticks) make(svg, "text", { x: x(v), y: below, "text-anchor": "middle" }, short(v));
  if (o.xLabel) make(svg, "text", { class: "axis", x: between(o.x, ticks, x), y: below, "text-anchor": "middle" }, o.xLabel);
  return { svg, x, y, options: o };
}

function curve(on, xs, ys, attributes) {
  let d = "", open = false;
  xs.forEach((v, k) => {
    if (ys[k] === null || !isFinite(ys[k]) || (on.options.logY && ys[k] < on.options.y[0])) { open = false; return; }
    d += (open ? "L" : "M") + on.x(v).toFixed(1) + " " + on.y(ys[k]).toFixed(1);
    open = true;
  });
  return make(on.svg, "path", Object.assign({ class: "curve", d }, attributes));
}

function area(on, xs, low, high, attributes) {
  const forth = xs.map((v, k) => `${on.x(v).toFixed(1)} ${on.y(high[k]).toFixed(1)}`);
  const back = xs.map((v, k) => `${on.x(v).toFixed(1)} ${on.y(low[k]).toFixed(1)}`).reverse();
  return make(on.svg, "path", Object.assign({ d: "M" + forth.concat(back).join("L") + "Z" }, attributes));
}

function upright(on, value, attributes) {
  const o = on.options;
  return make(on.svg, "line", Object.assign({ class: "now", x1: on.x(value), x2: on.x(value), y1: o.top, y2: o.height - o.bottom }, attributes));
}

function density(v, mean, variance) {
  return Math.exp(-((v - mean) ** 2) / (2 * variance)) / Math.sqrt(2 * Math.PI * variance);
}

function spread(low, high, count) {
  return Array.from({ length: count }, (_, k) => low + (high - low) * k / Math.max(count - 1, 1));
}

// the line of a legend, with the dashes of its curve
function swatch(parent, ink, dash = "none", width = 2) {
  const svg = make(parent, "svg", { class: "swatch", viewBox: "0 0 30 8", width: 30, height: 8, "aria-hidden": "true" });
  make(svg, "line", { x1: 0, x2: 30, y1: 4, y2: 4, stroke: ink, "stroke-width": width, "stroke-dasharray": dash });
}
