"use strict";
// Samplers
PANELS.samplers = function (panel) {
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
};
