"use strict";
// One function a panel: it builds its elements once and leaves a watcher that redraws them from `state`.

// 1: the slider
function forwardPanel(panel) {
  const F = D.forward, sheet = image(F.sheet);
  images(panel, sheet, [["x0", image(F.x0)], ["xt", 0], ["eps", image(F.eps)], ["epshat", 1], ["x0hat", 2], ["posterior", 3]]);
  readings(panel, () => [
    [SIGN.beta, number(F.beta[state.k])], [SIGN.abar, number(F.abar[state.k])], [word("signal"), number(Math.sqrt(F.abar[state.k]))],
    [SIGN.snr, number(F.abar[state.k] / (1 - F.abar[state.k]))], [word("error_eps"), number(F.loss[state.k])], [word("error_x0"), number(F.x0_error[state.k])],
  ]);
}

// 2: schedules
function schedulePanel(panel) {
  const curves = D.schedules.curves, colour = (n) => `var(${INK[n % INK.length]})`;
  const legend = element(panel, "div", { class: "legend" });
  curves.forEach((c, n) => {
    const item = element(legend, "span", c.model ? { class: "own" } : {});
    element(item, "i", { style: `color:${colour(n)}` });
    const name = element(item, "span");
    relabel.push(() => { name.textContent = c.model ? `${c.name} (${word("model")})` : c.name; });
  });
  const charts = element(panel, "div", { class: "charts four" });
  const draw = (svg, key, options) => watchers.push(() => {
    const on = plot(svg, Object.assign({ x: [0, 1], xLabel: "t", height: 210 }, options));
    curves.forEach((c, n) => {
      const line = curve(on, c.t, c[key], { stroke: colour(n) });
      if (c.model) line.style.strokeWidth = 3.4;
    });
    upright(on, D.times[state.k]);
  });
  draw(chart(charts, () => SIGN.beta), "beta", { y: [1e-5, 1], logY: true });
  draw(chart(charts, () => SIGN.abar), "abar", { y: [0, 1] });
  draw(chart(charts, () => SIGN.snr), "snr", { y: [1e-4, 1e4], logY: true });
  draw(chart(charts, () => word("signal")), "signal", { y: [0, 1] });
  const strips = element(panel, "div", { class: "strips" }), sheet = image(D.schedules.sheet), count = D.schedules.images;
  curves.forEach((c, n) => {
    element(strips, "span", c.model ? { class: "own" } : {}, c.name);
    const strip = tile(strips, sheet, n, { columns: count });
    watchers.push(() => strip.show(0));
  });
  element(strips, "span");
  const ticks = element(strips, "div", { class: "ticks" });
  for (let n = 0; n < count; n++) element(ticks, "span", {}, n === 0 ? "t = 0" : n === count - 1 ? "T" : `${n === 1 ? "" : n}T/${count - 1}`);
}

// 3: step by step
const PIXELS = Object.assign({}, D.pixels, {
  x0: unpacked(D.pixels.x0, D.pixels.unit), x_t: unpacked(D.pixels.x_t, D.pixels.unit), x0_hat: unpacked(D.pixels.x0_hat, D.pixels.unit),
  log_variance: D.pixels.log_variance && unpacked(D.pixels.log_variance, 2048),
});
const index = () => (state.channel * PIXELS.height + state.row) * PIXELS.width + state.column;
const within = (k) => k * PIXELS.channels * PIXELS.height * PIXELS.width + index();

function walkPanel(panel) {
  const W = D.walk, walkers = unpacked(W.walkers, W.unit), charts = element(panel, "div", { class: "charts walk" });
  const left = chart(charts, () => `14 ${word("walkers")}`), right = chart(charts, () => `${W.count.toLocaleString(language())} ${word("walkers")}, t = ${D.steps[state.k]}`);
  watchers.push(() => {
    const x0 = PIXELS.x0[index()], range = [-4, 4], on = plot(left, { x: [0, D.T], y: range, width: 660, height: 330, xLabel: "t" });
    const times = [0, ...D.steps], mean = [x0, ...W.mean.map((m) => m * x0)], std = [0, ...W.variance.map(Math.sqrt)];
    area(on, times, mean.map((m, k) => m - 2 * std[k]), mean.map((m, k) => m + 2 * std[k]), { fill: "var(--wash)" });
    for (let n = 0; n < 14; n++) {
      const path = [x0, ...D.steps.map((_, k) => walkers[k * W.count + n] + W.signal[k] * x0)];
      curve(on, times, path, { stroke: "var(--orange)", opacity: 0.5 }).style.strokeWidth = 1;
    }
    curve(on, times, mean, { stroke: "var(--blue)" });
    upright(on, D.steps[state.k]);
    const centre = W.mean[state.k] * x0, wide = Math.sqrt(W.variance[state.k]), bins = 48, width = Math.max(8 * wide, 1e-9) / bins, low = centre - 4 * wide;
    const counts = new Array(bins).fill(0);
    for (let n = 0; n < W.count; n++) {
      const bin = Math.floor((walkers[state.k * W.count + n] + W.signal[state.k] * x0 - low) / width);
      if (bin >= 0 && bin < bins) counts[bin] += 1;
    }
    const top = 1.25 * density(0, 0, W.variance[state.k]);
    const histogram = plot(right, { x: [0, top], y: range, width: 270, height: 330, left: 6, yAxis: false, xTicks: [] });
    counts.forEach((c, b) => {
      const y1 = histogram.y(low + (b + 1) * width), y2 = histogram.y(low + b * width);
      make(right, "rect", { x: histogram.x(0), y: y1, width: Math.max(0, histogram.x(c / W.count / width) - histogram.x(0)), height: Math.max(0.4, y2 - y1), fill: "var(--orange)", opacity: 0.45 });
    });
    const ys = spread(low, low + bins * width, 160), xs = ys.map((v) => density(v, centre, W.variance[state.k]));
    let d = "";
    ys.forEach((v, k) => { d += (k ? "L" : "M") + histogram.x(xs[k]).toFixed(1) + " " + histogram.y(v).toFixed(1); });
    make(right, "path", { class: "curve", d, stroke: "var(--blue)" });
  });
  const legend = element(panel, "div", { class: "legend", style: "margin:.7rem 0 0" });
  for (const [key, ink] of [["stepwise", "--orange"], ["closed", "--blue"]]) {
    const item = element(legend, "span");
    element(item, "i", { style: `color:var(${ink})` });
    worded(item, "span", key);
  }
  readings(panel, () => {
    const x0 = PIXELS.x0[index()];
    let sum = 0, squares = 0;
    for (let n = 0; n < W.count; n++) {
      const v = walkers[state.k * W.count + n] + W.signal[state.k] * x0;
      sum += v; squares += v * v;
    }
    const mean = sum / W.count, std = Math.sqrt(Math.max(squares / W.count - mean * mean, 0));
    const pair = (m, s) => `${number(m)} ± ${number(s)}`;
    return [[SIGN.x0, number(x0)], [word("stepwise"), pair(mean, std)], [word("closed"), pair(W.mean[state.k] * x0, Math.sqrt(W.variance[state.k]))]];
  });
}

// 4: q and p_theta of one pixel
function pixelDistributions() {
  const P = PIXELS, k = state.k, x0 = P.x0[index()], xt = P.x_t[within(k)], predicted = P.x0_hat[within(k)];
  const variance = P.log_variance ? Math.exp(P.log_variance[within(k)]) : P.variance[k], q = P.posterior_variance[k];
  const mu = P.a[k] * x0 + P.b[k] * xt, muTheta = P.a[k] * predicted + P.b[k] * xt;
  const kl = q > 0 ? 0.5 * (q / variance - 1 - Math.log(q / variance) + (mu - muTheta) ** 2 / variance) : null;
  return { x0, xt, predicted, mu, muTheta, q, variance, kl };
}

function posteriorPanel(panel) {
  const box = element(panel, "div", { class: "charts near" }), side = element(box, "div"), charts = element(box, "div");
  const { figure, close } = captioned(side, SIGN.x0, "x0");
  const view = tile(figure, image(D.forward.x0), 0, { choose: true });
  watchers.push(() => view.show(0));
  close();
  if (PIXELS.channels > 1) {
    const label = element(side, "label", { class: "readings" });
    worded(label, "span", "channel");
    const select = element(label, "select", { id: "channel" });
    for (let c = 0; c < PIXELS.channels; c++) element(select, "option", { value: c }, D.latent || PIXELS.channels !== 3 ? String(c) : ["R", "G", "B"][c]);
    select.addEventListener("change", () => choose(state.row, state.column, Number(select.value)));
  }
  const wide = chart(charts, () => word("whole")), near = chart(charts, () => word("zoomed"));
  const note = element(panel, "p", { class: "readings" });
  const draw = (svg, range, pixel, height) => {
    const tallest = density(0, 0, Math.max(Math.min(pixel.q || pixel.variance, pixel.variance), 1e-12));
    const on = plot(svg, { width: 720, height, left: 10, x: range, y: [0, 1.15 * tallest], yTicks: [], yAxis: false });
    const xs = spread(range[0], range[1], 400);
    make(svg, "line", { class: "grid", x1: 10, x2: 710, y1: on.y(0), y2: on.y(0) });
    const gaussian = (mean, variance, ink, fill, dash = "none") => {
      const all = xs.concat(spread(mean - 4 * Math.sqrt(variance), mean + 4 * Math.sqrt(variance), 200).filter((v) => v > range[0] && v < range[1])).sort((a, b) => a - b);
      const ys = all.map((v) => density(v, mean, variance));
      area(on, all, ys.map(() => 0), ys, { fill: `var(${fill})` });
      curve(on, all, ys, { stroke: `var(${ink})`, "stroke-dasharray": dash });
    };
    if (pixel.q > 0) gaussian(pixel.mu, pixel.q, "--blue", "--wash"); else make(svg, "line", { x1: on.x(pixel.mu), x2: on.x(pixel.mu), y1: on.y(0), y2: on.y(tallest), stroke: "var(--blue)", "stroke-width": 2 });
    gaussian(pixel.muTheta, pixel.variance, "--orange", "--warm", "7 4");
    for (const [value, text] of [[pixel.x0, "x₀"], [pixel.xt, "xₜ"], [pixel.predicted, "x̂₀"]]) {
      if (value < range[0] || value > range[1]) continue;
      make(svg, "line", { x1: on.x(value), x2: on.x(value), y1: on.y(0) - 7, y2: on.y(0) + 4, stroke: "var(--ink)", "stroke-width": 1.4 });
      make(svg, "text", { class: "label", x: on.x(value), y: on.y(0) - 11, "text-anchor": "middle" }, text);
    }
  };
  watchers.push(() => {
    const pixel = pixelDistributions(), std = Math.sqrt(Math.max(pixel.q, pixel.variance));
    const low = Math.min(pixel.mu, pixel.muTheta) - 5 * std, high = Math.max(pixel.mu, pixel.muTheta) + 5 * std;
    const reach = Math.max(2.5, Math.abs(pixel.xt) + 0.5, Math.abs(pixel.predicted) + 0.5);
    draw(wide, [-reach, reach], pixel, 150);
    draw(near, [low, high], pixel, 210);
    note.innerHTML = pixel.q > 0 ? "" : `<span>${word("point")}</span>`;
    note.hidden = pixel.q > 0;
  });
  const legend = element(charts, "div", { class: "legend", style: "margin:.7rem 0 0" });
  for (const [text, ink] of [[SIGN.q, "--blue"], [SIGN.p, "--orange"]]) {
    const item = element(legend, "span");
    element(item, "i", { style: `color:var(${ink})` });
    element(item, "span").innerHTML = text;
  }
  readings(panel, () => {
    const pixel = pixelDistributions();
    return [[SIGN.x0, number(pixel.x0)], [SIGN.xt, number(pixel.xt)], [SIGN.x0hat, number(pixel.predicted)], [SIGN.posterior, number(pixel.mu, 4)],
      [SIGN.mean, number(pixel.muTheta, 4)], [SIGN.posterior_variance, number(pixel.q)], [SIGN.variance, number(pixel.variance)], ...(pixel.kl === null ? [] : [[word("divergence"), `${number(pixel.kl)} ${word("nats")}`]])];
  });
}

// 5: the bound
function termsPanel(panel) {
  const T = D.terms, middle = T.first.map((f, n) => (f + T.last[n]) / 2);
  const parts = [...(T.decoder ? [[SIGN.l0, T.decoder[0], "--orange"]] : []), [null, T.sum, "--blue"], [SIGN.lt, T.prior, "--green"]];
  const sum = element(panel, "div", { class: "sumbar" }), legend = element(panel, "div", { class: "legend" });
  for (const [, value, ink] of parts) element(sum, "div", { style: `flex:${Math.max(value, 0)} 0 0;background:var(${ink})` });
  watchers.push(() => {
    legend.replaceChildren();
    for (const [label, value, ink] of parts) {
      const item = element(legend, "span");
      element(item, "i", { style: `color:var(${ink})` });
      element(item, "span").innerHTML = `${label || word("sum")} = ${number(value)}`;
    }
    const item = element(legend, "span", { class: "own" });
    element(item, "span").innerHTML = `${word("total")}${T.decoder ? "" : " " + word("without")} = ${number(T.total)} ± ${number(T.total_error, 2)} bits/dim`;
  });
  if (!T.first.length) return;
  const charts = element(panel, "div", { class: "charts" });
  const positive = (v) => v.filter((x) => x > 0), bounds = (v) => [Math.pow(10, Math.floor(Math.log10(Math.min(...positive(v))))), Math.pow(10, Math.ceil(Math.log10(Math.max(...positive(v)))))];
  const draw = (title, values, options, bars) => {
    const svg = chart(charts, title);
    watchers.push(() => {
      const on = plot(svg, Object.assign({ x: [0, D.T], xLabel: "t", width: 330, height: 220, left: 42 }, options));
      if (bars) {
        T.first.forEach((f, n) => {
          const x1 = on.x(f - 0.5), x2 = on.x(T.last[n] + 0.5), y = on.y(values[n]), here = D.steps[state.k] >= f && D.steps[state.k] <= T.last[n];
          make(svg, "rect", { x: x1, width: Math.max(x2 - x1 - 0.6, 0.6), y, height: Math.max(on.options.height - on.options.bottom - y, 0), fill: here ? "var(--orange)" : "var(--blue)", opacity: 0.8 });
          const low = on.y(Math.max(values[n] - T.error[n], on.options.y[0])), high = on.y(values[n] + T.error[n]);
          make(svg, "line", { x1: (x1 + x2) / 2, x2: (x1 + x2) / 2, y1: low, y2: high, stroke: "var(--ink)", "stroke-width": 0.8, opacity: 0.6 });
        });
      } else curve(on, middle, values, { stroke: "var(--blue)" });
      upright(on, D.steps[state.k]);
    });
  };
  if (positive(T.weight).length) draw(() => word("weight"), T.weight, { y: bounds(T.weight), logY: true }, false);
  draw(() => word("squared"), T.simple, { y: [0, Math.max(...T.simple) * 1.1] }, false);
  draw(() => word("term"), T.bits, { y: bounds(T.bits), logY: true }, true);
}

// 6: algorithm 2
function reversePanel(panel) {
  const R = D.reverse, sheet = image(R.sheet), strip = image(R.strip), count = R.strip_steps.length;
  images(panel, sheet, [["xt", 0], ["epshat", 1], ["x0hat", 2], ["mean", 3], ["kick", 4], ["next", 5]], "tiles six", { choose: false });
  const strips = element(panel, "div", { class: "strips" });
  for (let n = 0; n < R.images; n++) {
    const label = element(strips, "span");
    relabel.push(() => { label.textContent = `${word("sample")} ${n}`; });
    const line = tile(strips, strip, n, { columns: count });
    watchers.push(() => line.show(0));
  }
  element(strips, "span");
  const ticks = element(strips, "div", { class: "ticks" });
  for (const i of R.strip_steps) element(ticks, "span", {}, i === D.T ? `t = ${i}` : String(i));
}

// 7: samplers
function samplerPanel(panel) {
  const S = D.samplers, box = element(panel, "div", { class: "columns" }), table = element(element(box, "div", { class: "scroll" }), "table", { class: "samplers" });
  const head = element(table, "tr");
  worded(head, "th", "evaluations");
  for (const budget of S.budgets) element(head, "th", {}, `≤ ${budget}`);
  const size = (sheet, done) => { loaded[loaded.length - 1].then(() => done(sheet.naturalWidth, sheet.naturalHeight)); };
  for (const row of S.rows) {
    const line = element(table, "tr"), name = element(line, "td", { title: row.path });
    element(name, "b", {}, row.name);
    const about = element(name, "span");
    relabel.push(() => { about.textContent = `${word("order")} ${row.order}, ${word(row.stochastic ? "stochastic" : "deterministic")}`; });
    const sheet = image(row.sheet);
    row.cells.forEach((cell, n) => {
      const slot = element(line, "td");
      if (!cell) { slot.textContent = "–"; return; }
      size(sheet, (w, h) => {
        const view = tile(null, sheet, 0, { width: w / S.budgets.length, height: h });
        slot.prepend(view.frame);
        view.show(n);
      });
      const text = element(slot, "span");
      relabel.push(() => { text.textContent = `${number(100 * cell.distance, 2)} % · ${cell.steps} ${word("steps")}`; });
    });
  }
  const { figure, close } = captioned(box, "", "solution"), solution = image(S.solution);
  size(solution, (w, h) => {
    const view = tile(null, solution, 0, { width: w, height: h });
    figure.prepend(view.frame);
    view.show(0);
  });
  close();
}

// 8: guidance
function guidancePanel(panel) {
  const G = D.guidance, sheet = image(G.sheet), grid = image(G.grid), ready = loaded[loaded.length - 1];
  images(panel, sheet, [["uncond", 0], ["cond", 1], ["gap", 2]], "tiles six", { choose: false });
  element(panel, "p");
  const charts = element(panel, "div", { class: "charts" });
  for (const key of ["clean_gap", "noise_gap"]) {
    const svg = chart(charts, () => word(key)), top = Math.max(...G[key].filter((v) => v !== null), 1e-9) * 1.1;
    watchers.push(() => {
      const on = plot(svg, { x: [0, D.T], y: [0, top], xLabel: "t", height: 200, left: 52 });
      curve(on, D.steps, G[key], { stroke: "var(--blue)" });
      upright(on, D.steps[state.k]);
    });
  }
  const table = element(element(panel, "div", { class: "scroll" }), "table", { class: "samplers" }), head = element(table, "tr");
  G.weights.forEach((w, n) => {
    const cell = element(head, "th");
    relabel.push(() => { cell.textContent = `w = ${number(w)}`; cell.title = `${G.evaluations[n]} ${word("evaluations")}`; });
  });
  for (let row = 0; row < G.images; row++) {
    const line = element(table, "tr"), slots = G.weights.map(() => element(line, "td"));
    ready.then(() => slots.forEach((slot, n) => {
      const view = tile(slot, grid, row, { width: grid.naturalWidth / G.weights.length, height: grid.naturalHeight / G.images });
      view.show(n);
    }));
  }
}

// 9: latents
function latentPanel(panel) {
  const L = D.latents, sheet = image(L.sheet), decoded = image(L.decoded), whole = image(L.reconstruction);
  for (const [key, from] of [["zt", 0], ["z0hat", L.channels]]) {
    images(panel, sheet, Array.from({ length: L.channels }, (_, c) => [key, from + c, ` <small>${c}</small>`]), "tiles", { choose: false });
    element(panel, "p");
  }
  const box = element(panel, "div", { class: "tiles six" });
  const last = loaded.length;
  Promise.all(loaded.slice(last - 2)).then(() => {
    const add = (source, row, symbol, key, moving) => {
      const { figure, close } = captioned(box, symbol, key);
      const width = moving ? source.naturalWidth / K : source.naturalWidth, height = moving ? source.naturalHeight / 2 : source.naturalHeight;
      const view = tile(figure, source, row, { width, height });
      watchers.push(() => view.show(moving ? state.k : 0));
      close();
    };
    add(decoded, 0, SIGN.decoded_zt, "decoded", true);
    add(decoded, 1, SIGN.decoded_z0hat, "decoded", true);
    add(whole, 0, SIGN.decoded_z0, "reconstruction", false);
    speak();
  });
}

function where(output) {
  const F = D.forward, own = D.own ? "" : ` (${number(D.times[state.k])})`;
  element(output, "b", {}, `${D.steps[state.k]} / ${D.T}`);
  output.append(`${own}   ᾱ ${number(F.abar[state.k])}   SNR ${number(F.abar[state.k] / (1 - F.abar[state.k]))}`);
  const chosen = document.getElementById("chosen"), P = D.pixels;
  chosen.textContent = `${word("pixel")} (${state.row * P.stride}, ${state.column * P.stride}): ${number(PIXELS.x0[index()])}`;
  chosen.title = `${word("row")}, ${word("column")}`;
  return `t = ${D.steps[state.k]}`;
}

function contrast() {
  // the brightest pixel of the middle rows: one that is not background in most images
  let best = -Infinity;
  for (let r = 0; r < PIXELS.height; r++) for (let c = 0; c < PIXELS.width; c++) {
    const away = Math.hypot(r - PIXELS.height / 2, c - PIXELS.width / 2) / PIXELS.width, v = PIXELS.x0[r * PIXELS.width + c] - away;
    if (v > best) { best = v; state.row = r; state.column = c; }
  }
}

const PANELS = { forward: forwardPanel, schedules: schedulePanel, walk: walkPanel, posterior: posteriorPanel, terms: termsPanel, reverse: reversePanel, samplers: samplerPanel, guidance: guidancePanel, latents: latentPanel };
contrast();
