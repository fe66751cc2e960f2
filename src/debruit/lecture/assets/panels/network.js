"use strict";
// The network: its drawing, the time encoding, the attention maps
const NET = D.network;
const whole = (v) => v.toLocaleString(language(), { maximumFractionDigits: 0 });
const millions = (v) => (v >= 1e6 ? `${number(v / 1e6)} M` : v >= 1e3 ? `${number(v / 1e3)} k` : whole(v));
const sized = (size) => size.map(whole).join(" × ");

PANELS.network = function (panel) {
  state.part = NET.unet ? Math.max(NET.parts.findIndex((part) => part.layers.some((layer) => layer.heads)), 0) : 0;
  const heading = (key) => worded(panel, "h3", key, { class: "part" });
  heading(NET.unet ? "net_whole" : "net_sequence");
  if (NET.unet) drawnUNet(panel); else drawnSequence(panel);
  layerTable(panel);
  heading("net_encoding");
  if (NET.time) timeEncoding(panel); else worded(panel, "p", "net_no_time", { class: "note" });
  heading("net_attention");
  if (NET.attention) attentionMaps(panel); else worded(panel, "p", NET.unet ? "net_no_attention" : "net_other_attention", { class: "note" });
};

// -- the drawing --

const doorNames = (door) => (NET.doors[door] ? NET.doors[door].names.map((pair) => pair[language() === "fr" ? 1 : 0]).join(", ") : "");
const partName = (part) => word("net_side_" + part.side) + (["down", "middle", "up"].includes(part.side) ? ` ${part.level + 1}` : "");

function selectable(node, n) {
  const select = () => { if (state.part !== n) { state.part = n; refresh(); } };
  for (const name of ["click", "focus", "mouseenter"]) node.addEventListener(name, select);
  node.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); select(); } });
  watchers.push(() => {
    node.classList.toggle("chosen", state.part === n);
    node.setAttribute("aria-pressed", String(state.part === n));
  });
}

function drawnUNet(panel) {
  const U = NET.unet, L = U.levels, W = 1040, wide = 236, high = 62, top = 112, pitch = 104, indent = L > 1 ? Math.min(56, 168 / (L - 1)) : 0;
  const left = (level) => 6 + level * indent, right = (level) => W - 6 - wide - level * indent, row = (level) => top + level * pitch;
  const bottom = row(L) - 8, height = bottom + high + 6, middle = (W - wide) / 2;
  const svg = make(element(panel, "div", { class: "scroll", tabindex: 0 }), "svg", { class: "plot unet", viewBox: `0 0 ${W} ${height}`, role: "group" });
  const tokens = NET.doors.tokens, timeX = 306, timeWide = 196, busT = 470, busC = 572, tokensX = 542, tokensWide = 196;
  const at = (side, level) => NET.parts.findIndex((part) => part.side === side && (level === undefined || part.level === level));
  const line = (d, css) => make(svg, "path", { d, class: "wire " + css });
  const tip = (x, y, turn, css) => make(svg, "path", { d: "M0 0L-8 -4.5V4.5Z", transform: `translate(${x} ${y}) rotate(${turn})`, class: "tip " + css });
  const text = (parent, x, y, set, css = "", anchor = "start") => {
    const node = make(parent, "text", { x, y, class: css, "text-anchor": anchor });
    relabel.push(() => {
      const [plain, ...rest] = set().split("_θ");
      node.textContent = plain;
      for (const after of rest) { make(node, "tspan", { dy: 3, "font-size": "0.75em" }, "θ"); make(node, "tspan", { dy: -3 }, after); }
    });
  };
  // wires first, boxes over them
  for (let level = 0; level < L; level++) {
    const y = row(level) + 17, attends = (side) => NET.parts[at(side, level)].layers.some((layer) => layer.tokens);
    line(`M${left(level) + wide} ${y}H${right(level) - 2}`, "skip");
    tip(right(level), y, 0, "skip");
    text(svg, left(level) + wide + 10, y - 5, () => `× ${U.blocks + 1}`);
    for (const [bus, css, shift, there] of [[busT, "time", 34, () => true], [busC, "tokens", 50, attends]]) {
      if (there("down")) { line(`M${bus} ${row(level) + shift}H${left(level) + wide + 2}`, css); tip(left(level) + wide, row(level) + shift, 180, css); }
      if (there("up")) { line(`M${bus} ${row(level) + shift}H${right(level) - 2}`, css); tip(right(level), row(level) + shift, 0, css); }
    }
    const by = () => word("net_by_" + U.resample), gap = row(level + 1);
    if (level + 1 < L) {
      const down = left(level + 1) + 40, up = right(level + 1) + wide - 40;
      line(`M${down} ${row(level) + high}V${gap - 2}`, "main"); tip(down, gap, 90, "main");
      line(`M${up} ${gap}V${row(level) + high + 2}`, "main"); tip(up, row(level) + high, -90, "main");
      text(svg, down + 10, row(level) + high + 26, () => `÷ 2 (${by()})`);
      text(svg, up - 10, row(level) + high + 26, () => `× 2 (${by()})`, "", "end");
    } else {
      const down = left(level) + wide / 2, up = right(level) + wide / 2, y2 = bottom + high / 2;
      line(`M${down} ${row(level) + high}V${y2}H${middle - 2}`, "main"); tip(middle, y2, 0, "main");
      line(`M${middle + wide} ${y2}H${up}V${row(level) + high + 2}`, "main"); tip(up, row(level) + high, -90, "main");
    }
  }
  line(`M${busT} 64V${bottom - 2}`, "time"); tip(busT, bottom, 90, "time");
  if (tokens) {
    const crossed = NET.parts.filter((part) => part.layers.some((layer) => layer.tokens)), deepest = crossed.some((part) => part.side === "middle") ? bottom : row(Math.max(...crossed.map((part) => part.level))) + 50;
    line(`M${busC} 64V${deepest - 2}`, "tokens");
    if (deepest === bottom) tip(busC, bottom, 90, "tokens");
    if (U.pooled) { line(`M${tokensX} 36H${timeX + timeWide + 2}`, "tokens"); tip(timeX + timeWide, 36, 180, "tokens"); }
  }
  line(`M${left(0) + wide / 2} 64V${row(0) - 2}`, "main"); tip(left(0) + wide / 2, row(0), 90, "main");
  line(`M${right(0) + wide / 2} ${row(0)}V66`, "main"); tip(right(0) + wide / 2, 64, -90, "main");

  const box = (n, x, y, first, second, w = wide, h = high) => {
    const node = make(svg, "g", { class: "box", tabindex: 0, role: "button" });
    make(node, "rect", { x, y, width: w, height: h, rx: 8 });
    text(node, x + 12, y + 22, first, "label");
    if (second) text(node, x + 12, y + 44, second);
    relabel.push(() => node.setAttribute("aria-label", `${partName(NET.parts[n])}${colon()} ${first()}, ${millions(NET.parts[n].parameters)} ${word("net_parameters")}`));
    selectable(node, n);
    return node;
  };
  const spatial = () => (NET.doors.spatial ? ` + ${doorNames("spatial")} ${NET.doors.spatial.shape[0]}` : "");
  box(at("in"), left(0), 8, () => `xₜ  ${NET.input[0]}${spatial()} · ${sized(NET.input.slice(1))}`, () => `${word(D.latent ? "net_latents" : "net_input")}`, wide, 56);
  box(at("out"), right(0), 8, () => `${predicted()}  ${NET.output[0]} · ${sized(NET.output.slice(1))}`, () => (NET.predicts === "eps" ? word("net_noise") : word("net_output")) + (NET.learned_variance ? ", " + word("net_variance") : ""), wide, 56);
  box(at("time"), timeX, 8, () => `t → γ(τ)  ${U.channels}`, () => word("net_time") + (NET.doors.vector ? " + " + doorNames("vector") : ""), timeWide, 56);
  if (tokens) {
    const node = make(svg, "g", { class: "box plain" });
    make(node, "rect", { x: tokensX, y: 8, width: tokensWide, height: 56, rx: 8 });
    text(node, tokensX + 12, 30, () => `${doorNames("tokens")}  ${tokens.shape[0]} × ${tokens.shape[1]}`, "label");
    text(node, tokensX + 12, 52, () => (U.pooled ? word("net_mean_of") : word("net_key_tokens")));
  }
  NET.parts.forEach((part, n) => {
    if (!["down", "middle", "up"].includes(part.side)) return;
    const x = part.side === "down" ? left(part.level) : part.side === "up" ? right(part.level) : middle, y = part.side === "middle" ? bottom : row(part.level);
    const own = part.layers.filter((layer) => layer.kind !== "down" && layer.kind !== "up"), last = own[own.length - 1];
    const node = box(n, x, y, () => `${last.outputs} ${word("net_channels")} · ${sized(last.size)}`, null);
    const times = part.side === "middle" ? 1 : U.blocks + (part.side === "up" ? 1 : 0), unit = part.side === "middle" ? own : own.slice(0, own.length / times);
    const end = glyphs(node, x + 12, y + 31, unit);
    if (times > 1) make(node, "text", { x: end + 4, y: y + 46, class: "label" }, `× ${times}`);
    text(node, x + wide - 10, y + 46, () => millions(part.parameters), "", "end");
  });
  glyphLegend(panel, tokens);
}

const predicted = () => ({ eps: "ε_θ", x0: "x̂₀", v: "v_θ", velocity: "u_θ", score: "s_θ", edm: "F_θ" }[NET.predicts] || NET.predicts);

// The signs of a stage: a square R for a residual block, a circle A for self-attention, a diamond C for cross-attention.
function glyphs(parent, x, y, layers) {
  const put = (letter) => {
    const shape = { R: ["rect", { x, y, width: 22, height: 22, rx: 3 }], A: ["circle", { cx: x + 11, cy: y + 11, r: 11.5 }], C: ["path", { d: `M${x + 11} ${y - 2}l13 13l-13 13l-13 -13Z` }] }[letter];
    make(parent, shape[0], Object.assign({ class: "glyph " + letter }, shape[1]));
    make(parent, "text", { x: x + 11, y: y + 15.5, "text-anchor": "middle", class: "letter" }, letter);
    x += letter === "C" ? 31 : 28;
  };
  for (const layer of layers) {
    if (layer.kind === "residual") put("R");
    if (layer.kind === "attention" || layer.kind === "transformer") { put("A"); if (layer.kind === "transformer") put(layer.tokens ? "C" : "A"); }
  }
  return x;
}

function glyphLegend(panel, tokens) {
  const legend = element(panel, "div", { class: "legend signs" });
  const item = (draw, key) => {
    const span = element(legend, "span");
    draw(make(span, "svg", { class: "plot unet", viewBox: "-3 -3 30 30", width: 26, height: 26, "aria-hidden": "true" }));
    worded(span, "span", key);
  };
  const wire = (css) => (svg) => make(svg, "path", { d: "M-2 12H27", class: "wire " + css });
  const all = NET.parts.flatMap((part) => part.layers);
  item((svg) => glyphs(svg, 1, 1, [{ kind: "residual" }]), "net_key_residual");
  if (all.some((layer) => layer.heads)) item((svg) => glyphs(svg, 1, 1, [{ kind: "attention" }]), "net_key_self");
  if (tokens) item((svg) => { make(svg, "path", { d: "M12 -1l13 13l-13 13l-13 -13Z", class: "glyph C" }); make(svg, "text", { x: 12, y: 16.5, "text-anchor": "middle", class: "letter" }, "C"); }, "net_key_cross");
  item(wire("skip"), "net_key_skip");
  item(wire("time"), "net_key_time");
  if (tokens) item(wire("tokens"), "net_key_tokens");
}

function drawnSequence(panel) {
  const flow = element(panel, "div", { class: "flow" });
  NET.parts[0].layers.forEach((layer, n) => {
    if (n) element(flow, "span", { "aria-hidden": "true" }, "→");
    const box = element(flow, "span", { class: "step" });
    element(box, "b", {}, layer.kind);
    relabel.push(((about) => () => { about.textContent = `${whole(layer.outputs)}${layer.size.length ? " · " + sized(layer.size) : ""}`; })(element(box, "small")));
  });
}

function layerTable(panel) {
  worded(panel, "p", "net_choose", { class: "note" }).hidden = !NET.unet;
  const scroll = element(panel, "div", { class: "scroll" }), table = element(scroll, "table", { class: "layers" });
  const kind = (layer) => {
    const key = "net_kind_" + (layer.tokens ? "both" : layer.kind), name = D.strings[key] ? word(key) : layer.kind;
    if (layer.heads) return `${name}, ${headsOf(layer)}`;
    return layer.skip ? `${name} (${layer.skip} ${word("net_of_skip")})` : name;
  };
  watchers.push(() => {
    const part = NET.parts[state.part];
    table.replaceChildren();
    const caption = element(table, "caption"), head = element(element(table, "thead"), "tr"), body = element(table, "tbody");
    caption.textContent = `${partName(part)}${colon()} ${whole(part.parameters)} ${word("net_parameters")}`;
    for (const [key, css] of [["net_layer", ""], ["net_channels", "value"], ["net_positions", "value"], ["net_parameters", "value"], ["net_flop", "value"], ["net_module", ""]]) element(head, "th", { class: css, scope: "col" }).innerHTML = word(key);
    for (const layer of part.layers) {
      const line = element(body, "tr");
      element(line, "td", {}, kind(layer));
      for (const cell of [`${whole(layer.inputs)} → ${whole(layer.outputs)}`, layer.size.length ? sized(layer.size) : "–", whole(layer.parameters), number(layer.operations / 1e6)]) element(line, "td", { class: "value" }, cell);
      element(element(line, "td"), "code", {}, layer.path);
    }
  });
  readings(panel, () => [[word("net_parameters"), whole(NET.parameters)], [word("net_operations"), number(NET.operations)], ...attentionHeads()]);
}

const headsOf = (layer) => `${layer.heads} ${word(layer.heads === 1 ? "net_head" : "net_heads")} ${word("net_of")} ${layer.outputs / layer.heads} ${word("net_channels")}`;

// "attention at 8 × 8: 4 heads of 32 channels" for each size that has it
function attentionHeads() {
  const seen = new Map();
  for (const layer of NET.parts.flatMap((part) => part.layers)) if (layer.heads) seen.set(sized(layer.size), headsOf(layer));
  return [...seen].map(([size, text]) => [`${word("net_attention_at")} ${size}`, text]);
}

// -- the time encoding --

function greyImage(width, height, value) {
  const canvas = element(null, "canvas", { width, height }), on = canvas.getContext("2d"), pixels = on.createImageData(width, height);
  for (let n = 0; n < width * height; n++) { pixels.data.fill(255 * value(n), 4 * n, 4 * n + 3); pixels.data[4 * n + 3] = 255; }
  on.putImageData(pixels, 0, 0);
  return canvas.toDataURL();
}

function timeEncoding(panel) {
  const E = NET.time, C = E.channels, h = E.half, encodings = unpacked(E.encodings, E.unit), alike = unpacked(E.similarity, E.unit), learned = unpacked(E.learned, E.unit);
  const first = D.steps[0], last = D.steps[K - 1], from = first - 0.5, to = last + 0.5;
  worded(panel, "p", NET.unet.time_embedding === "add" ? "net_added" : "net_scaled", { class: "note first" });
  const charts = element(panel, "div", { class: "charts pair" });
  const pasted = (on, href, y1, y2) => make(on.svg, "image", { href, x: on.x(from), y: y1, width: on.x(to) - on.x(from), height: y2 - y1, preserveAspectRatio: "none", style: "image-rendering:pixelated" });
  const present = (on) => upright(on, D.steps[state.k], { class: "now here" });
  const over = chart(charts, () => word("net_all_times"));
  watchers.push(() => {
    const on = plot(over, { x: [from, to], y: [C, 0], yTicks: [0, h, C], left: 46, right: 44, xLabel: "t" });
    pasted(on, E.image, on.y(0), on.y(C));
    make(over, "line", { x1: on.x(from), x2: on.x(to), y1: on.y(h), y2: on.y(h), stroke: "var(--orange)", "stroke-width": 1 });
    for (const [text, y] of [["cos", h / 2], ["sin", h + h / 2]]) make(over, "text", { x: on.x(to) + 8, y: on.y(y) + 4, class: "label" }, text);
    present(on);
  });
  const vector = chart(charts, () => `${word("net_vector")} (t = ${D.steps[state.k]})`);
  watchers.push(() => {
    const on = plot(vector, { x: [0, C], y: [-1.1, 1.5], yTicks: [-1, 0, 1], xTicks: [0, h, C], left: 40 }), part = (low, high) => spread(low, high - 1, high - low);
    const values = (low, high) => Array.from(encodings.subarray(state.k * C + low, state.k * C + high));
    curve(on, part(0, h), values(0, h), { stroke: "var(--blue)" });
    curve(on, part(h, 2 * h), values(h, 2 * h), { stroke: "var(--orange)", "stroke-dasharray": "6 3" });
    make(vector, "text", { x: on.x(h / 2), y: on.y(1.2), "text-anchor": "middle", class: "label" }, "cos");
    make(vector, "text", { x: on.x(h + h / 2), y: on.y(1.2), "text-anchor": "middle", class: "label" }, "sin");
  });
  const square = chart(charts, () => word("net_alike")), picture = greyImage(K, K, (n) => (alike[n] + 1) / 2);
  watchers.push(() => {
    const on = plot(square, { x: [from, to], y: [to, from], yTicks: rounded(first, last, 4), left: 46, xLabel: "t" });
    pasted(on, picture, on.y(from), on.y(to));
    present(on);
    make(square, "line", { class: "now here", x1: on.x(from), x2: on.x(to), y1: on.y(D.steps[state.k]), y2: on.y(D.steps[state.k]) });
  });
  const near = chart(charts, () => `${word("net_alike_now")} (t = ${D.steps[state.k]})`);
  watchers.push(() => {
    const on = plot(near, { x: [from, to], y: [-1.05, 1.05], yTicks: [-1, 0, 1], left: 40, xLabel: "t" }), values = (of) => Array.from(of.subarray(state.k * K, (state.k + 1) * K));
    curve(on, D.steps, values(alike), { stroke: "var(--blue)" });
    curve(on, D.steps, values(learned), { stroke: "var(--orange)", "stroke-dasharray": "6 3" });
    upright(on, D.steps[state.k]);
  });
  keys(panel, [["net_of_encoding", "--blue", "solid"], ["net_of_learned", "--orange", "dashed"]]);
  const period = (j) => number(2 * Math.PI * Math.pow(E.period, j / h)), offset = E.offset ? ` ${E.offset < 0 ? "−" : "+"} ${number(Math.abs(E.offset))}` : "";
  readings(panel, () => [
    [`${SIGN.net_tau} = ${number(E.scale)} · ${number(D.times[state.k])}${offset} =`, number(E.tau[state.k], 6)], ["h =", whole(h)],
    [word("net_period_fast"), `${period(0)} (${SIGN.net_tau})`], [word("net_period_slow"), `${period(h - 1)} (${SIGN.net_tau})`],
    ...(state.k + 1 < K ? [[word("net_neighbour"), number(alike[state.k * K + state.k + 1])]] : []),
  ]);
}

// -- attention --

function bytesOf(source) {
  const canvas = element(null, "canvas", { width: source.naturalWidth, height: source.naturalHeight }), on = canvas.getContext("2d", { willReadFrequently: true });
  on.drawImage(source, 0, 0);
  return on.getImageData(0, 0, canvas.width, canvas.height).data.filter((_, n) => n % 4 === 0);
}

// Weights of one layer: row(head) of the query that asks, and where it stands
function weightsOf(layer) {
  const A = NET.attention, source = image(layer.bytes), peak = unpacked(layer.peak, A.unit), share = unpacked(layer.spread, A.unit);
  const Qh = layer.rows.length, Qw = layer.columns.length, keys = layer.keys[0] * layer.keys[1], heads = 1 + layer.shown;
  let bytes = null;
  const query = (time, head, r, c) => ((time * heads + head) * Qh + r) * Qw + c;
  const row = (time, head, r, c) => {
    bytes = bytes || bytesOf(source);
    const n = query(time, head, r, c);
    return Float64Array.from(bytes.subarray(n * keys, (n + 1) * keys), (b) => b / 255 * peak[n]);
  };
  const asking = () => {
    const cell = (pixel, many, size) => Math.min(Math.floor(pixel * D.posterior.stride / layer.factor / Math.ceil(size / many)), many - 1);
    return [cell(state.row, Qh, layer.grid[0]), cell(state.column, Qw, layer.grid[1])];
  };
  return { layer, row, asking, spread: (...at) => share[query(...at)] * layer.seen, block: Math.ceil(Math.max(...layer.grid) / 16) };
}

function attentionMaps(panel) {
  const A = NET.attention, layers = A.layers.map(weightsOf), F = D.forward, sheet = image(F.sheet), clean = image(F.x0);
  Object.assign(state, { layer: 0, head: 0, token: Math.min(1, Math.max(A.tokens.length - 1, 0)) });
  const now = () => A.frames.reduce((best, k, n) => (Math.abs(k - state.k) < Math.abs(A.frames[best] - state.k) ? n : best), 0);
  const W = () => layers[state.layer];
  const controls = element(panel, "div", { class: "controls" });
  const control = (key, name, fill) => {
    const label = element(controls, "label"), select = (worded(label, "span", key), element(label, "select", { id: "net-" + name }));
    select.addEventListener("change", () => { state[name] = Number(select.value); if (name === "layer") state.head = Math.min(state.head, W().layer.shown); refresh(); });
    watchers.push(() => {
      const options = fill();
      if (select.dataset.options !== options.join("|")) { select.replaceChildren(); options.forEach((text, n) => element(select, "option", { value: n }, text)); select.dataset.options = options.join("|"); }
      select.value = state[name];
      label.hidden = name === "token" ? !W().layer.cross : options.length < 2;
    });
  };
  const title = ({ layer }) => {
    const side = layer.path.split(".")[0];
    return `${word("net_side_" + side)} ${layer.level + 1}, ${sized(layer.grid)}, ${word(layer.cross ? "net_key_cross" : "net_key_self")} (${layer.path})`;
  };
  control("net_layer", "layer", () => layers.map(title));
  control("net_head", "head", () => [word("net_mean"), ...Array.from({ length: W().layer.shown }, (_, n) => String(n + 1))]);
  control("net_token", "token", () => A.tokens);
  worded(panel, "p", "net_attend_note", { class: "note" });
  const box = element(panel, "div", { class: "tiles six maps" });
  const figureOf = (symbol, set, draw, choose = false) => {
    const figure = element(box, "figure"), frame = element(figure, "div", { class: "image" + (choose ? " choose" : "") }), caption = element(figure, "figcaption");
    const scale = Math.max(1, Math.round(160 / F.width)), canvas = element(frame, "canvas", { width: F.width * scale, height: F.height * scale });
    if (choose) choosable(frame);
    watchers.push(() => { figure.hidden = !draw(canvas.getContext("2d"), canvas); caption.innerHTML = `<b>${symbol}</b>` + set(); });
  };
  const shown = (source, column) => (on, canvas) => {
    on.imageSmoothingEnabled = false;
    on.drawImage(source, column() * F.width, 0, F.width, F.height, 0, 0, canvas.width, canvas.height);
    return true;
  };
  // a map of one head over the image: of the query's weights, or of one token's over all queries
  const painted = (head, overlay) => (on, canvas) => {
    const { layer, row, asking, block } = W(), [r, c] = asking(), unit = canvas.width / NET.input[2];
    if (head() > layer.shown) return false;
    let values, columns, cells, size;
    if (layer.cross) {
      columns = layer.columns.length; size = layer.factor * Math.ceil(layer.grid[1] / columns);
      values = Array.from({ length: layer.rows.length * columns }, (_, n) => row(now(), head(), Math.floor(n / columns), n % columns)[state.token]);
    } else { values = row(now(), head(), r, c); columns = layer.keys[1]; size = layer.factor * block; }
    const top = Math.max(...values, 1e-9);
    if (overlay) shown(clean, () => 0)(on, canvas); else { on.fillStyle = "#000"; on.fillRect(0, 0, canvas.width, canvas.height); }
    values.forEach((v, n) => {
      on.fillStyle = overlay ? `rgba(255, 140, 40, ${0.85 * v / top})` : `rgb(${Array(3).fill(Math.round(255 * v / top))})`;
      const [x1, x2, y1, y2] = [n % columns, n % columns + 1, Math.floor(n / columns), Math.floor(n / columns) + 1].map((v) => Math.round(v * size * unit));
      on.fillRect(x1, y1, x2 - x1, y2 - y1);
    });
    const q = layer.factor * unit;
    on.lineWidth = 3; on.strokeStyle = "#000"; on.strokeRect(layer.columns[c] * q + 1, layer.rows[r] * q + 1, q - 2, q - 2);
    on.lineWidth = 1.6; on.strokeStyle = "#ff8c28"; on.strokeRect(layer.columns[c] * q + 1, layer.rows[r] * q + 1, q - 2, q - 2);
    return true;
  };
  figureOf(SIGN.net_xt, () => `t = ${A.steps[now()]}`, shown(sheet, () => A.frames[now()]), true);
  const about = () => word(W().layer.cross ? "net_token_over" : "net_over");
  const headed = (n) => (W().layer.heads > 1 ? (n ? `${word("net_head")} ${n}` : word("net_mean")) : word("net_maps"));
  figureOf("", () => about() + (W().layer.heads > 1 ? `, ${headed(state.head)}` : ""), painted(() => state.head, true));
  const most = Math.max(...layers.map(({ layer }) => layer.shown));
  for (let n = 0; n <= most; n++) figureOf("", () => headed(n), painted(() => n, false));
  const words = element(panel, "div", { class: "words" });
  watchers.push(() => {
    words.hidden = !W().layer.cross;
    words.replaceChildren();
    if (words.hidden) return;
    element(words, "h4").innerHTML = word("net_words");
    const values = W().row(now(), state.head, ...W().asking());
    A.tokens.forEach((token, n) => {
      element(words, "span", {}, token);
      element(element(words, "span", { class: "track" }), "i", { style: `width:${100 * values[n]}%` });
      element(words, "b", {}, number(values[n], 2));
    });
  });
  readings(panel, () => {
    const { layer, row, asking, spread: of } = W(), [r, c] = asking(), values = row(now(), state.head, r, c), best = values.indexOf(Math.max(...values));
    const place = layer.cross ? A.tokens[best] : `(${Math.floor(best / layer.keys[1])}, ${best % layer.keys[1]})`;
    return [
      [word("net_computed_at"), `t = ${A.steps.join(", ")}`], [word("net_query"), `(${layer.rows[r]}, ${layer.columns[c]})`], [word("net_largest"), `${number(values[best])} ${place}`],
      [word("net_equal"), number(1 / (layer.cross ? layer.seen : values.length))], [word("net_spread"), `${number(of(now(), state.head, r, c))} / ${layer.seen}`],
    ];
  });
}
