"use strict";
// Step by step
PANELS.walk = function (panel) {
  const W = D.walk, walkers = unpacked(W.walkers, W.unit), charts = element(panel, "div", { class: "charts walk" });
  const left = chart(charts, () => `14 ${word("walkers")}`), right = chart(charts, () => `${W.count.toLocaleString(language())} ${word("walkers")}, t = ${D.steps[state.k]}`);
  watchers.push(() => {
    const x0 = PIXELS.x0[index()], range = [-4, 4], narrow = innerWidth <= 760, on = plot(left, { x: [0, D.T], y: range, yTicks: [-4, -2, 0, 2, 4], width: narrow ? 400 : 660, height: 330, xLabel: "t" });
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
    const histogram = plot(right, { x: [0, top], y: range, yTicks: [-4, -2, 0, 2, 4], width: narrow ? 170 : 270, height: 330, left: 6, yAxis: false, xTicks: [] });
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
};
