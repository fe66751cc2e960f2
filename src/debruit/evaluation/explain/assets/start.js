"use strict";
// the bar, the language, the beginning
function refresh() {
  for (const watch of watchers) watch();
  const F = D.forward, output = document.getElementById("where");
  output.replaceChildren();
  const own = D.own ? "" : ` (${number(D.times[state.k])})`;
  element(output, "b", {}, `${D.steps[state.k]} / ${D.T}`);
  output.append(`${own}   ᾱ ${number(F.abar[state.k])}   SNR ${number(F.abar[state.k] / (1 - F.abar[state.k]))}`);
  const chosen = document.getElementById("chosen"), P = D.pixels;
  chosen.textContent = `${word("pixel")} (${state.row * P.stride}, ${state.column * P.stride}): ${number(PIXELS.x0[place()])}`;
  chosen.title = `${word("row")}, ${word("column")}`;
  document.getElementById("t").value = state.k;
  document.getElementById("t").setAttribute("aria-valuetext", `t = ${D.steps[state.k]}`);
  relabel.forEach((set) => set());
}

function speak(code = language()) {
  document.documentElement.lang = code;
  document.title = document.querySelector(`h1 [lang=${code}]`).textContent;
  for (const button of document.querySelectorAll("[data-language]")) button.setAttribute("aria-pressed", String(button.dataset.language === code));
  label();
  refresh();
}

function label() {
  const play = document.getElementById("play"), running = state.timer !== null;
  play.setAttribute("aria-label", word(running ? "pause" : "play"));
  play.title = word(running ? "pause" : "play");
  play.setAttribute("aria-pressed", String(running));
  play.querySelector("path").setAttribute("d", running ? "M4 2.5h3v11H4zm5 0h3v11H9z" : "M4 2.5v11l9-5.5z");
}

function playing(on) {
  clearInterval(state.timer);
  state.timer = null;
  if (on) {
    if (state.k === 0) state.k = K - 1;
    state.timer = setInterval(() => { state.k -= 1; if (state.k <= 0) { state.k = 0; playing(false); } refresh(); }, 140);
  }
  label();
  refresh();
}

function contrast() {
  // the brightest pixel of the middle rows: one that is not background in most pictures
  let best = -Infinity;
  for (let r = 0; r < PIXELS.height; r++) for (let c = 0; c < PIXELS.width; c++) {
    const away = Math.hypot(r - PIXELS.height / 2, c - PIXELS.width / 2) / PIXELS.width, v = PIXELS.x0[r * PIXELS.width + c] - away;
    if (v > best) { best = v; state.row = r; state.column = c; }
  }
}

const PANELS = { forward: forwardPanel, schedules: schedulePanel, walk: walkPanel, posterior: posteriorPanel, terms: termsPanel, reverse: reversePanel, samplers: samplerPanel, latents: latentPanel };
contrast();
for (const key in PANELS) {
  const panel = document.getElementById("panel-" + key);
  if (panel) PANELS[key](panel);
}
const slider = document.getElementById("t");
slider.max = K - 1;
slider.addEventListener("input", () => { state.k = Number(slider.value); if (state.timer !== null) playing(false); refresh(); });
document.getElementById("play").addEventListener("click", () => playing(state.timer === null));
for (const button of document.querySelectorAll("[data-language]")) button.addEventListener("click", () => speak(button.dataset.language));
Promise.all(loaded).then(() => { speak(); document.body.dataset.ready = "true"; });
