"use strict";
// A printed algorithm whose lines are stepped through, and the images and numbers that appear as they are reached.

// `lines`: [name, number, key of the text]; a name longer than its number is a part of the line. Returns mark(name).
function listing(parent, title, lines) {
  const box = element(parent, "div", { class: "listing" }), rows = {};
  worded(box, "h3", title);
  const list = element(box, "ol");
  for (const [name, number, key] of lines) {
    const row = element(list, "li", number ? {} : { class: "part" });
    element(row, "span", { class: "line" }, number ? number + ":" : "");
    worded(row, "span", key);
    rows[name] = row;
  }
  return (name, within = null) => {
    for (const key in rows) {
      rows[key].classList.toggle("here", key === name);
      rows[key].classList.toggle("within", key === within);
      if (key === name) rows[key].setAttribute("aria-current", "step"); else rows[key].removeAttribute("aria-current");
    }
  };
}

// Buttons: [key of the text, action, whether it can be pressed]
function stepper(parent, buttons) {
  const box = element(parent, "div", { class: "stepper" });
  for (const [key, action, possible] of buttons) {
    const button = worded(box, "button", key, { type: "button" });
    button.addEventListener("click", () => { if (possible()) { action(); refresh(); } });
    watchers.push(() => button.setAttribute("aria-disabled", String(!possible())));
  }
  return element(box, "output", { "aria-live": "polite" });
}

// An image that is hidden until `reached()`
function appearing(box, symbol, key, sheet, row, column, reached) {
  const { figure, close } = captioned(box, symbol, key), view = tile(figure, sheet, row);
  close();
  watchers.push(() => { figure.classList.toggle("waiting", !reached()); view.show(column()); });
  return figure;
}
