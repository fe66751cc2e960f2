"use strict";
// What all panels share. One position `k` of the slider and one chosen pixel move all of them; every number was computed by the package.
const D = JSON.parse(document.getElementById("numbers").textContent);
const K = D.steps.length;
const INK = ["--blue", "--orange", "--green", "--violet", "--rose", "--olive", "--teal"];
const DASH = ["none", "9 4", "2 3", "12 3 2 3", "5 3", "14 5", "7 2 2 2 2 2"]; // so that curves differ without colours, too
const state = { k: Math.floor(K / 3), row: 0, column: 0, channel: 0, timer: null };
const watchers = []; // each redraws one panel from `state`
const relabel = []; // each sets one text in the present language
const PANELS = {}; // by chapter: each builds its elements once and leaves watchers

const SIGN = D.symbols; // MathML by name
const language = () => document.documentElement.lang;
const colon = () => (language() === "fr" ? "\u00a0:" : ":");
const local = (text) => (language() === "fr" ? text.replace(/(\d)\.(?=\d)/g, "$1,") : text); // numbers in a text
const word = (key) => D.strings[key][language() === "fr" ? 1 : 0]; // the package's own words, as HTML
const number = (v, digits = 3) => (v === null ? "∞" : v !== 0 && (Math.abs(v) < 1e-3 || Math.abs(v) >= 1e5)
  ? scientific(v, digits)
  : v.toLocaleString(language(), { maximumSignificantDigits: digits }).replace("-", "−"));

function scientific(v, digits) {
  const [head, power] = v.toExponential(digits - 1).split("e");
  const raised = power.replace("+", "").replace(/./g, (c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]);
  return `${Number(head).toLocaleString(language(), { maximumSignificantDigits: digits }).replace("-", "−")}·10${raised}`;
}

function element(parent, name, attributes = {}, text = null) {
  const node = document.createElement(name);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  if (text !== null) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
}

function worded(parent, name, key, attributes = {}) {
  const node = element(parent, name, attributes);
  relabel.push(() => { node.innerHTML = word(key); });
  return node;
}

function unpacked(text, unit) {
  const raw = atob(text), bytes = Uint8Array.from(raw, (c) => c.charCodeAt(0)), view = new DataView(bytes.buffer);
  return Float64Array.from({ length: bytes.length / 2 }, (_, n) => view.getInt16(2 * n, true) / unit);
}

const widths = new WeakMap(); // of the charts on the screen, measured at once: each measurement between drawings would lay out the page again
function measure() {
  for (const svg of document.querySelectorAll("svg.plot")) widths.set(svg, svg.clientWidth);
}

const loaded = [];
function image(address) {
  const loading = new Image();
  loaded.push(new Promise((done) => { loading.onload = loading.onerror = done; }));
  loading.src = address;
  return loading;
}

// One image of a sheet; `show(column)` draws it. With `choose` its pixels can be chosen, by mouse or arrow keys.
function tile(parent, sheet, row, { width = D.forward.width, height = D.forward.height, columns = 1, choose = false } = {}) {
  const frame = element(parent, "div", { class: "image" + (choose ? " choose" : "") });
  // several columns at once stand apart, so they are enlarged first: a gap of one pixel of the image would be wide
  const scale = columns > 1 ? Math.max(1, Math.round(128 / width)) : 1, gap = columns > 1 ? 6 : 0;
  const canvas = element(frame, "canvas", { width: columns * (width * scale + gap) - gap, height: height * scale });
  const show = (column) => {
    const on = canvas.getContext("2d");
    on.imageSmoothingEnabled = false;
    for (let n = 0; n < columns; n++) on.drawImage(sheet, (column * columns + n) * width, row * height, width, height, n * (width * scale + gap), 0, width * scale, height * scale);
  };
  if (choose) choosable(frame);
  return { frame, show };
}

function choosable(frame) {
  const cursor = element(frame, "div", { class: "cursor" }), P = D.posterior;
  frame.tabIndex = 0;
  frame.addEventListener("click", (event) => {
    const box = frame.getBoundingClientRect();
    choose(Math.floor((event.clientY - box.top) / box.height * P.height), Math.floor((event.clientX - box.left) / box.width * P.width));
  });
  frame.addEventListener("keydown", (event) => {
    const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!move) return;
    event.preventDefault();
    choose(state.row + move[0], state.column + move[1]);
  });
  watchers.push(() => {
    cursor.style.width = 100 / P.width + "%";
    cursor.style.height = 100 / P.height + "%";
    cursor.style.left = 100 * state.column / P.width + "%";
    cursor.style.top = 100 * state.row / P.height + "%";
  });
}

function choose(row, column, channel = state.channel) {
  state.row = Math.min(Math.max(row, 0), D.posterior.height - 1);
  state.column = Math.min(Math.max(column, 0), D.posterior.width - 1);
  state.channel = channel;
  refresh();
}

function captioned(parent, symbol, key) {
  const figure = element(parent, "figure"), caption = element(null, "figcaption");
  const b = element(caption, "b");
  b.innerHTML = symbol;
  worded(caption, "span", key);
  return { figure, close: () => figure.appendChild(caption) };
}

function images(panel, sheet, list, css = "tiles six", options = {}) {
  const box = element(panel, "div", { class: css });
  for (const [key, row, mark = ""] of list) {
    const { figure, close } = captioned(box, SIGN[key] + mark, key);
    const view = typeof row === "number" ? tile(figure, sheet, row, Object.assign({ choose: true }, options)) : tile(figure, row, 0, Object.assign({ choose: true }, options));
    if (typeof row === "number") watchers.push(() => view.show(state.k)); else watchers.push(() => view.show(0));
    close();
  }
}

function readings(panel, list) {
  const box = element(panel, "div", { class: "readings" });
  watchers.push(() => {
    box.replaceChildren();
    for (const [label, value] of list()) {
      const span = element(box, "span");
      span.innerHTML = label + " ";
      element(span, "b").innerHTML = value;
    }
  });
}

function chart(parent, title = null) {
  const box = element(parent, "div", { class: "chart" });
  if (title) relabel.push(((h) => () => { h.innerHTML = title(); })(element(box, "h3")));
  return make(box, "svg", { class: "plot" });
}

// A point of a drawing that can be dragged, or moved by the arrow keys. `at()` is its position in the stage, as fractions of its
// width and height; drag(u, v) and nudge(by) change the value, which lies between low and high.
function handle(stage, { name, low, high, value, at, drag, nudge, vertical = false }) {
  const dot = element(stage, "div", { class: "handle", role: "slider", tabindex: 0, "aria-label": name, "aria-valuemin": low, "aria-valuemax": high, "aria-orientation": vertical ? "vertical" : "horizontal" });
  dot.addEventListener("pointerdown", (event) => { event.preventDefault(); dot.setPointerCapture(event.pointerId); dot.focus(); });
  dot.addEventListener("pointermove", (event) => {
    if (!dot.hasPointerCapture(event.pointerId)) return;
    const box = stage.getBoundingClientRect();
    drag((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    refresh();
  });
  dot.addEventListener("keydown", (event) => {
    const by = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10 }[event.key];
    if (!by) return;
    event.preventDefault();
    nudge(by);
    refresh();
  });
  watchers.push(() => {
    const [left, top] = at();
    dot.style.left = 100 * left + "%";
    dot.style.top = 100 * top + "%";
    dot.setAttribute("aria-valuenow", value());
    dot.setAttribute("aria-valuetext", `${name} = ${number(value())}`);
  });
  return dot;
}

// A legend: [label, ink, solid, dashed or dotted] of each curve
function keys(parent, list) {
  const legend = element(parent, "div", { class: "legend" });
  for (const [key, ink, style] of list) {
    const item = element(legend, "span");
    element(item, "i", { style: `color:var(${ink});border-top-style:${style}` });
    worded(item, "span", key);
  }
}
