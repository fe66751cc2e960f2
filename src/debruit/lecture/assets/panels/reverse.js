"use strict";
// Algorithm 2
PANELS.reverse = function (panel) {
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
};
