"use strict";
// The theorems on data whose distribution is known: the formulas of lecture/mixture.py and lecture/probability.py
const sum = (values) => values.reduce((total, v) => total + v, 0);
const mixtureNoised = (data, abar) => ({
  weights: data.weights, means: data.means.map((m) => Math.sqrt(abar) * m), variances: data.variances.map((v) => abar * v + 1 - abar),
});
const mixtureDensity = (m, x) => sum(m.weights.map((w, k) => w * density(x, m.means[k], m.variances[k])));

function mixtureReverse(data, before, after, xt) {
  const a = after / before, earlier = mixtureNoised(data, before), later = mixtureNoised(data, after);
  const logs = data.weights.map((w, k) => Math.log(w) - (xt - later.means[k]) ** 2 / (2 * later.variances[k]) - Math.log(later.variances[k]) / 2);
  const top = Math.max(...logs), shares = logs.map((v) => Math.exp(v - top)), total = sum(shares);
  return {
    weights: shares.map((v) => v / total),
    means: earlier.means.map((m, k) => m + Math.sqrt(a) * earlier.variances[k] / later.variances[k] * (xt - later.means[k])),
    variances: earlier.variances.map((v, k) => v * (1 - a) / later.variances[k]),
  };
}

function mixtureMoments(m) {
  const mean = sum(m.weights.map((w, k) => w * m.means[k]));
  return { mean, variance: sum(m.weights.map((w, k) => w * (m.variances[k] + (m.means[k] - mean) ** 2))) };
}

function mixtureGrid(m, count, reach) {
  return spread(Math.min(...m.means.map((v, k) => v - reach * Math.sqrt(m.variances[k]))), Math.max(...m.means.map((v, k) => v + reach * Math.sqrt(m.variances[k]))), count);
}

const trapezoid = (xs, ys) => (xs[1] - xs[0]) * (sum(ys) - (ys[0] + ys[ys.length - 1]) / 2);

function mixtureDivergence(m) {
  const xs = mixtureGrid(m, 2001, 9), g = mixtureMoments(m);
  return trapezoid(xs, xs.map((x) => {
    const q = mixtureDensity(m, x);
    return q > 0 ? q * (Math.log(q) + (x - g.mean) ** 2 / (2 * g.variance) + Math.log(2 * Math.PI * g.variance) / 2) : 0;
  }));
}

function posteriorAt(before, after, x0, xt) {
  const a = after / before;
  return { mean: (Math.sqrt(before) * (1 - a) * x0 + Math.sqrt(a) * (1 - before) * xt) / (1 - after), variance: (1 - before) * (1 - a) / (1 - after) };
}

function jointDensity(data, before, after, xs, xt) {
  const earlier = mixtureNoised(data, before), later = mixtureNoised(data, after);
  return sum(data.weights.map((w, k) => {
    const c = Math.sqrt(after / before) * earlier.variances[k], determinant = earlier.variances[k] * later.variances[k] - c * c;
    const u = xs - earlier.means[k], v = xt - later.means[k];
    return w * Math.exp(-(later.variances[k] * u * u - 2 * c * u * v + earlier.variances[k] * v * v) / (2 * determinant)) / (2 * Math.PI * Math.sqrt(determinant));
  }));
}

function theoremsAt(data, before, after, xs, xt, x0) {
  const a = after / before, step = (x) => density(xt, Math.sqrt(a) * x, 1 - a), exact = mixtureReverse(data, before, after, xt);
  const atS = mixtureNoised(data, before), qs = mixtureDensity(atS, xs), qt = mixtureDensity(mixtureNoised(data, after), xt), grid = mixtureGrid(exact, 2001, 9);
  const back = posteriorAt(before, after, x0, xt), log = (v, mean, variance) => -((v - mean) ** 2 / variance + Math.log(2 * Math.PI * variance)) / 2;
  return {
    step: step(xs), qs, qt,
    bayes: [step(xs) * qs / qt, mixtureDensity(exact, xs)],
    marginal: [trapezoid(grid, grid.map((x) => step(x) * mixtureDensity(atS, x))), qt],
    conditional: [jointDensity(data, before, after, xs, xt), step(xs) * qs],
    markov: before === 1 ? null : [Math.exp(log(xs, back.mean, back.variance) + log(xt, Math.sqrt(after) * x0, 1 - after) - log(xs, Math.sqrt(before) * x0, 1 - before)), step(xs)],
  };
}

// A canvas of `columns` x `rows` over a part of a stage, in percent; `paint(shade)` colours it by numbers from 0 to 1.
function shading(stage, columns, rows, box) {
  const canvas = element(stage, "canvas", { class: "shade", width: columns, height: rows, style: `left:${box[0]}%;top:${box[1]}%;width:${box[2]}%;height:${box[3]}%` });
  stage.prepend(canvas);
  return (shade) => {
    const on = canvas.getContext("2d"), pixels = on.createImageData(columns, rows), ink = getComputedStyle(document.documentElement).getPropertyValue("--blue").trim();
    const [red, green, blue] = [1, 3, 5].map((n) => parseInt(ink.slice(n, n + 2), 16));
    for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) pixels.data.set([red, green, blue, Math.round(230 * Math.sqrt(shade(c, r)))], 4 * (r * columns + c));
    on.putImageData(pixels, 0, 0);
  };
}

PANELS.probability = function (panel) {
  const P = D.probability, R = P.limit, CELLS = 110, cell = 2 * R / CELLS, centre = (n) => -R + (n + 0.5) * cell;
  const nearest = (wanted) => P.jumps.reduce((best, v, n) => (Math.abs(v - wanted) < Math.abs(P.jumps[best] - wanted) ? n : best), 0);
  const here = { toy: 0, jump: nearest(0.3 * D.T), xs: 0.4, xt: 0, x0: 0.5, path: 0 };
  const data = () => P.toys[here.toy], after = () => P.abar[state.k], before = () => P.before[state.k][here.jump];
  const fit = (v) => Math.min(Math.max(Math.round(v * 1000) / 1000, -R), R);

  const controls = element(panel, "div", { class: "controls" });
  const field = (key, name, attributes, symbol = null) => {
    const label = element(controls, "label");
    if (symbol) element(label, "span").innerHTML = symbol; else worded(label, "span", key);
    return element(label, name, attributes);
  };
  const toy = field("prob_data", "select", { id: "prob-data" });
  for (const [n, one] of P.toys.entries()) worded(toy, "option", "prob_" + one.name, { value: n });
  toy.addEventListener("change", () => { here.toy = Number(toy.value); refresh(); });
  const jump = field("prob_jump", "select", { id: "prob-jump" });
  for (const [n, one] of P.jumps.entries()) element(jump, "option", n === here.jump ? { value: n, selected: "" } : { value: n }, String(one));
  jump.addEventListener("change", () => { here.jump = Number(jump.value); refresh(); });
  const clean = field(null, "input", { id: "prob-x0", type: "range", min: -P.span, max: P.span, step: 0.01, value: here.x0 }, SIGN.prob_x0), cleanValue = element(clean.parentNode, "output");
  clean.addEventListener("input", () => { here.x0 = Number(clean.value); refresh(); });
  watchers.push(() => { cleanValue.textContent = number(here.x0); });

  // the map: W x H of the drawing, and the square of the map in it
  const W = 460, H = 556, left = 46, top = 84, side = 310, low = 516, x = (v) => left + side * (v + R) / (2 * R), y = (v) => top + side - side * (v + R) / (2 * R);
  const charts = element(panel, "div", { class: "charts pair" }), first = element(charts, "div", { class: "chart" }), second = element(charts, "div");
  worded(first, "h3", "prob_map");
  const stage = element(first, "div", { class: "stage" }), map = make(stage, "svg", { class: "plot", viewBox: `0 0 ${W} ${H}` });
  const paint = shading(stage, CELLS, CELLS, [100 * left / W, 100 * top / H, 100 * side / W, 100 * side / H]);
  const filled = (points, close) => {
    make(map, "path", { d: "M" + [...points, ...close].map((p) => p.map((v) => v.toFixed(1)).join(" ")).join("L") + "Z", fill: "var(--wash)" });
    make(map, "path", { class: "curve", d: "M" + points.map((p) => p.map((v) => v.toFixed(1)).join(" ")).join("L"), stroke: "var(--blue)" });
  };
  const fine = spread(-R, R, 301);
  watchers.push(() => {
    const a = after() / before(), atS = mixtureNoised(data(), before()), atT = mixtureNoised(data(), after()), exact = mixtureReverse(data(), before(), after(), here.xt);
    const columns = Array.from({ length: CELLS }, (_, c) => mixtureDensity(atS, centre(c)));
    // narrower than a cell, the step would fall between their centres: the variance of a cell is added
    const cells = columns.map((q, c) => Array.from({ length: CELLS }, (_, r) => q * density(centre(CELLS - 1 - r), Math.sqrt(a) * centre(c), 1 - a + cell * cell * (1 + a) / 12)));
    const most = Math.max(...cells.map((line) => Math.max(...line)));
    paint((c, r) => cells[c][r] / most);
    const larger = enlarged(map, W);
    map.replaceChildren();
    make(map, "rect", { x: left, y: top, width: side, height: side, fill: "none", stroke: "var(--line)" });
    const curves = [fine.map((v) => mixtureDensity(atS, v)), fine.map((v) => mixtureDensity(atT, v)), fine.map((v) => mixtureDensity(exact, v))];
    const highest = curves.map((line) => Math.max(...line, 1e-9));
    filled(fine.map((v, n) => [x(v), top - 6 - 62 * curves[0][n] / highest[0]]), [[x(R), top - 6], [x(-R), top - 6]]);
    filled(fine.map((v, n) => [left + side + 6 + 68 * curves[1][n] / highest[1], y(v)]), [[left + side + 6, y(R)], [left + side + 6, y(-R)]]);
    filled(fine.map((v, n) => [x(v), low - 78 * curves[2][n] / highest[2]]), [[x(R), low], [x(-R), low]]);
    make(map, "line", { class: "grid", x1: left, x2: left + side, y1: low, y2: low });
    for (let v = -R; v <= R; v += 1) {
      make(map, "text", { x: left - 7, y: y(v) + 4 * larger, "text-anchor": "end" }, short(v));
      make(map, "text", { x: x(v), y: low + 18 * larger, "text-anchor": "middle" }, short(v));
    }
    for (const [text, at, anchor] of [["xₛ", [x(R) + 16 * larger, low + 18 * larger], "start"], ["xₜ", [left - 8 - 14 / larger, y(2.5) + 4 * larger], "end"], ["q(xₛ)", [x(R) + 8, top - 14], "start"], ["q(xₜ)", [x(R) + 50, top + side + 18 * larger], "middle"], ["q(xₛ|xₜ)", [x(R) + 8, low - 12], "start"]])
      make(map, "text", { class: "axis", x: at[0], y: at[1], "text-anchor": anchor }, text);
    make(map, "line", { class: "cross", x1: left, x2: left + side + 78, y1: y(here.xt), y2: y(here.xt) });
    make(map, "line", { class: "cross faint", x1: x(here.xs), x2: x(here.xs), y1: top - 70, y2: low });
  });
  const position = (event) => {
    const box = stage.getBoundingClientRect();
    here.xs = fit(((event.clientX - box.left) / box.width * W - left) / side * 2 * R - R);
    here.xt = fit(R - ((event.clientY - box.top) / box.height * H - top) / side * 2 * R);
    refresh();
  };
  const inside = (event) => { const box = stage.getBoundingClientRect(), v = (event.clientY - box.top) / box.height * H, u = (event.clientX - box.left) / box.width * W; return v > top && v < top + side && u > left && u < left + side; };
  map.addEventListener("click", (event) => { if (inside(event)) position(event); });
  handle(stage, { name: "xₜ", low: -R, high: R, value: () => here.xt, at: () => [(left + side) / W, y(here.xt) / H], vertical: true,
    drag: (u, v) => { here.xt = fit(R - (v * H - top) / side * 2 * R); }, nudge: (by) => { here.xt = fit(here.xt + 0.05 * by); } });
  handle(stage, { name: "xₛ", low: -R, high: R, value: () => here.xs, at: () => [x(here.xs) / W, (top + side) / H],
    drag: (u) => { here.xs = fit((u * W - left) / side * 2 * R - R); }, nudge: (by) => { here.xs = fit(here.xs + 0.05 * by); } });

  // the step back, close up
  const near = chart(second, () => word("prob_near"));
  watchers.push(() => {
    const exact = mixtureReverse(data(), before(), after(), here.xt), known = posteriorAt(before(), after(), here.x0, here.xt), moments = mixtureMoments(exact);
    const parts = exact.weights.map((w, k) => [w, exact.means[k], exact.variances[k]]).filter(([w]) => w > 2e-3), std = Math.sqrt(known.variance);
    const range = [Math.min(known.mean - 4 * std, ...parts.map(([, m, v]) => m - 4 * Math.sqrt(v))), Math.max(known.mean + 4 * std, ...parts.map(([, m, v]) => m + 4 * Math.sqrt(v)))];
    const xs = spread(range[0], range[1], 400), q = xs.map((v) => mixtureDensity(exact, v)), g = xs.map((v) => density(v, moments.mean, moments.variance));
    const p = known.variance > 0 ? xs.map((v) => density(v, known.mean, known.variance)) : null, most = Math.max(...q, ...g, ...(p || [0]));
    const on = plot(near, { x: range, y: [0, 1.12 * most], yTicks: [], yAxis: false, left: 10, height: 235, xLabel: "xₛ" });
    area(on, xs, xs.map(() => 0), q, { fill: "var(--wash)" });
    curve(on, xs, q, { stroke: "var(--blue)" });
    curve(on, xs, g, { stroke: "var(--violet)", "stroke-dasharray": "2 4" });
    if (p) curve(on, xs, p, { stroke: "var(--orange)", "stroke-dasharray": "8 4" });
    else make(near, "line", { x1: on.x(known.mean), x2: on.x(known.mean), y1: on.y(0), y2: on.y(most), stroke: "var(--orange)", "stroke-width": 2, "stroke-dasharray": "8 4" });
    if (here.xs > range[0] && here.xs < range[1]) upright(on, here.xs);
  });
  keys(second, [["prob_exact", "--blue", "solid"], ["prob_known", "--orange", "dashed"], ["prob_gaussian", "--violet", "dotted"]]);

  // the joint of the model
  const PW = 460, PH = 230, plane = element(second, "div", { class: "chart" });
  worded(plane, "h3", "prob_paths");
  const pathStage = element(plane, "div", { class: "stage" }), paths = make(pathStage, "svg", { class: "plot" });
  const paintPaths = shading(pathStage, K, CELLS, [100 * 46 / PW, 100 * 10 / PH, 100 * (PW - 56) / PW, 100 * (PH - 38) / PH]);
  let painted = null;
  watchers.push(() => {
    if (painted !== here.toy) {
      const columns = P.abar.map((abar) => mixtureNoised(data(), abar)).map((m) => Array.from({ length: CELLS }, (_, r) => mixtureDensity(m, centre(CELLS - 1 - r))));
      const most = columns.map((line) => Math.max(...line));
      paintPaths((c, r) => 0.6 * columns[c][r] / most[c]);
      painted = here.toy;
    }
    const on = plot(paths, { width: PW, height: PH, x: [0, D.T], y: [-R, R], xLabel: "t" }), times = [0, ...D.steps], path = (n) => times.map((_, k) => data().paths[k * P.count + n]);
    for (let n = 0; n < P.count; n++) curve(on, times, path(n), { stroke: "var(--ink)", opacity: 0.3 }).style.strokeWidth = 0.8;
    const own = path(here.path), from = state.k + 1;
    curve(on, times, own, { stroke: "var(--orange)", "stroke-dasharray": "2 3" });
    curve(on, times.slice(from), own.slice(from), { stroke: "var(--orange)" }).style.strokeWidth = 2.6;
    upright(on, D.steps[state.k]);
    make(paths, "circle", { cx: on.x(D.steps[state.k]), cy: on.y(own[from]), r: 4.5, fill: "var(--orange)" });
  });
  const line = element(second, "div", { class: "controls" }), label = element(line, "label");
  worded(label, "span", "prob_path");
  const which = element(label, "select", { id: "prob-path" });
  for (let n = 0; n < P.count; n++) element(which, "option", { value: n }, String(n));
  which.addEventListener("change", () => { here.path = Number(which.value); refresh(); });
  readings(second, () => {
    const at = (k) => data().log_joint[k * P.count + here.path];
    return [[SIGN.prob_last, number(at(K), 4)], [`<small>t = ${D.steps[state.k]}</small> ${SIGN.prob_part}`, number(at(state.k + 1), 4)], [SIGN.prob_whole, number(at(0), 4)]];
  });
  worded(second, "p", "prob_model", { class: "note" });

  const table = element(element(panel, "div", { class: "scroll" }), "table", { class: "checks" }), head = element(table, "tr");
  worded(head, "th", "prob_theorem", { colspan: 2 });
  for (const key of ["prob_left", "prob_right"]) worded(head, "th", key, { class: "value" });
  const rows = ["bayes", "marginal", "conditional", "markov"].map((key) => {
    const row = element(table, "tr", { id: "prob-" + key });
    worded(row, "td", "prob_" + key);
    element(row, "td").innerHTML = SIGN["prob_" + key];
    return [key, element(row, "td", { class: "value" }), element(row, "td", { class: "value" })];
  });
  const note = worded(panel, "p", "prob_point", { class: "note" });
  watchers.push(() => {
    const both = theoremsAt(data(), before(), after(), here.xs, here.xt, here.x0);
    for (const [key, one, other] of rows) [one, other].forEach((slot, n) => { slot.textContent = both[key] ? number(both[key][n], 6) : "–"; });
    note.hidden = both.markov !== null;
  });
  readings(panel, () => {
    const s = P.earlier[state.k][here.jump], both = theoremsAt(data(), before(), after(), here.xs, here.xt, here.x0);
    return [[SIGN.prob_s, String(s)], [SIGN.prob_xs, number(here.xs)], [SIGN.prob_xt, number(here.xt)], [SIGN.prob_qs, number(both.qs, 4)], [SIGN.prob_qt, number(both.qt, 4)], [SIGN.prob_step, number(both.step, 4)],
      [SIGN.prob_expected, number(mixtureMoments(mixtureReverse(data(), 1, after(), here.xt)).mean)], [SIGN.prob_mean, number(posteriorAt(before(), after(), here.x0, here.xt).mean)], [SIGN.prob_variance, number(posteriorAt(before(), after(), here.x0, here.xt).variance)],
      [word("prob_far"), `${number(mixtureDivergence(mixtureReverse(data(), before(), after(), here.xt)))} ${word("nats")}`]];
  });
};
