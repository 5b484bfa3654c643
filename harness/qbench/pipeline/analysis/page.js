"use strict";
// Draws the charts in the colours of the theme that is on, and changes the theme.
(() => {
  const root = document.documentElement;
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const config = { responsive: true, displayModeBar: false };

  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  function colour(name) {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  }
  // Only values of these keys are colours: a layer may be called --ink.
  const COLOURED = /^(color|fgcolor|bgcolor|bordercolor|gridcolor|zerolinecolor|linecolor)$/;
  function coloured(value, key) {
    if (typeof value === "string")
      return COLOURED.test(key) && value.startsWith("--") ? colour(value) : value;
    if (Array.isArray(value))
      return typeof value[0] === "object" ? value.map((v) => coloured(v, key)) : value;
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, coloured(v, k)]));
  }

  function draw(id) {
    const place = document.getElementById(id);
    if (place === null) return;
    const menu = document.querySelector(`select[data-chart="${id}"]`);
    const figure = charts[id][menu === null ? 0 : menu.selectedIndex];
    Plotly.react(place, coloured(figure.data, ""), coloured(figure.layout, ""), config);
    place.dataset.drawn = "";
  }
  const all = () => Object.keys(charts).forEach(draw);

  const button = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => root.classList.contains("dark") || (system.matches && !root.classList.contains("light"));
  function named() {
    if (button !== null) button.textContent = isDark() ? "Light" : "Dark";
  }
  button?.addEventListener("click", () => {
    const next = isDark() ? "light" : "dark";
    root.classList.remove("light", "dark");
    root.classList.add(next);
    named();
    all();
  });
  system.addEventListener("change", () => { named(); all(); });
  document.querySelectorAll("select[data-chart]").forEach((menu) =>
    menu.addEventListener("change", () => draw(menu.dataset.chart)));
  named();
  all();
})();
