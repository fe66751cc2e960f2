"use strict";
// From cross-entropy to the bound: the formulas of lecture/objective.py for any setting of the two-step chain
function twoSteps(o) {
  const alpha1 = 1 - o.beta1, alpha2 = 1 - o.beta2, abar = alpha1 * alpha2, s2 = o.std ** 2, V1 = alpha1 * s2 + o.beta1, V2 = alpha2 * V1 + o.beta2;
  const a1 = (1 + o.error) * Math.sqrt(alpha1) * s2 / V1, a2 = (1 + o.error) * Math.sqrt(alpha2) * V1 / V2;
  const v1 = o.factor * o.beta1 * s2 / V1, v2 = o.factor * o.beta2 * V1 / V2, rho = o.fitted ? V2 : 1;
  // q(x_1 | x_2, x_0) = N(c x_0 + d x_2, tilde); `squared` is the mean of (c x_0 + d x_2 - a_2 x_2)^2
  const c = Math.sqrt(alpha1) * o.beta2 / (1 - abar), d = Math.sqrt(alpha2) * o.beta1 / (1 - abar), tilde = o.beta1 * o.beta2 / (1 - abar);
  const squared = c * c * s2 + 2 * c * (d - a2) * Math.sqrt(abar) * s2 + (d - a2) ** 2 * V2;
  return { alpha1, alpha2, abar, s2, V1, V2, a1, a2, v1, v2, rho, tilde, squared, p2: a1 ** 2 * (a2 ** 2 * rho + v2) + v1, beta1: o.beta1, beta2: o.beta2 };
}

function logWeight(m, x0, z1, z2) {
  const x1 = Math.sqrt(m.alpha1) * x0 + Math.sqrt(m.beta1) * z1, x2 = Math.sqrt(m.alpha2) * x1 + Math.sqrt(m.beta2) * z2;
  // the two densities of q have the exponents -z^2 / 2
  return -0.5 * (x2 * x2 / m.rho + (x1 - m.a2 * x2) ** 2 / m.v2 + (x0 - m.a1 * x1) ** 2 / m.v1 - z1 * z1 - z2 * z2 + Math.log(2 * Math.PI * m.rho * m.v2 * m.v1 / (m.beta1 * m.beta2)));
}

function logIntegral(m, x0) {
  // by the trapezoidal rule, on a grid that lies around the peak of the integrand, along its axes
  const log = (z1, z2) => logWeight(m, x0, z1, z2) - (z1 * z1 + z2 * z2) / 2, f = log(0, 0), e = log(1, 0), w = log(-1, 0), n = log(0, 1), s = log(0, -1);
  const h11 = 2 * f - e - w, h22 = 2 * f - n - s, h12 = e + n - f - log(1, 1), determinant = h11 * h22 - h12 * h12, g1 = (e - w) / 2, g2 = (n - s) / 2;
  const c11 = h22 / determinant, c12 = -h12 / determinant, c22 = h11 / determinant, l11 = Math.sqrt(c11), l21 = c12 / l11, l22 = Math.sqrt(c22 - l21 * l21);
  const axis = spread(-8, 8, 65), logs = [];
  let total = 0, top = -Infinity;
  for (const u of axis) for (const v of axis) { const value = log(c11 * g1 + c12 * g2 + l11 * u, c12 * g1 + c22 * g2 + l21 * u + l22 * v); logs.push(value); top = Math.max(top, value); }
  for (const v of logs) total += Math.exp(v - top);
  return top + Math.log(total) + Math.log(l11 * l22) + 2 * Math.log(axis[1] - axis[0]) - Math.log(2 * Math.PI);
}

function boundGap(m, square) {
  const p11 = 1 / m.v2 + m.a1 ** 2 / m.v1, p12 = -m.a2 / m.v2, p22 = 1 / m.rho + m.a2 ** 2 / m.v2, determinant = p11 * p22 - p12 ** 2;
  const d1 = Math.sqrt(m.alpha1) - p22 * m.a1 / m.v1 / determinant, d2 = Math.sqrt(m.abar) + p12 * m.a1 / m.v1 / determinant;
  const trace = p11 * m.beta1 + 2 * p12 * Math.sqrt(m.alpha2) * m.beta1 + p22 * (m.alpha2 * m.beta1 + m.beta2);
  return 0.5 * (trace - 2 - Math.log(determinant * m.beta1 * m.beta2) + square * (p11 * d1 ** 2 + 2 * p12 * d1 * d2 + p22 * d2 ** 2));
}

function derivation(o) {
  const m = twoSteps(o), tau = 2 * Math.PI, rest = m.s2 - 2 * m.a1 * Math.sqrt(m.alpha1) * m.s2 + m.a1 ** 2 * m.V1;
  const between = m.V1 - 2 * m.a2 * Math.sqrt(m.alpha2) * m.V1 + m.a2 ** 2 * m.V2, half = (variance, square) => 0.5 * (Math.log(tau * variance) + square / variance);
  return {
    entropy: 0.5 * Math.log(tau * Math.E * m.s2), divergence: 0.5 * (m.s2 / m.p2 - 1 - Math.log(m.s2 / m.p2)), cross_entropy: half(m.p2, m.s2),
    marginal: -(2 * logIntegral(m, 0) + logIntegral(m, Math.sqrt(3 * m.s2))) / 3,
    jensen: -Math.log(tau * Math.E) - 0.5 * Math.log(m.beta1 * m.beta2) + half(m.rho, m.V2) + half(m.v2, between) + half(m.v1, rest),
    prior: 0.5 * ((1 - m.abar + m.abar * m.s2) / m.rho - 1 - Math.log((1 - m.abar) / m.rho)),
    step: 0.5 * (m.tilde / m.v2 - 1 - Math.log(m.tilde / m.v2) + m.squared / m.v2), decoder: half(m.v1, rest), gap: boundGap(m, m.s2),
  };
}

function weightsFrom(o, x0, noise) {
  const m = twoSteps(o), count = noise.length / 2, logs = Array.from({ length: count }, (_, n) => logWeight(m, x0, noise[2 * n], noise[2 * n + 1]));
  const mean = sum(logs.map(Math.exp)) / count, squares = sum(logs.map((v) => (Math.exp(v) - mean) ** 2)) / (count - 1);
  return { logs, mean, error: Math.sqrt(squares / count), of_mean: Math.log(mean), mean_of: sum(logs) / count, exact: -0.5 * (x0 * x0 / m.p2 + Math.log(2 * Math.PI * m.p2)), gap: boundGap(m, x0 * x0) };
}

function jensenAt(x1, x2, w) {
  const mean = w * x1 + (1 - w) * x2;
  return { mean, curve: -Math.log(mean), chord: -w * Math.log(x1) - (1 - w) * Math.log(x2) };
}

PANELS.objective = function (panel) {
  const O = D.objective, noise = unpacked(O.noise, O.unit), now = Object.assign({ x0: 0.5, x1: 0.35, x2: 2.8, w: 0.5 }, O.start), inputs = {};
  const slide = (parent, key, label, low, high, step, shown = number) => {
    const box = element(parent, "label");
    if (label in SIGN) element(box, "span").innerHTML = SIGN[label]; else worded(box, "span", label);
    const input = element(box, "input", { id: "obj-" + key, type: "range", min: low, max: high, step, value: now[key] }), output = element(box, "output");
    input.addEventListener("input", () => { now[key] = Number(input.value); refresh(); });
    inputs[key] = input;
    watchers.push(() => { input.value = now[key]; output.textContent = shown(now[key]); });
  };
  const percent = (v) => `${v > 0 ? "+" : ""}${number(100 * v)}\u00a0%`;
  const controls = element(panel, "div", { class: "controls" });
  slide(controls, "std", "obj_std", 0.1, 1.5, 0.05);
  slide(controls, "beta1", "obj_beta1", 0.02, 0.98, 0.02);
  slide(controls, "beta2", "obj_beta2", 0.02, 0.98, 0.02);
  slide(controls, "error", "obj_error", -0.5, 0.5, 0.01, percent);
  slide(controls, "factor", "obj_factor", 0.5, 2, 0.05);
  const box = element(controls, "label"), fitted = element(box, "input", { id: "obj-fitted", type: "checkbox" });
  worded(box, "span", "obj_fitted");
  fitted.addEventListener("change", () => { now.fitted = fitted.checked; refresh(); });
  watchers.push(() => { fitted.checked = now.fitted; });
  const exact = worded(controls, "button", "obj_exact", { type: "button", id: "obj-exact" });
  exact.addEventListener("click", () => { Object.assign(now, { error: 0, factor: 1, fitted: true }); refresh(); });

  // line by line
  let lines = null;
  watchers.push(() => { lines = derivation(now); lines.bound = lines.prior + lines.step + lines.decoder; });
  const table = element(element(panel, "div", { class: "scroll" }), "table", { class: "checks" }), head = element(table, "tr");
  worded(head, "th", "obj_line", { colspan: 2 });
  worded(head, "th", "obj_nats", { class: "value" });
  const value = (v) => number(settled(v), 6);
  const rows = [
    ["obj_cross", () => lines.cross_entropy], ["obj_row_hq", () => lines.entropy], ["obj_row_kl", () => lines.divergence], ["obj_split", () => lines.entropy + lines.divergence],
    ["obj_marginal", () => lines.marginal], ["obj_jensen", () => lines.jensen], ["obj_row_t", () => lines.prior], ["obj_row_1", () => lines.step], ["obj_row_0", () => lines.decoder],
    ["obj_parts", () => lines.bound], ["obj_gap", () => lines.gap], ["obj_minus", () => lines.bound - lines.cross_entropy],
  ];
  for (const [key, line] of rows) {
    const row = element(table, "tr", { id: key });
    worded(row, "td", key);
    element(row, "td").innerHTML = SIGN[key];
    const cell = element(row, "td", { class: "value" });
    watchers.push(() => { cell.textContent = value(line()); });
  }

  readings(panel, () => {
    const m = twoSteps(now);
    return [["abar", m.abar], ["v1", m.V1], ["v2", m.V2], ["a1", m.a1], ["a2", m.a2], ["s1", m.v1], ["s2", m.v2], ["rho", m.rho], ["p", m.p2], ["tilde", m.tilde], ["m", m.squared]].map(([key, v]) => [SIGN["obj_" + key], number(v, 5)]);
  });
  worded(panel, "p", "obj_where", { class: "note" });

  const charts = element(panel, "div", { class: "charts pair lower" }), first = element(charts, "div", { class: "chart" }), second = element(charts, "div");
  worded(first, "h3", "obj_waterfall");
  waterfall(first, () => [
    ["obj_hq", 0, lines.entropy, "--blue"], ["obj_kl", lines.entropy, lines.cross_entropy, "--orange"], ["obj_h", 0, lines.cross_entropy, null],
    ["obj_excess", lines.cross_entropy, lines.jensen, "--rose"], ["obj_lvub", 0, lines.jensen, null],
    ["obj_l0", 0, lines.decoder, "--green"], ["obj_l1", lines.decoder, lines.decoder + lines.step, "--violet"], ["obj_lt", lines.decoder + lines.step, lines.bound, "--teal"],
  ]);

  // the weights
  const histogram = chart(second, () => word("obj_weights"));
  let sample = null;
  watchers.push(() => {
    sample = weightsFrom(now, now.x0, noise);
    const sorted = [...sample.logs].sort((a, b) => a - b), last = Math.max(sorted[O.count - 1], sample.of_mean, sample.exact), low = Math.min(sorted[Math.floor(O.count / 100)], sample.mean_of) - 0.05, high = last + 0.05 * (last - low) + 0.05;
    const bins = 50, width = (high - low) / bins, counts = new Array(bins).fill(0);
    for (const v of sorted) { const bin = Math.floor((v - low) / width); if (bin >= 0 && bin < bins) counts[bin] += 1; }
    const on = plot(histogram, { x: [low, high], y: [0, 1.1 * Math.max(...counts)], yTicks: [], yAxis: false, left: 10, height: 220 });
    counts.forEach((c, b) => make(histogram, "rect", { x: on.x(low + b * width), y: on.y(c), width: Math.max(on.x(low + width) - on.x(low) - 0.6, 0.4), height: on.y(0) - on.y(c), fill: "var(--blue)", opacity: 0.3 }));
    for (const [at, ink, dash, wide] of [[sample.exact, "--ink", "none", 5], [sample.of_mean, "--blue", "none", 2], [sample.mean_of, "--orange", "8 4", 2]])
      make(histogram, "line", { x1: on.x(at), x2: on.x(at), y1: on.options.top, y2: on.y(0), stroke: `var(${ink})`, "stroke-width": wide, "stroke-dasharray": dash, opacity: wide > 2 ? 0.25 : 1 });
  });
  keys(second, [["obj_of_mean", "--blue", "solid"], ["obj_mean_of", "--orange", "dashed"], ["obj_true", "--faint", "double"]]);
  slide(element(second, "div", { class: "controls" }), "x0", "obj_x0", -2, 2, 0.05);
  readings(second, () => [
    [word("obj_mean_weight"), `${number(sample.mean, 4)} ± ${number(sample.error < 1e-9 * sample.mean ? 0 : sample.error, 2)}`], [SIGN.obj_px, number(Math.exp(sample.exact), 4)],
    [word("obj_of_mean"), number(sample.of_mean, 4)], [word("obj_mean_of"), number(sample.mean_of, 4)], [word("obj_at"), `${number(settled(sample.of_mean - sample.mean_of), 4)}, ${number(settled(sample.gap), 4)}`],
  ]);

  // Jensen
  const lower = element(panel, "div", { class: "charts pair lower" }), third = element(lower, "div", { class: "chart" }), aside = element(lower, "div");
  worded(third, "h3", "obj_convex");
  const X = [0, 4], Y = [-1.6, 2.6], W = 460, H = 300, stage = element(third, "div", { class: "stage" }), curveSvg = make(stage, "svg", { class: "plot" });
  let on = null;
  const inside = (v) => Math.min(Math.max(Math.round(v * 100) / 100, 0.1), 3.9);
  watchers.push(() => {
    const j = jensenAt(now.x1, now.x2, now.w), xs = spread(0.08, 4, 200);
    on = plot(curveSvg, { width: W, height: H, x: X, y: Y, xLabel: "X" });
    curve(on, xs, xs.map((v) => -Math.log(v)), { stroke: "var(--blue)" });
    curve(on, [now.x1, now.x2], [-Math.log(now.x1), -Math.log(now.x2)], { stroke: "var(--violet)", "stroke-dasharray": "8 4" });
    make(curveSvg, "line", { x1: on.x(j.mean), x2: on.x(j.mean), y1: on.y(Y[0]), y2: on.y(j.curve), class: "now" });
    make(curveSvg, "line", { x1: on.x(j.mean), x2: on.x(j.mean), y1: on.y(j.curve), y2: on.y(j.chord), stroke: "var(--rose)", "stroke-width": 4 });
    make(curveSvg, "circle", { cx: on.x(j.mean), cy: on.y(j.curve), r: 4.5, fill: "var(--blue)" });
    make(curveSvg, "rect", { x: on.x(j.mean) - 4.5, y: on.y(j.chord) - 4.5, width: 9, height: 9, fill: "var(--violet)" });
    const right = j.mean < 2.8 ? [9, "start"] : [-9, "end"];
    make(curveSvg, "text", { class: "axis", x: on.x(j.mean) + right[0], y: on.y(j.chord) - 9, "text-anchor": right[1] }, "E[φ(X)]");
    make(curveSvg, "text", { class: "axis", x: on.x(j.mean) - 9, y: on.y(j.curve) + 17, "text-anchor": "end" }, "φ(E[X])");
    for (const [v, text] of [[now.x1, "X₁"], [now.x2, "X₂"]]) make(curveSvg, "text", { class: "axis", x: on.x(v) + 12, y: on.y(-Math.log(v)) - 8 }, text);
  });
  for (const [key, name] of [["x1", "X₁"], ["x2", "X₂"]])
    handle(stage, { name, low: 0.1, high: 3.9, value: () => now[key], at: () => [on.x(now[key]) / W, on.y(-Math.log(now[key])) / H],
      drag: (u) => { now[key] = inside((u * W - 46) / (W - 56) * 4); }, nudge: (by) => { now[key] = inside(now[key] + 0.05 * by); } });
  slide(element(aside, "div", { class: "controls" }), "w", "obj_weight", 0, 1, 0.01);
  readings(aside, () => {
    const j = jensenAt(now.x1, now.x2, now.w);
    return [["X₁, X₂", `${number(now.x1)}, ${number(now.x2)}`], [SIGN.obj_mean, number(j.mean, 4)], [SIGN.obj_curve, number(j.curve, 4)], [SIGN.obj_onchord, number(j.chord, 4)], [word("obj_gap"), number(j.chord - j.curve, 4)]];
  });
  worded(aside, "p", "obj_drag", { class: "note" });
};

const settled = (v) => (Math.abs(v) < 5e-9 ? 0 : v); // differences that are rounding errors

// Bars from one value to another, each row beginning where the one before it ends; those without a colour are totals.
function waterfall(parent, list) {
  const box = element(parent, "div", { class: "fall" });
  watchers.push(() => {
    const rows = list(), ends = rows.flatMap(([, from, to]) => [from, to]), low = Math.min(0, ...ends), high = Math.max(0, ...ends), at = (v) => 100 * (v - low) / (high - low || 1);
    box.replaceChildren();
    for (const [key, from, to, ink] of rows) {
      element(box, "span").innerHTML = SIGN[key];
      const track = element(box, "div", { class: "track" });
      element(track, "i", { class: "zero", style: `left:${at(0)}%` });
      element(track, "i", { class: ink ? "" : "total", style: `left:${at(Math.min(from, to))}%;width:${Math.abs(at(to) - at(from))}%;` + (ink ? `background:var(${ink})` : "") });
      element(box, "b", {}, number(settled(to - from), 4));
    }
  });
}
