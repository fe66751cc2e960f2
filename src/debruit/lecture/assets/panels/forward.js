"use strict";
// The slider
PANELS.forward = function (panel) {
  const F = D.forward, sheet = image(F.sheet);
  images(panel, sheet, [["x0", image(F.x0)], ["xt", 0], ["eps", image(F.eps)], ["epshat", 1], ["x0hat", 2], ["posterior", 3]]);
  readings(panel, () => [
    [SIGN.beta, number(F.beta[state.k])], [SIGN.abar, number(F.abar[state.k])], [word("signal"), number(Math.sqrt(F.abar[state.k]))],
    [SIGN.snr, number(F.abar[state.k] / (1 - F.abar[state.k]))], [word("error_eps"), number(F.loss[state.k])], [word("error_x0"), number(F.x0_error[state.k])],
  ]);
};
