// For each footprint its peak over the runs, from left to right.

(() => {
  const drawn = [];
  const all = embedded("peaks");

  function draw(root, peaks) {
    const ink = paint("quiet"), grid = { stroke: paint("line"), width: 1 };
    const bytes = peaks.map((each) => each.bytes), top = Math.max(...bytes, 1);
    const splits = () => [...new Set([0, top / 4, top / 2, (3 * top) / 4, top].map(Math.round))];
    const plot = new uPlot({
      width: Math.max(260, root.clientWidth), height: 170, legend: { show: false },
      scales: { x: { time: false, range: () => [-0.5, peaks.length - 0.5] }, y: { range: () => [0, top * 1.12] } },
      axes: [
        { stroke: ink, grid: { show: false }, ticks: grid, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000], size: 34,
          values: (_, at) => at.map((place) => peaks[place]?.commit.slice(0, 7) ?? ""), space: 70 },
        { stroke: ink, grid, ticks: grid, size: 86, splits, values: (_, at) => at.map(bytesText) },
      ],
      series: [{}, { stroke: paint("link"), width: 2, fill: paint("raised"), paths: uPlot.paths.stepped({ align: 1 }), points: { show: true, size: 6, fill: paint("link") } }],
      cursor: { y: false, drag: { x: false, y: false } },
      hooks: { setCursor: [(plot) => tell(plot, peaks)] },
    }, [bytes.map((_, place) => place), bytes], root);
    plot.tip = element("div", { class: "tip", hidden: true, "aria-hidden": "true" });
    root.append(plot.tip);
    return plot;
  }

  function tell(plot, peaks) {
    if (!plot.tip) return;
    const at = peaks[plot.cursor.idx];
    plot.tip.hidden = plot.cursor.left < 0 || !at;
    if (plot.tip.hidden) return;
    plot.tip.replaceChildren(element("b", {}, bytesText(at.bytes)), ` ${at.commit.slice(0, 12)}, ${at.time}`);
    plot.tip.style.left = `${Math.min(plot.cursor.left + 90, Math.max(0, plot.width - plot.tip.offsetWidth))}px`;
    plot.tip.style.top = "0";
  }

  function drawAll() {
    drawn.splice(0).forEach((plot) => { plot.tip.remove(); plot.destroy(); });
    all.forEach((peaks, i) => drawn.push(draw(document.getElementById(`peaks-${i}`), peaks)));
  }
  drawAll();
  addEventListener("resize", drawAll);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
})();
