"use strict";
// Latents
PANELS.latents = function (panel) {
  const L = D.latents, sheet = image(L.sheet), decoded = image(L.decoded), whole = image(L.reconstruction);
  for (const [key, from] of [["zt", 0], ["z0hat", L.channels]]) {
    images(panel, sheet, Array.from({ length: L.channels }, (_, c) => [key, from + c, ` <small>${c}</small>`]), "tiles", { choose: false });
    element(panel, "p");
  }
  const box = element(panel, "div", { class: "tiles six" });
  const last = loaded.length;
  Promise.all(loaded.slice(last - 2)).then(() => {
    const add = (source, row, symbol, key, moving) => {
      const { figure, close } = captioned(box, symbol, key);
      const width = moving ? source.naturalWidth / K : source.naturalWidth, height = moving ? source.naturalHeight / 2 : source.naturalHeight;
      const view = tile(figure, source, row, { width, height });
      watchers.push(() => view.show(moving ? state.k : 0));
      close();
    };
    add(decoded, 0, SIGN.decoded_zt, "decoded", true);
    add(decoded, 1, SIGN.decoded_z0hat, "decoded", true);
    add(whole, 0, SIGN.decoded_z0, "reconstruction", false);
    speak();
  });
};
