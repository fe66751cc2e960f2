"use strict";
// The pixel that is chosen, and the line at the foot of the lecture page.
const PIXELS = Object.assign({}, D.posterior, {
  x0: unpacked(D.posterior.x0, D.posterior.unit), x_t: unpacked(D.posterior.x_t, D.posterior.unit), x0_hat: unpacked(D.posterior.x0_hat, D.posterior.unit),
  log_variance: D.posterior.log_variance && unpacked(D.posterior.log_variance, 2048),
});
const index = () => (state.channel * PIXELS.height + state.row) * PIXELS.width + state.column;
const within = (k) => k * PIXELS.channels * PIXELS.height * PIXELS.width + index();

function where(output) {
  const F = D.forward, own = D.own ? "" : ` (${number(D.times[state.k])})`;
  element(output, "b", {}, `${D.steps[state.k]} / ${D.T}`);
  output.append(`${own}   ᾱ ${number(F.abar[state.k])}   SNR ${number(F.abar[state.k] / (1 - F.abar[state.k]))}`);
  const chosen = document.getElementById("chosen"), P = D.posterior;
  chosen.textContent = `${word("pixel")} (${state.row * P.stride}, ${state.column * P.stride})${colon()} ${number(PIXELS.x0[index()])}`;
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

contrast();
