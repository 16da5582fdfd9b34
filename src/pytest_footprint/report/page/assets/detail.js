// One test: its footprints, each with a picture, what is alive, and what is saved.

class Detail {
  constructor(root, view, back) {
    Object.assign(this, { root, view, filter: { device: "", types: new Set(), fqn: "" } });
    const title = element("h1", { tabindex: "-1" }, view.test);
    this.below = element("div");
    const names = view.footprints.map((each, at) =>
      element("button", { type: "button", class: "button", "aria-pressed": "false", onclick: () => this.open(at) }, footprintName(each.name)));
    this.names = names;
    root.replaceChildren(
      element("p", {}, element("a", { href: "#", onclick: back }, "← all tests"), " · ", element("span", { class: `outcome ${view.outcome}` }, view.outcome)),
      title,
      view.headline ? element("article", { class: "failure" }, element("p", { class: "headline" }, view.headline),
        element("details", {}, element("summary", {}, "All that the terminal said"), element("pre", {}, view.failure))) : "",
      ...view.limits.map((limit) => element("p", { class: limit.exceeded ? "more" : "quiet" },
        `The whole test took ${bytesText(limit.peak)}${limit.of === "total" ? "" : ` of ${kindText(limit.of)}`} on ${limit.device}, ${limit.exceeded ? "over" : "within"} the limit of ${bytesText(limit.limit)} from ${limit.rule}.`)),
      names.length > 1 ? element("div", { class: "row", role: "group", "aria-label": "footprints of this test" }, ...names) : "",
      this.below,
    );
    if (view.footprints.length) this.open(view.first);
    else this.below.append(element("p", { class: "quiet" }, "No footprint of it was taken."));
    title.focus({ preventScroll: true });
  }

  async open(at) {
    const footprint = this.footprint = this.view.footprints[at];
    this.names.forEach((name, i) => name.setAttribute("aria-pressed", String(i === at)));
    const devices = Object.keys(footprint.peak);
    this.filter = { device: devices.sort((one, other) => footprint.peak[other].total - footprint.peak[one].total)[0] || "", types: new Set(), fqn: "" };
    this.facts = element("dl", { class: "facts" });
    this.controls = element("div", { class: "row" });
    this.picture = element("div", { class: "chart" });
    this.alive = element("section", { "aria-label": "what was alive" });
    this.saved = element("section", { "aria-label": "saved for backward" });
    this.below.replaceChildren(this.facts, this.controls, this.picture, ...this.comparison(footprint), this.alive, this.saved);
    this.course = null;
    if (!footprint.course) this.picture.replaceWith(element("p", { class: "quiet" }, "How it came to that was not recorded: this footprint was not taken by a tracker of the test."));
    else if (!self.DecompressionStream) this.picture.replaceWith(element("p", { class: "more" }, "This browser is too old for the picture: it lacks DecompressionStream."));
    else {
      const course = await unpacked(footprint.course);
      const earlier = footprint.baseline?.course ? await unpacked(footprint.baseline.course) : null;
      if (footprint !== this.footprint) return;
      this.earlier = earlier;
      this.course = course;
      this.build(devices);
    }
    this.refresh();
    if (!this.course) this.tables(null);
  }

  build(devices) {
    const { course, controls } = this;
    this.tip = element("div", { class: "tip", hidden: true, "aria-hidden": "true" });
    this.plot = element("div");
    this.slider = element("input", { type: "range", min: 0, max: course.moments, step: 1, "aria-label": "moment", oninput: () => this.pin(Number(this.slider.value)) });
    this.toPeak = element("button", { type: "button", class: "button", onclick: () => this.pin(this.series.peak) }, "To the peak");
    this.whole = element("button", { type: "button", class: "button", onclick: () => this.chart.zoom(0, course.moments) }, "Zoom out");
    const closer = element("button", { type: "button", class: "button", onclick: () => this.closer() }, "Zoom in");
    this.keys = element("p", { class: "keys" });
    this.spans = new Spans(course, (fqn) => this.choose(fqn));
    this.picture.append(this.plot, this.tip,
      element("div", { class: "moment" }, this.slider, closer, this.whole, this.toPeak), this.spans.root, this.spans.hint, this.keys);
    this.picture.addEventListener("pointerleave", () => { this.tip.hidden = true; });
    this.chart = new Chart(this.plot, course, {
      moved: (moment, place) => this.hover(moment, place), pinned: (moment) => this.pin(moment), drawn: () => this.under(),
    });
    if (devices.length > 1) {
      controls.append(element("label", {}, "Device ", element("select", { onchange: (event) => { this.filter.device = event.target.value; this.filter.types.clear(); this.refresh(); } },
        ...devices.map((each) => element("option", { value: each, selected: each === this.filter.device }, each)))));
    }
    this.types = element("div", { class: "row", role: "group", "aria-label": "reference types: click to show only some" });
    const fqns = [...new Set([...course.looks, ...course.spans].map((each) => each.fqn).filter(Boolean))].sort();
    this.module = element("input", { id: "module", list: "modules", placeholder: "all modules", autocomplete: "off",
      onchange: () => this.choose(this.module.value.trim(), true) });
    this.clear = element("button", { type: "button", class: "button", onclick: () => { this.filter.types.clear(); this.filter.fqn = ""; this.refresh(); } }, "Show all");
    controls.append(this.types, element("label", {}, "Module ", this.module), element("datalist", { id: "modules" }, ...fqns.map((fqn) => element("option", { value: fqn }))), this.clear);
  }

  choose(fqn, exactly = false) {
    this.filter.fqn = !exactly && this.filter.fqn === fqn ? "" : fqn;
    this.refresh();
  }

  // Everything that hangs on the filter.
  refresh() {
    const { footprint, filter, course } = this;
    const usage = (of) => footprint[of][filter.device]?.total;
    const fact = (name, text) => [element("div", {}, element("dt", {}, name), element("dd", {}, text))];
    const growth = usage("growth");
    this.facts.replaceChildren(...[
      ...(usage("peak") === undefined ? [] : fact(`${filter.device} peak`, bytesText(usage("peak")))),
      ...(usage("end") === undefined ? [] : fact(footprint.steps > 1 ? `after ${footprint.steps} steps` : "at the end", bytesText(usage("end")))),
      ...(growth ? fact("growth of the last step", signedText(growth)) : []),
      ...fact("saved for backward", bytesText(footprint.saved.reduce((sum, row) => sum + (row.device === filter.device ? row.bytes : 0), 0))),
      ...(footprint.baseline ? fact("peak in the baseline", bytesText(footprint.baseline.peak[filter.device]?.total ?? 0)) : []),
      ...(footprint.measured[filter.device] ? fact("by the CUDA allocator (whole process)", footprint.measured[filter.device]) : []),
    ]);
    if (!course) return;
    this.everything = course.series({ ...filter, types: new Set() });
    this.series = filter.types.size ? course.series(filter) : this.everything;
    this.module.value = filter.fqn;
    this.clear.disabled = !filter.types.size && !filter.fqn;
    this.chart.show(this.series, this.lines());
    this.pin(this.series.peak);
  }

  lines() {
    const { footprint, filter, course } = this, lines = [], keys = [];
    const whole = !filter.fqn && !filter.types.size;
    const peak = this.series.total[this.series.peak];
    for (const limit of footprint.limits) {
      const of = limit.of === "total" ? whole : !filter.fqn && filter.types.size === 1 && filter.types.has(limit.of);
      if (limit.device !== filter.device || !of) continue;
      const above = limit.limit > peak * MUCH_HIGHER;
      keys.push(element("span", {}, element("i", { class: "key limit" }), `limit ${bytesText(limit.limit)}${above ? ", above the picture" : ""}`));
      lines.push({ name: `limit ${bytesText(limit.limit)}`, level: limit.limit, color: "limit", dash: [7, 4] });
    }
    const { baseline } = footprint;
    if (baseline && whole) {
      const level = baseline.peak[filter.device]?.total;
      if (this.earlier) {
        lines.push({ earlier: new Earlier(this.earlier, course, filter.device), color: "baseline" });
        keys.push(element("span", {}, element("i", { class: "key baseline" }), "an earlier run here, which the baseline held for; brought together where modules begin and end"));
      }
      if (level !== undefined) {
        lines.push({ name: `baseline's peak ${bytesText(level)}`, level, color: "baseline", dash: [2, 3] });
        keys.push(element("span", {}, element("i", { class: "key level" }), this.earlier ? "the baseline's peak" : "the baseline's peak: it keeps no course, and no earlier run with a page is remembered here"));
      }
    }
    keys.push(element("span", {}, "Click the picture to pin a moment, drag to zoom, click a module or a type to filter."));
    this.keys.replaceChildren(...keys);
    return lines;
  }

  // What depends on the range that is drawn.
  under() {
    const { chart, course } = this, { left, width } = chart.frame();
    const now = [chart.from, chart.to, left, width, this.filter.fqn].join();
    if (now === this.drawn) return;
    this.drawn = now;
    this.spans.draw(chart.from, chart.to, left, width, this.filter.fqn);
    this.slider.parentElement.style.paddingLeft = `${left}px`;
    this.whole.disabled = chart.from === 0 && chart.to === course.moments;
  }

  closer() {
    const { chart } = this, half = Math.max(2, Math.floor((chart.to - chart.from) / 8));
    const from = Math.max(0, Math.min(chart.pin - half, this.course.moments - 2 * half));
    chart.zoom(from, from + 2 * half);
  }

  pin(moment) {
    if (moment === null) return;
    const { chart, series, course } = this;
    chart.pin = moment;
    if (moment < chart.from || moment > chart.to) chart.zoom(0, course.moments);
    else chart.plot.redraw(false);
    this.slider.value = moment;
    this.slider.setAttribute("aria-valuetext", `${this.when(moment)}: ${bytesText(series.total[moment])}`);
    this.toPeak.disabled = moment === series.peak;
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.tables(moment));
  }

  when(moment) {
    const event = `event ${moment.toLocaleString("en")} of ${this.course.moments.toLocaleString("en")}`;
    return moment === this.series.peak ? `at the peak (${event})` : `at ${event}`;
  }

  tables(moment) {
    const { footprint, filter } = this, choose = this.course && ((fqn) => this.choose(fqn));
    const mine = (row) => row.device === filter.device && inside(row.fqn, filter.fqn);
    const only = filter.fqn ? ` of ${filter.fqn}` : "";
    let rows, when;
    if (this.course) {
      rows = this.course.alive(moment, filter);
      when = this.when(moment);
      this.legend(moment);
    } else { rows = footprint.atPeak.filter(mine); when = "at the peak"; }
    const total = rows.reduce((sum, row) => sum + row.bytes, 0), count = rows.reduce((sum, row) => sum + row.count, 0);
    this.alive.replaceChildren(element("h3", {}, `Alive ${when}`),
      tensorTable(`${bytesText(total)} in ${tensorsText(count)}${only}, the largest first`, rows, ALIVE, choose));
    const saved = footprint.saved.filter(mine), kept = saved.reduce((sum, row) => sum + row.bytes, 0);
    this.saved.replaceChildren(element("h3", {}, "Saved for backward"),
      saved.length ? tensorTable(`${bytesText(kept)} in ${tensorsText(saved.reduce((sum, row) => sum + row.count, 0))} that autograd keeps${only}`, saved, SAVED, choose)
        : element("p", { class: "quiet" }, `Autograd keeps nothing${only} but parameters, buffers and inputs.`));
  }

  legend(moment) {
    const { everything, filter } = this;
    const held = document.activeElement?.dataset?.type;
    this.types.replaceChildren(...TYPES.filter((type) => everything.byType.has(type)).map((type) =>
      element("button", { type: "button", class: "button", "data-type": type, "aria-pressed": String(filter.types.has(type)),
        onclick: () => { filter.types.has(type) ? filter.types.delete(type) : filter.types.add(type); this.refresh(); } },
      swatch(type), `${kindText(type)} ${bytesText(everything.byType.get(type)[moment])}`)));
    if (held) this.types.querySelector(`[data-type="${held}"]`)?.focus();
  }

  hover(moment, place) {
    cancelAnimationFrame(this.hovering);
    if (moment === null) { this.tip.hidden = true; return; }
    this.hovering = requestAnimationFrame(() => {
      const rows = this.course.alive(moment, this.filter);
      const running = this.course.spans.filter((span) => span.first <= moment && moment < span.last).at(-1);
      this.tip.replaceChildren(
        element("div", {}, element("b", {}, bytesText(this.series.total[moment])), ` ${this.when(moment)}`),
        running ? element("div", { class: "quiet" }, `${running.what} ${running.fqn}`) : "",
        ...rows.slice(0, 6).map((row) => element("div", {}, swatch(row.type), element("b", {}, bytesText(row.bytes)), ` ${row.count > 1 ? `${row.count} × ` : ""}${row.spec} ${row.fqn || row.source}`)),
        rows.length > 6 ? element("div", { class: "quiet" }, `and ${rows.length - 6} more kinds`) : "");
      this.tip.hidden = false;
      const right = place.left + 18 + this.tip.offsetWidth > this.picture.clientWidth;
      this.tip.style.left = `${Math.max(0, right ? place.left - 18 - this.tip.offsetWidth : place.left + 18)}px`;
      this.tip.style.top = `${Math.max(0, place.top - 10)}px`;
    });
  }

  // The two peaks, one above the other, to one scale.
  bars(footprint) {
    const rows = [], both = [["baseline", footprint.baseline], ["now", footprint]];
    const most = Math.max(1, ...both.flatMap(([, each]) => Object.values(each.peak).map((usage) => usage.total)));
    for (const device of Object.keys(footprint.peak)) {
      for (const [name, { peak }] of both) {
        const usage = peak[device];
        if (!usage) continue;
        const types = TYPES.filter((type) => usage[type]);
        const words = types.map((type) => `${kindText(type)} ${bytesText(usage[type])}`).join(", ");
        rows.push(element("tr", {}, element("th", { scope: "row" }, `${device} peak, ${name}`), element("td", { class: "bars" },
          element("span", { class: "unseen" }, words),
          element("span", { class: "stack", title: words }, ...types.map((type) => element("i", { class: `type-${type}`, style: `width:${(100 * usage[type]) / most}%` })))),
          element("td", { class: "number" }, bytesText(usage.total))));
      }
    }
    return element("table", { class: "both" }, element("tbody", {}, ...rows));
  }

  comparison(footprint) {
    const { check, changes, culprits, difference } = footprint;
    if (!check) return [];
    const parts = [element("h3", {}, check.verdict === "differs" ? "Against its baseline" : `Baseline: ${check.verdict}`), element("p", { class: "quiet" }, element("code", {}, check.file))];
    if (footprint.baseline && check.verdict === "differs") parts.push(this.bars(footprint));
    if (changes.length) parts.push(tensorTable("sizes, side by side", changes, CHANGES));
    if (culprits.length) parts.push(element("div", { style: "margin-top:14px" }, tensorTable("tensors behind that, what grew first", culprits, CULPRITS, (fqn) => this.choose(fqn))));
    if (difference) parts.push(element("details", {}, element("summary", {}, "The whole comparison as text"), element("pre", {}, difference)));
    return [element("section", { "aria-label": "against its baseline" }, ...parts)];
  }
}

function footprintName(name) { return name === "test" ? "whole test" : name; }

function tensorsText(count) { return `${count.toLocaleString("en")} tensor${count === 1 ? "" : "s"}`; }
