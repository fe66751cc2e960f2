"use strict";
// Algorithm 1: place 0 is line 1, then lines 2 to 6 of one iteration after the other
PANELS.training = function (panel) {
  const A = D.training, sheet = image(A.sheet), PARTS = ["2", "3", "4", "5a", "5b", "5c", "5d", "6"], last = PARTS.length * A.steps.length;
  let place = 1;
  const n = () => Math.max(0, Math.ceil(place / PARTS.length) - 1), part = () => (place - 1) % PARTS.length, line = () => (place ? PARTS[part()] : "1");
  const reached = (name) => place > 0 && part() >= PARTS.indexOf(name), whole = () => n() * PARTS.length + PARTS.indexOf("5d") + 1;
  const box = element(panel, "div", { class: "algorithm" }), left = element(box, "div");
  const mark = listing(left, "algorithm1", [["1", "1", "a1_1"], ["2", "2", "a1_2"], ["3", "3", "a1_3"], ["4", "4", "a1_4"], ["5", "5", "a1_5"],
    ["5a", "", "a1_5a"], ["5b", "", "a1_5b"], ["5c", "", "a1_5c"], ["5d", "", "a1_5d"], ["6", "6", "a1_6"]]);
  const now = stepper(left, [
    ["back", () => { place -= 1; }, () => place > 0],
    ["next_line", () => { place += 1; }, () => place < last],
    ["next_iteration", () => { place = place < whole() ? whole() : whole() + PARTS.length; }, () => place < whole() || n() < A.steps.length - 1],
  ]);
  watchers.push(() => {
    mark(line(), line().length > 1 ? "5" : null);
    now.textContent = `${word("iteration")} ${n() + 1} ${word("of")} ${A.steps.length}, ${word("line")} ${line()[0]}`;
  });

  const svg = chart(element(box, "div"), () => word("loss_by_t"));
  watchers.push(() => {
    const line = D.forward.loss, all = [...A.mean, ...line].filter((v) => v > 0);
    const power = (v, up) => Math.pow(10, Math[up](Math.log10(v))), y = all.length ? [power(Math.min(...all), "floor"), power(Math.max(...all), "ceil")] : [0.1, 1];
    const on = plot(svg, { x: [0, D.T], y: y[0] < y[1] ? y : [y[0] / 10, y[1]], logY: true, xLabel: "t", height: 260, width: 430 });
    curve(on, D.steps, line, { stroke: "var(--violet)", "stroke-dasharray": "5 4" });
    A.steps.forEach((t, k) => {
      if (!(A.mean[k] > 0)) return;
      const done = k < n() || (k === n() && reached("5c")), at = { cx: on.x(t), cy: on.y(A.mean[k]) };
      make(svg, "circle", Object.assign({ r: 4.5, stroke: "var(--orange)", "stroke-width": 1.5, fill: done ? "var(--orange)" : "var(--card)" }, at));
      if (k === n() && done) make(svg, "circle", Object.assign({ r: 9, fill: "none", stroke: "var(--ink)", "stroke-width": 1.5 }, at));
    });
    if (reached("3")) upright(on, A.steps[n()]);
  });
  const legend = element(svg.parentNode, "div", { class: "legend below" });
  for (const [key, css, ink] of [["done", "dot", "--orange"], ["to_come", "dot hollow", "--orange"], ["one_noise", "dashed", "--violet"]]) {
    const item = element(legend, "span");
    element(item, "i", { class: css, style: `color:var(${ink})` });
    worded(item, "span", key);
  }

  const tiles = element(panel, "div", { class: "tiles spaced" }), clean = image(D.forward.x0);
  appearing(tiles, SIGN.x0, "x0", clean, 0, () => 0, () => reached("2"));
  for (const [key, row, at] of [["eps", 0, "4"], ["xt", 1, "5a"], ["epshat", 2, "5b"], ["difference_eps", 3, "5c"]]) appearing(tiles, SIGN[key], key, sheet, row, n, () => reached(at));
  readings(panel, () => {
    const k = n(), shown = (name, value) => (reached(name) ? number(value, 4) : "–");
    const list = [["t", reached("3") ? String(A.steps[k]) : "–"], ["ᾱ", shown("3", A.abar[k])], [word("loss_sum"), shown("5c", A.loss[k])], [word("loss_mean"), shown("5c", A.mean[k])]];
    if (A.own) list.push([word("loss_own"), shown("5c", A.own[k])]);
    if (A.gradient) list.push([word("gradient_norm"), shown("5d", A.gradient[k])], [word("rate"), shown("5d", A.rate[k])], [word("after_step"), shown("5d", A.after[k])]);
    return list;
  });
  readings(panel, () => {
    const k = n(), shown = (name, value) => (reached(name) ? number(value, 4) : "–"), P = A.pixel;
    return [[`${word("middle_pixel")} &ensp;${SIGN.x0}`, shown("2", P.x0[0])], [SIGN.eps, shown("4", P.eps[k])], [SIGN.xt, shown("5a", P.x_t[k])], [SIGN.epshat, shown("5b", P.eps_hat[k])]];
  });
  const notes = [A.space, "own_weight", ...(A.learned ? ["own_learned"] : []), ...(A.gradient ? [] : ["no_gradients"])];
  const note = element(panel, "p", { class: "note" });
  relabel.push(() => { note.innerHTML = notes.map(word).join(" "); });
};
