"use strict";
// The family of models
PANELS.family = function (panel) {
  const F = D.family, own = { k: 0, path: 0, timer: null }, frames = F.processes[F.order[0]].sigma.length, data = unpacked(F.data, F.unit);
  const sets = {}, redraw = () => drawers.forEach((draw) => draw()), drawers = [];
  for (const name of F.order) sets[name] = { points: unpacked(F.processes[name].points, F.unit), field: unpacked(F.processes[name].field, 16384) };
  const at = (name, k, n) => [0, 1].map((c) => sets[name].points[(k * F.count + n) * 2 + c]);
  const place = ([x, y]) => `${(150 + 145 * x / 2.8).toFixed(1)} ${(150 - 145 * y / 2.8).toFixed(1)}`;
  const dots = (points) => { let d = ""; for (let n = 0; n < points.length; n += 2) d += `M${place([points[n], points[n + 1]])}h0`; return d; };

  const bar = element(panel, "div", { class: "player" });
  const button = element(bar, "button", { type: "button", class: "round" }), icon = make(make(button, "svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }), "path");
  const label = element(bar, "label", { class: "wide" });
  worded(label, "span", "fam_position");
  const slider = element(label, "input", { type: "range", min: 0, max: frames - 1, step: 1, id: "family-position" });
  const pick = element(bar, "label");
  worded(pick, "span", "fam_path");
  const select = element(pick, "select", { id: "family-path" });
  for (let n = 0; n < F.paths; n++) element(select, "option", { value: n }, n + 1);
  const legend = element(panel, "div", { class: "legend" });
  for (const [key, style] of [["fam_data", "dotted var(--faint)"], ["fam_points", "dotted var(--orange)"], ["fam_paths", "solid var(--blue)"], ["fam_field", "solid var(--soft)"], ["fam_line", "dashed var(--violet)"]]) {
    const item = element(legend, "span");
    element(item, "i", { style: `border-top:3px ${style}` });
    worded(item, "span", key);
  }
  const box = element(panel, "div", { class: "plates" });
  const plate = (key) => {
    const figure = element(box, "figure"), svg = make(figure, "svg", { class: "plate", viewBox: "0 0 300 300", role: "img" });
    const caption = element(figure, "figcaption");
    worded(caption, "b", `fam_${key}`);
    relabel.push(() => svg.setAttribute("aria-label", word(`fam_${key}`)));
    make(svg, "path", { class: "backdrop", d: dots(data) });
    return { svg, note: element(caption, "span") };
  };
  for (const name of F.order) drawers.push(process(name, plate(name)));
  vae(plate("vae"));
  const whole = plate("data");
  make(whole.svg, "path", { class: "dots", d: dots(data) });
  relabel.push(() => { whole.note.textContent = `${F.components} × N(m, ${number(F.std)}² I)`; });

  function process(name, { svg, note }) {
    const P = F.processes[name], field = make(svg, "path", { class: "arrows" }), paths = [];
    for (let n = F.paths - 1; n >= 0; n--) paths[n] = make(svg, "path", { class: "path" });
    const points = make(svg, "path", { class: "dots" }), head = make(svg, "circle", { r: 5, class: "head" });
    return () => {
      let d = "", grid = 2 * F.span / (F.side - 1);
      for (let g = 0; g < F.side * F.side; g++) {
        const x = -F.span + grid * Math.floor(g / F.side), y = -F.span + grid * (g % F.side), [u, v] = [0, 1].map((c) => sets[name].field[(own.k * F.side * F.side + g) * 2 + c] * grid * 0.85);
        const tip = [x + u, y + v], wing = (turn) => [tip[0] - 0.35 * (u * Math.cos(turn) - v * Math.sin(turn)), tip[1] - 0.35 * (u * Math.sin(turn) + v * Math.cos(turn))];
        d += `M${place([x, y])}L${place(tip)}M${place(wing(0.5))}L${place(tip)}L${place(wing(-0.5))}`;
      }
      field.setAttribute("d", d);
      paths.forEach((path, n) => {
        path.setAttribute("class", n === own.path ? "path chosen" : "path");
        path.setAttribute("d", spread(0, own.k, own.k + 1).map((k, first) => (first ? "L" : "M") + place(at(name, k, n))).join(""));
      });
      const [cx, cy] = place(at(name, own.k, own.path)).split(" ");
      head.setAttribute("cx", cx);
      head.setAttribute("cy", cy);
      points.setAttribute("d", dots(sets[name].points.subarray(own.k * F.count * 2, (own.k + 1) * F.count * 2)));
      note.innerHTML = `${SIGN.fam_sigma} = ${number(P.sigma[own.k], 2)}; ${word("fam_density")} ${number(P.density[own.k], 3)}`;
    };
  }

  function vae({ svg, note }) {
    const V = F.vae, end = (z) => [V.mean[0] + z * V.loading[0], V.mean[1] + z * V.loading[1]], decoded = unpacked(V.decoded, F.unit);
    make(svg, "path", { class: "dots", d: dots(unpacked(V.points, F.unit)) });
    const [cx, cy] = place(V.mean).split(" ");
    for (const size of [1, 2]) make(svg, "ellipse", { class: "latent", cx, cy, rx: 145 * size * V.ellipse.long / 2.8, ry: 145 * size * V.ellipse.short / 2.8, transform: `rotate(${-V.ellipse.angle} ${cx} ${cy})` });
    make(svg, "path", { class: "latent", d: `M${place(end(-2.4))}L${place(end(2.4))}` });
    const back = make(svg, "path", { class: "path chosen" }), sure = make(svg, "path", { class: "sure" }), head = make(svg, "circle", { r: 5, class: "head" });
    drawers.push(() => {
      const x = [data[2 * own.path], data[2 * own.path + 1]], z = V.z[own.path], [hx, hy] = place(x).split(" ");
      back.setAttribute("d", `M${place(x)}L${place([decoded[2 * own.path], decoded[2 * own.path + 1]])}`);
      sure.setAttribute("d", `M${place(end(z - V.spread))}L${place(end(z + V.spread))}`);
      head.setAttribute("cx", hx);
      head.setAttribute("cy", hy);
      note.textContent = `q(z|x) = N(${number(z, 3)}, ${number(V.spread, 3)}²)`;
    });
  }

  readings(panel, () => {
    const flow = F.processes.flow, k = Math.min(own.k, frames - 2), t = flow.sigma[k], read = (text) => unpacked(text, F.unit).subarray((k * F.paths + own.path) * 2, (k * F.paths + own.path) * 2 + 2);
    const x0 = read(F.x0), eps = read(F.eps), pair = (v) => `(${number(v[0])}; ${number(v[1])})`, both = (f) => [f(0), f(1)];
    return [[word("fam_flow_point"), `t = ${number(t)}`], [SIGN.fam_xt, pair(at("flow", k, own.path))], [SIGN.fam_x0, pair(x0)], [SIGN.fam_eps, pair(eps)], [word("fam_score_of"), pair(both((c) => -eps[c] / t))], [word("fam_velocity_of"), pair(both((c) => eps[c] - x0[c]))]];
  });
  drawers.push(() => refreshReadings());
  const refreshReadings = watchers[watchers.length - 1];
  const scores = element(element(panel, "div", { class: "scroll" }), "table", { class: "samplers scores" });
  relabel.push(() => {
    scores.replaceChildren();
    const head = element(scores, "tr");
    for (const key of [null, "fam_evaluations", "fam_density", "fam_energy"]) element(head, "th").innerHTML = key ? word(key) : "";
    for (const name of [...F.order, "vae", "fresh"]) {
      const line = element(scores, "tr"), [density, energy] = F.scores[name === "fresh" ? "data" : name], P = F.processes[name];
      element(element(line, "td"), "b").innerHTML = word(`fam_${name}`);
      element(line, "td", {}, P ? number(P.evaluations, 4) : name === "vae" ? "1" : "–");
      element(line, "td", {}, number(density, 3));
      element(line, "td", {}, number(energy, 2));
    }
  });
  readings(panel, () => [[word("fam_same"), number(F.same_end, 2)], [word("fam_elbo"), number(F.vae.elbo)], [word("fam_kl"), number(F.vae.kl)]]);
  table(panel, F);

  const play = (on) => {
    clearInterval(own.timer);
    own.timer = null;
    if (on) {
      if (own.k === frames - 1) own.k = 0;
      own.timer = setInterval(() => { own.k += 1; if (own.k >= frames - 1) play(false); redraw(); }, 110);
    }
    button.setAttribute("aria-label", word(on ? "pause" : "fam_play"));
    button.setAttribute("aria-pressed", String(on));
    icon.setAttribute("d", on ? "M4 2.5h3v11H4zm5 0h3v11H9z" : "M4 2.5v11l9-5.5z");
    redraw();
  };
  slider.addEventListener("input", () => { own.k = Number(slider.value); play(false); });
  select.addEventListener("change", () => { own.path = Number(select.value); redraw(); });
  button.addEventListener("click", () => play(own.timer === null));
  drawers.push(() => { slider.value = own.k; slider.setAttribute("aria-valuetext", `${own.k} / ${frames - 1}`); });
  own.k = Math.round(frames * 0.8);
  relabel.push(() => play(own.timer !== null));

  function table(panel, F) {
    const grid = element(element(panel, "div", { class: "scroll" }), "table", { class: "samplers texts" }), keys = ["learns", "loss", "samples", "relation"];
    const head = element(grid, "tr"), titles = ["fam_model", ...keys.map((k) => `fam_column_${k}`), "fam_classes"];
    for (const key of titles) worded(head, "th", key, { scope: "col" });
    const cell = (line, n) => { const td = element(line, "td"); relabel.push(() => { td.dataset.title = word(titles[n]); }); return td; };
    for (const name in F.rows) {
      const line = element(grid, "tr");
      worded(cell(line, 0), "b", `fam_${name}_name`);
      keys.forEach((key, n) => worded(cell(line, n + 1), "span", `fam_${name}_${key}`));
      const last = cell(line, 5);
      for (const path of F.rows[name]) element(last, "code", { title: `debruit.${path}` }, path.split(".").pop());
    }
  }
};
