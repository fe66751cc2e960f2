"use strict";
// Guidance
PANELS.guidance = function (panel) {
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
};
