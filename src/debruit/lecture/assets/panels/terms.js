"use strict";
// The bound
PANELS.terms = function (panel) {
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
  const positive = (v) => v.filter((x) => x > 0), bounds = (v) => {
    const low = Math.floor(Math.log10(Math.min(...positive(v))));
    return [Math.pow(10, low), Math.pow(10, Math.max(Math.ceil(Math.log10(Math.max(...positive(v)))), low + 1))];
  };
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
  draw(() => word("squared"), T.simple, { y: [0, Math.max(...T.simple) * 1.1 || 1] }, false);
  if (positive(T.bits).length) draw(() => word(T.learned ? "term_learned" : "term"), T.bits, { y: bounds(T.bits), logY: true }, true);
};
