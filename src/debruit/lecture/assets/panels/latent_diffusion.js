"use strict";
// Latent diffusion
PANELS.latent_diffusion = function (panel) {
  const L = D.latent_diffusion, S = L.stage, shape = (list) => list.length > 1 ? [...list.slice(1), list[0]].join(" × ") : String(list[0]);
  const plain = (key) => { const span = document.createElement("span"); span.innerHTML = word(key); return span.textContent; };
  const title = (key) => worded(panel, "h3", key, { class: "part" }), french = () => (language() === "fr" ? 1 : 0);

  title("lat_figure");
  for (const css of ["only-wide", "only-narrow"]) {
    const svg = make(element(panel, "div", { class: css }), "svg", { class: "plot scheme", role: "img" });
    relabel.push(() => { svg.setAttribute("aria-label", word("lat_figure")); schematic(svg, css === "only-wide"); });
  }

  function schematic(svg, wide) {
    const z = D.latent ? "z" : "x", middle = D.latent ? [["E", plain("lat_encoder"), plain("lat_frozen")], ["D", plain("lat_decoder"), plain("lat_frozen")]] : null;
    const forth = [["x", shape(L.shapes.x)], middle && middle[0], D.latent && ["z₀", shape(L.shapes.z)], ["q", plain("lat_chain"), `T = ${L.steps.toLocaleString(language())}`], [`${z}_T`, shape(L.shapes.z)]].filter(Boolean);
    const back = [["x̂", shape(L.shapes.x)], middle && middle[1], D.latent && ["ẑ₀", shape(L.shapes.z)], [L.network, `${plain("lat_channels_in")} ${L.shapes.input}`], [`${z}_T`, "N(0, I)"]].filter(Boolean);
    const n = forth.length, step = wide ? 960 / n : 92, doors = L.doors, low = 50 + n * 92, height = wide ? 200 + (doors.length ? 96 : 4) : low + doors.length * 74;
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${wide ? 1000 : 340} ${height}`);
    const spot = (i, lane) => (wide ? [20 + step * (i + 0.5), 48 + lane * 116] : [80 + lane * 158, 44 + i * step]);
    const arrow = (points, dashed) => {
      const [[x1, y1], [x2, y2]] = points.slice(-2), turn = Math.atan2(y2 - y1, x2 - x1), wing = (a) => `${(x2 - 8 * Math.cos(turn + a)).toFixed(1)} ${(y2 - 8 * Math.sin(turn + a)).toFixed(1)}`;
      make(svg, "path", { class: dashed ? "link dashed" : "link", d: `M${points.map((p) => p.join(" ")).join("L")}M${wing(0.45)}L${x2} ${y2}L${wing(-0.45)}` });
    };
    const half = wide ? Math.min(78, step * 0.4) : 71, tall = 30;
    const box = (x, y, [name, ...lines], css) => {
      make(svg, "rect", { class: `node ${css}`, x: x - half, y: y - tall, width: 2 * half, height: 2 * tall, rx: 6 });
      const head = make(svg, "text", { class: "name", x, y: y - 9, "text-anchor": "middle" }, name.split("_")[0]);
      if (name.includes("_")) make(head, "tspan", { dy: 4, "font-size": 11 }, name.split("_")[1]);
      lines.forEach((line, k) => make(svg, "text", { x, y: y + 8 + 14 * k, "text-anchor": "middle" }, line));
    };
    const trained = n - 2, net = spot(trained, 1);
    for (let i = 0; i + 1 < n; i++) for (const lane of [0, 1]) {
      const [a, b] = [spot(i, lane), spot(i + 1, lane)], gap = wide ? half + 3 : tall + 3, ends = wide ? [[a[0] + gap, a[1]], [b[0] - gap, b[1]]] : [[a[0], a[1] + gap], [b[0], b[1] - gap]];
      arrow(lane ? ends.reverse() : ends, false);
    }
    forth.forEach((node, i) => box(...spot(i, 0), node, node[0] === "E" ? "fixed" : ""));
    back.forEach((node, i) => box(...spot(i, 1), node, node[0] === "D" ? "fixed" : i === trained ? "own" : ""));
    doors.forEach((door, k) => {
      const x = wide ? Math.min(Math.max(net[0] + (k - (doors.length - 1) / 2) * 250, 130), 870) : 140, y = wide ? 262 : low + 4 + (doors.length - 1 - k) * 74, text = [door.title[french()], shape2(door.encoded), plain(`lat_door_${door.door}`).replace(/xt$/, `${z}ₜ`)];
      if (wide) arrow([[x, y - 26], [x, y - 44], [net[0] + (k - (doors.length - 1) / 2) * 26, y - 50], [net[0] + (k - (doors.length - 1) / 2) * 26, net[1] + tall + 3]], true);
      else arrow([[x + 118, y], [334 - k * 8, y], [334 - k * 8, net[1] + 8 - k * 14], [net[0] + half + 2, net[1] + 8 - k * 14]], true);
      make(svg, "rect", { class: "node door", x: x - 118, y: y - 26, width: 236, height: 54, rx: 6 });
      make(svg, "text", { class: "label", x, y: y - 8, "text-anchor": "middle" }, `${text[0]}, ${text[1]}`);
      make(svg, "text", { x, y: y + 10, "text-anchor": "middle" }, text[2]);
    });
  }

  // the autoencoder on this image
  element(panel, "hr");
  if (!S.own) worded(panel, "p", "lat_shipped", { class: "note" });
  const split = element(panel, "div", { class: "split" });
  if (S.sheet) {
    const source = image(S.sheet), tiles = element(split, "div", { class: "tiles trio" });
    [["lat_x", SIGN.lat_x], ["lat_decoded", SIGN.lat_decoded], ["lat_difference", ""]].forEach(([key, sign], row) => {
      const { figure, close } = captioned(tiles, sign, key), view = tile(figure, source, row, { width: S.width, height: S.height });
      loaded[loaded.length - 1].then(() => view.show(0));
      close();
    });
  } else worded(split, "p", "lat_no_image", { class: "note" });
  const weights = Object.assign({}, S.weights), side = element(split, "div"), losses = element(element(side, "div", { class: "scroll" }), "table", { class: "samplers losses" });
  const redraw = () => {
    losses.replaceChildren();
    const head = element(losses, "tr");
    for (const key of ["lat_term", "lat_value", "lat_weight", "lat_product"]) element(head, "th", { scope: "col" }).innerHTML = word(key);
    let sum = 0;
    for (const key of ["reconstruction", "codebook" in S.terms ? "codebook" : "kl", "perceptual", "adversarial"]) {
      const line = element(losses, "tr"), value = S.terms[key];
      element(line, "td").innerHTML = word(`lat_${key}`) + (key === "perceptual" && S.network ? ` (${S.network})` : "");
      if (value === undefined) {
        element(line, "td", { colspan: 3 }).innerHTML = word({ perceptual: "lat_no_network", adversarial: "lat_missing", kl: "lat_no_kl" }[key]);
        continue;
      }
      sum += weights[key] * value;
      for (const v of [value, weights[key], weights[key] * value]) element(line, "td", {}, number(v));
    }
    const last = element(losses, "tr");
    element(last, "td", { colspan: 3 }).innerHTML = word("lat_sum");
    element(element(last, "td"), "b", { id: "latent-sum" }, number(sum, 4));
  };
  const controls = element(side, "div", { class: "controls" });
  const weigh = (key, sign, id, attributes, value) => {
    const label = element(controls, "label"), name = element(label, "span");
    name.innerHTML = sign;
    const input = element(label, "input", Object.assign({ type: "range", id }, attributes, { value })), output = element(label, "output", { for: id });
    const set = () => {
      weights[key] = attributes.log ? Math.pow(10, Number(input.value)) : Number(input.value);
      output.textContent = number(weights[key], 2);
      input.setAttribute("aria-valuetext", output.textContent);
      redraw();
    };
    input.setAttribute("aria-label", { b1: "β₁", b2: "β₂" }[id.slice(-2)]);
    input.addEventListener("input", set);
    relabel.push(set);
  };
  if ("kl" in S.terms) weigh("kl", SIGN.lat_b1, "latent-b1", { min: -8, max: 0, step: 0.5, log: 1 }, -6);
  if ("codebook" in S.terms) weigh("codebook", SIGN.lat_b1, "latent-b1", { min: 0, max: 2, step: 0.1 }, 1);
  if ("perceptual" in S.terms) weigh("perceptual", SIGN.lat_b2, "latent-b2", { min: 0, max: 2, step: 0.1 }, 1);
  relabel.push(redraw);
  readings(panel, () => [
    ["x", shape(S.image)], ["z", shape(S.latent)], [word("lat_compression"), number(S.compression, 3)],
    ...(S.bottleneck ? [[word("lat_bottleneck"), S.bottleneck]] : []), [word("lat_parameters"), S.parameters.toLocaleString(language())],
    ...(S.psnr === null ? [] : [["PSNR", `${number(S.psnr)} dB`]]), ...(S.nats === null ? [] : [[word("lat_nats"), number(S.nats, 4)]]),
  ]);
  worded(panel, "p", "lat_weights", { class: "note" });

  // tables
  const grid = (titles, css, rows) => {
    const table = element(element(panel, "div", { class: "scroll" }), "table", { class: `samplers texts ${css}` }), head = element(table, "tr");
    for (const key of titles) worded(head, "th", key, { scope: "col" });
    for (const row of rows) {
      const line = element(table, "tr");
      row.forEach((fill, n) => {
        const td = element(line, "td"), inner = element(td, n ? "span" : "b");
        relabel.push(() => { td.dataset.title = plain(titles[n]); inner.innerHTML = fill(); });
      });
    }
  };
  title("lat_table");
  grid(["lat_parameter", "lat_lecture", "lat_recipe", "lat_own", "lat_why"], "reference", Object.keys(L.table).map((key) => [
    () => word(`lat_row_${key}`), ...L.table[key].map((cell) => () => cell[french()]), () => word(`lat_why_${key}`),
  ]));
  title("lat_doors");
  if (!L.doors.length) worded(panel, "p", "lat_none", { class: "note" });
  else grid(["lat_condition", "lat_door", "lat_shape", "lat_drop", "lat_given"], "doors", L.doors.map((door) => [
    () => door.title[french()],
    () => word(`lat_door_${door.door}`) + (door.pooled ? `; ${word("lat_pooled")}` : ""),
    () => `${door.value.length ? shape2(door.value) : 1} → ${shape2(door.encoded)}`,
    () => `${number(100 * door.drop)}\u202f%`,
    () => word(door.given ? "lat_kept" : "lat_dropped"),
  ]));
  title("lat_examples");
  grid(["lat_condition", "lat_data", "lat_door", "lat_shape", "lat_recipes", "lat_size"], "doors", Object.values(L.samples).map((sample) => [
    () => sample.title[french()], () => sample.data, () => word(`lat_door_${sample.door}`), () => shape2(sample.encoded),
    () => sample.recipes.map((name) => `<code>${name}</code>`).join(" "),
    () => `${sample.unet.map((m) => number(m, 5)).join(" / ")} M${sample.encoder ? `, ${number(sample.encoder, 5)} M` : ""}`,
  ]));
  worded(panel, "p", "lat_text_note", { class: "note" });

  function shape2(list) { return list.length === 3 ? shape(list) : list.join(" × "); }
};
