"use strict";
// the bar, the language, the beginning
function refresh() {
  for (const watch of watchers) watch();
  const output = document.getElementById("where"), slider = document.getElementById("t");
  output.replaceChildren();
  slider.setAttribute("aria-valuetext", where(output));
  slider.value = state.k;
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

for (const key in PANELS) {
  const panel = document.getElementById("panel-" + key);
  if (panel) PANELS[key](panel);
}
let resized = null;
addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(() => { measure(); refresh(); }, 150); });
const slider = document.getElementById("t");
slider.max = K - 1;
slider.addEventListener("input", () => { state.k = Number(slider.value); if (state.timer !== null) playing(false); refresh(); });
document.getElementById("play").addEventListener("click", () => playing(state.timer === null));
for (const button of document.querySelectorAll("[data-language]")) button.addEventListener("click", () => speak(button.dataset.language));
Promise.all(loaded).then(() => {
  measure();
  speak();
  // the panels have made the page longer since the browser went to its address
  const address = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (address) address.scrollIntoView({ behavior: "instant" });
  document.body.dataset.ready = "true";
});
