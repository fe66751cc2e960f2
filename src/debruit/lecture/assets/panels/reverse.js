"use strict";
// Algorithm 2: two runs from the same noise. The slider chooses the frame, the buttons the line within it.
PANELS.reverse = function (panel) {
  const R = D.reverse, RUNS = R.own ? ["printed", "own"] : ["printed"], sheets = {}, strips = {};
  for (const run of RUNS) { sheets[run] = image(R[run].sheet); strips[run] = image(R[run].strip); }
  const extra = { printed: [], own: [...(R.name.includes("guided") ? ["4g"] : []), ...(R.clips ? ["4c"] : [])] };
  const ORDER = {}, name = (run) => (run === "printed" ? "printed" : R.name);
  for (const run of RUNS) ORDER[run] = ["1", "2", "3", "4a", ...extra[run], "4d", "5", "6"];
  let shown = "printed", line = "4d";
  const reached = (at) => ORDER[shown].indexOf(line) >= ORDER[shown].indexOf(at), clean = () => extra[shown][extra[shown].length - 1] || "4a";

  const box = element(panel, "div", { class: "algorithm" }), left = element(box, "div"), right = element(box, "div"), marks = {};
  const group = element(left, "div", { class: "stepper runs", role: "group" });
  for (const run of RUNS) {
    const button = worded(group, "button", name(run), { type: "button" }), holder = element(left, "div");
    button.addEventListener("click", () => { shown = run; if (!ORDER[run].includes(line)) line = "4d"; refresh(); });
    const parts = { "4g": "a2_4guide", "4c": "a2_4clip" };
    marks[run] = listing(holder, "algorithm2", [["1", "1", "a2_1"], ["2", "2", "a2_2"], ["3", "3", "a2_3"], ["4", "4", "a2_4"], ["4a", "", "a1_5b"],
      ...extra[run].map((part) => [part, "", parts[part]]), ["4d", "", run === "printed" ? "a2_4mean" : "a2_4own"], ["5", "5", "a2_5"], ["6", "6", "a2_6"]]);
    watchers.push(() => { holder.hidden = shown !== run; button.setAttribute("aria-pressed", String(shown === run)); });
  }
  relabel.push(() => group.setAttribute("aria-label", word("which_run")));
  const move = (by) => {
    if (by > 0 && line === "5" && state.k > 0) { state.k -= 1; line = "2"; return; }
    if (by < 0 && line === "2" && state.k < K - 1) { state.k += 1; line = "5"; return; }
    line = ORDER[shown][ORDER[shown].indexOf(line) + by];
  };
  const now = stepper(left, [
    ["back", () => move(-1), () => line !== "1"],
    ["next_line", () => move(1), () => line !== "6"],
    ["next_frame", () => { if (reached("4d") && state.k > 0) state.k -= 1; line = "4d"; }, () => state.k > 0 || !reached("4d")],
  ]);
  watchers.unshift(() => {
    if (state.timer !== null || (line === "6" && state.k > 0)) line = "4d";
    if (line === "1" && state.k < K - 1) line = "2";
  });
  watchers.push(() => {
    for (const run of RUNS) marks[run](line, line.length > 1 ? "4" : null);
    now.textContent = line === "1" ? `${word("line")} 1` : `t = ${R.steps[state.k]}, ${word("line")} ${line[0]}`;
  });

  const lines = (title, values, top) => {
    const svg = chart(element(right, "div", { class: "apart" }), title);
    watchers.push(() => {
      const on = plot(svg, { x: [0, D.T], y: [0, top], xLabel: "t", width: 430, height: 190 });
      values.forEach((v, n) => curve(on, R.steps, v, n ? { stroke: "var(--orange)", "stroke-dasharray": "6 4" } : { stroke: "var(--blue)" }));
      upright(on, R.steps[state.k]);
    });
  };
  const most = (...lists) => Math.max(...lists.flat().filter((v) => v !== null), 1e-3) * 1.1;
  if (R.clips) {
    lines(() => word("outside"), [R.printed.outside, R.own.outside], Math.min(1, most(R.printed.outside, R.own.outside)));
    const legend = element(right, "div", { class: "legend below" });
    RUNS.forEach((run, n) => {
      const item = element(legend, "span");
      element(item, "i", { class: n ? "dashed" : "", style: `color:var(${n ? "--orange" : "--blue"})` });
      worded(item, "span", name(run));
    });
  }
  if (R.own) lines(() => word("run_difference"), [R.difference], most(R.difference));

  const tiles = element(panel, "div", { class: "tiles six spaced" });
  const rows = [["xt", 0, () => "1"], ["kick", 4, () => "3"], ["epshat", 1, () => "4a"], ["x0hat", 2, clean], ["mean", 3, () => "4d"], ["next", 5, () => "4d"]];
  for (const [key, row, at] of rows) {
    const { figure, close } = captioned(tiles, SIGN[key], key), views = RUNS.map((run) => [run, tile(figure, sheets[run], row)]);
    close();
    watchers.push(() => {
      figure.classList.toggle("waiting", !reached(at()));
      for (const [run, view] of views) { view.frame.hidden = run !== shown; view.show(state.k); }
    });
  }
  readings(panel, () => {
    const k = state.k, list = [["t", String(R.steps[k])]];
    if (!R.learned) list.push([SIGN.sigma_t, number(R.sigma[k], 4)]);
    if (R.own) list.push([word("run_difference"), number(R.difference[k])], [word("at_the_end"), number(R.end)]);
    return list;
  });
  readings(panel, () => {
    const k = state.k, P = R[shown].pixel, v = (x) => { const text = number(x, 4); return text.startsWith("−") ? `(${text})` : text; };
    const posterior = shown === "own" || R.scale[k] === null;
    const sum = posterior ? `${v(R.clean[k])} · ${v(P.x0_hat[k])} + ${v(R.noisy[k])} · ${v(P.x_t[k])}` : `${v(R.scale[k])} · (${number(P.x_t[k], 4)} − ${v(R.share[k])} · ${v(P.eps_hat[k])})`;
    return [[word("line4"), reached("4d") ? `${sum} + ${v(P.kick[k])} = ${number(P.x_next[k], 4)}` : "–"]];
  });

  const all = element(panel, "div", { class: "strips pairs" });
  for (let n = 0; n < R.images; n++) for (const run of RUNS) {
    const label = element(all, "span");
    relabel.push(() => { label.innerHTML = R.own ? `${word("sample")} ${n}, ${word(name(run))}` : `${word("sample")} ${n}`; });
    const view = tile(all, strips[run], n, { columns: R.strip_steps.length });
    watchers.push(() => view.show(0));
  }
  element(all, "span");
  const ticks = element(all, "div", { class: "ticks" });
  for (const i of R.strip_steps) element(ticks, "span", {}, i === D.T ? `t = ${i}` : String(i));
  for (const run of RUNS) {
    if (!R[run].decoded) continue;
    const label = element(all, "span"), sheet = image(R[run].decoded), slot = element(all, "div", { style: `max-width:${8.5 * R.images}rem` });
    relabel.push(() => { label.innerHTML = R.own ? `${word("decoded_ends")}, ${word(name(run))}` : word("decoded_ends"); });
    loaded[loaded.length - 1].then(() => {
      const view = tile(slot, sheet, 0, { width: sheet.naturalWidth / R.images, height: sheet.naturalHeight, columns: R.images });
      view.show(0);
    });
  }
  const note = element(panel, "p", { class: "note" });
  relabel.push(() => {
    const parts = [];
    if (R.kept < D.T) parts.push(`${word("steps_kept")} ${R.kept} / ${D.T}.`);
    if (!R.own) parts.push(word("only_run"));
    if (R.own && R.name.includes("guided")) parts.push(`${word("own_settings")} ${local(R.guidance)}.`);
    if (R.learned) parts.push(word("learned_sigma"));
    if (R.asked) parts.push(word("clips_unasked"));
    note.innerHTML = parts.join(" ");
    note.hidden = !parts.length;
  });
};
