"use strict";
// Schedules
PANELS.schedules = function (panel) {
  const curves = D.schedules.curves, colour = (n) => `var(${INK[n % INK.length]})`, dash = (n) => curves[n].model ? "none" : DASH[1 + n % (DASH.length - 1)];
  const legend = element(panel, "div", { class: "legend" });
  curves.forEach((c, n) => {
    const item = element(legend, "span", c.model ? { class: "own" } : {});
    swatch(item, colour(n), dash(n), c.model ? 4 : 2);
    const name = element(item, "span");
    relabel.push(() => { name.textContent = c.model ? `${c.name} (${word("model")})` : c.name; });
  });
  const charts = element(panel, "div", { class: "charts four" });
  const draw = (svg, key, options) => watchers.push(() => {
    const on = plot(svg, Object.assign({ x: [0, 1], xLabel: "t", height: 210 }, options));
    curves.forEach((c, n) => {
      const line = curve(on, c.t, c[key], { stroke: colour(n), "stroke-dasharray": dash(n) });
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
};
