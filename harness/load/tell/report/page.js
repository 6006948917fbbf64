// Draws what series.py computed. It decides nothing: which lines there are, their order and their words come with the data.
(() => {
  "use strict";

  const { charts, phases } = JSON.parse(document.getElementById("drawn").textContent);
  const PAPER_PX = 660; // a sheet of A4 between its margins
  const TIMES_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800];
  const NINES = [[0.5, "50 %"], [0.9, "90 %"], [0.99, "99 %"], [0.999, "99.9 %"], [0.9999, "99.99 %"], [0.99999, "99.999 %"]];
  const DASHES = { dashed: [7, 4], dotted: [2, 3] };
  const POINTS = new Set(["filled", "hollow", "cross"]);

  const colour = (role) => getComputedStyle(document.documentElement).getPropertyValue(`--${role}`).trim();
  const digits = (value) => value.toLocaleString("en", { maximumSignificantDigits: 3 });
  const short = (value) => value.toLocaleString("en", { maximumSignificantDigits: 3, notation: "compact" });

  const WORDS = {
    per_minute: (value) => `${digits(value)}/min`,
    count: digits,
    s: (value) => (value < 120 ? `${digits(value)} s` : clock(value)),
    ms: (value) => (value < 1000 ? `${digits(value)} ms` : `${digits(value / 1000)} s`),
    share: (value) => `${digits(value * 100)} %`,
    mib: (value) => `${digits(value)} MiB`,
    time: (value) => clock(value),
    // Three digits would call 99.95 % "100 %".
    nines: (value) => `${+(100 - 100 * 10 ** -value).toFixed(Math.max(0, Math.ceil(value)))} %`,
    rate: (value) => `${digits(value)}/min`,
  };

  function clock(value) {
    const whole = Math.round(value);
    const [hours, minutes, seconds] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
    const two = (n) => String(n).padStart(2, "0");
    return hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
  }

  const said = (unit) => (_, value) => (value == null ? "–" : WORDS[unit](value));

  // ── behind the lines ──

  function band(u, from, to, fill) {
    const [left, right] = [u.scales.x.min, u.scales.x.max];
    if (to <= left || from >= right) return null;
    const begin = u.valToPos(Math.max(from, left), "x", true);
    const end = u.valToPos(Math.min(to, right), "x", true);
    u.ctx.fillStyle = fill;
    u.ctx.fillRect(begin, u.bbox.top, end - begin, u.bbox.height);
    return [begin, end];
  }

  function hatch(u, begin, end) {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(begin, bbox.top, end - begin, bbox.height);
    ctx.clip();
    ctx.strokeStyle = colour("outage");
    ctx.lineWidth = devicePixelRatio;
    ctx.beginPath();
    for (let x = begin - bbox.height; x < end; x += 8 * devicePixelRatio) {
      ctx.moveTo(x, bbox.top + bbox.height);
      ctx.lineTo(x + bbox.height, bbox.top);
    }
    ctx.stroke();
    ctx.restore();
  }

  function behind(chart, named) {
    return (u) => {
      const { ctx, bbox } = u;
      ctx.save();
      if (chart.across === "time") {
        phases.forEach((phase, at) => {
          const fill = phase.counted ? colour(at % 2 ? "phase-odd" : "phase-even") : colour("phase-warm");
          const edges = band(u, phase.begin_s, phase.end_s, fill);
          if (!edges) return;
          const [begin, end] = edges;
          if (phase.outage) hatch(u, begin, end);
          ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
          const kind = phase.outage ? " (outage)" : phase.counted ? "" : " (warm-up)";
          const fits = (text) => ctx.measureText(text).width + 10 * devicePixelRatio < end - begin;
          const name = [phase.name + kind, phase.name].find(fits);
          if (named && name) {
            ctx.fillStyle = colour("faint");
            ctx.fillText(name, begin + 5 * devicePixelRatio, bbox.top + 13 * devicePixelRatio);
          }
        });
      }
      if (chart.zone) band(u, chart.zone[0], chart.zone[1], colour(chart.across === "time" ? "worst" : "zone"));
      if (chart.mark != null) {
        const x = u.valToPos(chart.mark, "x", true);
        ctx.fillStyle = colour("text");
        ctx.fillRect(x, bbox.top, devicePixelRatio, bbox.height);
      }
      ctx.restore();
    };
  }

  function crosses(chart) {
    return (u) => {
      const { ctx } = u;
      chart.lines.forEach((line, at) => {
        if (line.style !== "cross" || !u.series[at + 1].show) return;
        const half = 5 * devicePixelRatio;
        ctx.save();
        ctx.strokeStyle = colour(line.role);
        ctx.lineWidth = 2.5 * devicePixelRatio;
        ctx.setLineDash([]);
        ctx.beginPath();
        line.values.forEach((value, index) => {
          if (value == null) return;
          const x = u.valToPos(chart.x[index], "x", true);
          const y = u.valToPos(value, "y", true);
          ctx.moveTo(x - half, y - half);
          ctx.lineTo(x + half, y + half);
          ctx.moveTo(x + half, y - half);
          ctx.lineTo(x - half, y + half);
        });
        ctx.stroke();
        ctx.restore();
      });
    };
  }

  // ── one chart ──

  function series(chart, line) {
    const paint = colour(line.role);
    const told = {
      label: line.label,
      scale: line.right ? "right" : "y",
      value: said(line.right ? chart.right : chart.unit),
      stroke: paint,
      width: line.style === "dotted" ? 1.5 : 2,
      dash: DASHES[line.style],
      spanGaps: chart.across !== "time",
    };
    if (line.style === "area") Object.assign(told, { fill: colour(`${line.role}-area`), width: 1 });
    if (POINTS.has(line.style)) {
      const fill = line.style === "hollow" ? colour("page") : paint;
      Object.assign(told, { paths: () => null, points: { show: line.style !== "cross", size: 10, width: 2, stroke: paint, fill } });
    } else {
      // A line tells by itself; a value that stands alone has no line, and gets a point.
      const alone = (value, at, all) => value != null && all[at - 1] == null && all[at + 1] == null;
      const places = chart.across === "time" ? line.values.flatMap((...one) => (alone(...one) ? [one[1]] : [])) : [];
      told.points = { show: false, filter: () => places, size: 5, fill: paint };
    }
    return told;
  }

  function scale(chart, log) {
    // A log axis finds its own decades; any other begins at nothing, so that heights can be compared.
    return log ? { distr: 3 } : { range: (_, low, high) => [0, high > 0 ? high * 1.06 : 1] };
  }

  function across(chart, last) {
    if (chart.across === "time") return { range: (_, low, high) => [low, Math.max(high, low + 1)] };
    if (chart.across === "nines") return { range: [0, Math.max(last, 1)] };
    return { range: [0, Math.max(last, chart.zone ? chart.zone[1] : 0) * 1.06 || 1] };
  }

  function draw(place, chart, width) {
    const small = width < 520;
    const height = place.classList.contains("low") ? 170 : place.classList.contains("tall") ? 340 : 270;
    const plain = { stroke: colour("faint"), grid: { stroke: colour("grid"), width: 1 }, ticks: { stroke: colour("grid"), width: 1 }, font: "12px system-ui, sans-serif" };
    const decade = (_, all) => all.map((v) => (Math.abs(Math.log10(v) - Math.round(Math.log10(v))) < 1e-9 ? v : null));
    const longest = (all) => Math.max(0, ...(all ?? []).map((word) => word.length));
    const upright = (unit, log, more) => ({
      ...plain,
      size: (_, all) => 22 + 7 * longest(all),
      values: (_, all) => all.map((value) => (value == null ? "" : small && unit === "per_minute" ? `${short(value)}/min` : WORDS[unit](value))),
      ...(log && { filter: decade, grid: { ...plain.grid, filter: decade }, ticks: { ...plain.ticks, filter: decade } }),
      ...more,
    });
    const flat = { ...plain, size: 34, space: small ? 64 : 84, values: (_, all) => all.map(WORDS[chart.across]) };
    if (chart.across === "time") flat.incrs = TIMES_S;
    if (chart.across === "nines") {
      const known = NINES.map(([q, word]) => [-Math.log10(1 - q), word]);
      flat.splits = (u) => known.map(([at]) => at).filter((at) => at <= u.scales.x.max + 1e-9);
      flat.values = (_, all) => all.map((at) => known.find(([x]) => Math.abs(x - at) < 1e-9)[1]);
    }
    const options = {
      width,
      height,
      padding: [8, chart.right ? 0 : 16, 0, 0],
      scales: { x: { time: false, ...across(chart, chart.x[chart.x.length - 1]) }, y: scale(chart, chart.log), right: scale(chart, false) },
      axes: [flat, upright(chart.unit, chart.log)],
      series: [{ label: { time: "at", nines: "percentile", rate: "offered" }[chart.across], value: said(chart.across) }],
      cursor: chart.across === "time" ? { sync: { key: "time" } } : { drag: { x: false, y: false } },
      legend: { markers: { width: 2, dash: (_, at) => ({ dashed: "dashed", dotted: "dotted" })[chart.lines[at - 1]?.style] ?? "solid" } },
      hooks: { drawClear: [behind(chart, place.dataset.chart === "flow")], draw: [crosses(chart)] },
    };
    if (chart.right) options.axes.push(upright(chart.right, false, { scale: "right", side: 1, grid: { show: false } }));
    options.series.push(...chart.lines.map((line) => series(chart, line)));
    const shown = chart.log ? (value) => (value > 0 ? value : null) : (value) => value;
    return new uPlot(options, [chart.x, ...chart.lines.map((line) => line.values.map(shown))], place);
  }

  // ── the page ──

  const places = [...document.querySelectorAll("[data-chart]")];
  const plots = new Map();
  const widths = new Map();

  function build(place, width) {
    plots.get(place)?.destroy();
    const chart = charts.find((one) => one.id === place.dataset.chart);
    widths.set(place, width);
    plots.set(place, draw(place, chart, width));
  }

  const room = (place) => Math.max(240, Math.floor(place.getBoundingClientRect().width));
  const all = (width) => places.forEach((place) => build(place, width ?? room(place)));

  all();
  const watcher = new ResizeObserver((entries) => {
    if (document.documentElement.classList.contains("paper")) return;
    for (const { target } of entries) if (widths.get(target) !== room(target)) build(target, room(target));
  });
  places.forEach((place) => watcher.observe(place));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => all());
  // Canvases do not know that they are printed: they are drawn again, in the colours and the width of paper.
  addEventListener("beforeprint", () => {
    document.documentElement.classList.add("paper");
    document.querySelectorAll("details").forEach((story) => (story.open = true));
    all(PAPER_PX);
  });
  addEventListener("afterprint", () => {
    document.documentElement.classList.remove("paper");
    all();
  });
})();
