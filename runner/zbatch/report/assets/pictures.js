"use strict";
// The run over time, drawn anew when the colours or the width change.
(() => {
  const data = JSON.parse(document.getElementById("pictures").textContent);
  const pad = (number) => String(number).padStart(2, "0");
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const clock = (seconds, fine) => {
    const at = new Date(seconds * 1000);
    const time = `${pad(at.getUTCHours())}:${pad(at.getUTCMinutes())}`;
    return fine ? `${time}:${pad(at.getUTCSeconds())}` : time;
  };
  const steps = data.sent ? data.sent.length : 0;
  const moments = Array.from({ length: steps }, (_, at) => data.begin + at * data.width);
  const ends = moments.map((moment) => moment + data.width);
  const whole = steps * (data.width || 0);

  const axes = (values) => {
    const look = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
    return [
      { ...look, ...values },
      { ...look, size: 56, incrs: [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6] },
    ];
  };
  const overTime = () => axes({ space: 70, values: (_, ticks) => ticks.map((tick) => clock(tick, whole < 600)) });
  const time = { label: "UTC", value: (_, at) => (at === null ? "" : clock(at, true)) };
  const figure = (_, value) => (value === null || value === undefined ? "" : String(Math.round(value * 100) / 100));
  const stepped = uPlot.paths.stepped({ align: 1 });

  // Waits after a 429 are shaded, whole bands from top to bottom.
  const waits = (plot) => {
    plot.ctx.save();
    plot.ctx.fillStyle = colour("--wait");
    for (const [from, to] of data.waiting) {
      const left = plot.valToPos(data.begin + from, "x", true);
      const right = plot.valToPos(data.begin + to, "x", true);
      plot.ctx.fillRect(left, plot.bbox.top, Math.max(2, right - left), plot.bbox.height);
    }
    plot.ctx.restore();
  };

  const draw = (name, rows, series, more) => {
    const place = document.getElementById(name);
    if (!place) return;
    place.replaceChildren();
    const options = {
      width: Math.max(240, place.clientWidth), height: 220, legend: { live: true }, series,
      cursor: { drag: { x: false, y: false } }, scales: { x: { time: false }, y: { range: (_, low, high) => [0, high * 1.08 || 1] } }, ...more,
    };
    new uPlot(options, rows, place);
  };
  const line = (label, shade, more) => ({ label, stroke: colour(shade), width: 2, points: { show: false }, value: figure, ...more });

  const throughput = () => {
    const limit = moments.map(() => data.rate);
    draw("throughput", [moments, data.sent, data.refused.map((rate) => rate || null), limit], [
      time,
      line("calls/s", "--accent", { paths: stepped, fill: `${colour("--accent")}22` }),
      line("429/s", "--unknown", { paths: stepped, fill: `${colour("--unknown")}55`, show: data.refused.some(Boolean) }),
      line("limit", "--limit", { dash: [6, 4], show: data.rate !== null }),
    ], { axes: overTime(), hooks: { drawClear: [waits] } });
  };
  const flight = () => draw("flight", [moments, data.inFlight, moments.map(() => data.concurrency)], [
    time,
    line("in flight", "--accent", { paths: stepped, fill: `${colour("--accent")}22` }),
    line("limit", "--limit", { dash: [6, 4], show: data.concurrency !== null }),
  ], { axes: overTime() });

  const latency = () => {
    if (!data.latencies) return;
    const used = data.latencies.reduce((last, count, at) => (count ? at : last), 0);
    const first = data.latencies.findIndex(Boolean);
    const counts = data.latencies.slice(first, used + 1);
    const upTo = (at) => {
      const end = data.classes[first + at];
      return end === undefined ? "more" : end < 1000 ? `${end} ms` : `${end / 1000} s`;
    };
    const places = counts.map((_, at) => at);
    draw("latency", [places, counts], [
      { label: "within", value: (_, at) => (at === null ? "" : upTo(at)) },
      line("calls", "--accent", { paths: uPlot.paths.bars({ size: [0.8, 90] }), fill: `${colour("--accent")}66`, width: 1 }),
    ], {
      axes: axes({ splits: () => places, values: (_, ticks) => ticks.map(upTo), space: 1, grid: { show: false }, rotate: counts.length > 8 ? -45 : 0, size: counts.length > 8 ? 56 : 40 }),
      scales: { x: { time: false, range: () => [-0.7, counts.length - 0.3] }, y: { range: (_, low, high) => [0, high * 1.08 || 1] } },
    });
  };
  const kinds = [["invoiced", "--invoiced"], ["already invoiced", "--already"], ["nothing to bill", "--nothing"], ["failed", "--failed"], ["unknown", "--unknown"], ["not attempted", "--waiting"]];
  const outcomes = () => {
    const there = kinds.map((_, at) => at).filter((at) => data.outcomes[at].some(Boolean));
    // What is rare would lie flat on the ground beside what is not: it has a scale of its own.
    const most = Math.max(...there.map((at) => data.outcomes[at].at(-1)));
    const rare = (at) => data.outcomes[at].at(-1) * 10 < most;
    const right = there.some(rare);
    const drawn = there.map((at) => rare(at)
      ? line(`${kinds[at][0]} (right)`, kinds[at][1], { scale: "rare", dash: [3, 2] })
      : line(kinds[at][0], kinds[at][1]));
    const low = { range: (_, bottom, top) => [0, top * 1.08 || 1] };
    const sides = overTime();
    if (right) sides.push({ ...sides[1], scale: "rare", side: 1, size: 40, grid: { show: false } });
    draw("outcomes", [ends, ...there.map((at) => data.outcomes[at])], [time, ...drawn],
      { axes: sides, scales: { x: { time: false }, y: low, ...(right ? { rare: low } : {}) } });
  };

  const all = () => {
    if (!steps) return;
    for (const picture of [throughput, flight, latency, outcomes]) picture();
  };
  all();
  for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", all);
  let width = innerWidth, later;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(later);
    later = setTimeout(all, 120);
  });
})();
