// The picture: stacked areas by reference type, and on them marks, peak, limit and what the baseline says.

const TYPES = ["parameters", "sharded_parameters", "unsharded_parameters", "buffers", "optimizer_states", "inputs",
  "gradients", "sharded_gradients", "unsharded_gradients", "activations", "all_gather", "reduce_scatter", "other", "temporaries"];
const HIGH = 320, MUCH_HIGHER = 1.6, ROOM = 1.1;
const WHOLE = [1, 2, 5].flatMap((each) => Array.from({ length: 9 }, (_, power) => each * 10 ** power)).sort((one, other) => one - other);

class Chart {
  // on: {moved(moment or null, place), pinned(moment), drawn()}
  constructor(root, course, on) {
    Object.assign(this, { root, course, on, from: 0, to: course.moments, pin: 0 });
    new ResizeObserver(() => this.plot && this.width() !== this.plot.width && this.draw()).observe(root);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.plot && this.draw());
  }

  width() { return Math.max(260, Math.floor(this.root.clientWidth)); }

  // series: of `Course.series`; lines: [{name, level or earlier (an `Earlier`), color, dash}]
  show(series, lines) {
    Object.assign(this, { series, lines });
    this.draw();
  }

  zoom(from, to) {
    const least = 4;
    if (to - from < least) { from = Math.max(0, Math.floor((from + to - least) / 2)); to = from + least; }
    this.from = Math.max(0, Math.floor(from));
    this.to = Math.min(this.course.moments, Math.ceil(to));
    this.draw();
  }

  draw() {
    this.plot?.destroy();
    const { total, byType } = this.series;
    const moments = thinned(total, this.from, this.to, 2 * this.width());
    const types = TYPES.filter((type) => byType.has(type));
    const data = [moments], series = [{}];
    let below = new Float64Array(moments.length);
    for (const type of types) {
      const column = byType.get(type);
      below = below.map((nbytes, i) => nbytes + column[moments[i]]);
      // The topmost sum is drawn first, so that those below it lie over it.
      data.splice(1, 0, below);
      series.splice(1, 0, { label: kindText(type), fill: paint(type), stroke: paint("ground"), width: 0.5, points: { show: false }, paths: uPlot.paths.stepped({ align: 1 }) });
    }
    if (!types.length) { data.push(moments.map(() => 0)); series.push({ points: { show: false } }); }
    const ink = paint("quiet"), grid = { stroke: paint("line"), width: 1 };
    const top = Math.max(this.highest(), 1);
    this.plot = new uPlot({
      width: this.width(), height: HIGH, legend: { show: false }, series,
      scales: { x: { time: false, range: () => [this.from, this.to] }, y: { range: () => [0, top * ROOM] } },
      axes: [
        { stroke: ink, grid: { show: false }, ticks: grid, incrs: WHOLE, values: (_, at) => at.map((each) => each.toLocaleString("en")), size: 34 },
        { stroke: ink, grid, ticks: grid, size: 78, splits: () => binarySplits(top * ROOM), values: (_, at) => at.map(bytesText) },
      ],
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
      hooks: {
        draw: [(plot) => this.over(plot), () => this.on.drawn()],
        setCursor: [(plot) => this.hover(plot)],
        setSelect: [(plot) => {
          const { left, width } = plot.select;
          if (width > 3) this.zoom(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
        }],
      },
    }, data, this.root);
    this.plot.over.addEventListener("click", () => {
      if (this.plot.cursor.left >= 0) this.on.pinned(this.moment(this.plot));
    });
    this.plot.over.addEventListener("dblclick", () => this.zoom(0, this.course.moments));
  }

  // The part of the page that the areas cover: for what stands below.
  frame() {
    const ratio = devicePixelRatio, { left, width } = this.plot.bbox;
    return { left: left / ratio, width: width / ratio };
  }

  highest() {
    let most = 0;
    for (let at = this.from; at <= this.to; at++) most = Math.max(most, this.series.total[at]);
    const near = (level) => level <= most * MUCH_HIGHER;
    const levels = this.lines.map((line) => line.level ?? line.earlier.highest(this.from, this.to));
    return Math.max(most, ...levels.filter(near));
  }

  moment(plot) {
    const { idx, left } = plot.cursor;
    if (idx == null || left < 0) return null;
    // The area goes from a drawn moment to the next, so the one to the left of the pointer is meant.
    const x = plot.data[0], at = plot.posToVal(left, "x");
    return this.to - this.from < 2 * this.width() ? Math.min(Math.max(Math.floor(at), this.from), this.to) : x[idx];
  }

  hover(plot) { this.on.moved(this.moment(plot), { left: plot.cursor.left + this.frame().left, top: plot.cursor.top }); }

  over(plot) {
    const { ctx, bbox } = plot, ratio = devicePixelRatio;
    const x = (at) => plot.valToPos(at, "x", true), y = (nbytes) => plot.valToPos(nbytes, "y", true);
    ctx.save();
    ctx.beginPath(); ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height); ctx.clip();
    ctx.textAlign = "left"; ctx.textBaseline = "alphabetic"; // uPlot leaves those of its axes
    ctx.font = `${12 * ratio}px system-ui, sans-serif`;
    for (const line of this.lines) this.line(ctx, line, x, y, bbox, ratio);
    const room = { taken: -Infinity, line: -Infinity };
    for (const { name, at } of this.course.marks) {
      if (at < this.from || at > this.to || x(at) < room.line) continue;
      room.line = x(at) + 6 * ratio;
      ctx.strokeStyle = paint("ink"); ctx.lineWidth = ratio; ctx.setLineDash([2 * ratio, 3 * ratio]);
      stroke(ctx, [[x(at), bbox.top], [x(at), bbox.top + bbox.height]]);
      if (x(at) > room.taken) {
        this.label(ctx, name.length > 24 ? `${name.slice(0, 23)}…` : name, x(at) + 4 * ratio, bbox.top + bbox.height - 6 * ratio, ratio, bbox);
        room.taken = x(at) + ctx.measureText(name.slice(0, 24)).width + 12 * ratio;
      }
    }
    ctx.setLineDash([]);
    const { peak, total } = this.series;
    if (peak >= this.from && peak <= this.to && total[peak]) {
      ctx.fillStyle = paint("ink"); ctx.strokeStyle = paint("ground"); ctx.lineWidth = 2 * ratio;
      ctx.beginPath(); ctx.arc(x(peak), y(total[peak]), 5 * ratio, 0, 7); ctx.fill(); ctx.stroke();
      this.label(ctx, `peak ${bytesText(total[peak])}`, x(peak) + 9 * ratio, Math.max(y(total[peak]), bbox.top + 9 * ratio) + 4 * ratio, ratio, bbox);
    }
    if (this.pin >= this.from && this.pin <= this.to && this.pin !== peak) {
      ctx.strokeStyle = paint("link"); ctx.lineWidth = 1.5 * ratio;
      stroke(ctx, [[x(this.pin), bbox.top], [x(this.pin), bbox.top + bbox.height]]);
    }
    ctx.restore();
  }

  line(ctx, line, x, y, bbox, ratio) {
    const points = line.earlier ? line.earlier.points(this.from, this.to, 2 * this.width())
      : [[line.first ?? this.from, line.level], [this.to, line.level]];
    const drawn = points.map(([at, nbytes]) => [x(at), y(nbytes)]);
    for (const [width, style] of [[4, paint("ground")], [2, paint(line.color)]]) {
      ctx.lineWidth = width * ratio; ctx.strokeStyle = style;
      ctx.setLineDash(width === 2 ? (line.dash || []).map((each) => each * ratio) : []);
      stroke(ctx, drawn);
    }
    ctx.setLineDash([]);
    if (line.name) this.label(ctx, line.name, bbox.left + 8 * ratio, y(line.level) + 16 * ratio, ratio, bbox);
  }

  label(ctx, text, left, base, ratio, bbox) {
    const width = ctx.measureText(text).width;
    const at = Math.min(left, bbox.left + bbox.width - width - 6 * ratio);
    ctx.fillStyle = paint("ground"); ctx.globalAlpha = 0.82;
    ctx.fillRect(at - 3 * ratio, base - 12 * ratio, width + 6 * ratio, 16 * ratio);
    ctx.globalAlpha = 1; ctx.fillStyle = paint("ink");
    ctx.fillText(text, at, base);
  }
}

function stroke(ctx, points) {
  if (!points.length) return;
  ctx.beginPath();
  points.forEach(([x, y], i) => (i ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
  ctx.stroke();
}

function binarySplits(top) {
  const rough = top / 5, unit = 1024 ** Math.max(0, Math.floor(Math.log2(Math.max(rough, 1)) / 10));
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1024].map((each) => each * unit).find((each) => each >= rough);
  return Array.from({ length: Math.floor(top / step) + 1 }, (_, i) => i * step);
}

