"use strict";
// Draws the figures, sorts and filters the tables, follows links, changes the theme.
(() => {
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // --- theme ---------------------------------------------------------------------------------------

  const systemDark = matchMedia("(prefers-color-scheme: dark)");
  const themeButton = document.getElementById("theme");
  const isDark = () => (root.dataset.theme ?? (systemDark.matches ? "dark" : "light")) === "dark";
  function themed() {
    themeButton.textContent = isDark() ? "Light" : "Dark";
    themeButton.setAttribute("aria-label", isDark() ? "Light theme" : "Dark theme");
    themeButton.setAttribute("aria-pressed", String(root.dataset.theme !== undefined));
    all("figure.plot[data-drawn]").forEach(draw);
  }
  themeButton.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    themed();
  });
  systemDark.addEventListener("change", themed);

  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  function colour(name) {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  }

  // Only values of these keys are colours: a model may be called --npu.
  const COLOURED = new Set(["color", "fgcolor", "bgcolor", "fillcolor"]);
  function coloured(value, key) {
    if (typeof value === "string")
      return COLOURED.has(key) && value.startsWith("--") ? colour(value) : value;
    if (Array.isArray(value))
      return COLOURED.has(key) || typeof value[0] === "object" ? value.map((v) => coloured(v, key)) : value;
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, coloured(v, k)]));
  }

  // --- figures -------------------------------------------------------------------------------------

  const pagesOf = new WeakMap();
  // Texts of which many are alike travel once: {in: [texts], of: [which one each has]}.
  // So do equal steps: {steps: 4} is 0, 25, 50, 75, 100.
  function unpacked(key, value) {
    if (key === "text" && value?.of) return value.of.map((n) => value.in[n]);
    if (key === "y" && value?.steps)
      return Array.from({ length: value.steps + 1 }, (_, n) => Math.round((n / value.steps) * 1000) / 10);
    return value;
  }
  function page(figure) {
    if (!pagesOf.has(figure))
      pagesOf.set(figure, JSON.parse(document.getElementById(`${figure.id}-data`).textContent, unpacked));
    const pages = pagesOf.get(figure);
    return pages[figure.querySelector("select.page")?.value ?? 0];
  }

  function axis(own) {
    return {
      gridcolor: colour("--line"),
      linecolor: colour("--line"),
      zerolinecolor: colour("--line"),
      automargin: true,
      ticks: "",
      ...own,
      title: own?.title ? { standoff: 8, font: { size: 12 }, ...own.title } : undefined,
    };
  }

  function layoutOf(own, height) {
    const touch = matchMedia("(pointer: coarse)").matches;
    const layout = {
      height,
      autosize: true,
      margin: { l: 8, r: 14, t: 8, b: 40, pad: 4 },
      paper_bgcolor: colour("--paper"),
      plot_bgcolor: colour("--paper"),
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("--ink-2") },
      hoverlabel: { bgcolor: colour("--raised"), bordercolor: colour("--line"), font: { color: colour("--ink") } },
      showlegend: false,
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
      modebar: { bgcolor: colour("--clear"), color: colour("--ink-2"), activecolor: colour("--ink") },
      dragmode: touch ? false : "zoom",
      ...coloured(own, ""),
    };
    for (const key of Object.keys(layout)) if (/^[xy]axis\d*$/.test(key)) layout[key] = axis(layout[key]);
    layout.xaxis ??= axis({});
    layout.yaxis ??= axis({});
    return layout;
  }

  const CONFIG = {
    displaylogo: false,
    displayModeBar: true,
    responsive: true,
    modeBarButtons: [["zoom2d", "pan2d", "resetScale2d"]],
  };

  function draw(figure) {
    const { data, layout, height } = page(figure);
    const canvas = figure.querySelector(".canvas");
    canvas.style.minHeight = `${height}px`;
    Plotly.react(canvas, coloured(data, ""), layoutOf(layout, height), CONFIG);
    figure.dataset.drawn = "";
    const details = figure.querySelector("details.as-table");
    if (details?.open) tabulate(figure);
  }

  function saveButtons(figure) {
    const bar = document.createElement("div");
    bar.className = "save";
    for (const format of ["png", "svg"]) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = format.toUpperCase();
      button.setAttribute("aria-label", `Save ${figure.querySelector("h3").textContent} as ${format.toUpperCase()}`);
      button.addEventListener("click", () => {
        if (!("drawn" in figure.dataset)) draw(figure);
        Plotly.downloadImage(figure.querySelector(".canvas"), { format, filename: figure.id, scale: 2 });
      });
      bar.append(button);
    }
    figure.querySelector(".canvas").after(bar);
  }

  const ENTITIES = { "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#x27;": "'", "&#123;": "{", "&amp;": "&" };
  const plain = (text) => String(text).replace(/&(?:lt|gt|quot|#x27|#123|amp);/g, (found) => ENTITIES[found]);
  const MOST_ROWS = 5000;

  function tabulate(figure) {
    const place = figure.querySelector(".made");
    if (!place) return;
    const { data, columns } = page(figure);
    const table = document.createElement("table");
    const head = table.createTHead().insertRow();
    const body = table.createTBody();
    for (const [name] of columns) {
      const cell = document.createElement("th");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      cell.scope = "col";
      cell.append(button);
      head.append(cell);
    }
    let left = MOST_ROWS;
    for (const trace of data) {
      if (trace.hoverinfo === "skip" || !trace.x) continue;
      for (let n = 0; n < trace.x.length && left; n++, left--) {
        const row = body.insertRow();
        for (const [, key] of columns) {
          const value = Array.isArray(trace[key]) ? trace[key][n] : trace[key];
          row.insertCell().textContent = value === undefined || value === null ? "" : plain(value);
        }
      }
    }
    const scroll = document.createElement("div");
    scroll.className = "scroll";
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "group");
    scroll.setAttribute("aria-label", figure.querySelector("h3").textContent);
    scroll.append(table);
    place.replaceChildren(scroll);
    if (!left) place.append(`The first ${MOST_ROWS} rows; qbench report --format csv has all.`);
    sortable(table);
  }

  const near = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        near.unobserve(target);
        draw(target);
      }
    },
    { rootMargin: "500px" },
  );
  for (const figure of all("figure.plot")) {
    near.observe(figure);
    saveButtons(figure);
    figure.querySelector("select.page")?.addEventListener("change", () => draw(figure));
    figure.querySelector("details.as-table")?.addEventListener("toggle", () => tabulate(figure));
  }
  // For who makes a picture of the whole page: report.html?all
  if (new URLSearchParams(location.search).has("all")) all("figure.plot").forEach(draw);
  let screenTheme; // undefined: not printing; null: the system's
  addEventListener("beforeprint", () => {
    if (screenTheme === undefined) screenTheme = root.dataset.theme ?? null;
    root.dataset.theme = "light";
    all("figure.plot").forEach(draw);
  });
  addEventListener("afterprint", () => {
    if (screenTheme) root.dataset.theme = screenTheme;
    else delete root.dataset.theme;
    screenTheme = undefined;
    themed();
  });

  // --- tables --------------------------------------------------------------------------------------

  const NOTHING = new Set(["", "-"]);
  function keyOf(row, column) {
    const cell = row.cells[column];
    const text = (cell.dataset.v ?? cell.textContent).trim();
    if (NOTHING.has(text)) return null;
    const number = Number(text);
    return Number.isNaN(number) ? text.toLowerCase() : number;
  }
  function compare(a, b) {
    if (typeof a === typeof b) return typeof a === "number" ? a - b : a.localeCompare(b);
    return typeof a === "number" ? -1 : 1;
  }
  function sortable(table) {
    const heads = all("thead th", table);
    heads.forEach((head, column) => {
      head.querySelector("button").addEventListener("click", () => {
        const way = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", way);
        const sign = way === "ascending" ? 1 : -1;
        const body = table.tBodies[0];
        const keyed = [...body.rows].map((row) => [keyOf(row, column), row]);
        // What is not there comes last, whichever way.
        keyed.sort(([a], [b]) => (a === null || b === null ? (a === null) - (b === null) : sign * compare(a, b)));
        body.append(...keyed.map(([, row]) => row));
      });
    });
  }
  function filterable(sheet) {
    const tools = sheet.querySelector(".tools");
    if (!tools) return;
    const rows = [...sheet.querySelector("tbody").rows];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const find = tools.querySelector(".find");
    const choices = all("select.only", tools);
    const output = tools.querySelector("output");
    function apply() {
      const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row, n) => {
        const fits =
          words.every((word) => texts[n].includes(word)) &&
          choices.every(({ value, dataset }) => {
            const cell = row.cells[dataset.column];
            return !value || (cell.dataset.v ?? cell.textContent) === value;
          });
        row.hidden = !fits;
        shown += fits;
      });
      output.textContent = `${shown} of ${rows.length}`;
    }
    sheet.showAll = () => {
      find.value = "";
      choices.forEach((choice) => (choice.value = ""));
      apply();
    };
    find.addEventListener("input", apply);
    choices.forEach((choice) => choice.addEventListener("change", apply));
    apply();
  }
  all(".sheet table").forEach(sortable);
  all(".sheet").forEach(filterable);

  // --- links ---------------------------------------------------------------------------------------

  function follow() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.hidden) target.closest(".sheet")?.showAll();
    for (let up = target.closest("details"); up; up = up.parentElement.closest("details")) up.open = true;
    if (target.tagName === "TR") target.scrollIntoView({ block: "center" });
  }
  addEventListener("hashchange", follow);
  follow();

  const current = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        const link = document.querySelector(`nav a[href="#${target.id}"]`);
        if (!isIntersecting || !link) continue;
        all("nav a[aria-current]").forEach((other) => other.removeAttribute("aria-current"));
        link.setAttribute("aria-current", "true");
      }
    },
    { rootMargin: "-20% 0px -70%" },
  );
  all("main > section").forEach((section) => current.observe(section));

  for (const button of all("button.copy"))
    button.addEventListener("click", async () => {
      const text = button.parentElement.querySelector("code").textContent;
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(button.parentElement.querySelector("code"));
      }
    });

  themed();
  root.dataset.height = document.documentElement.scrollHeight;
})();
