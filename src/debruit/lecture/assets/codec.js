"use strict";
// The panels of an autoencoder: `state.k` is the position between two images.
const P = D.reconstruction, SIZE = { width: P.width, height: P.height };

function still(box, sheet, row, column, symbol, key, size, note = null) {
  const { figure, close } = captioned(box, symbol, key);
  const view = tile(figure, sheet, row, size);
  watchers.push(() => view.show(column));
  close();
  if (note) {
    const line = element(figure, "figcaption");
    relabel.push(() => { line.innerHTML = note(); });
  }
}

// 1: encoding and decoding
function reconstructionPanel(panel) {
  const sheet = image(P.sheet), box = element(panel, "div", { class: "tiles" });
  ["x", "xhat", "difference"].forEach((key, row) => still(box, sheet, row, 0, SIGN[key], key, SIZE));
  readings(panel, () => [["PSNR", `${number(P.psnr, 4)} dB`], ["SSIM", number(P.ssim)]]);
}

// 2: the latent
function channelPanel(panel) {
  const C = D.channels, sheet = image(C.sheet), size = { width: C.width, height: C.height };
  const rows = [["mu", (c) => `${word("level")} ${number(C.level[c])}, ${word("spread")} ${number(C.spread[c])}`]];
  if (C.std) rows.push(["sigma", (c) => `${word("std")} ${number(C.std[c])}`]);
  rows.forEach(([key, note], row) => {
    const box = element(panel, "div", { class: "tiles" });
    for (let c = 0; c < C.count; c++) still(box, sheet, row, c, `${SIGN[key]} <small>${c}</small>`, key, size, () => note(c));
    element(panel, "p");
  });
}

// 3: one channel set to 0
function ablationPanel(panel) {
  const S = D.ablation, sheet = image(S.sheet), box = element(panel, "div", { class: "tiles" });
  still(box, image(P.sheet), 1, 0, SIGN.xhat, "xhat", SIZE);
  S.change.forEach((change, c) => still(box, sheet, 0, c, SIGN.ablated, "ablated", SIZE, () => `${c}${colon()} ${word("changed")} ${number(100 * change, 2)} %`));
}

// 4: the slider
function interpolationPanel(panel) {
  const B = D.interpolation, sheet = image(B.sheet), ends = image(B.ends), box = element(panel, "div", { class: "tiles" });
  still(box, ends, 0, 0, SIGN.xa, "xa", SIZE);
  ["decoded", "mixed"].forEach((key, row) => {
    const { figure, close } = captioned(box, SIGN[key], key);
    const view = tile(figure, sheet, row, SIZE);
    watchers.push(() => view.show(state.k));
    close();
  });
  still(box, ends, 0, 1, SIGN.xb, "xb", SIZE);
}

function where(output) {
  element(output, "b", {}, `λ = ${number(D.interpolation.weights[state.k], 2)}`);
  return `λ = ${D.interpolation.weights[state.k]}`;
}

Object.assign(PANELS, { reconstruction: reconstructionPanel, channels: channelPanel, ablation: ablationPanel, interpolation: interpolationPanel });
