"use strict";
// Q and p_theta of one pixel
function pixelDistributions() {
  const P = PIXELS, k = state.k, x0 = P.x0[index()], xt = P.x_t[within(k)], predicted = P.x0_hat[within(k)];
  const variance = P.log_variance ? Math.exp(P.log_variance[within(k)]) : P.variance[k], q = P.posterior_variance[k];
  const mu = P.a[k] * x0 + P.b[k] * xt, muTheta = P.a[k] * predicted + P.b[k] * xt;
  const kl = q > 0 ? 0.5 * (q / variance - 1 - Math.log(q / variance) + (mu - muTheta) ** 2 / variance) : null;
  return { x0, xt, predicted, mu, muTheta, q, variance, kl };
}

PANELS.posterior = function (panel) {
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
  for (const [text, ink, dash] of [[SIGN.q, "--blue", "none"], [SIGN.p, "--orange", "7 4"]]) {
    const item = element(legend, "span");
    swatch(item, `var(${ink})`, dash);
    element(item, "span").innerHTML = text;
  }
  readings(panel, () => {
    const pixel = pixelDistributions();
    return [[SIGN.x0, number(pixel.x0)], [SIGN.xt, number(pixel.xt)], [SIGN.x0hat, number(pixel.predicted)], [SIGN.posterior, number(pixel.mu, 4)],
      [SIGN.mean, number(pixel.muTheta, 4)], [SIGN.posterior_variance, number(pixel.q)], [SIGN.variance, number(pixel.variance)], ...(pixel.kl === null ? [] : [[word("divergence"), `${number(pixel.kl)} ${word("nats")}`]])];
  });
};
